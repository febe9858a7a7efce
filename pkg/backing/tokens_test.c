/* Tests of reading the tokens of a binding and following it: once locked, access stays locked. */
#include "backing/test_support.h"

#include "backing/tokens.h"
#include "base/clock.h"

enum { DEADLINE_MS = 5000 };

/* --- Reading ------------------------------------------------------------------------------------------------- */

static int resolve(const struct test_folder *folder, const char *binding, bool is_required, struct backing_tokens **out,
                   struct err *err)
{
        struct servicebinding_error problem;
        struct servicebinding_set *set;
        assert_int_equal(servicebinding_load(folder->path, &set, &problem), 0);
        struct backing_tokens_input input = { .binding = binding, .is_required = is_required, .bindings = set };
        int rc = backing_tokens_resolve(&input, out, err);
        servicebinding_set_unref(set);
        return rc;
}

static void assert_token(const struct backing_tokens *tokens, size_t index, const char *name, const char *value)
{
        const struct secret *got = backing_tokens_value(tokens, index);
        assert_string_equal(backing_tokens_name(tokens, index), name);
        assert_int_equal(got->length, strlen(value));
        assert_memory_equal(got->bytes, value, got->length);
}

static void each_entry_is_a_token_named_after_its_client(void **state UNUSED)
{
        struct test_folder folder;
        struct backing_tokens *tokens;
        struct err err;
        test_folder_make(&folder);
        test_folder_write(&folder, "clients", "type", "Collector-Tokens\n");
        test_folder_write(&folder, "clients", "provider", "somebody");
        test_folder_write(&folder, "clients", "orders", MARK "1\n");
        test_folder_write(&folder, "clients", "billing_2", "~!" MARK "/+=");
        test_folder_write(&folder, "clients", ".metadata", "{}");
        test_folder_write(&folder, "clients", "orders.next", MARK "2");
        assert_int_equal(resolve(&folder, NULL, false, &tokens, &err), 0);
        assert_true(backing_tokens_are_asked_for(tokens));
        assert_int_equal(backing_tokens_count(tokens), 3);
        assert_token(tokens, 0, "billing_2", "~!" MARK "/+=");
        assert_token(tokens, 1, "orders", MARK "1");
        assert_token(tokens, 2, "orders", MARK "2");
        const struct backing_report *report = backing_tokens_report(tokens);
        assert_int_equal(report->source, BACKING_FROM_BINDING);
        assert_string_equal(report->binding, "clients");
        assert_int_equal(report->setting_count, 3);
        assert_string_equal(report->settings[2].name, "orders.next");
        assert_string_equal(report->settings[0].value, "(set)");
        assert_int_equal(report->warning_count, 0);
        backing_tokens_unref(tokens);
        test_folder_remove(&folder);
}

static void without_a_binding_tokens_are_needed_only_if_they_are_required(void **state UNUSED)
{
        struct test_folder folder;
        struct backing_tokens *tokens;
        struct err err;
        test_folder_make(&folder);
        test_folder_write(&folder, "redis", "type", "redis");
        test_folder_write(&folder, "redis", "password", MARK);
        assert_int_equal(resolve(&folder, NULL, false, &tokens, &err), 0);
        assert_false(backing_tokens_are_asked_for(tokens));
        assert_int_equal(backing_tokens_count(tokens), 0);
        assert_int_equal(backing_tokens_report(tokens)->source, BACKING_FROM_NOWHERE);
        backing_tokens_unref(tokens);
        assert_int_equal(resolve(&folder, NULL, true, &tokens, &err), ERR_NOT_FOUND);
        assert_int_equal(resolve(&folder, "clients", false, &tokens, &err), ERR_NOT_FOUND);
        assert_int_equal(resolve(&folder, "redis", false, &tokens, &err), ERR_INVALID);
        assert_int_equal(backing_tokens_resolve(&(struct backing_tokens_input){ .is_required = true }, &tokens, &err),
                         ERR_NOT_FOUND);
        assert_non_null(strstr(err.text, "SERVICE_BINDING_ROOT"));
        test_folder_remove(&folder);
}

static void an_unreadable_binding_admits_nobody(void **state UNUSED)
{
        struct test_folder folder;
        struct backing_tokens *tokens;
        struct err err;
        char link[512];
        static const char *const names[] = { "clients/type", "clients/left-over", "clients" };
        for (size_t i = 0; i < COUNT_OF(names); i++) {
                test_folder_make(&folder);
                if (i < 2)
                        test_folder_write(&folder, "clients", i == 0 ? "orders" : "type",
                                          i == 0 ? MARK : "collector-tokens");
                (void)snprintf(link, sizeof(link), "%s/%s", folder.path, names[i]);
                assert_int_equal(symlink("nowhere", link), 0);
                assert_int_equal(resolve(&folder, NULL, false, &tokens, &err), ERR_DENIED);
                assert_non_null(strstr(err.text, names[i]));
                test_folder_remove(&folder);
        }
}

static void several_bindings_need_a_name(void **state UNUSED)
{
        struct test_folder folder;
        struct backing_tokens *tokens;
        struct err err;
        test_folder_make(&folder);
        test_folder_write(&folder, "one", "type", "collector-tokens");
        test_folder_write(&folder, "one", "a", MARK);
        test_folder_write(&folder, "two", "type", "collector-tokens");
        assert_int_equal(resolve(&folder, NULL, false, &tokens, &err), ERR_CONFLICT);
        assert_non_null(strstr(err.text, "one"));
        assert_non_null(strstr(err.text, "two"));
        assert_int_equal(resolve(&folder, "one", false, &tokens, &err), 0);
        assert_int_equal(backing_tokens_count(tokens), 1);
        backing_tokens_unref(tokens);
        assert_int_equal(resolve(&folder, "two", false, &tokens, &err), 0);
        assert_true(backing_tokens_are_asked_for(tokens));
        assert_int_equal(backing_tokens_count(tokens), 0);
        assert_non_null(strstr(backing_tokens_report(tokens)->warnings[0], "all requests are rejected"));
        backing_tokens_unref(tokens);
        test_folder_remove(&folder);
}

static void errors_name_the_place_of_an_invalid_token(void **state UNUSED)
{
        static const char *const wrong[] = { "", "\n", "a " MARK, MARK "\t", "caf\xc3\xa9" MARK, MARK "\n\n" };
        static char large[5000];
        struct test_folder folder;
        struct backing_tokens *tokens;
        struct err err;
        test_folder_make(&folder);
        test_folder_write(&folder, "clients", "type", "collector-tokens");
        for (size_t i = 0; i < COUNT_OF(wrong); i++) {
                test_folder_write(&folder, "clients", "orders", wrong[i]);
                assert_int_equal(resolve(&folder, NULL, false, &tokens, &err), ERR_INVALID);
                assert_non_null(strstr(err.text, "/clients/orders: "));
                assert_null(strstr(err.text, MARK));
        }
        memset(large, 'x', 4096);
        test_folder_write(&folder, "clients", "orders", large);
        assert_int_equal(resolve(&folder, NULL, false, &tokens, &err), 0);
        backing_tokens_unref(tokens);
        large[4096] = 'x';
        test_folder_write(&folder, "clients", "orders", large);
        assert_int_equal(resolve(&folder, NULL, false, &tokens, &err), ERR_LIMIT);
        assert_non_null(strstr(err.text, "/clients/orders: "));
        test_folder_remove(&folder);
}

static void a_duplicate_token_is_reported(void **state UNUSED)
{
        struct test_folder folder;
        struct backing_tokens *tokens;
        struct err err;
        test_folder_make(&folder);
        test_folder_write(&folder, "clients", "type", "collector-tokens");
        test_folder_write(&folder, "clients", "a", MARK);
        test_folder_write(&folder, "clients", "a.next", MARK); /* both belong to one client, so there is no warning */
        test_folder_write(&folder, "clients", "b", MARK);
        assert_int_equal(resolve(&folder, NULL, false, &tokens, &err), 0);
        assert_int_equal(backing_tokens_report(tokens)->warning_count, 2);
        assert_non_null(strstr(backing_tokens_report(tokens)->warnings[0], "a and b are the same token"));
        assert_null(strstr(backing_tokens_report(tokens)->warnings[0], MARK));
        backing_tokens_unref(tokens);
        test_folder_remove(&folder);
}

/* --- Following ------------------------------------------------------------------------------------------------- */

struct watched {
        struct test_folder folder;
        uv_loop_t loop;
        uv_timer_t turn;
        struct metrics *metrics;
        struct backing_root *root;
        struct backing_tokens_input input;
        struct backing_watch *watch;
        unsigned changes;
};

static void on_change(struct backed *now, void *data)
{
        struct watched *w = data;
        w->changes++;
        assert_true(backing_tokens_are_asked_for(backing_tokens_of(now)));
}

static void keep_turning(uv_timer_t *timer UNUSED)
{
}

static void open_watch(struct watched *w, bool is_required)
{
        struct err err;
        *w = (struct watched){ 0 };
        test_folder_make(&w->folder);
        assert_int_equal(uv_loop_init(&w->loop), 0);
        assert_int_equal(uv_timer_init(&w->loop, &w->turn), 0);
        assert_int_equal(uv_timer_start(&w->turn, keep_turning, 5, 5), 0);
        w->metrics = metrics_new();
        const struct backing_root_options at = { .path = w->folder.path, .poll_ms = 10, .metrics = w->metrics };
        assert_int_equal(backing_root_open(&w->loop, &at, &w->root, &err), 0);
        w->input.is_required = is_required;
        struct backing_watch_options options = { .input = &w->input,
                                                 .metric_names = BACKING_METRICS("collector_tokens"),
                                                 .on_change = on_change,
                                                 .data = w };
        assert_int_equal(backing_watch_open(w->root, &backing_tokens_kind, &options, &w->watch, &err), 0);
}

static void close_watch(struct watched *w)
{
        backing_watch_close(w->watch);
        backing_root_close(w->root);
        uv_close((uv_handle_t *)&w->turn, NULL);
        assert_int_equal(uv_run(&w->loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&w->loop), 0);
        metrics_free(w->metrics);
        test_folder_remove(&w->folder);
}

static void wait_for_change(struct watched *w, unsigned changes)
{
        int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
        while (w->changes < changes) {
                (void)uv_run(&w->loop, UV_RUN_ONCE);
                assert_true(clock_monotonic_ms() < deadline_ms);
        }
}

static const struct backing_tokens *tokens_now(const struct watched *w)
{
        return backing_tokens_of(backing_watch_get(w->watch));
}

static void a_new_binding_closes_access_and_a_removed_one_does_not_open_it(void **state UNUSED)
{
        struct watched w;
        struct buf text;
        open_watch(&w, false);
        assert_false(backing_tokens_are_asked_for(tokens_now(&w)));

        test_folder_write(&w.folder, "clients", "orders", MARK "1");
        test_folder_write(&w.folder, "clients", "type", "collector-tokens");
        wait_for_change(&w, 1);
        assert_token(tokens_now(&w), 0, "orders", MARK "1");

        test_folder_write(&w.folder, "clients", "orders", "");
        backing_root_look(w.root);
        assert_token(tokens_now(&w), 0, "orders", MARK "1");

        test_folder_drop(&w.folder, "clients");
        backing_root_look(w.root);
        assert_true(backing_tokens_are_asked_for(tokens_now(&w)));
        assert_token(tokens_now(&w), 0, "orders", MARK "1");
        assert_int_equal(w.changes, 1);

        test_folder_write(&w.folder, "clients", "type", "collector-tokens");
        wait_for_change(&w, 2); /* the binding exists but contains none */
        assert_int_equal(backing_tokens_count(tokens_now(&w)), 0);

        test_folder_write(&w.folder, "clients", "billing", MARK "2");
        wait_for_change(&w, 3);
        assert_token(tokens_now(&w), 0, "billing", MARK "2");
        buf_init(&text, 0);
        assert_int_equal(metrics_print(w.metrics, &text), 0);
        assert_non_null(strstr(text.data, "collector_tokens_binding_generation 4\n"));
        assert_non_null(strstr(text.data, "{result=\"vanished\"} 1\n"));
        assert_non_null(strstr(text.data, "{result=\"failed\"} 1\n"));
        assert_null(strstr(text.data, MARK));
        buf_fini(&text);
        close_watch(&w);
}

static void required_tokens_lock_everyone_out_until_the_binding_exists(void **state UNUSED)
{
        struct watched w;
        open_watch(&w, true);
        assert_true(backing_tokens_are_asked_for(tokens_now(&w)));
        assert_int_equal(backing_tokens_count(tokens_now(&w)), 0);
        test_folder_write(&w.folder, "clients", "orders", MARK "1");
        test_folder_write(&w.folder, "clients", "type", "collector-tokens");
        wait_for_change(&w, 1);
        assert_int_equal(backing_tokens_count(tokens_now(&w)), 1);
        close_watch(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_entry_is_a_token_named_after_its_client),
                cmocka_unit_test(without_a_binding_tokens_are_needed_only_if_they_are_required),
                cmocka_unit_test(an_unreadable_binding_admits_nobody),
                cmocka_unit_test(several_bindings_need_a_name),
                cmocka_unit_test(errors_name_the_place_of_an_invalid_token),
                cmocka_unit_test(a_duplicate_token_is_reported),
                cmocka_unit_test(a_new_binding_closes_access_and_a_removed_one_does_not_open_it),
                cmocka_unit_test(required_tokens_lock_everyone_out_until_the_binding_exists),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
