/* entry_test: the rules for names and values. */
#include "binding/test_folder.h"

#include "binding/entry.h"
#include "binding/error.h"

static void binding_names_are_lower_case_letters_digits_dots_and_dashes(void **state)
{
        (void)state;
        assert_true(sb_binding_name_valid("redis"));
        assert_true(sb_binding_name_valid("a.b-c.0"));
        assert_true(sb_binding_name_valid(".hidden"));
        assert_true(sb_binding_name_valid("-"));
        const char *const refused[] = { "",      ".",      "..",  "..data", "..2026_11_24", "...",
                                        "Redis", "re dis", "a_b", "a/b",    "caf\xc3\xa9",  "a\nb" };
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
                assert_false(sb_binding_name_valid(refused[i]));
}

static void names_have_at_most_253_characters(void **state)
{
        char name[256];
        (void)state;
        memset(name, 'a', sizeof(name));
        name[253] = '\0';
        assert_true(sb_binding_name_valid(name));
        assert_true(sb_entry_name_valid(name));
        name[253] = 'a';
        name[254] = '\0';
        assert_false(sb_binding_name_valid(name));
        assert_false(sb_entry_name_valid(name));
}

static void entry_names_are_the_keys_of_a_secret(void **state)
{
        (void)state;
        assert_true(sb_entry_name_valid("ca.crt"));
        assert_true(sb_entry_name_valid("VALKEY_HOST"));
        assert_true(sb_entry_name_valid(".dockerconfigjson"));
        assert_false(sb_entry_name_valid("..data"));
        assert_false(sb_entry_name_valid("pass word"));
        assert_false(sb_entry_name_valid("host~"));
}

struct value {
        const char *bytes;
        size_t length;
        const char *text; /* NULL: none */
};

static void only_one_trailing_newline_is_removed(void **state)
{
        static const struct value values[] = {
                { "secret", 6, "secret" },
                { "secret\n", 7, "secret" },
                { "secret\r\n", 8, "secret" },
                { "secret\n\n", 8, "secret\n" },
                { "secret\r\n\r\n", 10, "secret\r\n" },
                { "secret \t", 8, "secret \t" },
                { "secret \n", 8, "secret " },
                { " secret\r", 8, " secret\r" },
                { "\n", 1, "" },
                { "\r\n", 2, "" },
                { "", 0, "" },
                { "a\nb", 3, "a\nb" },
                { "a\0b", 3, NULL },
                { "\0", 1, NULL },
                { "a\0\n", 3, NULL },
        };
        (void)state;
        struct sb_pages pages = { 0 };
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                struct sb_entry entry;
                assert_int_equal(sb_entry_init(&entry, &pages, "password", values[i].length), 0);
                memcpy(entry.bytes, values[i].bytes, values[i].length);
                sb_entry_seal(&entry);
                assert_memory_equal(entry.bytes, values[i].bytes, values[i].length);
                assert_int_equal(entry.bytes[entry.length], 0);
                if (values[i].text)
                        assert_string_equal(entry.text, values[i].text);
                else
                        assert_null(entry.text);
                sb_entry_fini(&entry);
        }
        sb_pages_fini(&pages);
}

static bool refers(const char *text)
{
        struct sb_pages pages = { 0 };
        struct sb_entry entry;
        assert_int_equal(sb_entry_init(&entry, &pages, "password", strlen(text)), 0);
        memcpy(entry.bytes, text, strlen(text));
        bool result = sb_is_reference(&entry);
        sb_entry_fini(&entry);
        sb_pages_fini(&pages);
        return result;
}

static void only_pointers_to_another_system_are_references(void **state)
{
        (void)state;
        assert_true(refers("vault://production-database/password"));
        assert_true(refers("Vault://x"));
        assert_true(refers("vault://"));
        assert_false(refers("vault:/"));
        assert_false(refers("redis://u:p@h:6379"));
        assert_false(refers("https://collector:4001"));
        assert_false(refers(" vault://x"));
        assert_false(refers(""));
}

static void words_are_trimmed_at_the_end_and_compared_without_case(void **state)
{
        (void)state;
        char *word = sb_trimmed("redis \t\r\n\n");
        assert_non_null(word);
        assert_string_equal(word, "redis");
        free(word);
        assert_true(sb_same_word("Redis", "rEDIS"));
        assert_true(sb_same_word("", ""));
        assert_false(sb_same_word("redis", "redi"));
        assert_false(sb_same_word("redi", "redis"));
        assert_false(sb_same_word("redis", "valkey"));
}

static void odd_names_are_made_safe_to_print(void **state)
{
        char out[8];
        (void)state;
        assert_string_equal(sb_printable("a\n\x1b[1m", out, sizeof(out)), "a??[1m");
        assert_string_equal(sb_printable("longer than that", out, sizeof(out)), "longer?");
}

static void truncated_errors_are_marked(void **state)
{
        char path[400];
        struct servicebinding_error err;
        (void)state;
        memset(path, 'p', sizeof(path) - 1);
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(sb_error(&err, SERVICEBINDING_LIMIT, "%s", path), SERVICEBINDING_LIMIT);
        assert_string_equal(err.text + 252, "...");
        assert_int_equal(sb_error_errno(&err, EACCES, "%s", path), SERVICEBINDING_UNREADABLE);
        assert_string_equal(err.text + strlen(err.text) - strlen("p...: Permission denied"), "p...: Permission denied");
        assert_int_equal(sb_error_errno(NULL, ENOMEM, "x"), SERVICEBINDING_NOMEM);
        assert_int_equal(sb_error(NULL, SERVICEBINDING_INVALID, "x"), SERVICEBINDING_INVALID);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(binding_names_are_lower_case_letters_digits_dots_and_dashes),
                cmocka_unit_test(names_have_at_most_253_characters),
                cmocka_unit_test(entry_names_are_the_keys_of_a_secret),
                cmocka_unit_test(only_one_trailing_newline_is_removed),
                cmocka_unit_test(only_pointers_to_another_system_are_references),
                cmocka_unit_test(words_are_trimmed_at_the_end_and_compared_without_case),
                cmocka_unit_test(odd_names_are_made_safe_to_print),
                cmocka_unit_test(truncated_errors_are_marked),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
