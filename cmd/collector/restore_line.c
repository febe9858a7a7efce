/* restore_line: goes through the members of one line. */
#include "restore_line.h"

#include <string.h>

#include "base/attr.h"

struct members {
        struct json_span key, document; /* bytes NULL: absent */
        bool has_end;
};

static int read_members(struct json_span line, struct members *out, struct err *err)
{
        struct json_cursor cursor;
        struct json_position where;
        struct json_span name, value;
        struct err syntax;
        int rc;
        *out = (struct members){ 0 };
        json_cursor_init(&cursor, line.bytes, line.length, NULL);
        while ((rc = json_member_next(&cursor, &name, &value, &where, &syntax)) > 0) {
                if (json_name_is(name, "key"))
                        out->key = value;
                else if (json_name_is(name, "document"))
                        out->document = value;
                else if (json_name_is(name, "end"))
                        out->has_end = true;
        }
        const char *reason = rc < 0 ? strstr(syntax.text, ": ") : NULL; /* "line 1, column 8: ..." */
        return rc < 0 ? err_set(err, rc, "column %zu%s", where.column, reason ? reason : "") : 0;
}

static int read_key(struct json_span value, char key[UUID_TEXT_SIZE], struct err *err)
{
        struct buf decoded;
        struct uuid id;
        buf_init(&decoded, 0);
        int rc = json_decode_string(value, &decoded);
        if (rc == 0)
                rc = uuid_parse(decoded.data, decoded.len, &id) ? 0 : ERR_INVALID;
        buf_fini(&decoded);
        if (rc == 0)
                (void)uuid_format(&id, key);
        return rc == 0 ? 0
                       : err_set(err, rc,
                                 rc == ERR_INVALID ? "key: expected a UUID of 36 characters" : "out of memory");
}

int restore_line_read(struct json_span line, char key[UUID_TEXT_SIZE], struct json_span *document, struct err *err)
{
        struct members members;
        int rc = read_members(line, &members, err);
        if (rc < 0)
                return rc;
        if (members.has_end && !members.key.bytes && !members.document.bytes)
                return RESTORE_SKIP;
        if (!members.key.bytes)
                return err_set(err, ERR_INVALID, "the line has no member `key`");
        if (!members.document.bytes)
                return err_set(err, ERR_INVALID, "the line has no member `document`");
        rc = read_key(members.key, key, err);
        if (rc < 0)
                return rc;
        *document = members.document;
        return 0;
}
