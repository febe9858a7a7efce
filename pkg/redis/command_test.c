/* Tests of formatting commands, compared with hiredis, and of their memory. */
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
#include "redis/flight.h"

enum { ARGUMENTS_MAX = 101, ARGUMENT_MAX = 100001 };

static void assert_as_hiredis(size_t argc, const char *const argv[], const size_t lengths[])
{
        char *expected;
        struct redis_command command;
        redis_command_init(&command, NULL);
        long long length = redisFormatCommandArgv(&expected, (int)argc, (const char **)argv, lengths);
        assert_true(length > 0);
        assert_int_equal(redis_command_args(&command, argc, argv, lengths, NULL), 0);
        assert_int_equal(inside(&command)->length, length);
        assert_memory_equal(inside(&command)->bytes, expected, inside(&command)->length);
        if (argc > 1)
                assert_memory_equal(inside(&command)->bytes + inside(&command)->key_offset, argv[1], lengths[1]);
        redisFreeCommand(expected);
        redis_command_fini(&command);
}

static void commands_of_every_length_are_formatted_as_by_hiredis(void **state)
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

/* Replaces a key of each length with one of each other length, with room for all, some or none of the keys; the result
 * equals a command formatted with that key. */
static void a_key_is_replaced_and_the_rest_is_unchanged(void **state UNUSED)
{
        static const size_t key_lengths[] = { 0, 1, 9, 10, 36, 99, 100, 164, 1000 };
        static const size_t rooms[] = { 0, 64, 160, 300, 2048 };
        char keys[1000], room[2048];
        memset(keys, 'k', sizeof(keys));
        for (size_t r = 0; r < COUNT_OF(rooms); r++)
                for (size_t from = 0; from < COUNT_OF(key_lengths); from++)
                        for (size_t to = 0; to < COUNT_OF(key_lengths); to++) {
                                struct redis_command command, wanted;
                                const char *argv[] = { "SET", keys, "{\"a\":1}", "PX" };
                                size_t lengths[] = { 3, key_lengths[from], 7, 2 };
                                redis_command_init(&command, NULL);
                                redis_command_init(&wanted, NULL);
                                redis_command_room(&command, room, rooms[r]);
                                assert_int_equal(redis_command_args(&command, 4, argv, lengths, NULL), 0);
                                lengths[1] = key_lengths[to];
                                assert_int_equal(redis_command_args(&wanted, 4, argv, lengths, NULL), 0);
                                assert_int_equal(redis_command_set_key(&command, keys, lengths[1]), 0);
                                assert_int_equal(inside(&command)->length, inside(&wanted)->length);
                                assert_memory_equal(inside(&command)->bytes, inside(&wanted)->bytes,
                                                    inside(&wanted)->length);
                                assert_int_equal(inside(&command)->key_offset, inside(&wanted)->key_offset);
                                assert_int_equal(inside(&command)->key_length, inside(&wanted)->key_length);
                                redis_command_fini(&command);
                                redis_command_fini(&wanted);
                        }
}

static void a_command_larger_than_any_memory_is_rejected(void **state)
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
        assert_null(inside(&command)->bytes);
        redis_command_fini(&command);
}

enum { ROOM = 64 };
static const char *const small[] = { "SET", "key", "value" };
static const size_t small_lengths[] = { 3, 3, 5 };
static const char small_bytes[] = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n";

static void a_command_uses_the_callers_memory_if_it_fits(void **state)
{
        char room[ROOM];
        const char *argv[] = { "SET", "key", small_bytes };
        struct redis_command command;
        (void)state;
        redis_command_init(&command, NULL);
        redis_command_room(&command, room, sizeof(room));
        for (int again = 0; again < 2; again++) {
                assert_int_equal(redis_command_args(&command, 3, small, small_lengths, NULL), 0);
                assert_ptr_equal(inside(&command)->bytes, room);
                assert_int_equal(inside(&command)->length, sizeof(small_bytes) - 1);
                assert_memory_equal(room, small_bytes, sizeof(small_bytes) - 1);
                assert_int_equal(redis_command_args(&command, 3, argv, (size_t[]){ 3, 3, ROOM }, NULL), 0);
                assert_ptr_not_equal(inside(&command)->bytes, room);
        }
        redis_command_fini(&command);
        assert_null(inside(&command)->bytes);
}

static void on_reply(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        assert_null(reply);
        assert_int_equal(err->code, ERR_TIMEOUT);
        redis_command_fini(command);
}

/* Covers a command that is partly written, and one that is preceded by ASKING. */
static void bytes_that_are_needed_longer_are_copied_from_the_callers_memory(void **state)
{
        static const char asking[] = "*1\r\n$6\r\nASKING\r\n";
        char room[ROOM];
        struct redis_command command;
        struct redis_budget budget = { 0 };
        const struct redis_health health = { 0 };
        uv_loop_t loop;
        struct queue queue = { .loop = &loop, .budget = &budget, .health = &health };
        struct flight flight;
        (void)state;
        redis_queue_init(&queue);
        redis_flight_init(&flight);
        flight.partial = &command;
        redis_command_init(&command, on_reply);
        redis_command_room(&command, room, sizeof(room));
        assert_int_equal(redis_command_args(&command, 3, small, small_lengths, NULL), 0);

        redis_queue_ask(&queue, &command);
        assert_ptr_not_equal(inside(&command)->bytes, room);
        assert_memory_equal(inside(&command)->bytes, asking, sizeof(asking) - 1);
        assert_memory_equal(inside(&command)->bytes + sizeof(asking) - 1, small_bytes, sizeof(small_bytes) - 1);
        inside(&command)->is_asking = false;
        assert_int_equal(redis_command_args(&command, 3, small, small_lengths, NULL), 0);
        assert_ptr_equal(inside(&command)->bytes, room);

        inside(&command)->state = COMMAND_IN_FLIGHT;
        inside(&command)->reason = 0;
        inside(&command)->deadline_ms = 1;
        queue.in_flight_count = 1;
        list_insert_before(&flight.in_flight, &inside(&command)->link);
        redis_flight_expire(&flight, &queue, 2);
        redis_queue_deliver(&queue);
        memset(room, 'x', sizeof(room));
        assert_ptr_not_equal(flight.partial, &command);
        assert_int_equal(inside(flight.partial)->length, sizeof(small_bytes) - 1);
        assert_memory_equal(inside(flight.partial)->bytes, small_bytes, sizeof(small_bytes) - 1);
        redis_flight_free_stand_in(flight.partial);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(commands_of_every_length_are_formatted_as_by_hiredis),
                cmocka_unit_test(a_command_uses_the_callers_memory_if_it_fits),
                cmocka_unit_test(bytes_that_are_needed_longer_are_copied_from_the_callers_memory),
                cmocka_unit_test(a_key_is_replaced_and_the_rest_is_unchanged),
                cmocka_unit_test(a_command_larger_than_any_memory_is_rejected),
        };
        return cmocka_run_group_tests_name("redis command", tests, NULL, NULL);
}
