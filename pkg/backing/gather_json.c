/* gather_json: reads a Secret with one entry that contains all settings as a JSON object, as the SAP BTP service
 * operator creates it (its README, "Formats of Secret Objects": secretKey, secretRootKey). Members are read as if they
 * were entries; a member `credentials` adds one level. */
#include "backing/gather_json.h"

#include <stdio.h>
#include <string.h>

#include "json/json.h"

enum { PLACE_SIZE = 1024, VALUE_MAX_BYTES = 1024 * 1024 };

static int put_text(const struct name *name, const struct buf *text, const char *place, struct draft *draft,
                    struct err *err)
{
        if (memchr(text->data, '\0', text->len))
                return err_set(err, ERR_INVALID, "%s: contains a NUL byte", place);
        return draft_put(draft, name, text->data, text->len, place, err);
}

/* Strings are decoded; numbers, true and false are used as written; null, arrays and objects are ignored. */
static int put_member(const struct name *name, struct json_span value, const char *place, struct draft *draft,
                      struct err *err)
{
        struct buf text;
        buf_init(&text, VALUE_MAX_BYTES);
        int rc = 0;
        if (value.bytes[0] == '"')
                rc = json_decode_string(value, &text);
        else if (!strchr("{[n", value.bytes[0]))
                rc = buf_append(&text, value.bytes, value.length);
        if (rc < 0)
                rc = err_set(err, rc, "%s", place);
        else if (text.len > 0)
                rc = put_text(name, &text, place, draft, err);
        if (text.data)
                explicit_bzero(text.data, text.len);
        buf_fini(&text);
        return rc;
}

static int walk(const struct service *service, struct json_span object, const char *place, int depth,
                struct draft *draft, struct err *err)
{
        struct json_cursor cursor;
        struct json_span name, value;
        int rc;
        json_cursor_init(&cursor, object.bytes, object.length, NULL);
        while ((rc = json_member_next(&cursor, &name, &value, NULL, NULL)) > 0) {
                char key[NAME_SIZE], where[PLACE_SIZE];
                if (name.length - 2 >= sizeof(key))
                        continue;
                (void)snprintf(key, sizeof(key), "%.*s", (int)(name.length - 2), name.bytes + 1);
                (void)snprintf(where, sizeof(where), "%s (%s)", place, key); /* a truncated text is good enough */
                const struct name *known = name_find(service, key);
                int put = 0;
                if (known)
                        put = put_member(known, value, where, draft, err);
                else if (depth == 0 && value.bytes[0] == '{' && strcmp(key, "credentials") == 0)
                        put = walk(service, value, place, depth + 1, draft, err);
                if (put < 0)
                        return put;
        }
        return rc;
}

int gather_json(const struct service *service, const char *text, const char *place, struct draft *draft,
                struct notes *notes, struct err *err)
{
        struct json_object object;
        if (json_check_object(text, strlen(text), NULL, &object, NULL, NULL) < 0) {
                notes_warn(notes, "%s is ignored: it begins like a JSON object but is not one", place);
                return 0;
        }
        return walk(service, object.text, place, 0, draft, err);
}
