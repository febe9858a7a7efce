/* decimal: a whole number as text, for code in which printf would be a large part of the cost.
 *
 *     char text[DECIMAL_MAX];
 *     size_t length = (size_t)(decimal_put(text, 1764000000000) - text);
 *
 * Threads: any. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_MAX = 20 }; /* digits of UINT64_MAX */

/* Writes the digits, at most DECIMAL_MAX, without a NUL; returns their end. */
char *decimal_put(char *out, uint64_t number);

/* The number of digits, at least 1. */
size_t decimal_length(uint64_t number);

#endif
