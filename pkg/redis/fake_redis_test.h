/* fake_redis: a scripted server in the test's own loop. It sends replies that a real server cannot be made to send;
 * tests that need no such replies start redis-server. It logs each command after the handshake as one line, "SET key
 * value", with the number of the connection and of the read that received it. Tests in other folders use it too. */
#ifndef REDIS_FAKE_REDIS_TEST_H
#define REDIS_FAKE_REDIS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"

#define FAKE_MASTER "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define FAKE_CLOSE "\x01" /* at the end of a reply: close after it */

#ifndef FAKE_TEXT_MAX
#define FAKE_TEXT_MAX 40 /* of a logged command; a longer one is truncated */
#endif

enum { FAKE_ARGS_MAX = 160, FAKE_LOG_MAX = 1024 };

struct fake;

struct fake_conn {
        uv_tcp_t tcp;
        struct fake *fake;
        int number; /* counts from 1 */
        int commands;
        bool is_mute; /* no longer replies: if it omitted one reply, the next would take its place */
        struct buf in;
};

/* Returns the reply to one command; "": none; NULL: the usual one. Not called for CLIENT. */
typedef const char *fake_answer_fn(struct fake *fake, struct fake_conn *conn, size_t argc, char **argv);

struct fake {
        uv_tcp_t tcp;
        uint16_t port;
        fake_answer_fn *answer;
        bool is_cluster; /* a Cluster that consists of this server */
        int connections, open, reads;
        int asked; /* commands after the handshake */
        unsigned entries;
        char reply[160];
        struct {
                int connection, read;
                char text[FAKE_TEXT_MAX]; /* "SET k 1" */
        } log[FAKE_LOG_MAX];
        size_t logged;
};

static inline void fake_on_closed(uv_handle_t *handle)
{
        struct fake_conn *conn = (struct fake_conn *)handle;
        conn->fake->open--;
        buf_fini(&conn->in);
        free(conn);
}

static inline void fake_hang_up(struct fake_conn *conn)
{
        if (!uv_is_closing((uv_handle_t *)&conn->tcp))
                uv_close((uv_handle_t *)&conn->tcp, fake_on_closed);
}

static inline void fake_say(struct fake_conn *conn, const char *text)
{
        size_t length = strlen(text);
        bool close_after = length > 0 && text[length - 1] == FAKE_CLOSE[0];
        uv_buf_t part = uv_buf_init((char *)(uintptr_t)text, (unsigned)(length - close_after));
        if (part.len > 0)
                (void)uv_try_write((uv_stream_t *)&conn->tcp, &part, 1);
        if (close_after)
                fake_hang_up(conn);
}

static inline bool fake_is_handshake(const char *name)
{
        static const char *const names[] = { "AUTH", "SELECT", "CLIENT", "ROLE", "PING", "CLUSTER" };
        for (size_t i = 0; i < COUNT_OF(names); i++)
                if (strcmp(name, names[i]) == 0)
                        return true;
        return false;
}

static inline const char *fake_print_id(struct fake *fake)
{
        char id[16];
        int length = snprintf(id, sizeof(id), "1-%u", ++fake->entries);
        (void)snprintf(fake->reply, sizeof(fake->reply), "$%d\r\n%s\r\n", length, id);
        return fake->reply;
}

static inline const char *fake_print_slots(struct fake *fake)
{
        (void)snprintf(fake->reply, sizeof(fake->reply), "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n",
                       fake->port);
        return fake->reply;
}

/* The replies of a healthy Redis. */
static inline const char *fake_usual(struct fake *fake, const char *name)
{
        static const struct {
                const char *names, *answer;
        } usual[] = {
                { " ROLE ", FAKE_MASTER },
                { " GET GETRANGE GETDEL INFO ", "$2\r\nOK\r\n" },
                { " XRANGE CONFIG ", "*0\r\n" },
                { " WAIT EXISTS EXPIREAT ", ":1\r\n" },
                { " SUBSCRIBE ", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n" },
                { " CLUSTER ", "-ERR This instance has cluster support disabled\r\n" },
        };
        char word[16];
        if (strcmp(name, "XADD") == 0)
                return fake_print_id(fake);
        if (strcmp(name, "CLUSTER") == 0 && fake->is_cluster)
                return fake_print_slots(fake);
        (void)snprintf(word, sizeof(word), " %.12s ", name);
        for (size_t i = 0; i < COUNT_OF(usual); i++)
                if (strstr(usual[i].names, word))
                        return usual[i].answer;
        return "+OK\r\n";
}

/* The words of a command with spaces between them, as many bytes as fit. */
static inline void fake_join(char *out, size_t size, size_t argc, char **argv)
{
        size_t length = 0;
        out[0] = '\0';
        for (size_t i = 0; i < argc && length < size; i++)
                length += (size_t)snprintf(out + length, size - length, "%s%s", i > 0 ? " " : "", argv[i]);
}

static inline void fake_log(struct fake_conn *conn, size_t argc, char **argv)
{
        struct fake *fake = conn->fake;
        fake->asked++;
        conn->commands++;
        if (fake->logged == FAKE_LOG_MAX)
                return;
        fake->log[fake->logged].connection = conn->number;
        fake->log[fake->logged].read = fake->reads;
        fake_join(fake->log[fake->logged++].text, FAKE_TEXT_MAX, argc, argv);
}

static inline void fake_command(struct fake_conn *conn, size_t argc, char **argv)
{
        struct fake *fake = conn->fake;
        const char *answer = NULL;
        if (!fake_is_handshake(argv[0]))
                fake_log(conn, argc, argv);
        if (conn->is_mute)
                return;
        if (fake->answer && strcmp(argv[0], "CLIENT") != 0)
                answer = fake->answer(fake, conn, argc, argv);
        fake_say(conn, answer ? answer : fake_usual(fake, argv[0]));
}

/* Removes one complete command from `in`, or returns false. Relies on the client to send arrays of strings. */
static inline bool fake_take(struct fake_conn *conn)
{
        char *argv[FAKE_ARGS_MAX];
        char *at = conn->in.data, *end = at + conn->in.len, *line;
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
                argv[i] = line + 2;
                argv[i][length] = '\0'; /* was CR, which is not examined again */
                at = argv[i] + length + 2;
        }
        fake_command(conn, argc, argv);
        conn->in.len -= (size_t)(at - conn->in.data);
        memmove(conn->in.data, at, conn->in.len + 1); /* with the NUL after it */
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
        if (count < 0) {
                fake_hang_up(conn);
                return;
        }
        conn->fake->reads++;
        assert_int_equal(buf_append(&conn->in, bytes->base, (size_t)count), 0);
        while (!uv_is_closing((uv_handle_t *)stream) && fake_take(conn))
                ;
}

static inline void fake_on_connection(uv_stream_t *stream, int status)
{
        struct fake *fake = (struct fake *)stream;
        struct fake_conn *conn = calloc(1, sizeof(*conn));
        assert_non_null(conn);
        assert_int_equal(status, 0);
        conn->fake = fake;
        conn->number = ++fake->connections;
        fake->open++;
        assert_int_equal(uv_tcp_init(stream->loop, &conn->tcp), 0);
        assert_int_equal(uv_accept(stream, (uv_stream_t *)&conn->tcp), 0);
        assert_int_equal(uv_tcp_nodelay(&conn->tcp, 1), 0);
        assert_int_equal(uv_read_start((uv_stream_t *)&conn->tcp, fake_alloc, fake_on_read), 0);
}

/* `port` 0: any free port. */
static inline void fake_start(struct fake *fake, uv_loop_t *loop, uint16_t port, fake_answer_fn *answer)
{
        struct sockaddr_in address;
        int length = sizeof(address);
        memset(fake, 0, sizeof(*fake));
        fake->answer = answer;
        /* libuv writes without MSG_NOSIGNAL, and the client may have disconnected. */
        assert_int_equal(sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL), 0);
        assert_int_equal(uv_ip4_addr("127.0.0.1", port, &address), 0);
        assert_int_equal(uv_tcp_init(loop, &fake->tcp), 0);
        assert_int_equal(uv_tcp_bind(&fake->tcp, (struct sockaddr *)&address, 0), 0);
        assert_int_equal(uv_listen((uv_stream_t *)&fake->tcp, 64, fake_on_connection), 0);
        assert_int_equal(uv_tcp_getsockname(&fake->tcp, (struct sockaddr *)&address, &length), 0);
        fake->port = ntohs(address.sin_port);
}

static inline void fake_stop(struct fake *fake)
{
        if (!uv_is_closing((uv_handle_t *)&fake->tcp))
                uv_close((uv_handle_t *)&fake->tcp, NULL);
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

#endif
