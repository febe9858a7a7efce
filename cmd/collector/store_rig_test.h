/* fake_redis: a scripted server in the test's own loop, and a store that writes to it. It logs each command after the
 * handshake as one line, "SET key value", and the number of the connection and of the read that brought it. */
#ifndef COLLECTOR_FAKE_REDIS_TEST_H
#define COLLECTOR_FAKE_REDIS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "store.h"

#define FAKE_MASTER "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define FAKE_NO_CLUSTER "-ERR This instance has cluster support disabled\r\n"
#define FAKE_CLOSE "\x01" /* instead of an answer */

enum { FAKE_ARGS_MAX = 160, FAKE_LOG_MAX = 512, FAKE_TEXT_MAX = 3600 };

struct fake;

struct fake_conn {
        uv_tcp_t tcp;
        struct fake *fake;
        int number;
        struct buf in;
};

/* The answer to a command of `text`; "": none; NULL: the usual one. */
typedef const char *fake_answer_fn(struct fake *fake, const char *text);

struct fake {
        uv_tcp_t tcp;
        uint16_t port;
        fake_answer_fn *answer;
        bool is_cluster, is_mute;
        int connections, reads;
        unsigned entries;
        char reply[160];
        struct {
                int connection, read;
                char text[FAKE_TEXT_MAX];
        } log[FAKE_LOG_MAX];
        size_t logged;
};

static inline void fake_on_closed(uv_handle_t *handle)
{
        struct fake_conn *conn = (struct fake_conn *)handle;
        buf_fini(&conn->in);
        free(conn);
}

static inline void fake_hang_up(struct fake_conn *conn)
{
        if (!uv_is_closing((uv_handle_t *)&conn->tcp))
                uv_close((uv_handle_t *)&conn->tcp, fake_on_closed);
}

static inline const char *fake_usual(struct fake *fake, const char *text)
{
        if (strncmp(text, "ROLE", 4) == 0)
                return FAKE_MASTER;
        if (strncmp(text, "CLUSTER", 7) == 0 && !fake->is_cluster)
                return FAKE_NO_CLUSTER;
        if (strncmp(text, "CLUSTER", 7) == 0)
                (void)snprintf(fake->reply, sizeof(fake->reply),
                               "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n", fake->port);
        else if (strncmp(text, "XADD", 4) == 0)
                (void)snprintf(fake->reply, sizeof(fake->reply), "$5\r\n1-%03u\r\n", ++fake->entries % 1000);
        else if (strncmp(text, "EXPIREAT", 8) == 0 || strncmp(text, "WAIT", 4) == 0)
                return ":1\r\n";
        else
                return "+OK\r\n";
        return fake->reply;
}

static inline bool fake_is_handshake(const char *text)
{
        static const char *const names[] = { "AUTH", "SELECT", "CLIENT", "ROLE", "PING", "CLUSTER" };
        for (size_t i = 0; i < COUNT_OF(names); i++)
                if (strncmp(text, names[i], strlen(names[i])) == 0)
                        return true;
        return false;
}

static inline void fake_command(struct fake_conn *conn, const char *text)
{
        struct fake *fake = conn->fake;
        const char *answer = fake->answer ? fake->answer(fake, text) : NULL;
        if (!fake_is_handshake(text)) {
                assert_true(fake->logged < FAKE_LOG_MAX);
                fake->log[fake->logged].connection = conn->number;
                fake->log[fake->logged].read = fake->reads;
                (void)snprintf(fake->log[fake->logged++].text, FAKE_TEXT_MAX, "%s", text);
        }
        if (!answer)
                answer = fake_usual(fake, text);
        if (strcmp(answer, FAKE_CLOSE) == 0) {
                fake_hang_up(conn);
                return;
        }
        uv_buf_t part = uv_buf_init((char *)(uintptr_t)answer, (unsigned)strlen(answer));
        if (part.len > 0 && !fake->is_mute)
                (void)uv_try_write((uv_stream_t *)&conn->tcp, &part, 1);
}

/* Takes one whole command from `in` as a line of words. False: there is none. */
static inline bool fake_take(struct fake_conn *conn, char text[FAKE_TEXT_MAX])
{
        char *at = conn->in.data, *end = at + conn->in.len, *line;
        char *out = text;
        if (conn->in.len == 0 || !(line = memmem(at, (size_t)(end - at), "\r\n", 2)))
                return false;
        size_t argc = strtoul(at + 1, NULL, 10);
        assert_in_range(argc, 1, FAKE_ARGS_MAX);
        at = line + 2;
        for (size_t i = 0; i < argc; i++) {
                if (!(line = memmem(at, (size_t)(end - at), "\r\n", 2)))
                        return false;
                size_t length = strtoul(at + 1, NULL, 10);
                if ((size_t)(end - line) < length + 4)
                        return false;
                assert_true(out + length + 2 < text + FAKE_TEXT_MAX);
                out = mempcpy(out, line + 2, length);
                *out++ = ' ';
                at = line + 2 + length + 2;
        }
        out[-1] = '\0';
        conn->in.len -= (size_t)(at - conn->in.data);
        memmove(conn->in.data, at, conn->in.len + 1); /* with the NUL behind it */
        return true;
}

static inline void fake_alloc(uv_handle_t *handle UNUSED, size_t size UNUSED, uv_buf_t *out)
{
        static char bytes[65536];
        *out = uv_buf_init(bytes, sizeof(bytes));
}

static inline void fake_on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *bytes)
{
        struct fake_conn *conn = (struct fake_conn *)stream;
        static char text[FAKE_TEXT_MAX];
        if (count < 0) {
                fake_hang_up(conn);
                return;
        }
        conn->fake->reads++;
        assert_int_equal(buf_append(&conn->in, bytes->base, (size_t)count), 0);
        while (!uv_is_closing((uv_handle_t *)stream) && fake_take(conn, text))
                fake_command(conn, text);
}

static inline void fake_on_connection(uv_stream_t *stream, int status)
{
        struct fake_conn *conn = calloc(1, sizeof(*conn));
        assert_non_null(conn);
        assert_int_equal(status, 0);
        conn->fake = (struct fake *)stream;
        conn->number = ++conn->fake->connections;
        assert_int_equal(uv_tcp_init(stream->loop, &conn->tcp), 0);
        assert_int_equal(uv_accept(stream, (uv_stream_t *)&conn->tcp), 0);
        assert_int_equal(uv_tcp_nodelay(&conn->tcp, 1), 0); /* its answers come together */
        assert_int_equal(uv_read_start((uv_stream_t *)&conn->tcp, fake_alloc, fake_on_read), 0);
}

static inline void fake_start(struct fake *fake, uv_loop_t *loop, fake_answer_fn *answer)
{
        struct sockaddr_in address;
        int length = sizeof(address);
        memset(fake, 0, sizeof(*fake));
        fake->answer = answer;
        assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
        assert_int_equal(uv_tcp_init(loop, &fake->tcp), 0);
        assert_int_equal(uv_tcp_bind(&fake->tcp, (struct sockaddr *)&address, 0), 0);
        assert_int_equal(uv_listen((uv_stream_t *)&fake->tcp, 64, fake_on_connection), 0);
        assert_int_equal(uv_tcp_getsockname(&fake->tcp, (struct sockaddr *)&address, &length), 0);
        fake->port = ntohs(address.sin_port);
}

/* --- A store that writes to two of them ------------------------------------------------------------------- */

struct rig {
        uv_loop_t loop;
        uv_prepare_t prepare;
        uv_timer_t pulse; /* so that a wait checks its condition regularly */
        struct fake first, second;
        struct redis *redis;
        struct redis_budget budget;
        struct swap swap;
        struct store store;
        bool is_closed, is_held_up; /* is_held_up: nothing is sent */
};

static inline void rig_on_prepare(uv_prepare_t *prepare)
{
        struct rig *rig = CONTAINER_OF(prepare, struct rig, prepare);
        for (int i = 0; rig->redis && !rig->is_held_up && i < 3; i++) {
                feed_groups_send(&rig->store.groups);
                redis_flush(rig->redis);
        }
}

static inline void rig_on_pulse(uv_timer_t *timer UNUSED)
{
}

static inline void rig_on_closed(void *data)
{
        ((struct rig *)data)->is_closed = true;
}

static inline struct redis_target *rig_target(const struct fake *fake, const char *prefix)
{
        struct redis_target_options options = { .host = "127.0.0.1", .port = fake->port, .key_prefix = prefix };
        struct redis_target *target = redis_target_new(&options, NULL);
        assert_non_null(target);
        return target;
}

/* Runs the loop until `condition` holds, for at most 10 s. */
#define RUN_UNTIL(rig, condition)                                                                                      \
        do {                                                                                                           \
                int64_t until_ms_ = clock_monotonic_ms() + 10000;                                                      \
                while (!(condition)) {                                                                                 \
                        if (clock_monotonic_ms() > until_ms_)                                                          \
                                fail_msg("waited 10 s for: %s", #condition);                                           \
                        (void)uv_run(&(rig)->loop, UV_RUN_ONCE);                                                       \
                }                                                                                                      \
        } while (0)

static inline void rig_start(struct rig *rig, fake_answer_fn *answer)
{
        struct redis_options options = {
                .hold_ms = 5000, .stall_ms = 300, .backoff_min_ms = 10, .backoff_max_ms = 40, .budget = &rig->budget
        };
        memset(rig, 0, sizeof(*rig));
        /* libuv writes without MSG_NOSIGNAL, and the client may be gone. */
        assert_int_equal(sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL), 0);
        assert_int_equal(uv_loop_init(&rig->loop), 0);
        assert_int_equal(uv_prepare_init(&rig->loop, &rig->prepare), 0);
        assert_int_equal(uv_prepare_start(&rig->prepare, rig_on_prepare), 0);
        assert_int_equal(uv_timer_init(&rig->loop, &rig->pulse), 0);
        assert_int_equal(uv_timer_start(&rig->pulse, rig_on_pulse, 5, 5), 0);
        fake_start(&rig->first, &rig->loop, answer);
        fake_start(&rig->second, &rig->loop, NULL);
        struct redis_target *target = rig_target(&rig->first, "a:");
        assert_int_equal(redis_open(&rig->loop, &options, target, 1, &rig->redis, NULL), 0);
        redis_target_unref(target);
        store_init(&rig->store, rig->redis, NULL, &rig->swap, 0, 5000, true);
        RUN_UNTIL(rig, redis_state(rig->redis) == REDIS_READY);
}

/* Everything goes to the second server, under another prefix. */
static inline void rig_switch(struct rig *rig)
{
        struct redis_target *target = rig_target(&rig->second, "other:");
        redis_set_target(rig->redis, target, 2);
        redis_target_unref(target);
}

static inline void rig_close(struct rig *rig)
{
        struct redis *redis = rig->redis;
        rig->redis = NULL;
        redis_close(redis, rig_on_closed, rig);
}

static inline void rig_close_handle(uv_handle_t *handle, void *data UNUSED)
{
        if (handle->type == UV_TCP && !uv_is_closing(handle))
                fake_hang_up((struct fake_conn *)handle);
}

static inline void rig_stop(struct rig *rig)
{
        if (rig->redis)
                rig_close(rig);
        RUN_UNTIL(rig, rig->is_closed);
        uv_close((uv_handle_t *)&rig->prepare, NULL);
        uv_close((uv_handle_t *)&rig->pulse, NULL);
        uv_close((uv_handle_t *)&rig->first.tcp, NULL);
        uv_close((uv_handle_t *)&rig->second.tcp, NULL);
        uv_walk(&rig->loop, rig_close_handle, NULL);
        (void)uv_run(&rig->loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&rig->loop), 0);
        assert_int_equal(atomic_load(&rig->budget.commands), 0);
        assert_int_equal(atomic_load(&rig->budget.bytes), 0);
        assert_false(feed_groups_are_open(&rig->store.groups));
        store_fini(&rig->store);
}

/* The text of the n-th XADD from 0; NULL: there are fewer. */
static inline const char *fake_entry(const struct fake *fake, size_t n)
{
        for (size_t i = 0; i < fake->logged; i++)
                if (strncmp(fake->log[i].text, "XADD ", 5) == 0 && n-- == 0)
                        return fake->log[i].text;
        return NULL;
}

/* The keys of an XADD. */
static inline size_t fake_count_keys(const char *text)
{
        size_t count = 0;
        for (; (text = strstr(text, " k ")); text += 3)
                count++;
        return count;
}

#endif
