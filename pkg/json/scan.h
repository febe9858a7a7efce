/* scan: the scanner that the check, the cursors and the strings share.
 *
 * Threads: one at a time; the bytes are borrowed. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/json.h"

struct scan {
        const unsigned char *start, *end;
        size_t depth_max;
        bool has_escapes; /* set by scan_string when it meets a backslash; the caller clears it */

        /* The first failure: where, what kind, and the reason that follows "line 1, column 2: ". */
        const unsigned char *failed_at;
        enum json_problem problem;
        const char *reason;
};

void scan_init(struct scan *s, const char *bytes, size_t length, const struct json_options *options);

/* These take a position in the bytes and return the position after what they have read, or NULL on failure. A value
 * starts at its first byte; the caller skips white space. `depth` counts the enclosing objects and arrays. */
const unsigned char *scan_space(const struct scan *s, const unsigned char *at);
const unsigned char *scan_value(struct scan *s, const unsigned char *at, size_t depth);
const unsigned char *scan_string(struct scan *s, const unsigned char *at);
/* Scans from a member's name to the end of its value. */
const unsigned char *scan_member(struct scan *s, const unsigned char *at, size_t depth, struct json_span *name,
                                 struct json_span *value);

/* Records the failure and returns NULL. If the reason starts with "expected", it also records what was found
 * instead. */
const unsigned char *scan_fail(struct scan *s, const unsigned char *at, enum json_problem problem, const char *reason);
/* Fills in the caller's error and returns ERR_INVALID. */
int scan_report(const struct scan *s, struct json_position *where, struct err *err);

/* Writes what was found instead, such as ", found 'x'", if the reason starts with "expected"; otherwise writes "". */
enum { SCAN_FOUND_SIZE = 32 };
void scan_describe_found(const struct scan *s, char out[SCAN_FOUND_SIZE]);

#endif
