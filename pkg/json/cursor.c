/* cursor: one level of an object, member by member. Its only state is the position, so a cursor can be abandoned at any
 * point. */
#include <string.h>

#include "json/scan.h"

void json_cursor_init(struct json_cursor *cursor, const char *bytes, size_t length, const struct json_options *options)
{
        struct scan s;
        scan_init(&s, bytes, length, options);
        *cursor = (struct json_cursor){ .start = bytes, .at = bytes, .end = bytes + length, .depth_max = s.depth_max };
}

static void resume(struct scan *s, const struct json_cursor *cursor)
{
        *s = (struct scan){
                .start = (const unsigned char *)cursor->start,
                .end = (const unsigned char *)cursor->end,
                .depth_max = cursor->depth_max,
        };
}

/* Ends the walk. Only white space may follow the closing bracket; the cursor then stays at the end. */
static int finish(struct scan *s, struct json_cursor *cursor, const unsigned char *at, struct json_position *where,
                  struct err *err)
{
        at = scan_space(s, at);
        if (at < s->end) {
                scan_fail(s, at, JSON_BAD_SYNTAX, "expected nothing more after the document");
                return scan_report(s, where, err);
        }
        cursor->at = cursor->end;
        cursor->is_finished = true;
        return 0;
}

/* Advances to the first byte of the next member: returns 1, 0 at the closing bracket, or ERR_INVALID. */
static int advance(struct scan *s, struct json_cursor *cursor, const unsigned char **next, struct json_position *where,
                   struct err *err)
{
        const unsigned char *at = scan_space(s, (const unsigned char *)cursor->at);
        if (cursor->is_finished)
                return 0;
        if (cursor->at == cursor->start) {
                if (at == s->end || *at != '{') {
                        scan_fail(s, at, at == s->end ? JSON_EMPTY : JSON_BAD_SYNTAX, "expected an object");
                        return scan_report(s, where, err);
                }
                at = scan_space(s, at + 1);
                if (at < s->end && *at == '}')
                        return finish(s, cursor, at + 1, where, err);
                *next = at;
                return 1;
        }
        if (at < s->end && *at == '}')
                return finish(s, cursor, at + 1, where, err);
        if (at == s->end || *at != ',') {
                scan_fail(s, at, JSON_BAD_SYNTAX, "expected ',' or '}' after a member");
                return scan_report(s, where, err);
        }
        *next = scan_space(s, at + 1);
        return 1;
}

int json_member_next(struct json_cursor *cursor, struct json_span *name, struct json_span *value,
                     struct json_position *where, struct err *err)
{
        struct scan s;
        resume(&s, cursor);
        const unsigned char *at = NULL;
        int rc = advance(&s, cursor, &at, where, err);
        if (rc <= 0)
                return rc;
        struct json_span found_name;
        struct json_span found_value;
        at = scan_member(&s, at, 1, &found_name, &found_value);
        if (!at)
                return scan_report(&s, where, err);
        *name = found_name;
        *value = found_value;
        cursor->at = (const char *)at;
        cursor->count++;
        return 1;
}
