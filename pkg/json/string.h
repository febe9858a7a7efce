/* string: the inside of strings that scan.c has checked.
 *
 * Threads: any. */
#ifndef JSON_STRING_H
#define JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>

#include "json/json.h"

/* True if the checked string, quotes included, decodes to `text`. */
bool name_equals(struct json_span string, bool has_escapes, const char *text, size_t length);

#endif
