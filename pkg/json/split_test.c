/* Tests of json_split. Each body is split at every byte, and into pieces of every small size, which must not change the
 * items. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/split.h"

enum { LIMIT = 16 };

struct split_case {
        const char *body;
        const char *items; /* "number line:column text;" for each item, and the error */
};

static void note(struct buf *out, const struct json_item *item)
{
        assert_int_equal(buf_printf(out, "%d %zu:%zu %.*s;", (int)item->number, item->line, item->column,
                                    item->is_too_long ? 8 : (int)item->text.length,
                                    item->is_too_long ? "TOO LONG" : item->text.bytes),
                         0);
}

/* Passes the bytes as a piece in separate memory, so that sanitizers detect each read beyond its end. */
static int push(struct json_split *split, const char *bytes, size_t length, struct buf *out, struct err *err)
{
        char *piece = malloc(length + 1);
        assert_non_null(piece);
        memcpy(piece, bytes, length);
        const char *at = piece;
        struct json_item item = { 0 };
        struct json_position where;
        int rc;
        while ((rc = json_split_next(split, &at, piece + length, &item, &where, err)) > 0)
                note(out, &item);
        if (rc == 0)
                assert_ptr_equal(at, piece + length);
        free(piece);
        return rc;
}

/* `cut`: the size of the pieces, or only of the first one if `is_once`. */
static void split_in_pieces(enum json_split_kind kind, const char *body, size_t cut, bool is_once, struct buf *out)
{
        struct json_split split;
        struct json_item item = { 0 };
        struct json_position where;
        struct err err;
        size_t length = strlen(body), at = 0;
        int rc = 0;
        buf_clear(out, SIZE_MAX);
        assert_int_equal(buf_puts(out, ""), 0);
        json_split_init(&split, kind, LIMIT);
        while (rc == 0 && at < length) {
                size_t size = length - at < cut || (is_once && at > 0) ? length - at : cut;
                rc = push(&split, body + at, size, out, &err);
                at += size;
        }
        if (rc == 0)
                rc = json_split_end(&split, &item, &where, &err);
        if (rc > 0)
                note(out, &item);
        if (rc < 0)
                assert_int_equal(buf_puts(out, err.text), 0);
        json_split_fini(&split);
}

static void check_cases(enum json_split_kind kind, const struct split_case *cases, size_t count)
{
        struct buf found;
        buf_init(&found, 0);
        for (size_t i = 0; i < count; i++) {
                for (size_t cut = 1; cut <= strlen(cases[i].body) + 1; cut++) {
                        split_in_pieces(kind, cases[i].body, cut, true, &found);
                        assert_string_equal(found.data, cases[i].items);
                        split_in_pieces(kind, cases[i].body, cut, false, &found);
                        assert_string_equal(found.data, cases[i].items);
                }
        }
        buf_fini(&found);
}

static void lines_are_found_wherever_the_body_is_split(void **state)
{
        (void)state;
        static const struct split_case cases[] = {
                { "", "" },
                { "{}", "1 1:1 {};" },
                { "{}\n", "1 1:1 {};" },
                { "{\"a\":1}\r\n{\"b\":2}\r\n", "1 1:1 {\"a\":1};2 2:1 {\"b\":2};" },
                { "{}\r\n{}\n{}\r", "1 1:1 {};2 2:1 {};3 3:1 {};" },
                { "\n\r\n \t\r\n{}\n\n{}\n\n", "4 4:1 {};6 6:1 {};" },
                { "1234567890123456\n", "1 1:1 1234567890123456;" },
                { "1234567890123456\r\n", "1 1:1 1234567890123456;" },
                { "12345678901234567\n1", "1 1:1 TOO LONG;2 2:1 1;" },
                { "12345678901234567\r\n1", "1 1:1 TOO LONG;2 2:1 1;" },
                { "1\n1234567890123456789012345678901234567890", "1 1:1 1;2 2:1 TOO LONG;" },
                { "a\rb\n", "1 1:1 a\rb;" },
        };
        check_cases(JSON_SPLIT_LINES, cases, sizeof(cases) / sizeof(*cases));
}

static void elements_are_found_wherever_the_body_is_split(void **state)
{
        (void)state;
        static const struct split_case cases[] = {
                { "[]", "" },
                { " \r\n[ \n] \n", "" },
                { "[{}]", "1 1:2 {};" },
                { "[{\"a\":1},{\"b\":2}]", "1 1:2 {\"a\":1};2 1:10 {\"b\":2};" },
                { "[\n  {\"a\": [1, {}]}\n ,\n {}\n]\n", "1 2:3 {\"a\": [1, {}]};2 4:2 {};" },
                { "[{\"]\":\"}\\\"],\"}, {}]", "1 1:2 {\"]\":\"}\\\"],\"};2 1:17 {};" },
                { "[\"\\\\\",\"a\"]", "1 1:2 \"\\\\\";2 1:7 \"a\";" },
                { "[1,true ,null\n,[2], \"x\",-1e5]",
                  "1 1:2 1;2 1:4 true;3 1:10 null;4 2:2 [2];5 2:7 \"x\";6 2:11 -1e5;" },
                { "[\"\xC3\xA4\xE2\x82\xAC\", {}]", "1 1:2 \"\xC3\xA4\xE2\x82\xAC\";2 1:8 {};" },
                { "[{\"a\":\"123456789\"},{}]", "1 1:2 TOO LONG;2 1:20 {};" },
                { "[{\"a\":\"12345678\"},{}]", "1 1:2 {\"a\":\"12345678\"};2 1:19 {};" },
                { "[{\"a\":1]]", "1 1:2 {\"a\":1];" }, /* the check rejects it */
        };
        check_cases(JSON_SPLIT_ARRAY, cases, sizeof(cases) / sizeof(*cases));
}

static void an_array_ends_at_its_first_error_which_has_line_and_column(void **state)
{
        (void)state;
        static const struct split_case cases[] = {
                { "", "line 1, column 1: expected an array, found the end" },
                { " {}", "line 1, column 2: expected an array, found '{'" },
                { "[{} {}]", "1 1:2 {};line 1, column 5: expected ',' or ']' after an element, found '{'" },
                { "[{},]", "1 1:2 {};line 1, column 5: expected a value, found ']'" },
                { "[,{}]", "line 1, column 2: expected a value or ']', found ','" },
                { "[{},,{}]", "1 1:2 {};line 1, column 5: expected a value, found ','" },
                { "[{}}", "1 1:2 {};line 1, column 4: expected ',' or ']' after an element, found '}'" },
                { "[1}", "1 1:2 1;line 1, column 3: expected ',' or ']' after an element, found '}'" },
                { "[{}\n", "1 1:2 {};line 2, column 1: expected ',' or ']' after an element, found the end" },
                { "[{},\n", "1 1:2 {};line 2, column 1: expected a value, found the end" },
                { "[{},{\"a\":", "1 1:2 {};line 1, column 10: expected the rest of an element, found the end" },
                { "[", "line 1, column 2: expected a value or ']', found the end" },
                { "[]\n\n x", "line 3, column 2: expected nothing more after the array, found 'x'" },
                { "[{}]]", "1 1:2 {};line 1, column 5: expected nothing more after the array, found ']'" },
        };
        check_cases(JSON_SPLIT_ARRAY, cases, sizeof(cases) / sizeof(*cases));
}

static void an_item_that_is_too_long_is_not_kept(void **state)
{
        (void)state;
        static const enum json_split_kind kinds[] = { JSON_SPLIT_LINES, JSON_SPLIT_ARRAY };
        char piece[1000];
        struct json_split split;
        struct json_item item = { 0 };
        struct err err;
        memset(piece, 'x', sizeof(piece));
        for (size_t i = 0; i < 2; i++) {
                struct json_position where;
                const char *opening = "[\"", *at = opening;
                json_split_init(&split, kinds[i], 5000);
                assert_int_equal(json_split_next(&split, &at, opening + 2, &item, &where, &err), 0);
                for (int n = 0; n < 10000; n++) {
                        at = piece;
                        assert_int_equal(json_split_next(&split, &at, piece + sizeof(piece), &item, &where, &err), 0);
                        assert_in_range(json_split_bytes(&split), 0, 16 << 10);
                }
                const char *closing = "\"\n]", *end = closing + 3;
                at = closing;
                assert_int_equal(json_split_next(&split, &at, end, &item, &where, &err), 1);
                assert_true(item.is_too_long && item.number == 1 && item.text.length == 0);
                json_split_fini(&split);
        }
}

static void the_memory_of_a_long_item_is_freed_after_it(void **state)
{
        (void)state;
        struct json_split split;
        struct json_item item = { 0 };
        struct json_position where;
        struct err err;
        size_t length = 1 << 20;
        char *line = malloc(length);
        assert_non_null(line);
        memset(line, 'x', length);
        json_split_init(&split, JSON_SPLIT_LINES, 2 << 20);
        const char *at = line, *end = "\n{}\n";
        assert_int_equal(json_split_next(&split, &at, line + length, &item, &where, &err), 0);
        assert_in_range(json_split_bytes(&split), length, 4 * length);
        at = end;
        assert_int_equal(json_split_next(&split, &at, end + 4, &item, &where, &err), 1);
        assert_int_equal(item.text.length, length);
        assert_int_equal(json_split_next(&split, &at, end + 4, &item, &where, &err), 1);
        assert_int_equal(item.number, 2);
        assert_int_equal(json_split_bytes(&split), 0);
        json_split_fini(&split);
        free(line);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_are_found_wherever_the_body_is_split),
                cmocka_unit_test(elements_are_found_wherever_the_body_is_split),
                cmocka_unit_test(an_array_ends_at_its_first_error_which_has_line_and_column),
                cmocka_unit_test(an_item_that_is_too_long_is_not_kept),
                cmocka_unit_test(the_memory_of_a_long_item_is_freed_after_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
