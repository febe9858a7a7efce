/* cgroup, cpu: limits from folders that mimic the kernel's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/cgroup.h"
#include "base/cpu.h"

struct tree {
        char root[64];
};

static int make_tree(void **state)
{
        struct tree *t = calloc(1, sizeof(*t));
        (void)snprintf(t->root, sizeof(t->root), "/tmp/cgroup_test.XXXXXX");
        *state = t;
        return mkdtemp(t->root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int flag UNUSED, struct FTW *ftw UNUSED)
{
        return remove(path);
}

static int remove_tree(void **state)
{
        struct tree *t = *state;
        int rc = nftw(t->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        free(t);
        return rc;
}

static void put(const struct tree *t, const char *path, const char *text)
{
        char full[512];
        (void)snprintf(full, sizeof(full), "%s/%s", t->root, path);
        for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                (void)mkdir(full, 0755); /* may already exist */
                *slash = '/';
        }
        FILE *f = fopen(full, "w");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static struct cgroup_limits read_tree(const struct tree *t)
{
        struct cgroup_limits limits;
        cgroup_read(t->root, &limits);
        return limits;
}

static void without_control_groups_there_is_no_limit(void **state)
{
        struct cgroup_limits limits = read_tree(*state);
        assert_int_equal(limits.version, 0);
        assert_int_equal(limits.cpu_millis, 0);
        assert_int_equal(limits.memory_bytes, 0);
}

static void version_2_in_a_container(void **state)
{
        struct tree *t = *state;
        put(t, "proc/self/cgroup", "0::/\n");
        put(t, "sys/fs/cgroup/cpu.max", "50000 100000\n");
        put(t, "sys/fs/cgroup/memory.max", "134217728\n");
        put(t, "sys/fs/cgroup/memory.current", "1048576\n");
        struct cgroup_limits limits = read_tree(t);
        assert_int_equal(limits.version, 2);
        assert_int_equal(limits.cpu_millis, 500);
        assert_int_equal(limits.memory_bytes, 134217728);
        assert_int_equal(limits.memory_used_bytes, 1048576);
}

static void max_means_no_limit(void **state)
{
        struct tree *t = *state;
        put(t, "proc/self/cgroup", "0::/\n");
        put(t, "sys/fs/cgroup/cpu.max", "max 100000\n");
        put(t, "sys/fs/cgroup/memory.max", "max\n");
        struct cgroup_limits limits = read_tree(t);
        assert_int_equal(limits.version, 2);
        assert_int_equal(limits.cpu_millis, 0);
        assert_int_equal(limits.memory_bytes, 0);
}

static void a_parents_smaller_limit_applies(void **state)
{
        struct tree *t = *state;
        put(t, "proc/self/cgroup", "0::/kubepods/pod1/main\n");
        put(t, "sys/fs/cgroup/kubepods/pod1/main/cpu.max", "400000 100000\n");
        put(t, "sys/fs/cgroup/kubepods/pod1/cpu.max", "150000 100000\n");
        put(t, "sys/fs/cgroup/kubepods/pod1/main/memory.max", "1000\n");
        put(t, "sys/fs/cgroup/kubepods/memory.max", "5000\n");
        put(t, "sys/fs/cgroup/kubepods/pod1/main/memory.current", "10\n");
        put(t, "sys/fs/cgroup/kubepods/memory.current", "4000\n");
        struct cgroup_limits limits = read_tree(t);
        assert_int_equal(limits.cpu_millis, 1500);
        assert_int_equal(limits.memory_bytes, 1000);
        assert_int_equal(limits.memory_used_bytes, 10);
}

static void version_1_with_the_hosts_path_in_a_container(void **state)
{
        struct tree *t = *state;
        put(t, "proc/self/cgroup",
            "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/docker/abc\n0::/x\n");
        put(t, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
        put(t, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
        put(t, "sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
        put(t, "sys/fs/cgroup/memory/memory.usage_in_bytes", "4096\n");
        struct cgroup_limits limits = read_tree(t);
        assert_int_equal(limits.version, 1);
        assert_int_equal(limits.cpu_millis, 2000);
        assert_int_equal(limits.memory_bytes, 268435456);
        assert_int_equal(limits.memory_used_bytes, 4096);
}

static void version_1_says_no_limit_with_large_and_negative_numbers(void **state)
{
        struct tree *t = *state;
        put(t, "proc/self/cgroup", "5:cpuacct,cpu:/\n4:memory:/\n");
        put(t, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
        put(t, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
        put(t, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        struct cgroup_limits limits = read_tree(t);
        assert_int_equal(limits.version, 1);
        assert_int_equal(limits.cpu_millis, 0);
        assert_int_equal(limits.memory_bytes, 0);
}

static void malformed_text_means_no_limit(void **state)
{
        struct tree *t = *state;
        put(t, "proc/self/cgroup", "no table\n0:\n");
        assert_int_equal(read_tree(t).version, 0);
        put(t, "proc/self/cgroup", "0::/\n");
        put(t, "sys/fs/cgroup/cpu.max", "100 0\n");
        put(t, "sys/fs/cgroup/memory.max", "-5\n");
        struct cgroup_limits limits = read_tree(t);
        assert_int_equal(limits.cpu_millis, 0);
        assert_int_equal(limits.memory_bytes, 0);
}

static void the_smaller_of_affinity_and_quota_applies_and_is_never_zero(void **state)
{
        struct tree *t = *state;
        static const struct {
                const char *quota;
                unsigned cpus;
        } cases[] = { { "1000 100000", 1 }, { "50000 100000", 1 }, { "100000 100000", 1 }, { "100100 100000", 2 } };
        const unsigned affinity = cpu_available(t->root);
        assert_true(affinity >= 1);
        put(t, "proc/self/cgroup", "0::/\n");
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                put(t, "sys/fs/cgroup/cpu.max", cases[i].quota);
                assert_int_equal(cpu_available(t->root), cases[i].cpus < affinity ? cases[i].cpus : affinity);
        }
        put(t, "sys/fs/cgroup/cpu.max", "6400000000 100000");
        assert_int_equal(cpu_available(t->root), affinity);
}

#define IN_A_TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_A_TREE(without_control_groups_there_is_no_limit),
                IN_A_TREE(version_2_in_a_container),
                IN_A_TREE(max_means_no_limit),
                IN_A_TREE(a_parents_smaller_limit_applies),
                IN_A_TREE(version_1_with_the_hosts_path_in_a_container),
                IN_A_TREE(version_1_says_no_limit_with_large_and_negative_numbers),
                IN_A_TREE(malformed_text_means_no_limit),
                IN_A_TREE(the_smaller_of_affinity_and_quota_applies_and_is_never_zero),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
