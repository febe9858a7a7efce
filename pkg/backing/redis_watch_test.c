/* Tests of following a Redis binding, against real servers: a candidate is used only after its probe, and after any
 * failure the Redis in use stays. */
#include "backing/test_server.h"

#include <errno.h>
#include <poll.h>

#include "backing/redis.h"
#include "base/clock.h"

/* --- A watch on a folder ---------------------------------------------------------------------------------------- */

struct world {
        struct test_folder data, root;
        struct server first, second;
        uv_loop_t loop;
        uv_timer_t turn;
        struct metrics *metrics;
        struct log *log;
        int log_pipe[2];
        char lines[32768];
        size_t line_bytes;
        struct backing_root *bindings;
        struct backing_redis_watch *watch;
        unsigned switches, last;
        char states[64]; /* the states reported by on_state, one letter each: u, t, r, v; repeats count once */
        char why[256];   /* of the last state with a reason */
};

static void on_target(struct backing_redis *now, void *data)
{
        struct world *w = data;
        w->switches++;
        w->last = backing_redis_generation(now);
}

static void on_state(const struct backing_change *change, void *data)
{
        static const char letters[] = {
                [BACKING_IN_USE] = 'u', [BACKING_TRYING] = 't', [BACKING_REFUSED] = 'r', [BACKING_VANISHED] = 'v'
        };
        struct world *w = data;
        size_t length = strlen(w->states);
        char letter = letters[change->state];
        if (length + 1 < sizeof(w->states) && (length == 0 || w->states[length - 1] != letter))
                w->states[length] = letter;
        if (change->err)
                (void)snprintf(w->why, sizeof(w->why), "%s", change->err->text);
}

static void keep_turning(uv_timer_t *timer UNUSED)
{
}

/* Changes the binding in one step, like the kubelet: writes a new folder, then moves a link over `..data`. */
static void bind_to(const struct world *w, int port, const char *password)
{
        static int step;
        char version[32], path[512], beside[512], number[16], entry[64];
        (void)snprintf(number, sizeof(number), "%d\n", port);
        (void)snprintf(version, sizeof(version), "db/..v%d", ++step);
        (void)snprintf(path, sizeof(path), "%s/db", w->root.path);
        assert_true(mkdir(path, 0700) == 0 || access(path, X_OK) == 0);
        test_folder_write(&w->root, version, "type", "redis\n");
        test_folder_write(&w->root, version, "host", "127.0.0.1\n");
        test_folder_write(&w->root, version, "port", number);
        test_folder_write(&w->root, version, "password", password);
        static const char *const entries[] = { "type", "host", "port", "password" };
        for (size_t i = 0; i < COUNT_OF(entries); i++) {
                (void)snprintf(path, sizeof(path), "%s/db/%s", w->root.path, entries[i]);
                (void)snprintf(entry, sizeof(entry), "..data/%s", entries[i]);
                assert_true(symlink(entry, path) == 0 || access(path, F_OK) == 0 || errno == EEXIST);
        }
        (void)snprintf(beside, sizeof(beside), "%s/db/..data_tmp", w->root.path);
        (void)snprintf(path, sizeof(path), "%s/db/..data", w->root.path);
        assert_int_equal(symlink(version + 3, beside), 0);
        assert_int_equal(rename(beside, path), 0);
}

static bool log_has(struct world *w, const char *text)
{
        log_flush(w->log, clock_monotonic_ms() + 5000);
        ssize_t got = read(w->log_pipe[0], w->lines + w->line_bytes, sizeof(w->lines) - 1 - w->line_bytes);
        if (got > 0)
                w->line_bytes += (size_t)got;
        w->lines[w->line_bytes] = '\0';
        assert_null(strstr(w->lines, MARK));
        return strstr(w->lines, text) != NULL;
}

static void forget_log(struct world *w)
{
        (void)log_has(w, "");
        w->line_bytes = 0;
}

static void wait_for_log(struct world *w, const char *text)
{
        int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
        while (!log_has(w, text)) {
                (void)uv_run(&w->loop, UV_RUN_ONCE);
                if (clock_monotonic_ms() >= deadline_ms)
                        fail_msg("no %s in: %s", text, w->lines);
        }
}

static void open_root(struct world *w)
{
        struct err err;
        const struct backing_root_options options = {
                .path = w->root.path, .poll_ms = 10, .log = w->log, .metrics = w->metrics
        };
        assert_int_equal(backing_root_open(&w->loop, &options, &w->bindings, &err), 0);
}

static void open_watch(struct world *w, const char *binding)
{
        struct err err;
        open_root(w);
        struct backing_redis_watch_options options = { .input = { .binding = binding },
                                                       .backoff_min_ms = 20,
                                                       .backoff_max_ms = 50,
                                                       .metric_names = BACKING_METRICS("collector"),
                                                       .on_target = on_target,
                                                       .on_state = on_state,
                                                       .data = w };
        if (backing_redis_watch_open(w->bindings, &options, &w->watch, &err) < 0)
                fail_msg("%s", err.text);
}

static const char *address_in_use(const struct world *w)
{
        return redis_target_address(backing_redis_target(backing_redis_watch_get(w->watch)));
}

static const char *address_of(const struct server *server)
{
        static char text[32];
        (void)snprintf(text, sizeof(text), "127.0.0.1:%d", server->port);
        return text;
}

static int set_up(void **state)
{
        struct world *w = calloc(1, sizeof(*w));
        assert_non_null(w);
        test_folder_make(&w->data);
        test_folder_make(&w->root);
        server_start(&w->first, w->data.path, "one-" MARK);
        server_start(&w->second, w->data.path, "two-" MARK);
        assert_int_equal(uv_loop_init(&w->loop), 0);
        assert_int_equal(uv_timer_init(&w->loop, &w->turn), 0);
        assert_int_equal(uv_timer_start(&w->turn, keep_turning, 5, 5), 0);
        assert_int_equal(pipe2(w->log_pipe, O_CLOEXEC | O_NONBLOCK), 0);
        struct log_options options = { .fd = w->log_pipe[1], .level = LOG_DEBUG, .program = "test" };
        assert_int_equal(log_open(&options, &w->log, NULL), 0);
        w->metrics = metrics_new();
        *state = w;
        return 0;
}

static int tear_down(void **state)
{
        struct world *w = *state;
        backing_redis_watch_close(w->watch);
        backing_root_close(w->bindings);
        uv_close((uv_handle_t *)&w->turn, NULL);
        assert_int_equal(uv_run(&w->loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&w->loop), 0);
        server_stop(&w->first);
        server_stop(&w->second);
        log_close(w->log, clock_monotonic_ms() + 5000);
        (void)close(w->log_pipe[0]);
        (void)close(w->log_pipe[1]);
        metrics_free(w->metrics);
        test_folder_remove(&w->root);
        test_folder_remove(&w->data);
        free(w);
        return 0;
}

/* --- Tests ------------------------------------------------------------------------------------------------------ */

static void a_changed_host_is_probed_and_used(void **state)
{
        struct world *w = *state;
        bind_to(w, w->first.port, w->first.password);
        open_watch(w, NULL);
        assert_true(log_has(w, "binding.found"));
        assert_string_equal(address_in_use(w), address_of(&w->first));
        assert_int_equal(backing_redis_generation(backing_redis_watch_get(w->watch)), 1);
        assert_int_equal(w->switches, 0);

        bind_to(w, w->second.port, w->second.password);
        wait_for_log(w, "binding.switched");
        assert_string_equal(address_in_use(w), address_of(&w->second));
        assert_int_equal(w->switches, 1);
        assert_int_equal(w->last, 2);

        struct buf text;
        buf_init(&text, 0);
        assert_int_equal(metrics_print(w->metrics, &text), 0);
        assert_non_null(strstr(text.data, "collector_binding_generation 2\n"));
        assert_non_null(strstr(text.data, "collector_binding_info{binding=\"db\",type=\"redis\",provider=\"\""));
        assert_non_null(strstr(text.data, address_of(&w->second)));
        assert_null(strstr(text.data, address_of(&w->first)));
        assert_null(strstr(text.data, MARK));
        buf_fini(&text);
}

static void a_broken_binding_keeps_the_old_one_until_it_is_repaired(void **state)
{
        struct world *w = *state;
        bind_to(w, w->first.port, w->first.password);
        open_watch(w, NULL);
        bind_to(w, 99999, "x");
        wait_for_log(w, "binding.reload_failed");
        assert_true(log_has(w, "expected a port"));
        assert_string_equal(address_in_use(w), address_of(&w->first));
        forget_log(w);

        bind_to(w, w->first.port, w->first.password);
        bind_to(w, w->second.port, w->second.password);
        wait_for_log(w, "binding.switched");
        assert_string_equal(address_in_use(w), address_of(&w->second));
}

static void a_wrong_password_is_retried_and_the_right_one_is_used_at_once(void **state)
{
        struct world *w = *state;
        bind_to(w, w->first.port, w->first.password);
        open_watch(w, NULL);
        bind_to(w, w->first.port, "wrong-" MARK);
        wait_for_log(w, "\"attempt\":3");
        assert_true(log_has(w, "retry_ms"));
        assert_int_equal(w->switches, 0);

        bind_to(w, w->second.port, w->second.password);
        wait_for_log(w, "binding.switched");
        assert_string_equal(address_in_use(w), address_of(&w->second));
}

static void each_state_of_a_change_is_reported(void **state)
{
        struct world *w = *state;
        bind_to(w, w->first.port, w->first.password);
        open_watch(w, NULL);
        bind_to(w, w->first.port, "wrong-" MARK);
        wait_for_log(w, "\"attempt\":2");
        assert_string_equal(w->states, "tr");
        assert_non_null(strstr(w->why, "WRONGPASS"));
        bind_to(w, 99999, "x");
        wait_for_log(w, "expected a port");
        assert_non_null(strstr(w->why, "expected a port"));
        bind_to(w, w->second.port, w->second.password);
        wait_for_log(w, "binding.switched");
        assert_string_equal(w->states, "trtu");
        test_folder_drop(&w->root, "db");
        wait_for_log(w, "binding.vanished");
        assert_string_equal(w->states, "trtuv");
        assert_null(strstr(w->why, MARK));
}

static void a_candidate_that_is_withdrawn_is_forgotten(void **state)
{
        struct world *w = *state;
        bind_to(w, w->first.port, w->first.password);
        open_watch(w, NULL);
        bind_to(w, w->first.port, "wrong-" MARK);
        wait_for_log(w, "binding.reload_failed");
        bind_to(w, w->first.port, w->first.password);
        struct err err;
        assert_int_equal(backing_redis_watch_reload(w->watch, NULL, &err), 0);
        forget_log(w);
        int64_t until_ms = clock_monotonic_ms() + 200; /* several times the longest backoff */
        while (clock_monotonic_ms() < until_ms)
                (void)uv_run(&w->loop, UV_RUN_ONCE);
        assert_false(log_has(w, "binding.reload_failed"));
        assert_int_equal(w->switches, 0);
}

static void a_binding_that_vanishes_and_returns_changes_nothing(void **state)
{
        struct world *w = *state;
        bind_to(w, w->first.port, w->first.password);
        open_watch(w, NULL);
        test_folder_drop(&w->root, "db");
        wait_for_log(w, "binding.vanished");
        assert_true(log_has(w, "/db: the binding is gone and no other has its type; the default is not used instead"));
        assert_string_equal(address_in_use(w), address_of(&w->first));
        forget_log(w);
        test_folder_write(&w->root, "db", "type", "redis");
        wait_for_log(w, "binding.vanished");
        assert_true(log_has(w, "/db: the binding has neither host nor uri"));

        bind_to(w, w->first.port, w->first.password);
        wait_for_log(w, "binding.returned");
        assert_int_equal(w->switches, 0);
        assert_int_equal(backing_redis_generation(backing_redis_watch_get(w->watch)), 1);
}

static void the_repair_of_an_invalid_binding_is_reported(void **state)
{
        struct world *w = *state;
        char path[512];
        bind_to(w, w->first.port, w->first.password);
        open_watch(w, NULL);
        bind_to(w, 70000, w->first.password); /* no port */
        wait_for_log(w, "binding.reload_failed");
        bind_to(w, w->first.port, w->first.password);
        wait_for_log(w, "binding.recovered");
        forget_log(w);
        (void)snprintf(path, sizeof(path), "%s/..data", w->root.path);
        assert_int_equal(symlink("..gone", path), 0); /* nothing can be read any more */
        wait_for_log(w, "binding.reload_failed");
        assert_int_equal(unlink(path), 0);
        wait_for_log(w, "binding.recovered");
        assert_int_equal(w->switches, 0);
}

static void a_binding_that_appears_later_takes_over(void **state)
{
        struct world *w = *state;
        open_watch(w, NULL);
        assert_string_equal(address_in_use(w), "localhost:6379");
        bind_to(w, w->first.port, w->first.password);
        wait_for_log(w, "binding.switched");
        assert_string_equal(address_in_use(w), address_of(&w->first));
}

static void the_watch_waits_for_a_binding_requested_by_name(void **state)
{
        struct world *w = *state;
        open_watch(w, "db");
        assert_true(log_has(w, "binding.awaited"));
        assert_int_equal(backing_redis_report(backing_redis_watch_get(w->watch))->source, BACKING_FROM_NOWHERE);
        assert_null(address_in_use(w));
        assert_false(log_has(w, "binding.found"));
        struct err err;
        assert_int_equal(backing_redis_watch_reload(w->watch, NULL, &err), 0);
        bind_to(w, w->first.port, w->first.password);
        wait_for_log(w, "binding.switched");
        assert_string_equal(address_in_use(w), address_of(&w->first));
}

/* As in a pod where one Secret of a projected volume exists before the other. */
static void the_watch_waits_for_a_binding_to_get_an_address(void **state)
{
        struct world *w = *state;
        char port[16];
        test_folder_write(&w->root, "db", "type", "redis");
        test_folder_write(&w->root, "db", "password", w->first.password);
        open_watch(w, NULL);
        assert_true(log_has(w, "neither host nor uri"));
        assert_true(log_has(w, "binding.awaited"));
        (void)snprintf(port, sizeof(port), "%d", w->first.port);
        test_folder_write(&w->root, "db", "port", port);
        test_folder_write(&w->root, "db", "host", "127.0.0.1");
        wait_for_log(w, "binding.switched");
        assert_string_equal(address_in_use(w), address_of(&w->first));
}

static void a_reload_with_other_options_uses_them(void **state)
{
        struct world *w = *state;
        char url[64];
        struct err err;
        bind_to(w, w->first.port, w->first.password);
        open_watch(w, NULL);
        (void)snprintf(url, sizeof(url), "redis://:%s@127.0.0.1:%d", w->second.password, w->second.port);
        struct backing_value value = { "url", BACKING_FROM_FILE, url, strlen(url), "collector.yaml:1" };
        struct backing_redis_input input = { .values = &value, .value_count = 1 };
        assert_int_equal(backing_redis_watch_reload(w->watch, &input, &err), 0);
        wait_for_log(w, "binding.switched");
        assert_string_equal(address_in_use(w), address_of(&w->second));

        struct backing_redis_input wrong = { .values =
                                                     &(struct backing_value){ "port", BACKING_FROM_FLAG, "x", 1, "-p" },
                                             .value_count = 1 };
        assert_int_equal(backing_redis_watch_reload(w->watch, &wrong, &err), ERR_INVALID);
        assert_string_equal(address_in_use(w), address_of(&w->second));
        assert_int_equal(backing_redis_watch_reload(w->watch, NULL, &err), 0);
}

static void a_watch_can_be_closed_during_a_probe(void **state)
{
        struct world *w = *state;
        struct err err;
        bind_to(w, w->first.port, w->first.password);
        open_watch(w, NULL);
        bind_to(w, w->second.port, w->second.password);
        assert_int_equal(backing_redis_watch_reload(w->watch, NULL, &err), 0);
        backing_redis_watch_close(w->watch);
        w->watch = NULL;
        int64_t until_ms = clock_monotonic_ms() + 100;
        while (clock_monotonic_ms() < until_ms)
                (void)uv_run(&w->loop, UV_RUN_ONCE);
        assert_int_equal(w->switches, 0);
}

static void invalid_settings_at_the_start_are_an_error(void **state)
{
        struct world *w = *state;
        struct err err;
        struct backing_redis_watch_options options = { 0 };
        test_folder_write(&w->root, "db", "type", "redis");
        test_folder_write(&w->root, "db", "host", "h");
        test_folder_write(&w->root, "db", "ca.crt", "no certificate");
        open_root(w);
        assert_int_equal(backing_redis_watch_open(w->bindings, &options, &w->watch, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, "/db/ca.crt: CA: no certificate in the PEM text"));
}

int main(void)
{
#define FOLLOW_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                FOLLOW_TEST(a_changed_host_is_probed_and_used),
                FOLLOW_TEST(a_broken_binding_keeps_the_old_one_until_it_is_repaired),
                FOLLOW_TEST(a_wrong_password_is_retried_and_the_right_one_is_used_at_once),
                FOLLOW_TEST(each_state_of_a_change_is_reported),
                FOLLOW_TEST(a_candidate_that_is_withdrawn_is_forgotten),
                FOLLOW_TEST(a_binding_that_vanishes_and_returns_changes_nothing),
                FOLLOW_TEST(the_repair_of_an_invalid_binding_is_reported),
                FOLLOW_TEST(a_binding_that_appears_later_takes_over),
                FOLLOW_TEST(the_watch_waits_for_a_binding_requested_by_name),
                FOLLOW_TEST(the_watch_waits_for_a_binding_to_get_an_address),
                FOLLOW_TEST(a_reload_with_other_options_uses_them),
                FOLLOW_TEST(a_watch_can_be_closed_during_a_probe),
                FOLLOW_TEST(invalid_settings_at_the_start_are_an_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
