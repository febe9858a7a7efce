/* Tests of malformed routes, and of cases that the tests over a socket cannot distinguish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "http/route.h"

static void handle(struct http_request *request, void *context)
{
        (void)request;
        (void)context;
}

static void malformed_patterns_are_rejected(void **state)
{
        static const char *const patterns[] = { "",    "a",     "/a{b}",
                                                "/{a", "/{a}b", "/*/a",
                                                "/a*", "/a/**", "/{a}/{b}/{c}/{d}/{e}" };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(patterns); i++) {
                struct http_route route = { "GET", patterns[i], "x", handle, false, false, false, false, NULL, NULL };
                struct route_table *table = NULL;
                if (route_table_new(&route, 1, &table, NULL) != ERR_INVALID)
                        fail_msg("%s", patterns[i]);
        }
}

static void the_route_with_fewer_parameters_wins(void **state)
{
        static const struct http_route routes[] = {
                { NULL, "/*", "rest", handle, false, false, false, false, NULL, NULL },
                { "GET", "/{a}/{b}", "two", handle, false, false, false, false, NULL, NULL },
                { "GET", "/{a}/b", "one", handle, false, false, false, false, NULL, NULL },
                { "GET", "/a/b", "none", handle, false, false, false, false, NULL, NULL },
                { "GET", "/{a}/*", "one-rest", handle, false, false, false, false, NULL, NULL },
                { "PUT", "/a/b", "put", handle, false, false, false, false, NULL, NULL },
                { "GET", "/", "root", handle, false, false, false, false, NULL, NULL },
        };
        static const struct {
                const char *method, *path, *name;
        } cases[] = {
                { "GET", "/a/b", "none" },       { "HEAD", "/a/b", "none" }, { "PUT", "/a/b", "put" },
                { "POST", "/a/b", "rest" },      { "GET", "/x/b", "one" },   { "GET", "/x/y", "two" },
                { "GET", "/x/y/z", "one-rest" }, { "GET", "/", "root" },     { "GET", "/x", "rest" },
                { "PUT", "/x/y/z", "rest" },     { "GET", "*", "rest" },     { "GET", "/%61/%62", "none" },
        };
        struct route_table *table;
        struct route_match match;
        char scratch[64];
        (void)state;
        assert_int_equal(route_table_new(routes, COUNT_OF(routes), &table, NULL), 0);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                route_find(table, cases[i].method, cases[i].path, strlen(cases[i].path), scratch, &match);
                if (!match.route || strcmp(match.route->name, cases[i].name))
                        fail_msg("%s %s: %s", cases[i].method, cases[i].path, match.route ? match.route->name : "none");
                assert_ptr_equal(match.route, &routes[match.index]);
        }
        route_table_free(table);
}

static void a_table_without_routes_finds_none(void **state)
{
        struct route_table *table;
        struct route_match match;
        char scratch[16], allow[16];
        (void)state;
        assert_int_equal(route_table_new(NULL, 0, &table, NULL), 0);
        route_find(table, "GET", "/", 1, scratch, &match);
        assert_null(match.route);
        assert_false(match.path_known);
        route_allow(table, "/", 1, allow, sizeof(allow));
        assert_string_equal(allow, "");
        route_table_free(table);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(malformed_patterns_are_rejected),
                cmocka_unit_test(the_route_with_fewer_parameters_wins),
                cmocka_unit_test(a_table_without_routes_finds_none),
        };
        return cmocka_run_group_tests_name("http route", tests, NULL, NULL);
}
