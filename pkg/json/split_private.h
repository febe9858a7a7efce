/* split_private: the functions that the two kinds of json_split share.
 *
 * Threads: one at a time. */
#ifndef JSON_SPLIT_PRIVATE_H
#define JSON_SPLIT_PRIVATE_H

#include "json/split.h"

/* Keeps bytes of the item until it is complete. Returns 0 or ERR_NOMEM. */
int split_keep(struct json_split *split, const char *bytes, size_t length, struct err *err) NODISCARD;
/* Completes the item with its last bytes. Returns 1 or ERR_NOMEM. */
int split_take(struct json_split *split, const char *bytes, size_t length, struct json_item *item,
               struct err *err) NODISCARD;

int split_array_next(struct json_split *split, const char **at, const char *end, struct json_item *item,
                     struct json_position *where, struct err *err) NODISCARD;
int split_array_end(struct json_split *split, struct json_position *where, struct err *err) NODISCARD;

#endif
