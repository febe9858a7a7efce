/* Helpers of the tests that load a root: each test has its own folder as its state. */
#ifndef BINDING_TEST_LOAD_H
#define BINDING_TEST_LOAD_H

#include "binding/test_folder.h"

#include "binding/set.h"

static inline int set_up(void **state)
{
        static struct folder folder;
        folder_init(&folder);
        *state = &folder;
        return 0;
}

static inline int tear_down(void **state)
{
        folder_fini(*state);
        return 0;
}

static inline struct servicebinding_set *load(const struct folder *f)
{
        struct servicebinding_set *set = NULL;
        struct servicebinding_error err = { 0 };
        if (servicebinding_load(f->root, &set, &err) < 0)
                fail_msg("%s", err.text);
        return set;
}

/* Returns the only binding of the set. */
static inline const struct servicebinding *only(const struct servicebinding_set *set)
{
        assert_int_equal(servicebinding_count(set), 1);
        return servicebinding_at(set, 0);
}

static inline void expect_problem(const struct servicebinding *b, int code, const char *part)
{
        assert_int_equal(b->problem.code, code);
        if (!strstr(servicebinding_problem(b), part))
                fail_msg("\"%s\" lacks \"%s\"", servicebinding_problem(b), part);
        assert_int_equal(servicebinding_entry_count(b), 0);
}

#endif
