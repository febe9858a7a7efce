/* service: a third program from end to end. The program runs in a child process; the test sends it requests and
 * signals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/http_client.h"

/* --- The program ----------------------------------------------------------------------------------------------------
 * GET / reports the address in the binding of type `collector`. This is the whole program, except the options that
 * every program shares. */

#include "backing/collector.h"
#include "service/service.h"
#include "service/worker.h"

struct settings {
        struct service_settings service;
};

struct guide {
        struct backing_watch *watch;
        pthread_mutex_t lock; /* guards: */
        char url[256];
};

static const struct config_option options[] = { SERVICE_LISTENING(struct settings, service, "4003"),
                                                SERVICE_RUNNING(struct settings, service) };
static const struct config_program settings_program = { .name = "guide",
                                                        .prefix = "GUIDE",
                                                        .version = "1",
                                                        .summary = "Gives directions.",
                                                        .options = options,
                                                        .option_count = COUNT_OF(options) };

static void on_change(struct backed *now, void *data)
{
        struct guide *guide = data;
        const char *url = backing_collector_url(backing_collector_of(now));
        (void)pthread_mutex_lock(&guide->lock);
        (void)snprintf(guide->url, sizeof(guide->url), "%s", url ? url : "nowhere");
        (void)pthread_mutex_unlock(&guide->lock);
}

static int open_guide(struct service *service, struct err *err)
{
        struct guide *guide = service->data;
        static const struct backing_collector_input input;
        const struct backing_watch_options watch = {
                .input = &input, .metric_names = BACKING_METRICS("guide"), .on_change = on_change, .data = guide
        };
        int rc = backing_watch_open(service->bindings, &backing_collector_kind, &watch, &guide->watch, err);
        if (rc == 0)
                on_change(backing_watch_get(guide->watch), guide);
        return rc;
}

static void close_guide(struct service *service)
{
        backing_watch_close(((struct guide *)service->data)->watch);
}

static void answer(struct http_request *request, void *context)
{
        struct guide *guide = ((struct service_worker *)context)->service->data;
        (void)pthread_mutex_lock(&guide->lock);
        http_respond(request,
                     &(struct http_answer){ .status = 200, .body = guide->url, .body_length = strlen(guide->url) });
        (void)pthread_mutex_unlock(&guide->lock);
}

static void on_answered(const struct http_record *record, void *worker)
{
        service_log_answer(((const struct service_worker *)worker)->service, record);
}

static const struct http_route routes[] = { { .method = "GET", .path = "/", .name = "way", .handle = answer } };
static const struct service_program program = {
        .config = &settings_program,
        .settings_size = sizeof(struct settings),
        .title = "Guide",
        .settings_at = offsetof(struct settings, service),
        .reloaded = "Only the log level takes effect now",
        .routes = routes,
        .route_count = COUNT_OF(routes),
        .crew = &service_plain_crew,
        .open = open_guide,
        .close = close_guide,
        .on_answered = on_answered,
};

static int guide_main(int argc, char **argv)
{
        static struct guide guide = { .lock = PTHREAD_MUTEX_INITIALIZER };
        static struct service service = { .data = &guide };
        return service_main(&service, &program, argc, argv);
}

/* --- Tests ------------------------------------------------------------------------------------------------------ */

enum { DEADLINE_MS = 20000 };

struct child {
        pid_t pid;
        int log; /* its standard output */
        char text[64 * 1024];
        size_t length;
        char root[64];
        unsigned port;
};

static void bind_to(const struct child *child, const char *host)
{
        char path[128], beside[128];
        (void)snprintf(path, sizeof(path), "%s/way", child->root); /* these fit */
        assert_true(mkdir(path, 0700) == 0 || access(path, X_OK) == 0);
        const char *entries[][2] = { { "type", "collector" }, { "host", host } };
        for (size_t i = 0; i < COUNT_OF(entries); i++) {
                (void)snprintf(beside, sizeof(beside), "%s/..new", child->root);
                (void)snprintf(path, sizeof(path), "%s/way/%s", child->root, entries[i][0]);
                FILE *file = fopen(beside, "we");
                assert_non_null(file);
                assert_true(fputs(entries[i][1], file) >= 0);
                assert_int_equal(fclose(file), 0);
                assert_int_equal(rename(beside, path), 0);
        }
}

/* Reads the log until it contains the text. */
static const char *wait_log(struct child *child, const char *wanted)
{
        int64_t until_ms = clock_monotonic_ms() + DEADLINE_MS;
        const char *found;
        while (!(found = strstr(child->text, wanted))) {
                struct pollfd input = { .fd = child->log, .events = POLLIN };
                if (clock_monotonic_ms() > until_ms || poll(&input, 1, DEADLINE_MS) <= 0)
                        fail_msg("no %s in:\n%s", wanted, child->text);
                ssize_t n = read(child->log, child->text + child->length, sizeof(child->text) - 1 - child->length);
                if (n <= 0)
                        fail_msg("ended without %s:\n%s", wanted, child->text);
                child->length += (size_t)n;
        }
        return found;
}

static void start(struct child *child, char **argv)
{
        int fds[2], argc = 0;
        *child = (struct child){ .root = "/tmp/service-test-XXXXXX" };
        assert_non_null(mkdtemp(child->root));
        bind_to(child, "first");
        assert_int_equal(pipe(fds), 0);
        while (argv[argc])
                argc++;
        child->pid = fork();
        assert_true(child->pid >= 0);
        if (child->pid == 0) {
                if (dup2(fds[1], STDOUT_FILENO) < 0 || setenv("SERVICE_BINDING_ROOT", child->root, 1) < 0)
                        _exit(99);
                (void)close(fds[0]);
                (void)close(fds[1]);
                _exit(guide_main(argc, argv));
        }
        (void)close(fds[1]);
        child->log = fds[0];
}

static void start_and_find_port(struct child *child, char **argv)
{
        start(child, argv);
        const char *port = wait_log(child, "listens on port ");
        wait_log(child, "\"source\"");
        assert_int_equal(sscanf(port, "listens on port %u", &child->port), 1);
}

static int wait_end(struct child *child)
{
        char path[128];
        int status;
        assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
        for (size_t i = 0; i < 2; i++) {
                (void)snprintf(path, sizeof(path), "%s/way/%s", child->root, i == 0 ? "type" : "host");
                (void)unlink(path);
        }
        (void)snprintf(path, sizeof(path), "%s/way", child->root);
        (void)rmdir(path);
        (void)rmdir(child->root);
        (void)close(child->log);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static int get(const struct child *child, const char *path, char *body, size_t size)
{
        char url[64];
        char *arguments[] = { (char[]){ "GET" }, url };
        struct client_request request;
        struct buf answer_body;
        struct err err;
        int status = 0;
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", child->port, path);
        assert_int_equal(client_parse(2, arguments, &request, &err), 0);
        buf_init(&answer_body, size - 1);
        if (client_send(&request, &status, &answer_body, &err) < 0)
                fail_msg("%s", err.text);
        memcpy(body, answer_body.data ? answer_body.data : "", answer_body.len);
        body[answer_body.len] = '\0';
        buf_fini(&answer_body);
        return status;
}

static char *listening[] = { (char[]){ "guide" }, (char[]){ "--listen=127.0.0.1:0" }, (char[]){ "--grace=5s" },
                             (char[]){ "--access-log=on" }, NULL };

static void the_program_serves_follows_its_binding_and_stops(void **state UNUSED)
{
        struct child child;
        char body[512];
        int64_t until_ms = clock_monotonic_ms() + DEADLINE_MS;
        start_and_find_port(&child, listening);
        assert_int_equal(get(&child, "/", body, sizeof(body)), 200);
        assert_string_equal(body, "http://first:4001");
        assert_int_equal(get(&child, "/elsewhere", body, sizeof(body)), 404);
        bind_to(&child, "second");
        while (get(&child, "/", body, sizeof(body)) == 200 && strcmp(body, "http://second:4001") != 0)
                assert_true(clock_monotonic_ms() < until_ms && poll(NULL, 0, 50) == 0);
        assert_int_equal(kill(child.pid, SIGHUP), 0);
        wait_log(&child, "config.reloaded");
        assert_int_equal(kill(child.pid, SIGTERM), 0);
        wait_log(&child, "server.stopped");
        assert_non_null(strstr(child.text, "request.answered"));
        assert_int_equal(wait_end(&child), DAEMON_STOPPED);
}

/* A client that has sent half a head does not delay the stop beyond the grace period. */
static void the_program_stops_within_grace_although_a_client_hangs(void **state UNUSED)
{
        static const char half[] = "GET / HTTP/1.1\r\nHost: x\r\n";
        char *hasty[] = { (char[]){ "guide" }, (char[]){ "--listen=127.0.0.1:0" }, (char[]){ "--grace=500ms" }, NULL };
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct child child;
        char body[512];
        start_and_find_port(&child, hasty);
        address.sin_port = htons((uint16_t)child.port);
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(client >= 0);
        assert_int_equal(connect(client, (const struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(send(client, half, strlen(half), MSG_NOSIGNAL), strlen(half));
        assert_int_equal(get(&child, "/", body, sizeof(body)), 200);
        assert_int_equal(kill(child.pid, SIGTERM), 0);
        assert_int_equal(wait_end(&child), DAEMON_STOPPED);
        (void)close(client);
}

static void invalid_settings_and_a_used_port_have_their_exit_statuses(void **state UNUSED)
{
        struct child child, second;
        char *wrong[] = { (char[]){ "guide" }, (char[]){ "--grace=soon" }, NULL };
        char *version[] = { (char[]){ "guide" }, (char[]){ "--version" }, NULL };
        char *taken[] = { (char[]){ "guide" }, (char[32]){ "" }, NULL };
        start(&child, wrong);
        assert_int_equal(wait_end(&child), DAEMON_USAGE);
        start(&child, version);
        wait_log(&child, "guide 1");
        assert_int_equal(wait_end(&child), DAEMON_STOPPED);
        start_and_find_port(&child, listening);
        (void)snprintf(taken[1], 32, "--listen=127.0.0.1:%u", child.port);
        start(&second, taken);
        wait_log(&second, "server.start_failed");
        assert_int_equal(wait_end(&second), DAEMON_FAILED);
        assert_int_equal(kill(child.pid, SIGTERM), 0);
        assert_int_equal(wait_end(&child), DAEMON_STOPPED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_program_serves_follows_its_binding_and_stops),
                cmocka_unit_test(the_program_stops_within_grace_although_a_client_hangs),
                cmocka_unit_test(invalid_settings_and_a_used_port_have_their_exit_statuses),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
