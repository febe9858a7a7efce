/* Helpers of the tests that resolve a Redis: they set up a source and check that no text shows a secret. */
#ifndef BACKING_TEST_REDIS_H
#define BACKING_TEST_REDIS_H

#include "backing/test_support.h"

#include "backing/redis_gather.h"
#include "backing/redis_settings.h"

/* A resolved service with everything that a test checks. */
struct world {
        struct servicebinding_set *bindings;
        struct backing_redis_settings settings;
        struct notes notes;
        struct err err;
        int rc; /* of reading the settings */
};

static inline void assert_shows_no_secret(const struct backing_report *report, const struct err *err)
{
        assert_null(strstr(err->text, MARK));
        for (size_t i = 0; i < report->setting_count; i++) {
                assert_null(strstr(report->settings[i].value, MARK));
                assert_null(strstr(report->settings[i].place, MARK));
        }
        for (size_t i = 0; i < report->warning_count; i++)
                assert_null(strstr(report->warnings[i], MARK));
}

static inline void open_world(struct world *w, const char *root, struct backing_redis_input input)
{
        struct servicebinding_error problem;
        *w = (struct world){ 0 };
        if (root && servicebinding_load(root, &w->bindings, &problem) < 0)
                fail_msg("%s", problem.text);
        input.bindings = w->bindings;
        w->rc = redis_settings_gather(&input, &w->settings, &w->notes, &w->err);
        assert_shows_no_secret(&w->notes.report, &w->err);
        assert_false(w->notes.is_short);
}

static inline void close_world(struct world *w)
{
        redis_settings_fini(&w->settings);
        notes_fini(&w->notes);
        servicebinding_set_unref(w->bindings);
}

static inline void assert_text(const char *what, const char *got, const char *expected)
{
        if (expected ? !got || strcmp(got, expected) != 0 : got != NULL)
                fail_msg("%s: got %s, expected %s", what, got ? got : "(nothing)", expected ? expected : "(nothing)");
}

/* --- One binding of a few entries --- */

struct entries {
        const char *name[5], *value[5];
};

static inline void open_entries(struct world *w, const struct entries *entries)
{
        struct test_folder folder;
        test_folder_make(&folder);
        test_folder_write(&folder, "db", "type", "redis");
        for (size_t i = 0; i < COUNT_OF(entries->name) && entries->name[i]; i++)
                test_folder_write(&folder, "db", entries->name[i], entries->value[i]);
        open_world(w, folder.path, (struct backing_redis_input){ 0 });
        test_folder_remove(&folder);
}

#endif
