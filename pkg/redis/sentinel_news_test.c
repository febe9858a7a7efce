/* Tests of the messages that Sentinels publish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/attr.h"
#include "redis/sentinel_news.h"

#define SELECT "+failover-state-select-slave"
#define PROMOTE "+failover-state-send-slaveof-noone"
#define NAMED "+failover-state-reconf-slaves"
#define SWITCH "+switch-master"

static void a_message_names_its_master_and_the_old_primary(void **state UNUSED)
{
        static const struct {
                const char *channel, *text;
                enum redis_sentinel_step step;
                const char *master;
        } cases[] = {
                { SELECT, "master mymaster 10.0.0.5 6379", SENTINEL_SELECTS, "mymaster" },
                { SELECT, "master mymaster 10.0.0.5 6379 #quorum 2/2 and more words", SENTINEL_SELECTS, "mymaster" },
                { PROMOTE, "slave 10.0.0.6:6379 10.0.0.6 6379 @ mymaster 10.0.0.5 6379", SENTINEL_PROMOTES,
                  "mymaster" },
                { PROMOTE, "slave 10.0.0.6:6379 10.0.0.6 6379 @ slave 10.0.0.5 6379", SENTINEL_PROMOTES, "slave" },
                { NAMED, "master master 10.0.0.5 6379", SENTINEL_NAMES, "master" },
                { SWITCH, "mymaster 10.0.0.5 6379 10.0.0.6 6380", SENTINEL_NAMES, "mymaster" },
                { SWITCH, "master 10.0.0.5 6379", SENTINEL_NAMES, "master" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct redis_sentinel_news news;
                if (!redis_sentinel_news_read(cases[i].channel, cases[i].text, &news))
                        fail_msg("%s", cases[i].text);
                assert_int_equal(news.step, cases[i].step);
                assert_int_equal(news.master_length, strlen(cases[i].master));
                assert_memory_equal(news.master, cases[i].master, news.master_length);
                assert_int_equal(news.host_length, strlen("10.0.0.5"));
                assert_memory_equal(news.host, "10.0.0.5", news.host_length);
                assert_int_equal(news.port, 6379);
        }
}

static void a_message_in_another_format_is_rejected(void **state UNUSED)
{
        static const char *const cases[][2] = {
                { SELECT, "" },
                { SELECT, "master mymaster 10.0.0.5" },
                { SELECT, "slave mymaster 10.0.0.5 6379" },
                { PROMOTE, "slave 10.0.0.6:6379 10.0.0.6 6379 @ mymaster 10.0.0.5" },
                { PROMOTE, "    " },
                { SWITCH, "mymaster 10.0.0.5" },
                { "another", "mymaster 10.0.0.5 6379" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct redis_sentinel_news news;
                if (redis_sentinel_news_read(cases[i][0], cases[i][1], &news))
                        fail_msg("%s", cases[i][1]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_message_names_its_master_and_the_old_primary),
                cmocka_unit_test(a_message_in_another_format_is_rejected),
        };
        return cmocka_run_group_tests_name("redis sentinel_news", tests, NULL, NULL);
}
