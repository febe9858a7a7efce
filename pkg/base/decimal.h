/* decimal: whole numbers as text, and back.
 *
 *     char text[DECIMAL_MAX];
 *     size_t length = (size_t)(decimal_put(text, 1764000000000) - text);
 *
 *     uint64_t port;
 *     if (decimal_parse(at, decimal_span(at, rest), UINT16_MAX, &port) < 0) ...
 *
 * Threads: any. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum { DECIMAL_MAX = 20 }; /* digits of UINT64_MAX */

/* Writes the digits, at most DECIMAL_MAX, without a NUL; returns their end. For code that would spend much of its time
 * in printf. */
char *decimal_put(char *out, uint64_t number);

/* The number of digits, at least 1. */
size_t decimal_length(uint64_t number);

/* The number of digits at the beginning of the `length` bytes. */
size_t decimal_span(const char *text, size_t length);

/* Parses all `length` bytes. Leading zeros are fine; signs and blanks are not. Returns 0, ERR_INVALID if the text is
 * empty or contains anything but digits, or ERR_LIMIT if the number exceeds `max`. Changes *out only on success. */
int decimal_parse(const char *text, size_t length, uint64_t max, uint64_t *out) NODISCARD;

/* Parses the digits after a decimal point as thousandths: 5 is 500, 1239 is 123. Returns 0, or ERR_INVALID if the text
 * is empty or contains anything but digits. Changes *out only on success. */
int decimal_parse_thousandths(const char *text, size_t length, uint64_t *out) NODISCARD;

#endif
