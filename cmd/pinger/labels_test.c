/* Tests of labels: the quoted strings of the downward API, and malformed lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "labels.h"

static void labels_are_unquoted_and_malformed_lines_are_skipped(void **state UNUSED)
{
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "", "{}" },
                { "app=\"pinger\"\npod-template-hash=\"7d9\"", "{\"app\":\"pinger\",\"pod-template-hash\":\"7d9\"}" },
                { "app.kubernetes.io/name=\"a\\\"b\\\\c\"\n", "{\"app.kubernetes.io/name\":\"a\\\"b\\\\c\"}" },
                { "a=\"\\u00e9\\x41\\n\"\n", "{\"a\":\"\xc3\xa9"
                                             "A\\n\"}" },
                { "a=\"\\U0001f600\"", "{\"a\":\"\xf0\x9f\x98\x80\"}" },
                { "a=\"x\nb=\"1\"\n=\"2\"\nc=3\nd=\"\\q\"\ne=\"\\u12\"\nf=\"1\"2\ng=\"\\ud800\"\nh=\"\\",
                  "{\"b\":\"1\"}" },
                { "a=\"\"\n\n\n", "{\"a\":\"\"}" },
                { "a=\"\\x4A\\x4a\"\nb=\"\\x\x10\x11\"\nc=\"\\x4g\"\n", "{\"a\":\"JJ\"}" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                json_t *labels = labels_parse(cases[i].text, strlen(cases[i].text));
                char *text = json_dumps(labels, JSON_COMPACT);
                assert_string_equal(text, cases[i].expected);
                free(text);
                json_decref(labels);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(labels_are_unquoted_and_malformed_lines_are_skipped) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
