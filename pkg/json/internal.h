/* json, inside: the scanner over bytes that the check, the cursors and the strings share. */
#ifndef JSON_INTERNAL_H
#define JSON_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/json.h"

struct scan {
        const unsigned char *start, *end;
        size_t depth_max;
        bool has_escapes; /* set by scan_string when it meets a backslash; the caller clears it */

        /* The first failure: where, what kind, and why in words that follow "line 1, column 2: ". */
        const unsigned char *failed_at;
        enum json_problem problem;
        const char *reason;
};

void scan_init(struct scan *s, const char *bytes, size_t length, const struct json_options *options);

/* These take a place in the bytes and return the place behind what they have read, or NULL after a
 * failure. A value starts at its first byte: white space is skipped before. `depth` counts the
 * objects and arrays around it. */
const unsigned char *scan_space(const struct scan *s, const unsigned char *at);
const unsigned char *scan_value(struct scan *s, const unsigned char *at, size_t depth);
const unsigned char *scan_string(struct scan *s, const unsigned char *at);
/* From a member's name to the end of its value. */
const unsigned char *scan_member(struct scan *s, const unsigned char *at, size_t depth, struct json_span *name,
                                 struct json_span *value);

/* Notes the failure and returns NULL. A reason that starts with "expected" gets what was found instead. */
const unsigned char *scan_fail(struct scan *s, const unsigned char *at, enum json_problem problem, const char *reason);
/* Puts the failure into the caller's words. Returns ERR_INVALID. */
int scan_report(const struct scan *s, struct json_position *where, struct err *err);

/* The bytes of the UTF-8 character at `at` (RFC 3629, section 4): 1 to 4, or 0 if there is none. */
size_t utf8_length(const unsigned char *at, const unsigned char *end);
/* Writes a code point; returns 1 to 4. Half a surrogate pair is written as U+FFFD. */
size_t utf8_write(char out[4], uint32_t code_point);
/* The code point of a checked escape (at the backslash), a surrogate pair as one; `at` moves behind it. */
uint32_t escape_read(const unsigned char **at, const unsigned char *end);

/* True if the checked string, quotes included, stands for `text`. */
bool name_equals(struct json_span string, bool has_escapes, const char *text, size_t length);

#endif
