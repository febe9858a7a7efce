/* watch: notices that a root has changed, by polling. A poll works on every mount, and inotify instances run out on
 * busy nodes. While the fingerprint stays the same, a poll reads nothing. When the fingerprint has changed or is
 * unreliable, the poll reads the root, and only different content counts as a change: the kubelet may write the same
 * Secret again. */
#include "binding/servicebinding.h"

#include <stdlib.h>
#include <string.h>

#include "binding/error.h"
#include "binding/fingerprint.h"
#include "binding/load.h"
#include "binding/set.h"

enum { TOLD_MAX = 512 }; /* warnings that a watch remembers */

struct servicebinding_watch {
        char *root; /* NULL: no root, so nothing will ever change */
        struct servicebinding_set *set;
        struct sb_fingerprint print; /* taken just before the latest read */
        bool must_read;              /* the latest read failed            */
        char **told;                 /* warnings reported so far                */
        size_t told_count;
};

void servicebinding_watch_close(struct servicebinding_watch *w)
{
        if (!w)
                return;
        servicebinding_set_unref(w->set);
        sb_fingerprint_fini(&w->print);
        for (size_t i = 0; i < w->told_count; i++)
                free(w->told[i]);
        free(w->told);
        free(w->root);
        free(w);
}

static bool was_told(const struct servicebinding_watch *w, const char *warning)
{
        for (size_t i = 0; i < w->told_count; i++)
                if (strcmp(w->told[i], warning) == 0)
                        return true;
        return false;
}

static int tell(struct servicebinding_watch *w, const char *warning)
{
        char **larger = realloc(w->told, (w->told_count + 1) * sizeof(*larger));
        if (!larger)
                return -1;
        w->told = larger;
        larger[w->told_count] = strdup(warning);
        if (!larger[w->told_count])
                return -1;
        w->told_count++;
        return 0;
}

/* Keeps only new warnings in the set, which has no other readers yet, and remembers them. A watch that has reported
 * TOLD_MAX different warnings reports no more; otherwise its memory would grow for as long as invalid names are
 * created. */
static int keep_new_warnings(struct servicebinding_watch *w, struct servicebinding_set *set,
                             struct servicebinding_error *err)
{
        size_t kept = 0;
        int rc = 0;
        for (size_t i = 0; i < set->warning_count; i++) {
                char *warning = set->warnings[i];
                bool is_new = w->told_count < TOLD_MAX && !was_told(w, warning);
                if (is_new && tell(w, warning) < 0)
                        rc = sb_error(err, SERVICEBINDING_NOMEM, "out of memory");
                if (is_new && rc == 0)
                        set->warnings[kept++] = warning;
                else
                        free(warning);
        }
        set->warning_count = kept;
        return rc;
}

int servicebinding_watch_open(const char *root, struct servicebinding_watch **out, struct servicebinding_error *err)
{
        root = sb_root_or_environment(root);
        struct servicebinding_watch *w = calloc(1, sizeof(*w));
        if (!w || (root && !(w->root = strdup(root)))) {
                servicebinding_watch_close(w);
                return sb_error(err, SERVICEBINDING_NOMEM, "out of memory");
        }
        int rc = sb_load(w->root, &w->set, &w->print, err);
        if (rc == 0)
                rc = keep_new_warnings(w, w->set, err);
        if (rc < 0) {
                servicebinding_watch_close(w);
                return rc;
        }
        *out = w;
        return 0;
}

const struct servicebinding_set *servicebinding_watch_set(const struct servicebinding_watch *w)
{
        return w->set;
}

/* A file may become readable without changing the fingerprint. */
static bool has_problem(const struct servicebinding_set *set)
{
        for (size_t i = 0; i < set->count; i++)
                if (set->bindings[i].problem.code < 0)
                        return true;
        return false;
}

/* Returns 1 if the root must be read, 0 if it is unchanged. */
static int looks_changed(const struct servicebinding_watch *w, struct servicebinding_error *err)
{
        struct sb_fingerprint now;
        if (w->must_read || w->print.is_young || has_problem(w->set))
                return 1;
        int rc = sb_fingerprint_take(w->root, &now, err);
        if (rc < 0)
                return rc;
        rc = sb_fingerprint_equal(&now, &w->print) ? 0 : 1;
        sb_fingerprint_fini(&now);
        return rc;
}

int servicebinding_watch_poll(struct servicebinding_watch *w, struct servicebinding_error *err)
{
        struct servicebinding_set *set;
        struct sb_fingerprint print;
        int rc = looks_changed(w, err);
        if (rc == 0)
                return 0;
        if (rc > 0)
                rc = sb_load(w->root, &set, &print, err);
        w->must_read = rc < 0;
        if (rc < 0)
                return rc;
        sb_fingerprint_fini(&w->print);
        w->print = print;
        rc = keep_new_warnings(w, set, err);
        if (rc == 0 && (set->warning_count > 0 || !servicebinding_set_equal(w->set, set))) {
                servicebinding_set_unref(w->set);
                w->set = set;
                return 1;
        }
        w->must_read = rc < 0;
        servicebinding_set_unref(set);
        return rc;
}
