/* string: the inside of strings that scan.c has checked.
 *
 * Threads: any. */
#ifndef JSON_STRING_H
#define JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/json.h"

/* The code point of a checked escape (at the backslash), a surrogate pair as one; `at` moves behind it. */
uint32_t escape_read(const unsigned char **at, const unsigned char *end);
/* True if the checked string, quotes included, stands for `text`. */
bool name_equals(struct json_span string, bool has_escapes, const char *text, size_t length);

#endif
