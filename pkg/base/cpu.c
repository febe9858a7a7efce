/* cpu: the affinity gives the CPUs that the scheduler may use, and the quota limits the CPU time in each period. Both
 * matter in a container: Kubernetes turns a CPU limit into a quota, and sets an affinity only when it assigns whole
 * CPUs. The CPU set is enlarged until the kernel's set fits. */
#include "base/cpu.h"

#include <errno.h>
#include <sched.h>

#include "base/cgroup.h"

static unsigned affinity_count(void)
{
        for (int cpus = CPU_SETSIZE; cpus <= CPU_SETSIZE * 64; cpus *= 2) {
                cpu_set_t *set = CPU_ALLOC((size_t)cpus);
                if (!set)
                        return 1;
                size_t size = CPU_ALLOC_SIZE((size_t)cpus);
                int rc = sched_getaffinity(0, size, set), error = errno;
                int count = rc == 0 ? CPU_COUNT_S(size, set) : 1;
                CPU_FREE(set);
                if (rc == 0 || error != EINVAL)
                        return (unsigned)count;
        }
        return 1;
}

unsigned cpu_available(const char *root)
{
        struct cgroup_limits limits;
        unsigned count = affinity_count();
        cgroup_read(root, &limits);
        int64_t quota = (limits.cpu_millis + 999) / 1000;
        if (quota > 0 && quota < count)
                count = (unsigned)quota;
        return count > 0 ? count : 1;
}
