/* Tests of PINGs on a silent connection, against a scripted server. */
#include "redis/client_rig_test.h"

static const char *mute_once_it_is_in(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        if (strcmp(argv[0], "PING") == 0 && conn->number == 1)
                conn->is_mute = true;
        return NULL;
}

static void a_dead_idle_peer_is_noticed(void **state UNUSED)
{
        start(mute_once_it_is_in, (struct redis_options){ .idle_ping_ms = 50, .stall_ms = 100 });
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 2);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 1);
        stop();
}

static void an_idle_peer_that_answers_is_kept(void **state UNUSED)
{
        start(NULL, (struct redis_options){ .idle_ping_ms = 20, .stall_ms = 100 });
        RUN_UNTIL(&rig, redis_counters(rig.client).commands >= 5);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        assert_int_equal(fake.connections, 1);
        stop();
}

static unsigned messages;

static void on_message(const struct redis_reply *message, void *data UNUSED)
{
        messages += strcmp(redis_reply_text(redis_reply_at(message, 0), NULL), "message") == 0;
}

/* The first PING is part of the handshake; later ones are upkeep. */
static const char *message_before_pong(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        if (strcmp(argv[0], "PING") != 0 || conn->commands++ == 0)
                return NULL;
        return "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\ntext\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n";
}

static void a_message_before_a_pong_is_not_mistaken_for_it(void **state UNUSED)
{
        messages = 0;
        start(message_before_pong, (struct redis_options){ .idle_ping_ms = 30 });
        rig.client->client->server.on_message = on_message;
        RUN_UNTIL(&rig, messages == 3);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_dead_idle_peer_is_noticed),
                cmocka_unit_test(an_idle_peer_that_answers_is_kept),
                cmocka_unit_test(a_message_before_a_pong_is_not_mistaken_for_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
