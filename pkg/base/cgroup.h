/* cgroup: the limits of this process's control group (cgroup v1 and v2).
 *
 *     struct cgroup_limits limits;
 *     cgroup_read("/", &limits);
 *     if (limits.memory_bytes > 0)
 *             ...                                  // the container's memory limit
 *
 * The group is the one that /proc/self/cgroup names, below the usual mounts: /sys/fs/cgroup for v2,
 * /sys/fs/cgroup/<controller> for v1 (kernel documentation, "Control Group v2", and "cgroup-v1/memory",
 * "scheduler/sched-bwc"). A limit may be set on any level between that group and the mount, and the smallest one
 * applies. In a container without a cgroup namespace the path is the host's and does not exist; the mount itself is
 * then the container's group.
 *
 * Threads: any. */
#ifndef BASE_CGROUP_H
#define BASE_CGROUP_H

#include <stdint.h>

struct cgroup_limits {
        int version;               /* 1, 2; 0: no control group was found                */
        int64_t cpu_millis;        /* thousandths of a CPU; 0: no limit                  */
        int64_t memory_bytes;      /* 0: no limit                                        */
        int64_t memory_used_bytes; /* by the group, page cache included; 0: unknown */
};

/* Fills `out`; a value that can't be read is 0. `root` is "/", or a folder with proc/ and sys/ in it (tests). */
void cgroup_read(const char *root, struct cgroup_limits *out);

#endif
