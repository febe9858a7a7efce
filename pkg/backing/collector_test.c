/* Tests of resolving a Collector, and of following its binding. */
#include "backing/test_support.h"

#include "backing/collector_resolved.h"
#include "base/clock.h"

enum { DEADLINE_MS = 5000 };

static struct backing_collector *resolve(const struct backing_collector_input *input)
{
        struct backing_collector *collector;
        struct err err;
        if (backing_collector_resolve(input, &collector, &err) < 0)
                fail_msg("%s", err.text);
        const struct backing_report *report = backing_collector_report(collector);
        for (size_t i = 0; i < report->setting_count; i++)
                assert_null(strstr(report->settings[i].value, MARK));
        for (size_t i = 0; i < report->warning_count; i++)
                assert_null(strstr(report->warnings[i], MARK));
        return collector;
}

static void assert_text(const char *got, const char *expected)
{
        if (expected ? !got || strcmp(got, expected) != 0 : got != NULL)
                fail_msg("got %s, expected %s", got ? got : "(nothing)", expected ? expected : "(nothing)");
}

static void variables_give_the_address_of_the_collector(void **state UNUSED)
{
        static const struct {
                char *environment[5];
                const char *url;
                size_t warnings;
        } table[] = {
                { { "HOME=/" }, NULL, 0 },
                { { "COLLECTOR_HOSTNAME=c", "COLLECTOR_PORT=4001" }, "http://c:4001", 0 },
                { { "COLLECTOR_HOSTNAME=c" }, "http://c:4001", 0 },
                { { "COLLECTOR_HOSTNAME=c", "COLLECTOR_PORT=tcp://10.96.0.7:4001" }, "http://c:4001", 1 },
                { { "COLLECTOR_PORT=tcp://10.96.0.7:4001" }, NULL, 1 },
                { { "COLLECTOR_PORT=4001" }, NULL, 1 },
                { { "COLLECTOR_HOSTNAME=c", "COLLECTOR_URL=http://d" }, "http://c:4001", 0 },
                { { "COLLECTOR_URL=http://d" }, "http://d:80", 0 },
                { { "COLLECTOR_URL=https://d:8443/base/?q#f", "COLLECTOR_TOKEN=" MARK }, "https://d:8443/base", 1 },
                { { "COLLECTOR_URL=https://[::1]" }, "https://[::1]:443", 0 },
                { { "COLLECTOR_PORT=4001", "COLLECTOR_URL=http://d/" }, "http://d:80", 1 },
        };
        for (size_t i = 0; i < COUNT_OF(table); i++) {
                struct backing_collector *c =
                        resolve(&(struct backing_collector_input){ .environment = table[i].environment });
                assert_text(backing_collector_url(c), table[i].url);
                assert_int_equal(backing_collector_report(c)->warning_count, table[i].warnings);
                assert_int_equal(backing_collector_report(c)->source,
                                 table[i].url ? BACKING_FROM_ENVIRONMENT : BACKING_FROM_NOWHERE);
                backing_collector_unref(c);
        }
}

static void errors_name_the_place_of_an_invalid_setting(void **state UNUSED)
{
        static const struct {
                char *environment[3];
                const char *text;
        } table[] = {
                { { "COLLECTOR_HOSTNAME=c", "COLLECTOR_PORT=65536" }, "COLLECTOR_PORT: expected a port from 1" },
                { { "COLLECTOR_HOSTNAME=c d" }, "COLLECTOR_HOSTNAME: " },
                { { "COLLECTOR_URL=ftp://" MARK }, "COLLECTOR_URL: expected http" },
                { { "COLLECTOR_URL=http://u:" MARK "@d" }, "COLLECTOR_URL: a user part" },
                { { "COLLECTOR_URL=http:///x" }, "COLLECTOR_URL: has no host" },
                { { "COLLECTOR_URL=http://d/a b" }, "COLLECTOR_URL: expected a path" },
                { { "COLLECTOR_URL=http://d", "COLLECTOR_TOKEN=" MARK "\n\n" }, "COLLECTOR_TOKEN: " },
        };
        for (size_t i = 0; i < COUNT_OF(table); i++) {
                struct backing_collector *c;
                struct err err = { 0 };
                struct backing_collector_input input = { .environment = table[i].environment };
                if (backing_collector_resolve(&input, &c, &err) != ERR_INVALID)
                        fail_msg("row %zu was accepted", i);
                if (!strstr(err.text, table[i].text) || strstr(err.text, MARK))
                        fail_msg("row %zu: %s", i, err.text);
        }
}

static void write_binding(const struct test_folder *folder, const char *host)
{
        test_folder_write(folder, "logs", "host", host);
        test_folder_write(folder, "logs", "port", "4001\n");
        test_folder_write(folder, "logs", "token", MARK "\n");
        test_folder_write(folder, "logs", "certificates", "pem " MARK "\n");
        test_folder_write(folder, "logs", "type", "collector\n");
}

static void a_binding_gives_the_address_of_the_collector(void **state UNUSED)
{
        struct test_folder folder;
        struct servicebinding_set *set;
        char *environment[] = { "COLLECTOR_HOSTNAME=weaker", NULL };
        test_folder_make(&folder);
        write_binding(&folder, "c");
        assert_int_equal(servicebinding_load(folder.path, &set, NULL), 0);
        struct backing_collector *c =
                resolve(&(struct backing_collector_input){ .bindings = set, .environment = environment });
        assert_text(backing_collector_url(c), "https://c:4001"); /* certificates imply https */
        assert_text(c->host, "c");
        assert_int_equal(c->port, 4001);
        assert_true(c->tls);
        assert_text(backing_collector_token(c)->bytes, MARK);
        assert_text(backing_collector_certificates(c)->bytes, "pem " MARK);
        assert_text(backing_collector_report(c)->binding, "logs");
        backing_collector_unref(c);
        servicebinding_set_unref(set);
        test_folder_remove(&folder);
}

/* --- Following --------------------------------------------------------------------------------------------- */

struct seen {
        unsigned changes;
        char url[64];
};

static void on_change(struct backed *now, void *data)
{
        struct seen *seen = data;
        seen->changes++;
        (void)snprintf(seen->url, sizeof(seen->url), "%s", backing_collector_url(backing_collector_of(now)));
}

static void keep_turning(uv_timer_t *timer UNUSED)
{
}

static void wait_for_change(uv_loop_t *loop, const struct seen *seen, unsigned changes)
{
        int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
        while (seen->changes < changes) {
                (void)uv_run(loop, UV_RUN_ONCE);
                assert_true(clock_monotonic_ms() < deadline_ms);
        }
}

static void a_binding_that_appears_changes_and_disappears_is_followed(void **state UNUSED)
{
        struct test_folder folder;
        struct backing_watch *watch;
        struct seen seen = { 0 };
        struct err err;
        uv_loop_t loop;
        uv_timer_t turn;
        test_folder_make(&folder);
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(uv_timer_init(&loop, &turn), 0);
        assert_int_equal(uv_timer_start(&turn, keep_turning, 5, 5), 0);
        struct metrics *metrics = metrics_new();
        struct buf text;
        buf_init(&text, 0);
        struct backing_root *root;
        const struct backing_root_options at = { .path = folder.path, .poll_ms = 10, .metrics = metrics };
        assert_int_equal(backing_root_open(&loop, &at, &root, &err), 0);
        const struct backing_collector_input input = { 0 };
        struct backing_watch_options options = {
                .input = &input, .metric_names = BACKING_METRICS("pinger"), .on_change = on_change, .data = &seen
        };
        assert_int_equal(backing_watch_open(root, &backing_collector_kind, &options, &watch, &err), 0);
        assert_null(backing_collector_url(backing_collector_of(backing_watch_get(watch))));

        write_binding(&folder, "first");
        wait_for_change(&loop, &seen, 1);
        assert_text(seen.url, "https://first:4001");
        assert_int_equal(backing_watch_get(watch)->generation, 2);

        test_folder_write(&folder, "logs", "host", "not a host");
        assert_int_equal(backing_watch_reload(watch, NULL, &err), ERR_INVALID);
        assert_text(backing_collector_url(backing_collector_of(backing_watch_get(watch))), "https://first:4001");

        test_folder_drop(&folder, "logs");
        assert_int_equal(backing_watch_reload(watch, NULL, &err), 0);
        assert_text(backing_collector_url(backing_collector_of(backing_watch_get(watch))), "https://first:4001");

        write_binding(&folder, "second");
        wait_for_change(&loop, &seen, 2);
        assert_text(seen.url, "https://second:4001");
        assert_int_equal(metrics_print(metrics, &text), 0);
        assert_non_null(strstr(text.data, "pinger_binding_generation 3\n"));
        assert_non_null(strstr(text.data, "pinger_binding_info{binding=\"logs\",type=\"collector\",provider=\"\","
                                          "address=\"https://second:4001\",source=\"binding\"} 1\n"));
        assert_non_null(strstr(text.data, "{result=\"vanished\"} 1\n"));
        assert_null(strstr(text.data, MARK));

        backing_watch_close(watch);
        backing_root_close(root);
        uv_close((uv_handle_t *)&turn, NULL);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&loop), 0);
        buf_fini(&text);
        metrics_free(metrics);
        test_folder_remove(&folder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(variables_give_the_address_of_the_collector),
                cmocka_unit_test(errors_name_the_place_of_an_invalid_setting),
                cmocka_unit_test(a_binding_gives_the_address_of_the_collector),
                cmocka_unit_test(a_binding_that_appears_changes_and_disappears_is_followed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
