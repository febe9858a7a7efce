/* splice: removes members from a checked object and appends others. Nearly always nothing is removed, and two copies
 * are enough. Otherwise it walks the members again and copies the remaining ones in the longest possible runs, which
 * keeps the white space within a run. */
#include <string.h>

#include "json/string.h"

static bool is_cut(const struct json_object *object, unsigned cut, struct json_span name)
{
        bool has_escapes = memchr(name.bytes, '\\', name.length) != NULL;
        for (size_t i = 0; i < JSON_WATCH_MAX && object->watch[i]; i++) {
                if ((cut & JSON_CUT(i)) && name_equals(name, has_escapes, object->watch[i], strlen(object->watch[i])))
                        return true;
        }
        return false;
}

static bool has_any(const struct json_object *object, unsigned cut)
{
        for (size_t i = 0; i < JSON_WATCH_MAX; i++) {
                if ((cut & JSON_CUT(i)) && object->watched[i].count > 0)
                        return true;
        }
        return false;
}

/* Appends a run of members, after a comma if members precede it. */
static int append_run(struct buf *out, const char *from, const char *to, bool is_first)
{
        int rc = is_first ? 0 : buf_putc(out, ',');
        return rc < 0 ? rc : buf_append(out, from, (size_t)(to - from));
}

/* Appends the remaining members. Returns 1 if there are any, 0 if none, or an error. */
static int append_kept(struct buf *out, const struct json_object *object, unsigned cut)
{
        struct json_cursor cursor;
        struct json_span name;
        struct json_span value;
        const char *from = NULL; /* the run that is open, if any */
        const char *to = NULL;
        bool is_first = true;
        const struct json_options options = { .depth_max = JSON_DEPTH_MAX }; /* the object has been checked */
        json_cursor_init(&cursor, object->text.bytes, object->text.length, &options);
        int rc;
        while ((rc = json_member_next(&cursor, &name, &value, NULL, NULL)) > 0) {
                if (!is_cut(object, cut, name)) {
                        from = from ? from : name.bytes;
                        to = value.bytes + value.length;
                } else if (from) {
                        rc = append_run(out, from, to, is_first);
                        if (rc < 0)
                                return rc;
                        from = NULL;
                        is_first = false;
                }
        }
        if (rc == 0 && from) {
                rc = append_run(out, from, to, is_first);
                is_first = false;
        }
        return rc < 0 ? rc : !is_first;
}

int json_splice(struct buf *out, const struct json_object *object, unsigned cut, const char *tail, size_t tail_length)
{
        /* Reserves all space at once, so no later append can fail and leave half an object. */
        int rc = buf_reserve(out, object->members_end + 1 + tail_length + 1);
        if (rc < 0)
                return rc;
        int has_members = object->members > 0;
        if (cut != 0 && has_any(object, cut)) {
                rc = buf_putc(out, '{');
                has_members = rc < 0 ? rc : append_kept(out, object, cut);
                rc = has_members < 0 ? has_members : 0;
        } else {
                rc = buf_append(out, object->text.bytes, object->members_end);
        }
        if (rc == 0 && has_members && tail_length > 0)
                rc = buf_putc(out, ',');
        if (rc == 0)
                rc = buf_append(out, tail, tail_length);
        return rc < 0 ? rc : buf_putc(out, '}');
}
