/* err: codes, messages, and the truncation of long messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/attr.h"
#include "base/err.h"

static const int codes[] = { ERR_OK,      ERR_INVALID,  ERR_NOT_FOUND, ERR_DENIED,   ERR_LIMIT, ERR_UNAVAILABLE,
                             ERR_TIMEOUT, ERR_PROTOCOL, ERR_NOMEM,     ERR_CONFLICT, ERR_BUG };

static void set_fills_the_error_and_returns_its_code(void **state UNUSED)
{
        struct err err = { 0 };
        assert_int_equal(err_set(&err, ERR_LIMIT, "body of %d bytes", 7), ERR_LIMIT);
        assert_int_equal(err.code, ERR_LIMIT);
        assert_string_equal(err.text, "body of 7 bytes");
}

static void with_null_only_the_code_is_returned(void **state UNUSED)
{
        assert_int_equal(err_set(NULL, ERR_DENIED, "x"), ERR_DENIED);
        errno = ENOENT;
        assert_int_equal(err_errno(NULL, "x"), ERR_NOT_FOUND);
        assert_int_equal(err_errnum(NULL, ENOMEM, "x"), ERR_NOMEM);
        assert_int_equal(err_wrap(NULL, "x"), ERR_BUG);
}

static void an_errno_becomes_a_code_and_a_message(void **state UNUSED)
{
        struct err err;
        errno = EACCES;
        assert_int_equal(err_errno(&err, "open %s", "/etc/key"), ERR_DENIED);
        assert_string_equal(err.text, "open /etc/key: Permission denied");
        assert_int_equal(err_errnum(&err, ENOENT, "open %s", "/etc/key"), ERR_NOT_FOUND);
        assert_string_equal(err.text, "open /etc/key: No such file or directory");
}

static void each_errno_maps_to_the_right_code(void **state UNUSED)
{
        static const struct {
                int errnum, code;
        } cases[] = {
                { ENOENT, ERR_NOT_FOUND },
                { ENOTDIR, ERR_NOT_FOUND },
                { EACCES, ERR_DENIED },
                { EPERM, ERR_DENIED },
                { ENOMEM, ERR_NOMEM },
                { EMFILE, ERR_LIMIT },
                { ENFILE, ERR_LIMIT },
                { ENOSPC, ERR_LIMIT },
                { EFBIG, ERR_LIMIT },
                { ETIMEDOUT, ERR_TIMEOUT },
                { EINVAL, ERR_INVALID },
                { ELOOP, ERR_INVALID },
                { ENAMETOOLONG, ERR_INVALID },
                { EISDIR, ERR_INVALID },
                { ECONNREFUSED, ERR_UNAVAILABLE },
                { EHOSTUNREACH, ERR_UNAVAILABLE },
                { ECONNRESET, ERR_UNAVAILABLE },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_int_equal(err_errnum(NULL, cases[i].errnum, "x"), cases[i].code);
}

static void an_unknown_errno_still_gives_a_message(void **state UNUSED)
{
        struct err err;
        assert_int_equal(err_errnum(&err, 123456, "read"), ERR_UNAVAILABLE);
        assert_string_equal(err.text, "read: Unknown error 123456");
}

static void wrap_prepends_the_context(void **state UNUSED)
{
        struct err err;
        (void)err_set(&err, ERR_NOT_FOUND, "no host");
        assert_int_equal(err_wrap(&err, "binding %s", "db"), ERR_NOT_FOUND);
        assert_int_equal(err_wrap(&err, "reload"), ERR_NOT_FOUND);
        assert_string_equal(err.text, "reload: binding db: no host");
}

static void a_message_that_just_fits_is_not_truncated(void **state UNUSED)
{
        struct err err;
        char text[sizeof(err.text)];
        memset(text, 'a', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        (void)err_set(&err, ERR_INVALID, "%s", text);
        assert_string_equal(err.text, text);
}

static void assert_cut(const struct err *err)
{
        assert_int_equal(strlen(err->text), sizeof(err->text) - 1);
        assert_string_equal(err->text + sizeof(err->text) - 4, "...");
}

static void a_longer_text_ends_in_three_dots(void **state UNUSED)
{
        struct err err;
        char text[sizeof(err.text) + 1];
        memset(text, 'a', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        (void)err_set(&err, ERR_INVALID, "%s", text);
        assert_cut(&err);
        (void)err_errnum(&err, ENOENT, "%s", text);
        assert_cut(&err);
        (void)err_set(&err, ERR_INVALID, "short");
        (void)err_wrap(&err, "%s", text);
        assert_cut(&err);
}

static void every_code_has_its_own_label_and_a_status(void **state UNUSED)
{
        for (size_t i = 0; i < COUNT_OF(codes); i++) {
                assert_string_not_equal(err_label(codes[i]), "unknown");
                for (size_t k = 0; k < i; k++)
                        assert_string_not_equal(err_label(codes[i]), err_label(codes[k]));
                int status = err_http_status(codes[i]);
                assert_true(codes[i] == ERR_OK ? status == 200 : status >= 400 && status <= 599);
        }
}

static void a_number_that_is_not_a_code_is_unknown_and_our_fault(void **state UNUSED)
{
        static const int numbers[] = { 1, ERR_BUG - 1, -1000, INT16_MAX };
        for (size_t i = 0; i < COUNT_OF(numbers); i++) {
                assert_string_equal(err_label(numbers[i]), "unknown");
                assert_int_equal(err_http_status(numbers[i]), 500);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(set_fills_the_error_and_returns_its_code),
                cmocka_unit_test(with_null_only_the_code_is_returned),
                cmocka_unit_test(an_errno_becomes_a_code_and_a_message),
                cmocka_unit_test(each_errno_maps_to_the_right_code),
                cmocka_unit_test(an_unknown_errno_still_gives_a_message),
                cmocka_unit_test(wrap_prepends_the_context),
                cmocka_unit_test(a_message_that_just_fits_is_not_truncated),
                cmocka_unit_test(a_longer_text_ends_in_three_dots),
                cmocka_unit_test(every_code_has_its_own_label_and_a_status),
                cmocka_unit_test(a_number_that_is_not_a_code_is_unknown_and_our_fault),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
