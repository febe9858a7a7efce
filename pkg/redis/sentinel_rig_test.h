/* sentinel_rig: scripted Sentinels and two servers, one of which they name. */
#ifndef REDIS_SENTINEL_RIG_TEST_H
#define REDIS_SENTINEL_RIG_TEST_H

#include "redis/rig_test.h"

enum { SENTINELS = 3 };

static struct rig rig;
static struct fake sentinels[SENTINELS], one, two; /* two servers */
static char says[SENTINELS][128];                  /* the reply to SENTINEL; "": none */
static const char *state_of_all;                   /* of a failover, for SENTINEL MASTER; NULL: none is in progress */
static bool refuse_subscriptions, hide_master;
static unsigned asked[SENTINELS];
static struct fake_conn *listener; /* has subscribed to all channels */
static int64_t delay_ms;           /* of the replies to SUBSCRIBE and SENTINEL MASTER */
static unsigned subscriptions, questions;
static const char *role_of_two, *auth_of_one;
static const char *master_name; /* that the Sentinels know */

static inline bool is(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

/* The state of a failover from `one`. */
static inline const char *master_answer(void)
{
        static char answer[256];
        char port[8];
        int length = snprintf(port, sizeof(port), "%u", one.port);
        const char *flags = state_of_all ? "master,failover_in_progress" : "master";
        const char *state = state_of_all ? state_of_all : "none";
        questions++;
        if (hide_master)
                return "-NOPERM this user has no permissions to run the 'sentinel|master' command\r\n";
        (void)snprintf(answer, sizeof(answer),
                       "*8\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n$%d\r\n%s\r\n$5\r\nflags\r\n$%zu\r\n%s\r\n"
                       "$%d\r\n%s\r\n$%zu\r\n%s\r\n",
                       length, port, strlen(flags), flags, state[0] ? 14 : 5, state[0] ? "failover-state" : "other",
                       strlen(state), state);
        return answer;
}

struct late_answer {
        uv_timer_t timer;
        struct fake_conn *conn;
        char text[256];
};

static inline void on_late_answer_closed(uv_handle_t *handle)
{
        free(CONTAINER_OF((uv_timer_t *)handle, struct late_answer, timer));
}

static inline void on_late_answer(uv_timer_t *timer)
{
        struct late_answer *late = CONTAINER_OF(timer, struct late_answer, timer);
        fake_say(late->conn, late->text);
        uv_close((uv_handle_t *)timer, on_late_answer_closed);
}

/* Replies after `delay_ms`; the client must still be connected then. */
static inline const char *answer_late(struct fake_conn *conn, const char *text)
{
        struct late_answer *late = calloc(1, sizeof(*late));
        assert_non_null(late);
        late->conn = conn;
        (void)snprintf(late->text, sizeof(late->text), "%s", text);
        assert_int_equal(uv_timer_init(&rig.loop, &late->timer), 0);
        assert_int_equal(uv_timer_start(&late->timer, on_late_answer, (uint64_t)delay_ms, 0), 0);
        return "";
}

static inline const char *sentinel_answer(struct fake *fake, struct fake_conn *conn, size_t argc, char **argv)
{
        ptrdiff_t i = fake - sentinels;
        if (is(argv[0], "AUTH"))
                return is(argv[argc - 1], "right") ? NULL : "-WRONGPASS invalid username-password pair\r\n";
        if (is(argv[0], "SUBSCRIBE") && refuse_subscriptions)
                return "-NOPERM this user has no permissions to run the 'subscribe' command\r\n";
        if (is(argv[0], "SUBSCRIBE")) {
                listener = conn;
                subscriptions++;
                if (delay_ms > 0)
                        return answer_late(conn, fake_usual(fake, "SUBSCRIBE"));
        }
        if (!is(argv[0], "SENTINEL"))
                return NULL;
        if (is(argv[1], "MASTER"))
                return delay_ms > 0 ? answer_late(conn, master_answer()) : master_answer();
        assert_string_equal(argv[1], "GET-MASTER-ADDR-BY-NAME");
        assert_string_equal(argv[2], master_name);
        asked[i]++;
        conn->is_mute = says[i][0] == '\0';
        return says[i];
}

static inline const char *server_answer(struct fake *fake, struct fake_conn *conn UNUSED, size_t argc UNUSED,
                                        char **argv)
{
        if (fake == &one && is(argv[0], "AUTH"))
                auth_of_one = is(argv[argc - 1], "of-server") ? "right" : "wrong";
        return fake == &two && is(argv[0], "ROLE") ? role_of_two : NULL;
}

static inline const char *mute_answer(struct fake *fake UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        conn->is_mute = is(argv[0], "SET");
        return conn->is_mute ? "" : NULL;
}

/* Makes all Sentinels name `server`. */
static inline void name_primary(const struct fake *server)
{
        char port[8];
        int length = snprintf(port, sizeof(port), "%u", server->port);
        for (size_t i = 0; i < SENTINELS; i++)
                (void)snprintf(says[i], sizeof(says[i]), "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", length, port);
}

static inline void start(fake_answer_fn *answer_of_one)
{
        rig_init(&rig);
        for (size_t i = 0; i < SENTINELS; i++)
                fake_start(&sentinels[i], &rig.loop, 0, sentinel_answer);
        fake_start(&one, &rig.loop, 0, answer_of_one);
        fake_start(&two, &rig.loop, 0, server_answer);
        memset(asked, 0, sizeof(asked));
        subscriptions = questions = 0;
        state_of_all = NULL;
        delay_ms = 0;
        refuse_subscriptions = hide_master = false;
        role_of_two = NULL;
        master_name = "mymaster";
        name_primary(&one);
}

static inline void stop_servers(void)
{
        for (size_t i = 0; i < SENTINELS; i++)
                fake_stop(&sentinels[i]);
        fake_stop(&one);
        fake_stop(&two);
}

static inline void stop(void)
{
        stop_servers();
        rig_fini(&rig);
}

static inline struct redis_target_options target_options(struct redis_node nodes[SENTINELS])
{
        for (size_t i = 0; i < SENTINELS; i++)
                nodes[i] = (struct redis_node){ "127.0.0.1", sentinels[i].port };
        return (struct redis_target_options){ .sentinel_master = master_name,
                                              .sentinel_nodes = nodes,
                                              .sentinel_count = SENTINELS };
}

static inline void connect_with(struct redis_options options)
{
        struct redis_node nodes[SENTINELS];
        struct redis_target_options at = target_options(nodes);
        struct redis_target *target = redis_target_new(&at, NULL);
        assert_non_null(target);
        assert_non_null(target);
        rig_open_target(&rig, options, target);
}

static inline void set_is_answered_by(struct fake *server)
{
        struct job job;
        int before = server->asked;
        job_send(&job, &rig, "SET", "k", "v");
        RUN_UNTIL(&rig, job.is_done);
        assert_answer(&job, "OK");
        assert_int_equal(server->asked, before + 1);
}

static inline void assert_names(const char *text, const struct fake *fake)
{
        char address[32];
        (void)snprintf(address, sizeof(address), "127.0.0.1:%u", fake->port);
        if (!text || !strstr(text, address))
                fail_msg("%s is not named: %s", address, text ? text : "(nothing)");
}

#endif
