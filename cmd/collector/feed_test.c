/* Tests of the feed's entries: with one key and many, with a mark, and entries of other programs. */
#include "store_rig_test.h"

#include "base/uuid.h"
#include "feed.h"

#define A "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"
#define B "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a11"

static struct rig rig;
static struct buf answer;
static struct feed_entry entry;
static char keys[FEED_KEYS_MAX][UUID_TEXT_SIZE]; /* the keys of `entry`, which outlive the reply */
static bool is_answered, is_ours;

static const char *answer_with_entry(struct fake *fake UNUSED, const char *text)
{
        return strncmp(text, "XRANGE", 6) == 0 ? answer.data : NULL;
}

static int setup(void **state UNUSED)
{
        rig_start(&rig, answer_with_entry);
        return 0;
}

static int teardown(void **state UNUSED)
{
        rig_stop(&rig);
        return 0;
}

static void on_entries(struct redis_command *command, const struct redis_reply *reply, const struct err *err UNUSED)
{
        assert_non_null(reply);
        is_ours = feed_entry_read(redis_reply_at(reply, 0), &entry);
        for (size_t i = 0; i < entry.count; i++)
                memcpy(keys[i], entry.keys[i], UUID_TEXT_SIZE);
        redis_command_fini(command);
        is_answered = true;
}

static void put(const char *text)
{
        assert_int_equal(buf_printf(&answer, "$%zu\r\n%s\r\n", strlen(text), text), 0);
}

/* Reads an entry, as in a reply to XRANGE, into `entry`; `fields` ends with NULL. */
static bool read_entry(const char *id, const char *const fields[])
{
        struct redis_command command;
        size_t count = 0;
        while (fields[count])
                count++;
        buf_init(&answer, 0);
        assert_int_equal(buf_puts(&answer, "*1\r\n*2\r\n"), 0);
        put(id);
        assert_int_equal(buf_printf(&answer, "*%zu\r\n", count), 0);
        for (size_t i = 0; i < count; i++)
                put(fields[i]);
        is_answered = false;
        redis_command_init(&command, on_entries);
        assert_int_equal(redis_command_args(&command, 2, (const char *[]){ "XRANGE", "s" }, (size_t[]){ 6, 1 }, NULL),
                         0);
        redis_send(rig.redis, &command);
        RUN_UNTIL(&rig, is_answered);
        buf_fini(&answer);
        return is_ours;
}

static void an_entry_has_keys_in_order_and_may_have_a_mark(void **state UNUSED)
{
        assert_true(read_entry("7-1", (const char *[]){ "k", A, NULL }));
        assert_true(entry.count == 1 && entry.mark_ms == -1 && entry.id.ms == 7 && entry.id.sequence == 1);
        assert_string_equal(keys[0], A);
        assert_true(read_entry("7-2", (const char *[]){ "k", B, "k", A, "m", "1764000000000", NULL }));
        assert_int_equal(entry.count, 2);
        assert_string_equal(keys[0], B);
        assert_string_equal(keys[1], A);
        assert_int_equal(entry.mark_ms, 1764000000000);
}

static void an_entry_may_repeat_another(void **state UNUSED)
{
        assert_true(read_entry("9-0", (const char *[]){ "k", A, "a", "7-3", NULL }));
        assert_true(entry.count == 1 && entry.mark_ms == -1 && entry.before.ms == 7 && entry.before.sequence == 3);
        assert_true(read_entry("9-1", (const char *[]){ "k", A, "a", "7", NULL }));
        assert_true(entry.before.ms == 0 && entry.before.sequence == 0);
}

static void entries_of_other_programs_are_skipped(void **state UNUSED)
{
        assert_false(read_entry("7-1", (const char *[]){ "other", "field", NULL }));
        assert_int_equal(entry.id.ms, 7);
        assert_false(read_entry("8-1", (const char *[]){ "k", "no-uuid", NULL }));
        assert_false(read_entry("8-1", (const char *[]){ "m", "5", NULL }));
        assert_true(read_entry("9-1", (const char *[]){ "k", "no-uuid", "x", "y", "k", A, "m", "no", NULL }));
        assert_true(entry.count == 1 && entry.mark_ms == -1);
}

static void keys_beyond_the_maximum_are_ignored(void **state UNUSED)
{
        const char *fields[2 * (FEED_KEYS_MAX + 3) + 1] = { NULL };
        for (size_t i = 0; i < FEED_KEYS_MAX + 3; i++) {
                fields[2 * i] = "k";
                fields[2 * i + 1] = i < FEED_KEYS_MAX ? A : B;
        }
        assert_true(read_entry("7-1", fields));
        assert_int_equal(entry.count, FEED_KEYS_MAX);
        assert_string_equal(keys[FEED_KEYS_MAX - 1], A);
}

static void ignore(struct redis_command *command UNUSED, const struct redis_reply *reply UNUSED,
                   const struct err *err UNUSED)
{
}

static void the_largest_entry_can_be_formatted(void **state UNUSED)
{
        const char *many[FEED_KEYS_MAX];
        struct redis_command command;
        struct err err;
        struct feed_addition addition = { .stream = "feed", .keys = many, .count = 1, .mark_ms = -1 };
        for (size_t i = 0; i < FEED_KEYS_MAX; i++)
                many[i] = A;
        redis_command_init(&command, ignore);
        assert_int_equal(feed_add_args(&command, &addition, &err), 0);
        size_t alone = redis_command_size(&command);
        addition.count = FEED_KEYS_MAX;
        addition.mark_ms = INT64_MAX;
        assert_int_equal(feed_add_args(&command, &addition, &err), 0);
        assert_true(redis_command_size(&command) > alone + (FEED_KEYS_MAX - 1) * UUID_TEXT_LENGTH);
        addition.id = addition.before = (struct feed_id){ INT64_MAX, INT64_MAX };
        assert_int_equal(feed_add_args(&command, &addition, &err), 0);
        assert_true(redis_command_size(&command) > alone + (FEED_KEYS_MAX - 1) * UUID_TEXT_LENGTH);
        redis_command_fini(&command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_entry_has_keys_in_order_and_may_have_a_mark, setup, teardown),
                cmocka_unit_test_setup_teardown(an_entry_may_repeat_another, setup, teardown),
                cmocka_unit_test_setup_teardown(entries_of_other_programs_are_skipped, setup, teardown),
                cmocka_unit_test_setup_teardown(keys_beyond_the_maximum_are_ignored, setup, teardown),
                cmocka_unit_test(the_largest_entry_can_be_formatted),
        };
        return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
