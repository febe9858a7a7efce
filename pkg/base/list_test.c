#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/list.h"

struct item {
        char name;
        struct list link;
};

struct fixture {
        struct list head;
        struct item items[5]; /* a to e */
};

static void setup(struct fixture *fixture, size_t count)
{
        list_init(&fixture->head);
        for (size_t i = 0; i < COUNT_OF(fixture->items); i++) {
                fixture->items[i].name = (char)('a' + (char)i);
                list_init(&fixture->items[i].link);
                if (i < count)
                        list_append(&fixture->head, &fixture->items[i].link);
        }
}

static char name_of(struct list *link)
{
        return CONTAINER_OF(link, struct item, link)->name;
}

/* Walks in both directions, to find a link that is only half inserted. */
static void assert_lists(struct list *head, const char *names)
{
        char forward[8] = "", backward[8] = "";
        size_t count = strlen(names), i = 0;
        for (struct list *at = list_first(head); at; at = list_next(head, at))
                forward[i++] = name_of(at);
        assert_int_equal(i, count);
        for (struct list *at = list_last(head); at; at = list_prev(head, at))
                backward[--i] = name_of(at);
        assert_string_equal(forward, names);
        assert_string_equal(backward, names);
}

static void appended_links_are_last_and_prepended_ones_first(void **state UNUSED)
{
        struct fixture f;
        setup(&f, 2);
        assert_lists(&f.head, "ab");
        list_prepend(&f.head, &f.items[2].link);
        assert_lists(&f.head, "cab");
        list_insert_before(&f.items[1].link, &f.items[3].link);
        assert_lists(&f.head, "cadb");
}

static void an_empty_list_has_no_first_and_no_last(void **state UNUSED)
{
        struct fixture f;
        setup(&f, 0);
        assert_true(list_is_empty(&f.head));
        assert_null(list_first(&f.head));
        assert_null(list_last(&f.head));
        assert_null(list_pop(&f.head));
}

static void a_link_can_be_removed_anywhere_in_the_list(void **state UNUSED)
{
        static const char *const left[] = { "bcde", "acde", "abde", "abce", "abcd" };
        for (size_t i = 0; i < COUNT_OF(left); i++) {
                struct fixture f;
                setup(&f, 5);
                list_remove(&f.items[i].link);
                assert_lists(&f.head, left[i]);
                assert_true(list_is_empty(&f.items[i].link));
        }
}

static void an_unlisted_link_can_be_removed_and_listed_again(void **state UNUSED)
{
        struct fixture f;
        setup(&f, 2);
        list_remove(&f.items[0].link);
        list_remove(&f.items[0].link);
        assert_lists(&f.head, "b");
        list_append(&f.head, &f.items[0].link);
        assert_lists(&f.head, "ba");
}

static void a_walk_continues_after_its_link_was_removed(void **state UNUSED)
{
        struct fixture f;
        char seen[8] = "";
        size_t count = 0;
        setup(&f, 5);
        for (struct list *at = list_first(&f.head), *next; at; at = next) {
                next = list_next(&f.head, at);
                seen[count++] = name_of(at);
                if (name_of(at) != 'c')
                        list_remove(at);
        }
        assert_string_equal(seen, "abcde");
        assert_lists(&f.head, "c");
}

static void pop_removes_links_in_order(void **state UNUSED)
{
        struct fixture f;
        setup(&f, 3);
        for (size_t i = 0; i < 3; i++)
                assert_ptr_equal(list_pop(&f.head), &f.items[i].link);
        assert_true(list_is_empty(&f.head));
        assert_true(list_is_empty(&f.items[2].link));
}

static void a_whole_list_can_be_appended_to_another(void **state UNUSED)
{
        struct fixture f;
        struct list other;
        list_init(&other);
        setup(&f, 2);
        list_append(&other, &f.items[3].link);
        list_append(&other, &f.items[4].link);
        list_append_all(&f.head, &other);
        assert_lists(&f.head, "abde");
        assert_true(list_is_empty(&other));
        list_append_all(&f.head, &other);
        assert_lists(&f.head, "abde");
        list_append_all(&other, &f.head);
        assert_lists(&other, "abde");
        assert_true(list_is_empty(&f.head));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(appended_links_are_last_and_prepended_ones_first),
                cmocka_unit_test(an_empty_list_has_no_first_and_no_last),
                cmocka_unit_test(a_link_can_be_removed_anywhere_in_the_list),
                cmocka_unit_test(an_unlisted_link_can_be_removed_and_listed_again),
                cmocka_unit_test(a_walk_continues_after_its_link_was_removed),
                cmocka_unit_test(pop_removes_links_in_order),
                cmocka_unit_test(a_whole_list_can_be_appended_to_another),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
