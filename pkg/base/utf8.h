/* utf8: characters as RFC 3629, section 4, has them: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * Threads: any. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The bytes of the character at `at`: 1 to 4, or 0 where there is no whole one before `end`. */
size_t utf8_length(const unsigned char *at, const unsigned char *end);
/* Writes a code point; returns its bytes, 1 to 4. Half a surrogate pair is written as U+FFFD. */
size_t utf8_write(char out[4], uint32_t code_point);

#endif
