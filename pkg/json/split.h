/* split: cuts a body into its documents while the body arrives: the lines of NDJSON, or the elements of one top-level
 * array. It keeps no more than the part of one document that has arrived.
 *
 *     struct json_split split;
 *     json_split_init(&split, JSON_SPLIT_LINES, 1 << 20);
 *     for (each piece) {
 *             const char *at = bytes;
 *             while ((rc = json_split_next(&split, &at, bytes + length, &item, &where, &err)) > 0)
 *                     store(item.text);                 // borrowed until the next call
 *     }
 *     rc = json_split_end(&split, &item, &where, &err); // 1: one more item
 *     json_split_fini(&split);
 *
 * The documents themselves are not checked: json_check_object does that. An item that is longer than the limit is
 * skipped without being kept, and is reported without its text.
 *
 * Lines end with LF or CRLF; the last line may lack its line ending. Lines that contain only white space are counted
 * but are not items. In an array, only items are counted. Between items, only commas and white space are allowed; after
 * the closing bracket, only white space is.
 *
 * Threads: one at a time; the pieces are borrowed. */
#ifndef JSON_SPLIT_H
#define JSON_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "json/json.h"

enum json_split_kind { JSON_SPLIT_LINES, JSON_SPLIT_ARRAY };

struct json_item {
        struct json_span text; /* borrowed until the next call; empty if is_too_long */
        uint64_t number;       /* from 1: of the line, or of the element */
        size_t line, column;   /* from 1: where its text begins in the body */
        bool is_too_long;
};

struct json_split {
        uint64_t number; /* lines or elements that have ended, including empty lines */

        /* Private. */
        enum json_split_kind kind;
        size_t max_bytes;
        struct buf kept;                 /* the beginning of an incomplete item */
        bool is_too_long;                /* the item is too long, so nothing of it is kept */
        bool is_taken;                   /* the item was returned: the next call forgets it */
        size_t begin_line, begin_column; /* of the item */

        /* Of an array. */
        unsigned char state;       /* see split_array.c */
        bool is_string, is_escape; /* inside a string; after a backslash there */
        size_t depth;              /* number of open brackets in the element */
        size_t line, column;       /* of the next byte */
};

/* `max_bytes`: size limit for one item, excluding its line ending. */
void json_split_init(struct json_split *split, enum json_split_kind kind, size_t max_bytes);
void json_split_fini(struct json_split *split);

/* Reads from *at up to `end` and moves *at past what it has read. Returns 1 with an item; 0 if all bytes are read and
 * there is no further item; ERR_INVALID if an array is malformed, with the position in `where` and in the text of
 * `err`, and nothing can be read after that; or ERR_NOMEM. */
int json_split_next(struct json_split *split, const char **at, const char *end, struct json_item *item,
                    struct json_position *where, struct err *err) NODISCARD;
/* Call this when the body is complete. Returns 1 with its last item; 0 if there is none; ERR_INVALID if an array has no
 * end; or ERR_NOMEM. */
int json_split_end(struct json_split *split, struct json_item *item, struct json_position *where,
                   struct err *err) NODISCARD;
/* The number of bytes of memory in use. */
size_t json_split_bytes(const struct json_split *split);

#endif
