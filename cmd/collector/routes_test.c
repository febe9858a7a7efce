/* Tests that openapi.json describes exactly the routes of the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/attr.h"
#include "routes.h"

static json_t *description;

static int load(void **state UNUSED)
{
        json_error_t error;
        description = json_load_file("cmd/collector/openapi.json", JSON_REJECT_DUPLICATES, &error);
        if (!description)
                fail_msg("openapi.json:%d: %s", error.line, error.text);
        return 0;
}

static int unload(void **state UNUSED)
{
        json_decref(description);
        return 0;
}

/* The paths under which a route is described: the "*" of a route matches a name or nothing. */
static size_t described_as(const struct http_route *route, char paths[2][64])
{
        size_t length = strlen(route->path);
        if (route->path[length - 1] != '*') {
                (void)snprintf(paths[0], sizeof(paths[0]), "%s", route->path);
                return 1;
        }
        (void)snprintf(paths[0], sizeof(paths[0]), "%.*s", (int)length - 1, route->path);
        (void)snprintf(paths[1], sizeof(paths[1]), "%.*s{file}", (int)length - 1, route->path);
        return 2;
}

/* "GET" becomes "get". */
static const char *lower(const char *method, char name[16])
{
        size_t i = 0;
        for (; method[i] && i < 15; i++)
                name[i] = (char)(method[i] | 0x20);
        name[i] = '\0';
        return name;
}

static json_t *operation_of(const char *path, const char *method)
{
        char name[16];
        return json_object_get(json_object_get(json_object_get(description, "paths"), path), lower(method, name));
}

static void each_route_is_described(void **state UNUSED)
{
        char paths[2][64];
        for (size_t i = 0; i < route_count; i++) {
                assert_non_null(routes[i].method);
                size_t count = described_as(&routes[i], paths);
                for (size_t at = 0; at < count; at++)
                        if (!operation_of(paths[at], routes[i].method))
                                fail_msg("%s %s is not described", routes[i].method, paths[at]);
        }
}

static bool is_operation(const char *name)
{
        return strcmp(name, "parameters") != 0 && strcmp(name, "summary") != 0 && strcmp(name, "description") != 0;
}

/* NULL: none. The GET route answers HEAD too. */
static const struct http_route *route_of(const char *path, const char *method)
{
        char paths[2][64], name[16];
        for (size_t i = 0; i < route_count; i++) {
                size_t count = described_as(&routes[i], paths);
                const char *own = lower(routes[i].method, name);
                bool has_method = !strcmp(own, method) || (!strcmp(own, "get") && !strcmp(method, "head"));
                for (size_t at = 0; at < count && has_method; at++)
                        if (!strcmp(paths[at], path))
                                return &routes[i];
        }
        return NULL;
}

static void nothing_else_is_described(void **state UNUSED)
{
        const char *path, *method;
        json_t *item, *operation;
        json_object_foreach(json_object_get(description, "paths"), path, item)
                json_object_foreach(item, method, operation) if (is_operation(method) && !route_of(path, method))
                        fail_msg("%s %s is described but does not exist", method, path);
}

static void routes_without_tokens_are_described_as_such(void **state UNUSED)
{
        const char *path, *method;
        json_t *item, *operation;
        json_object_foreach(json_object_get(description, "paths"), path, item)
                json_object_foreach(item, method, operation)
        {
                if (!is_operation(method))
                        continue;
                const struct http_route *route = route_of(path, method);
                json_t *security = json_object_get(operation, "security");
                bool says_public = security && json_array_size(security) == 0;
                bool has_401 = json_object_get(json_object_get(operation, "responses"), "401");
                if (!route || route->is_public != says_public || route->is_public == has_401)
                        fail_msg("%s %s: security", method, path);
        }
}

static void routes_with_tags_are_described_as_such(void **state UNUSED)
{
        const char *path, *method;
        json_t *item, *operation;
        json_object_foreach(json_object_get(description, "paths"), path, item)
                json_object_foreach(item, method, operation)
        {
                const struct http_route *route = is_operation(method) ? route_of(path, method) : NULL;
                json_t *responses = json_object_get(operation, "responses");
                if (route && route->has_tags != (json_object_get(responses, "304") != NULL))
                        fail_msg("%s %s: 304", method, path);
        }
}

static void the_build_inserts_the_version(void **state UNUSED)
{
        json_t *version = json_object_get(json_object_get(description, "info"), "version");
        assert_string_equal(json_string_value(version), "@VERSION@");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_route_is_described),
                cmocka_unit_test(nothing_else_is_described),
                cmocka_unit_test(routes_without_tokens_are_described_as_such),
                cmocka_unit_test(routes_with_tags_are_described_as_such),
                cmocka_unit_test(the_build_inserts_the_version),
        };
        return cmocka_run_group_tests(tests, load, unload);
}
