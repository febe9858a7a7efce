/* fake_redis: shared code of the tests in this folder. A scripted server in the test's own loop gives the answers that
 * a real server cannot be made to give; otherwise the tests start redis-server. A rig runs a client and records its
 * events. */
#ifndef REDIS_FAKE_REDIS_TEST_H
#define REDIS_FAKE_REDIS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "redis/probe.h"
#include "redis/reader.h"
#include "redis/router.h"
#include "redis/sentinel_check.h"
#include "redis/target_private.h"

/* --- The fake server ------------------------------------------------------------------------------------- */

#define FAKE_MASTER "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define FAKE_CLOSE "\x01" /* at the end of an answer: close after it */

enum { FAKE_ARGS_MAX = 6, FAKE_LOG_MAX = 1024 };

struct fake;

struct fake_conn {
        uv_tcp_t tcp;
        struct fake *fake;
        int number; /* counts from 1 */
        int commands;
        bool is_mute; /* no longer answers: if it left out one answer, the next would take its place */
        struct buf in;
};

/* Returns the answer to one command; "": none; NULL: the usual one. Not called for CLIENT. */
typedef const char *fake_answer_fn(struct fake *fake, struct fake_conn *conn, size_t argc, char **argv);

struct fake {
        uv_tcp_t tcp;
        uint16_t port;
        fake_answer_fn *answer;
        int connections, open;
        int asked; /* commands after the handshake */
        struct {
                int connection;
                char text[40]; /* "SET k 1" */
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

/* The answers of a healthy Redis. */
static inline const char *fake_usual(const char *name)
{
        static const struct {
                const char *names, *answer;
        } usual[] = {
                { " ROLE ", FAKE_MASTER },
                { " GET GETRANGE GETDEL INFO ", "$2\r\nOK\r\n" },
                { " XADD ", "$3\r\n1-1\r\n" },
                { " XRANGE CONFIG ", "*0\r\n" },
                { " WAIT EXISTS EXPIREAT ", ":1\r\n" },
                { " SUBSCRIBE ", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n" },
                { " CLUSTER ", "-ERR This instance has cluster support disabled\r\n" },
        };
        char word[16];
        (void)snprintf(word, sizeof(word), " %.12s ", name);
        for (size_t i = 0; i < COUNT_OF(usual); i++)
                if (strstr(usual[i].names, word))
                        return usual[i].answer;
        return "+OK\r\n";
}

static inline void fake_command(struct fake_conn *conn, size_t argc, char **argv)
{
        struct fake *fake = conn->fake;
        bool is_handshake = fake_is_handshake(argv[0]);
        if (!is_handshake && fake->logged < FAKE_LOG_MAX) {
                fake->log[fake->logged].connection = conn->number;
                (void)snprintf(fake->log[fake->logged++].text, sizeof(fake->log[0].text), "%.8s %.20s %.8s", argv[0],
                               argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "");
        }
        fake->asked += !is_handshake;
        conn->commands += !is_handshake;
        const char *answer = NULL;
        if (conn->is_mute)
                return;
        if (fake->answer && strcmp(argv[0], "CLIENT") != 0)
                answer = fake->answer(fake, conn, argc, argv);
        fake_say(conn, answer ? answer : fake_usual(argv[0]));
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
                at = argv[i] + length + 2;
        }
        for (size_t i = 0; i < argc; i++)
                *(char *)memchr(argv[i], '\r', (size_t)(end - argv[i])) = '\0';
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
        assert_int_equal(uv_read_start((uv_stream_t *)&conn->tcp, fake_alloc, fake_on_read), 0);
}

/* `port` 0: any free port. */
static inline void fake_start(struct fake *fake, uv_loop_t *loop, uint16_t port, fake_answer_fn *answer)
{
        struct sockaddr_in address;
        int length = sizeof(address);
        memset(fake, 0, sizeof(*fake));
        fake->answer = answer;
        /* libuv writes without MSG_NOSIGNAL, and the client may be gone. */
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

/* --- The rig --------------------------------------------------------------------------------------------- */

struct rig {
        uv_loop_t loop;
        uv_prepare_t prepare;
        uv_timer_t pulse; /* so that a wait checks its condition regularly */
        struct redis *client;
        struct redis_budget budget;
        bool is_closed;
        unsigned events[8]; /* by kind */
        struct err last_error;
        struct redis_event last_event;
        unsigned answered; /* jobs so far */
};

struct job {
        struct redis_command command;
        struct rig *rig;
        bool is_done, closes;
        int code; /* of the error, if there is no reply */
        unsigned resends, order;
        enum redis_reply_type type;
        char text[256];
};

static inline void rig_on_event(struct redis *client UNUSED, const struct redis_event *event, void *data)
{
        struct rig *rig = data;
        rig->events[event->kind]++;
        rig->last_event = *event;
        if (event->err)
                rig->last_error = *event->err;
}

static inline void rig_on_closed(void *data)
{
        struct rig *rig = data;
        rig->is_closed = true;
}

static inline void rig_close_client(struct rig *rig)
{
        struct redis *client = rig->client;
        rig->client = NULL;
        redis_close(client, rig_on_closed, rig);
}

static inline void rig_on_prepare(uv_prepare_t *prepare)
{
        struct rig *rig = CONTAINER_OF(prepare, struct rig, prepare);
        if (rig->client)
                redis_flush(rig->client);
}

static inline void rig_on_pulse(uv_timer_t *timer UNUSED)
{
}

static inline void rig_init(struct rig *rig)
{
        memset(rig, 0, sizeof(*rig));
        assert_int_equal(uv_loop_init(&rig->loop), 0);
        assert_int_equal(uv_prepare_init(&rig->loop, &rig->prepare), 0);
        assert_int_equal(uv_prepare_start(&rig->prepare, rig_on_prepare), 0);
        assert_int_equal(uv_timer_init(&rig->loop, &rig->pulse), 0);
        assert_int_equal(uv_timer_start(&rig->pulse, rig_on_pulse, 5, 5), 0);
}

/* A port where nothing listens. */
static inline uint16_t dead_port(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t length = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
        (void)close(fd); /* it only showed a free port */
        return ntohs(address.sin_port);
}

static inline struct redis_target *target_at(uint16_t port)
{
        struct redis_target_options options = { .host = "127.0.0.1", .port = port };
        struct redis_target *target = redis_target_new(&options, NULL);
        assert_non_null(target);
        return target;
}

static inline void rig_open_target(struct rig *rig, struct redis_options options, struct redis_target *target)
{
        assert_non_null(target);
        options.on_event = rig_on_event;
        options.data = rig;
        options.budget = &rig->budget;
        if (!options.stall_ms)
                options.stall_ms = 300;
        if (!options.backoff_min_ms)
                options.backoff_min_ms = 10;
        if (!options.backoff_max_ms)
                options.backoff_max_ms = 40;
        assert_int_equal(redis_open(&rig->loop, &options, target, 1, &rig->client, NULL), 0);
        redis_target_unref(target);
}

static inline void rig_open(struct rig *rig, struct redis_options options, uint16_t port)
{
        rig_open_target(rig, options, target_at(port));
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

/* Runs the loop for a while in which something must not happen. */
static inline void rig_run_for(struct rig *rig, int64_t ms)
{
        int64_t until_ms = clock_monotonic_ms() + ms;
        while (clock_monotonic_ms() < until_ms)
                (void)uv_run(&rig->loop, UV_RUN_ONCE);
}

/* Closes everything and checks that no handle, no command and no byte of the budget is left. */
static inline void rig_fini(struct rig *rig)
{
        if (rig->client)
                rig_close_client(rig);
        RUN_UNTIL(rig, rig->is_closed);
        uv_close((uv_handle_t *)&rig->prepare, NULL);
        uv_close((uv_handle_t *)&rig->pulse, NULL);
        (void)uv_run(&rig->loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&rig->loop), 0);
        assert_int_equal(atomic_load(&rig->budget.commands), 0);
        assert_int_equal(atomic_load(&rig->budget.bytes), 0);
}

static inline void job_on_reply(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct job *job = CONTAINER_OF(command, struct job, command);
        assert_false(job->is_done); /* exactly once */
        job->is_done = true;
        job->order = ++job->rig->answered;
        job->code = reply ? 0 : err->code;
        job->type = reply ? redis_reply_type(reply) : REDIS_NIL;
        const char *text = reply ? redis_reply_text(reply, NULL) : err->text;
        (void)snprintf(job->text, sizeof(job->text), "%s", text ? text : "");
        redis_command_fini(command);
        if (job->closes)
                rig_close_client(job->rig);
}

static inline void job_on_resend(struct redis_command *command)
{
        struct job *job = CONTAINER_OF(command, struct job, command);
        job->resends++;
}

static inline void job_init(struct job *job, struct rig *rig, const char *name, const char *key, const char *value)
{
        const char *argv[] = { name, key, value };
        size_t lengths[] = { strlen(name), key ? strlen(key) : 0, value ? strlen(value) : 0 };
        memset(job, 0, sizeof(*job));
        job->rig = rig;
        redis_command_init(&job->command, job_on_reply);
        job->command.on_resend = job_on_resend;
        assert_int_equal(redis_command_args(&job->command, value ? 3 : key ? 2 : 1, argv, lengths, NULL), 0);
}

static inline void job_send(struct job *job, struct rig *rig, const char *name, const char *key, const char *value)
{
        job_init(job, rig, name, key, value);
        redis_send(rig->client, &job->command);
}

static inline void assert_answer(const struct job *job, const char *text)
{
        assert_int_equal(job->code, 0);
        assert_string_equal(job->text, text);
}

/* --- A real server --------------------------------------------------------------------------------------- */

struct real_server {
        char folder[64], socket_path[96];
        pid_t pid;
};

static inline void server_make_folder(struct real_server *server)
{
        memset(server, 0, sizeof(*server));
        (void)snprintf(server->folder, sizeof(server->folder), "/tmp/redis_test.XXXXXX");
        assert_non_null(mkdtemp(server->folder));
        (void)snprintf(server->socket_path, sizeof(server->socket_path), "%s/redis.sock", server->folder);
}

static inline bool server_answers(const struct real_server *server)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->socket_path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool answers = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                       send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 &&
                       poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 1000) == 1;
        (void)close(fd); /* nothing was written to it */
        return answers;
}

/* Starts it on a Unix socket in its folder; `more` is a NULL-terminated list of arguments. */
static inline void server_start(struct real_server *server, const char *const more[])
{
        const char *argv[32] = { "redis-server", "--port", "0", "--unixsocket", server->socket_path, "--dir",
                                 server->folder, "--save", "",  "--logfile",    "redis.log" };
        size_t argc = 11;
        for (size_t i = 0; more && more[i]; i++)
                argv[argc++] = more[i];
        (void)unlink(server->socket_path); /* left by a server that was killed */
        server->pid = fork();
        assert_true(server->pid >= 0);
        if (server->pid == 0) {
                execvp(argv[0], (char *const *)(uintptr_t)argv);
                _exit(127);
        }
        int64_t until_ms = clock_monotonic_ms() + 10000;
        while (!server_answers(server)) {
                assert_true(clock_monotonic_ms() < until_ms);
                if (waitpid(server->pid, NULL, WNOHANG) != 0) {
                        server->pid = 0;
                        fail_msg("redis-server has ended");
                }
                (void)poll(NULL, 0, 10);
        }
}

static inline void server_stop(struct real_server *server, int signal_number)
{
        (void)kill(server->pid, signal_number);
        assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
}

static inline int server_remove_entry(const char *path, const struct stat *about UNUSED, int type UNUSED,
                                      struct FTW *where UNUSED)
{
        return remove(path);
}

static inline void server_remove(struct real_server *server)
{
        assert_int_equal(nftw(server->folder, server_remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
