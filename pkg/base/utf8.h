/* utf8: characters as RFC 3629, section 4, defines them: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * Threads: any. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length of the character at `at`: 1 to 4 bytes, or 0 if there is no complete character before `end`. */
size_t utf8_length(const unsigned char *at, const unsigned char *end);
/* Writes a code point and returns its length, 1 to 4 bytes. Half a surrogate pair becomes U+FFFD. */
size_t utf8_write(char out[4], uint32_t code_point);

#endif
