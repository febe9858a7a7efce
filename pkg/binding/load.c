/* load: reads all bindings of a root. It takes the root's fingerprint before and after reading; if the two differ,
 * something has changed in the meantime, and load reads everything again, so that a set reflects one moment. */
#include "binding/load.h"

#include <stdlib.h>
#include <string.h>

#include "binding/entry.h"
#include "binding/error.h"
#include "binding/folder.h"
#include "binding/read.h"
#include "binding/set.h"

enum { TRIES_MAX = 32 }; /* attempts to read a root that keeps changing */

static int warn_odd_name(struct servicebinding_set *set, const char *name, struct servicebinding_error *err)
{
        struct servicebinding_error text;
        char printable[SB_NAME_MAX + 4];
        (void)sb_error(&text, 0, "%s: folder '%s' is ignored: a binding's name is 1 to %d of a-z 0-9 . -", set->root,
                       sb_printable(name, printable, sizeof(printable)), SB_NAME_MAX); /* returns the 0 */
        return sb_set_warn(set, text.text, err);
}

static int read_all(const struct sb_root *root, struct servicebinding_set *set, struct servicebinding_error *err)
{
        struct sb_names names;
        size_t budget = SB_SET_MAX;
        int rc = sb_root_names(root, &names, err);
        for (size_t i = 0; rc == 0 && i < names.count; i++) {
                enum sb_place place = sb_root_place(root, names.items[i]);
                if (place == SB_NOWHERE)
                        continue;
                if (!sb_binding_name_valid(names.items[i]))
                        rc = warn_odd_name(set, names.items[i], err);
                else
                        rc = sb_read(root, place, names.items[i], set, &budget, err);
        }
        sb_names_fini(&names);
        return rc;
}

static int warn_missing(struct servicebinding_set *set, struct servicebinding_error *err)
{
        struct servicebinding_error text;
        (void)sb_error(&text, 0, "%s: no such folder, so there are no bindings", set->root); /* returns the 0 */
        return sb_set_warn(set, text.text, err);
}

static int load_once(const char *path, struct servicebinding_set **out, struct servicebinding_error *err)
{
        struct sb_root root;
        struct servicebinding_set *set;
        int rc = sb_set_new(path, &set, err);
        if (rc < 0)
                return rc;
        rc = sb_root_open(path, &root, err);
        if (rc == 0) {
                rc = root.fd < 0 ? warn_missing(set, err) : read_all(&root, set, err);
                sb_root_close(&root);
        }
        if (rc < 0) {
                servicebinding_set_unref(set);
                return rc;
        }
        *out = set;
        return 0;
}

/* Returns 1 if nothing changed during the read, 0 if something did, which makes the set unusable. */
static int load_between(const char *path, struct servicebinding_set **out, struct sb_fingerprint *before,
                        struct servicebinding_error *err)
{
        struct sb_fingerprint after;
        struct servicebinding_set *set;
        int rc = sb_fingerprint_take(path, before, err);
        if (rc < 0)
                return rc;
        rc = load_once(path, &set, err);
        if (rc < 0)
                goto fail;
        rc = sb_fingerprint_take(path, &after, err);
        if (rc == 0) {
                rc = sb_fingerprint_equal(before, &after) ? 1 : 0;
                sb_fingerprint_fini(&after);
        }
        if (rc == 1) {
                *out = set;
                return 1;
        }
        servicebinding_set_unref(set);
fail:
        sb_fingerprint_fini(before);
        return rc;
}

int sb_load(const char *root, struct servicebinding_set **out, struct sb_fingerprint *print,
            struct servicebinding_error *err)
{
        if (!root) {
                *print = (struct sb_fingerprint){ 0 };
                return sb_set_new(NULL, out, err);
        }
        int rc = 0;
        for (int i = 0; i < TRIES_MAX; i++) {
                rc = load_between(root, out, print, err);
                if (rc == 1)
                        return 0;
                /* UNREADABLE: perhaps the root's ..data was checked just when its folder disappeared. */
                if (rc < 0 && rc != SERVICEBINDING_UNREADABLE)
                        return rc;
        }
        if (rc == 0)
                rc = sb_error(err, SERVICEBINDING_UNAVAILABLE, "%s: kept changing while being read", root);
        return rc;
}

const char *sb_root_or_environment(const char *root)
{
        if (!root)
                root = getenv("SERVICE_BINDING_ROOT");
        return root && root[0] != '\0' ? root : NULL;
}

int servicebinding_load(const char *root, struct servicebinding_set **out, struct servicebinding_error *err)
{
        struct sb_fingerprint print;
        int rc = sb_load(sb_root_or_environment(root), out, &print, err);
        if (rc == 0)
                sb_fingerprint_fini(&print);
        return rc;
}
