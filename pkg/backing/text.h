/* text: small readings of text that come up in settings of every kind.
 *
 * Threads: any. */
#ifndef BACKING_TEXT_H
#define BACKING_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum { HOST_MAX_BYTES = 255 };

/* True and *out, for true 1 yes on required enabled, and false 0 no off disabled none, in any case. */
bool parse_yes_no(const char *text, size_t length, bool *out);
/* Decimal digits, at least `min` and at most `max`. */
bool parse_number(const char *text, size_t length, unsigned min, unsigned max, unsigned *out);
/* A host without brackets: a name or a numeric address. */
bool host_is_valid(const char *text, size_t length);
/* The length without one line end (\n or \r\n): what comes from a file or a Secret often has one. */
size_t without_line_end(const char *text, size_t length);
/* Replaces %41 by A; leaves invalid escapes unchanged. Returns the new length. */
size_t percent_decode(char *text, size_t length);

#endif
