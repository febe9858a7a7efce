/* check: whole documents. This file, not scan.c, walks the top level of an object, because only the members of that
 * level are compared by name. json_splice walks that level again if it removes a member, which is rare. Lines and
 * columns are counted from the start only after an error. */
#include <stdio.h>
#include <string.h>

#include "json/scan.h"
#include "json/string.h"

static void count_position(const struct scan *s, struct json_position *where)
{
        *where = (struct json_position){
                .problem = s->problem, .line = 1, .column = 1, .offset = (size_t)(s->failed_at - s->start)
        };
        for (const unsigned char *at = s->start; at < s->failed_at; at++) {
                if (*at == '\n') {
                        where->line++;
                        where->column = 1;
                } else if ((*at & 0xC0) != 0x80) { /* everything before a failure is valid UTF-8 */
                        where->column++;
                }
        }
}

/* The description always fits into SCAN_FOUND_SIZE. */
void scan_describe_found(const struct scan *s, char out[SCAN_FOUND_SIZE])
{
        out[0] = '\0';
        if (strncmp(s->reason, "expected", 8) != 0)
                return;
        if (s->failed_at == s->end)
                (void)snprintf(out, SCAN_FOUND_SIZE, ", found the end");
        else if (*s->failed_at > ' ' && *s->failed_at < 0x7F)
                (void)snprintf(out, SCAN_FOUND_SIZE, ", found '%c'", *s->failed_at);
        else
                (void)snprintf(out, SCAN_FOUND_SIZE, ", found the byte 0x%02X", *s->failed_at);
}

int scan_report(const struct scan *s, struct json_position *where, struct err *err)
{
        struct json_position place;
        count_position(s, &place);
        if (where)
                *where = place;
        char found[SCAN_FOUND_SIZE];
        scan_describe_found(s, found);
        return err_set(err, ERR_INVALID, "line %zu, column %zu: %s%s", place.line, place.column, s->reason, found);
}

/* Advances from the start of a document to its first value. */
static const unsigned char *scan_opening(struct scan *s)
{
        const unsigned char *at = scan_space(s, s->start);
        if (at == s->end)
                return scan_fail(s, at, JSON_EMPTY, "expected a JSON document");
        if (s->end - at >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
                return scan_fail(s, at, JSON_BAD_SYNTAX, "a byte order mark is not allowed");
        return at;
}

static const unsigned char *scan_closing(struct scan *s, const unsigned char *at)
{
        at = scan_space(s, at);
        return at == s->end ? at : scan_fail(s, at, JSON_BAD_SYNTAX, "expected nothing more after the document");
}

static void note_watched(const struct scan *s, struct json_object *object, const size_t *watch_lengths,
                         struct json_span name, struct json_span value)
{
        for (size_t i = 0; i < JSON_WATCH_MAX && object->watch[i]; i++) {
                if (!name_equals(name, s->has_escapes, object->watch[i], watch_lengths[i]))
                        continue;
                object->watched[i].count++;
                object->watched[i].value = value;
        }
}

/* Scans the members between '{' and '}' of the top level. */
static const unsigned char *scan_top(struct scan *s, const unsigned char *at, struct json_object *object)
{
        const unsigned char *open = at;
        size_t watch_lengths[JSON_WATCH_MAX] = { 0 };
        for (size_t i = 0; object->watch && i < JSON_WATCH_MAX && object->watch[i]; i++)
                watch_lengths[i] = strlen(object->watch[i]);
        at = scan_space(s, at + 1);
        if (at < s->end && *at == '}')
                return at + 1;
        for (;;) {
                struct json_span name;
                struct json_span value;
                s->has_escapes = false;
                at = scan_member(s, at, 1, &name, &value);
                if (!at)
                        return NULL;
                object->members++;
                object->members_end = (size_t)(at - open);
                if (object->watch)
                        note_watched(s, object, watch_lengths, name, value);
                at = scan_space(s, at);
                if (at < s->end && *at == '}')
                        return at + 1;
                if (at == s->end || *at != ',')
                        return scan_fail(s, at, JSON_BAD_SYNTAX, "expected ',' or '}' after a member");
                at = scan_space(s, at + 1);
        }
}

/* Scans a document whose top level is not an object. A syntax error, if there is one, is reported instead of that. */
static const unsigned char *scan_other(struct scan *s, const unsigned char *first)
{
        const unsigned char *at = scan_value(s, first, 0);
        if (!at || !scan_closing(s, at))
                return NULL;
        return scan_fail(s, first, JSON_NOT_OBJECT, "expected an object");
}

int json_check_object(const char *bytes, size_t length, const struct json_options *options, struct json_object *out,
                      struct json_position *where, struct err *err)
{
        struct scan s;
        scan_init(&s, bytes, length, options);
        struct json_object object = { .members_end = 1, .watch = options ? options->watch : NULL };
        const unsigned char *first = scan_opening(&s);
        const unsigned char *behind = NULL;
        if (first)
                behind = *first == '{' ? scan_top(&s, first, &object) : scan_other(&s, first);
        if (!behind || !scan_closing(&s, behind))
                return scan_report(&s, where, err);
        object.text = (struct json_span){ (const char *)first, (size_t)(behind - first) };
        *out = object;
        return 0;
}
