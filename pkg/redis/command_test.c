/* The formatter, held against hiredis's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/attr.h"
#include "redis/internal.h"

enum { ARGUMENTS_MAX = 101, ARGUMENT_MAX = 100001 };

static void assert_as_hiredis(size_t argc, const char *const argv[], const size_t lengths[])
{
        char *expected;
        struct redis_command command;
        redis_command_init(&command, NULL);
        long long length = redisFormatCommandArgv(&expected, (int)argc, (const char **)argv, lengths);
        assert_true(length > 0);
        assert_int_equal(redis_command_args(&command, argc, argv, lengths, NULL), 0);
        assert_int_equal(command.length, length);
        assert_memory_equal(command.bytes, expected, command.length);
        if (argc > 1)
                assert_memory_equal(command.bytes + command.key_offset, argv[1], lengths[1]);
        redisFreeCommand(expected);
        redis_command_fini(&command);
}

static void commands_of_every_length_are_formatted_as_hiredis_does(void **state)
{
        static char bytes[ARGUMENT_MAX];
        const char *argv[ARGUMENTS_MAX];
        size_t lengths[ARGUMENTS_MAX];
        static const size_t wanted[] = { 0, 1, 9, 10, 11, 99, 100, 999, 1000, 9999, 10000, 99999, 100000, 100001 };
        (void)state;
        memset(bytes, '\r', sizeof(bytes));
        bytes[1] = '\0';
        for (size_t i = 0; i < ARGUMENTS_MAX; i++) {
                argv[i] = bytes;
                lengths[i] = i % 12;
        }
        for (size_t argc = 1; argc <= ARGUMENTS_MAX; argc++)
                assert_as_hiredis(argc, argv, lengths);
        for (size_t i = 0; i < COUNT_OF(wanted); i++) {
                lengths[0] = lengths[1] = wanted[i];
                assert_as_hiredis(1, argv, lengths);
                assert_as_hiredis(3, argv, lengths);
        }
}

static void a_command_that_no_memory_could_hold_is_refused(void **state)
{
        struct redis_command command;
        struct err err;
        const char *argv[] = { "SET", "key", "value" };
        (void)state;
        redis_command_init(&command, NULL);
        assert_int_equal(redis_command_args(&command, 0, argv, (size_t[]){ 3 }, &err), ERR_INVALID);
        assert_int_equal(redis_command_args(&command, 3, argv, (size_t[]){ 3, SIZE_MAX / 2, SIZE_MAX / 2 }, &err),
                         ERR_NOMEM);
        assert_int_equal(redis_command_args(&command, 2, argv, (size_t[]){ 3, SIZE_MAX - 8 }, &err), ERR_NOMEM);
        assert_null(command.bytes);
        redis_command_fini(&command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(commands_of_every_length_are_formatted_as_hiredis_does),
                cmocka_unit_test(a_command_that_no_memory_could_hold_is_refused),
        };
        return cmocka_run_group_tests_name("redis command", tests, NULL, NULL);
}
