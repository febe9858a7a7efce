/* cpu: how many CPUs this process can actually use.
 *
 *     unsigned workers = cpu_available("/");       // in a container with a limit of 500m: 1
 *
 * Threads: any. */
#ifndef BASE_CPU_H
#define BASE_CPU_H

/* The CPUs that the affinity allows (sched_getaffinity), or the control group's quota if that is less. Part of a CPU
 * counts as one, since two threads use 1.5 CPUs better than one. At least 1. `root`: as in cgroup_read. */
unsigned cpu_available(const char *root);

#endif
