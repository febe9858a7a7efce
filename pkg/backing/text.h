/* text: small parsers for settings given as strings.
 *
 * Threads: any. */
#ifndef BACKING_TEXT_H
#define BACKING_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum { HOST_MAX_BYTES = 255 };

/* Sets *out and returns true for true 1 yes on required enabled, and false 0 no off disabled none, in upper or lower
 * case. */
bool parse_yes_no(const char *text, size_t length, bool *out);
/* Parses decimal digits with a value from `min` to `max`. */
bool parse_number(const char *text, size_t length, unsigned min, unsigned max, unsigned *out);
/* True for a host without brackets: a name or a numeric address. */
bool host_is_valid(const char *text, size_t length);
/* The length without one trailing newline (\n or \r\n), which strings from files and Secrets often have. */
size_t without_line_end(const char *text, size_t length);
/* Replaces %41 by A; leaves invalid escapes unchanged. Returns the new length. */
size_t percent_decode(char *text, size_t length);

#endif
