#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "document_tag.h"

static void a_tag_is_the_same_in_every_build(void **state UNUSED)
{
        static const struct {
                const char *document, *tag;
        } cases[] = {
                { "", "\"51587518a5d26968485f056e21e81098\"" },
                { "{}", "\"b015d6fecc1ab39721f6e3323f26e09b\"" },
                { "{\"a\":1}", "\"751f667dc4e1c6f079abd5e331dbf1b5\"" },
                { "{\"order\":17,\"price\":12.50,\"created\":1764000000000}", "\"8952250466c58eef66a619355f70707a\"" },
        };
        char tag[DOCUMENT_TAG_SIZE];
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_string_equal(document_tag(cases[i].document, strlen(cases[i].document), tag), cases[i].tag);
}

/* Each half of the tag must differ. */
static void assert_differ(const char *a, const char *b)
{
        assert_string_not_equal(a, b);
        assert_int_not_equal(strncmp(a + 1, b + 1, 16), 0);
        assert_int_not_equal(strncmp(a + 17, b + 17, 16), 0);
}

static void a_change_of_any_bit_changes_the_tag(void **state UNUSED)
{
        char document[100], before[DOCUMENT_TAG_SIZE], after[DOCUMENT_TAG_SIZE];
        memset(document, 'a', sizeof(document));
        (void)document_tag(document, sizeof(document), before);
        for (size_t i = 0; i < sizeof(document); i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        document[i] = (char)(document[i] ^ 1 << bit);
                        assert_differ(before, document_tag(document, sizeof(document), after));
                        document[i] = (char)(document[i] ^ 1 << bit);
                }
}

static void documents_of_different_length_or_order_have_different_tags(void **state UNUSED)
{
        static const char zeros[64];
        char tags[65][DOCUMENT_TAG_SIZE], after[DOCUMENT_TAG_SIZE];
        for (size_t length = 0; length <= sizeof(zeros); length++) {
                (void)document_tag(zeros, length, tags[length]);
                for (size_t shorter = 0; shorter < length; shorter++)
                        assert_differ(tags[length], tags[shorter]);
        }
        (void)document_tag("abcdefghijklmnop", 16, after);
        assert_differ(document_tag("ijklmnopabcdefgh", 16, tags[0]), after);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_tag_is_the_same_in_every_build),
                cmocka_unit_test(a_change_of_any_bit_changes_the_tag),
                cmocka_unit_test(documents_of_different_length_or_order_have_different_tags),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
