#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json/testdata/jansson_oracle.h"

enum { MUTATIONS = 100000, SIZE_MAX_MUTATED = 512 };

static const char *const seeds[] = {
        "{}",
        "{\"a\":1}",
        "{\"level\":30,\"time\":1764000000123,\"req\":{\"method\":\"GET\",\"headers\":{\"host\":\"x\"}},\"ok\":true}",
        "{\"created\":1,\"correlationId\":\"x\",\"n\":[1,-2.5e+3,0,null,false,true,[],{}]}",
        "{\"correl\\u0061tionId\":1,\"correlationId\":{\"correlationId\":2},\"\":\"\\ud83d\\ude00\"}",
        "{ \"text\" : \"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 \\n\\\"\\\\\" ,\n\t\"b\" : [ [ [ ] ] ] }\r\n",
        "{\"i\":9223372036854775807,\"j\":-9223372036854775808,\"r\":1.7976931348623157e308}",
        "{\"i\":9223372036854775808,\"r\":1e400,\"z\":\"\\u0000\",\"s\":\"\\ud800\"}",
        "[{\"a\":1},2,\"x\"]",
};

/* Fragments that are significant in JSON. */
static const char *const pieces[] = { "{",
                                      "}",
                                      "[",
                                      "]",
                                      ":",
                                      ",",
                                      "\"",
                                      "\\",
                                      " ",
                                      "\n",
                                      "0",
                                      "1",
                                      "-",
                                      ".",
                                      "e",
                                      "E+",
                                      "9",
                                      "true",
                                      "null",
                                      "\\u",
                                      "\\ud800",
                                      "\\u0000",
                                      "\xC3",
                                      "\xA9",
                                      "\x80",
                                      "\x01",
                                      "\xED\xA0\x80",
                                      "\xF4\x8F\xBF\xBF",
                                      "created",
                                      "\"correlationId\":1,",
                                      "{}",
                                      "\"a\":" };

static uint32_t state_of_random = 20261124;

static size_t random_below(size_t n)
{
        state_of_random = state_of_random * 1664525U + 1013904223U;
        return (size_t)(((uint64_t)state_of_random * n) >> 32);
}

/* Replaces some bytes at a random position with a fragment. */
static size_t mutate(char *bytes, size_t length)
{
        const char *piece = pieces[random_below(COUNT_OF(pieces))];
        size_t piece_length = random_below(4) == 0 ? 0 : strlen(piece);
        size_t at = random_below(length + 1);
        size_t cut = random_below(3);
        cut = cut < length - at ? cut : length - at;
        if (length - cut + piece_length > SIZE_MAX_MUTATED)
                return length;
        memmove(bytes + at + piece_length, bytes + at + cut, length - at - cut);
        memcpy(bytes + at, piece, piece_length);
        return length - cut + piece_length;
}

static void jansson_agrees_on_randomly_changed_documents(void **state)
{
        (void)state;
        for (int i = 0; i < MUTATIONS; i++) {
                char bytes[SIZE_MAX_MUTATED + 1];
                const char *seed = seeds[random_below(COUNT_OF(seeds))];
                size_t length = strlen(seed);
                memcpy(bytes, seed, length);
                for (size_t changes = random_below(5); changes > 0; changes--)
                        length = mutate(bytes, length);
                const char *complaint = oracle_compare(bytes, length);
                bytes[length] = '\0';
                if (complaint)
                        fail_msg("%s: %s", complaint, bytes);
        }
}

static void only_the_documented_inputs_are_accepted_in_addition_to_janssons(void **state)
{
        (void)state;
        static const char *const listed[] = {
                "{\"a\":18446744073709551616}",
                "{\"a\":-9223372036854775809}",
                "{\"a\":1e400}",
                "{\"a\":\"\\u0000\"}",
                "{\"\\u0000\":1}",
                "{\"a\":\"\\ud800\"}",
                "{\"a\":\"\\udc00\"}",
                "{\"a\":\"\\ud800\\ud800\"}",
        };
        for (size_t i = 0; i < COUNT_OF(listed); i++) {
                struct json_object object;
                json_error_t error;
                assert_null(json_loadb(listed[i], strlen(listed[i]), 0, &error));
                assert_true(oracle_is_listed(&error));
                assert_int_equal(json_check_object(listed[i], strlen(listed[i]), NULL, &object, NULL, NULL), 0);
        }
}

static void a_nul_byte_that_jansson_ignores_is_rejected(void **state)
{
        (void)state;
        static const char bytes[] = "{\"a\":1\0,\"b\":true\0}";
        struct json_object object;
        struct err err;
        json_t *document = json_loadb(bytes, sizeof(bytes) - 1, 0, NULL);
        assert_non_null(document);
        json_decref(document);
        assert_int_equal(json_check_object(bytes, sizeof(bytes) - 1, NULL, &object, NULL, &err), ERR_INVALID);
        assert_string_equal(err.text, "line 1, column 7: expected ',' or '}' after a member, found the byte 0x00");
}

static void jansson_decodes_escaped_strings_identically(void **state)
{
        (void)state;
        for (int i = 0; i < 2000; i++) {
                char text[64];
                size_t length = 0;
                for (size_t n = random_below(12); n > 0; n--) {
                        static const char *const parts[] = { "a", "\"", "\\", "\n", "\x1F", "\xC3\xA9", "/", "\x7F" };
                        const char *part = parts[random_below(COUNT_OF(parts))];
                        memcpy(text + length, part, strlen(part));
                        length += strlen(part);
                }
                struct buf out;
                buf_init(&out, 0);
                assert_int_equal(json_escape(&out, text, length), 0);
                json_t *value = json_loadb(out.data, out.len, JSON_DECODE_ANY, NULL);
                assert_non_null(value);
                assert_int_equal(json_string_length(value), length);
                assert_memory_equal(json_string_value(value), text, length);
                json_decref(value);
                buf_fini(&out);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(jansson_agrees_on_randomly_changed_documents),
                cmocka_unit_test(only_the_documented_inputs_are_accepted_in_addition_to_janssons),
                cmocka_unit_test(a_nul_byte_that_jansson_ignores_is_rejected),
                cmocka_unit_test(jansson_decodes_escaped_strings_identically),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
