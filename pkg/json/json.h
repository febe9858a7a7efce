/* json: checks that bytes are a JSON object, and adds or removes members without touching the rest. It builds no tree,
 * so a document stays the same, digit for digit.
 *
 *     static const struct json_options options = { .watch = { "created", "correlationId" } };
 *     struct json_object object;
 *     struct json_position where;
 *     if (json_check_object(body, length, &options, &object, &where, &err) < 0)
 *             ...                          // "line 3, column 14: expected ',' or '}' after a member"
 *     const char *tail = "\"created\":1764000000000,\"correlationId\":\"0193...\"";
 *     if (object.watched[0].count > 0)     // the body has its own `created`
 *             tail = strchr(tail, ',') + 1;
 *     rc = json_splice(&out, &object, JSON_CUT(1), tail, strlen(tail));
 *
 * The functions accept RFC 8259 in UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF) without a byte
 * order mark. That covers everything that jansson's json_loadb(..., 0) accepts, except nesting deeper than `depth_max`,
 * and a NUL byte after a number or a literal, which jansson ignores although JSON forbids it. Unlike jansson, they also
 * accept these:
 *   - integers outside the range of int64_t                 {"a":18446744073709551616}
 *   - reals outside the range of double                     {"a":1e400}
 *   - the escape \u0000, in names and values                {"a":"\u0000"}
 *   - escapes of surrogates without their other half        {"a":"\ud800"}
 * A name may occur more than once; readers take the last value.
 *
 * Names are compared after decoding, as RFC 8259 section 8.3 requires: "correl\u0061tionId" is correlationId. The names
 * that a caller passes are NUL-terminated plain ASCII without quotes and backslashes.
 *
 * Threads: any; there is no shared state. A cursor belongs to one thread at a time. */
#ifndef JSON_JSON_H
#define JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

enum {
        JSON_WATCH_MAX = 4,
        JSON_DEPTH_DEFAULT = 128,
        JSON_DEPTH_MAX = 2048, /* a larger depth_max is reduced to this */
};

/* Part of the caller's bytes: borrowed, valid as long as those bytes are, not NUL-terminated. */
struct json_span {
        const char *bytes;
        size_t length;
};

struct json_options {
        size_t depth_max;                  /* nesting of objects and arrays; 0 = 128 */
        const char *watch[JSON_WATCH_MAX]; /* top-level names to find, borrowed for as long as the result is used */
};

/* What a check has found in an object. */
struct json_object {
        struct json_span text; /* from '{' to '}', without surrounding white space */
        size_t members_end;    /* offset in text after the last member's value; 1 if there is none */
        size_t members;        /* top-level members, repeated names included */
        struct {
                size_t count;           /* how often watch[i] occurs at top level */
                struct json_span value; /* the last value as written: "x", 12, {...} */
        } watched[JSON_WATCH_MAX];
        const char *const *watch; /* options->watch */
};

enum json_problem {
        JSON_BAD_SYNTAX = 1,
        JSON_BAD_UTF8,
        JSON_TOO_DEEP,
        JSON_EMPTY,      /* nothing but white space */
        JSON_NOT_OBJECT, /* valid JSON whose top level is not an object */
};

/* The position at which a check failed. */
struct json_position {
        enum json_problem problem;
        size_t line;   /* from 1; a line ends with LF                            */
        size_t column; /* from 1; in characters (code points), as editors count  */
        size_t offset; /* from 0, in bytes                                       */
};

/* Checks that `bytes` hold one JSON object and otherwise only white space. `options` and `where` may be NULL. Every
 * error is ERR_INVALID; it fills `where`, and the text of `err` reads "line 1, column 8: ...". */
int json_check_object(const char *bytes, size_t length, const struct json_options *options, struct json_object *out,
                      struct json_position *where, struct err *err) NODISCARD;

#define JSON_CUT(index) (1u << (index))

/* Appends the object to `out`, without its top-level members named watch[i] for each JSON_CUT(i) in `cut` (0: none),
 * and with `tail` at the end: ready-made members such as `"a":1,"b":2`, or an empty string. All other bytes between the
 * first and the last member are kept. `out` must not hold the object's own bytes; it needs room as if nothing were cut.
 * Returns 0, ERR_LIMIT or ERR_NOMEM; on failure nothing was appended. */
int json_splice(struct buf *out, const struct json_object *object, unsigned cut, const char *tail,
                size_t tail_length) NODISCARD;

/* Walks over one level of an object's members, in order:
 *
 *     struct json_cursor cursor;
 *     json_cursor_init(&cursor, bytes, length, NULL);
 *     while ((rc = json_member_next(&cursor, &name, &value, &where, &err)) > 0)
 *             ...
 *
 * The walk checks the bytes as it goes, so unchecked bytes are fine; invalid bytes give ERR_INVALID. The cursor borrows
 * the bytes. */
struct json_cursor {
        const char *start, *at, *end;
        size_t depth_max;
        size_t count;     /* members seen */
        bool is_finished; /* the closing bracket was passed */
};

void json_cursor_init(struct json_cursor *cursor, const char *bytes, size_t length, const struct json_options *options);

/* Returns 1 with the next member's name, including its quotes and escapes, and its value; 0 if the object has ended and
 * only white space follows; or ERR_INVALID. `where` may be NULL. */
int json_member_next(struct json_cursor *cursor, struct json_span *name, struct json_span *value,
                     struct json_position *where, struct err *err) NODISCARD;
/* Appends the decoded text of a quoted JSON string in UTF-8. Half a surrogate pair becomes U+FFFD, \u0000 a NUL.
 * ERR_INVALID if `string` is not a JSON string; ERR_LIMIT, ERR_NOMEM. On failure nothing was appended. */
int json_decode_string(struct json_span string, struct buf *out) NODISCARD;
/* True if a member's name, which may have escapes, equals this ASCII string. */
bool json_name_is(struct json_span name, const char *text);

/* Appends `text` as a JSON string, quotes included. Each byte that is not part of a UTF-8 character becomes U+FFFD.
 * Returns 0, ERR_LIMIT or ERR_NOMEM; on failure nothing was appended. */
int json_escape(struct buf *out, const char *text, size_t length) NODISCARD;

struct form_options {
        size_t fields_max; /* fields between &, empty ones included; 0 = 1000 */
        size_t depth_max;  /* [brackets] after a name; 0 = 32, at most 32 */
        size_t max_bytes;  /* of JSON; 0 = 1 MiB                                                        */
        bool is_latin1;    /* bytes and escapes are ISO-8859-1, not UTF-8                               */
};

/* Appends an application/x-www-form-urlencoded body to `out` as one JSON object, as Express's `extended` parser (the
 * npm package qs 6.17.1) reads it. `a[b]=1` makes an object. `a[]=1`, `a[0]=1` and `a=1&a=2` make arrays of up to 100
 * elements, or as many as the form has fields; a longer array becomes an object. Each value is a string, and members
 * are in the order in which JavaScript enumerates them. An invalid escape, or one that does not encode UTF-8, is kept
 * unchanged, and so are all other escapes in the same name or value.
 *
 * Nothing is dropped. Unlike Express, this function keeps a field without a name (`=1`), the name __proto__, an empty
 * value after others with a longer name (`a[b]=1&a=`), and text after a closing bracket (`a[b]c=1`; such a name is not
 * split).
 *
 * `options` may be NULL. ERR_LIMIT: more than fields_max fields, more than max_bytes of JSON; ERR_INVALID: more
 * brackets than depth_max, bytes that are not UTF-8; the text of `err` names the field. ERR_NOMEM. On failure
 * nothing was appended. */
int form_to_json(const char *bytes, size_t length, const struct form_options *options, struct buf *out,
                 struct err *err) NODISCARD;

#endif
