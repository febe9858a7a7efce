/* facts: what is shown of the environment, the interfaces and the pod, and what is hidden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/redact.h"
#include "facts.h"

/* Compares the value with JSON text, and frees it. */
static void expect_json(json_t *value, const char *expected)
{
        assert_non_null(value);
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_PRESERVE_ORDER);
        assert_non_null(text);
        assert_string_equal(text, expected);
        free(text);
        json_decref(value);
}

static void texts_that_are_not_utf_8_stay_readable(void **state UNUSED)
{
        expect_json(facts_text("plain"), "\"plain\"");
        expect_json(facts_text("a\xff"
                               "b"),
                    "\"a\xef\xbf\xbd"
                    "b\"");
        expect_json(facts_text(NULL), "null");
}

static void memory_has_at_least_rss(void **state UNUSED)
{
        json_t *memory = facts_memory();
        assert_true(json_integer_value(json_object_get(memory, "rss")) > 100000);
        assert_true(json_integer_value(json_object_get(memory, "heapUsed")) <=
                    json_integer_value(json_object_get(memory, "heapTotal")));
        json_decref(memory);
}

static void the_environment_hides_secrets_by_name_by_content_and_by_repetition(void **state UNUSED)
{
        static char *const environment[] = { "HOME=/root",
                                             "DB_PASSWORD=hunter22",
                                             "COMMAND=redis-cli -a hunter22",
                                             "URL=redis://u:p@h",
                                             "EMPTY_TOKEN=",
                                             "ODD=\xff",
                                             "=x",
                                             "nothing",
                                             NULL };
        expect_json(facts_environment(environment),
                    "{\"HOME\":\"/root\",\"DB_PASSWORD\":\"" REDACTED "\",\"COMMAND\":\"" REDACTED
                    "\",\"URL\":\"" REDACTED "\",\"EMPTY_TOKEN\":\"\",\"ODD\":\"\xef\xbf\xbd\"}");
}

static void headers_are_in_lower_case_joined_and_without_secrets(void **state UNUSED)
{
        static const struct http_header headers[] = {
                { "Host", "h" }, { "X-A", "1" }, { "Authorization", "Basic eA==" }, { "x-a", "2" }
        };
        expect_json(facts_headers(headers, COUNT_OF(headers)),
                    "{\"host\":\"h\",\"x-a\":\"1, 2\",\"authorization\":\"" REDACTED "\"}");
}

static void interfaces_are_described_as_by_node(void **state UNUSED)
{
        uv_interface_address_t a[3] = { { .name = "lo", .is_internal = 1 },
                                        { .name = "eth0", .phys_addr = "\x02\x42\xac\x11\x00\x02" },
                                        { .name = "eth0", .phys_addr = "\x02\x42\xac\x11\x00\x02" } };
        for (size_t i = 0; i < 2; i++)
                a[i].address.address4.sin_family = a[i].netmask.netmask4.sin_family = AF_INET;
        a[2].address.address6.sin6_family = a[2].netmask.netmask6.sin6_family = AF_INET6;
        a[2].address.address6.sin6_scope_id = 4;
        assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &a[0].address.address4.sin_addr), 1);
        assert_int_equal(inet_pton(AF_INET, "255.0.0.0", &a[0].netmask.netmask4.sin_addr), 1);
        assert_int_equal(inet_pton(AF_INET, "10.1.2.3", &a[1].address.address4.sin_addr), 1);
        assert_int_equal(inet_pton(AF_INET, "255.0.255.0", &a[1].netmask.netmask4.sin_addr), 1);
        assert_int_equal(inet_pton(AF_INET6, "fe80::1", &a[2].address.address6.sin6_addr), 1);
        assert_int_equal(inet_pton(AF_INET6, "ffff:ffff:ffff:ffff::", &a[2].netmask.netmask6.sin6_addr), 1);
        expect_json(facts_networks(a, 3),
                    "{\"lo\":[{\"address\":\"127.0.0.1\",\"netmask\":\"255.0.0.0\",\"family\":\"IPv4\","
                    "\"mac\":\"00:00:00:00:00:00\",\"internal\":true,\"cidr\":\"127.0.0.1/8\"}],"
                    "\"eth0\":[{\"address\":\"10.1.2.3\",\"netmask\":\"255.0.255.0\",\"family\":\"IPv4\","
                    "\"mac\":\"02:42:ac:11:00:02\",\"internal\":false,\"cidr\":null},"
                    "{\"address\":\"fe80::1\",\"netmask\":\"ffff:ffff:ffff:ffff::\",\"family\":\"IPv6\","
                    "\"mac\":\"02:42:ac:11:00:02\",\"internal\":false,\"cidr\":\"fe80::1/64\",\"scopeid\":4}]}");
}

static void the_pod_is_described_by_variables_and_the_folder(void **state UNUSED)
{
        static char *const environment[] = { "POD_NAME=pinger-1", "POD_NAMESPACE=demo", "NODE_NAME=n1", NULL };
        char folder[] = "/tmp/facts_test.XXXXXX", path[64];
        assert_non_null(mkdtemp(folder));
        (void)snprintf(path, sizeof(path), "%s/labels", folder);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        assert_true(fputs("app=\"pinger\"\n", f) >= 0);
        assert_int_equal(fclose(f), 0);
        expect_json(facts_pod(environment, folder), "{\"name\":\"pinger-1\",\"namespace\":\"demo\",\"node\":\"n1\","
                                                    "\"ip\":null,\"labels\":{\"app\":\"pinger\"}}");
        assert_int_equal(unlink(path), 0);
        expect_json(facts_pod(NULL, folder),
                    "{\"name\":null,\"namespace\":null,\"node\":null,\"ip\":null,\"labels\":null}");
        assert_int_equal(rmdir(folder), 0);
}

static void without_bindings_the_list_is_empty(void **state UNUSED)
{
        expect_json(facts_bindings(NULL), "[]");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts_that_are_not_utf_8_stay_readable),
                cmocka_unit_test(memory_has_at_least_rss),
                cmocka_unit_test(the_environment_hides_secrets_by_name_by_content_and_by_repetition),
                cmocka_unit_test(headers_are_in_lower_case_joined_and_without_secrets),
                cmocka_unit_test(interfaces_are_described_as_by_node),
                cmocka_unit_test(the_pod_is_described_by_variables_and_the_folder),
                cmocka_unit_test(without_bindings_the_list_is_empty),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
