/* hex: hexadecimal digits.
 *
 * Threads: any. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stdbool.h>

/* The value of a hexadecimal digit of either case, or -1. It has no branches, since they would be mispredicted for
 * every third digit: Collector parses millions of UUIDs a second when it looks for documents in its feed. */
static inline int hex_digit(char c)
{
        unsigned byte = (unsigned char)c;
        bool is_digit = byte - '0' < 10, is_letter = (byte | 0x20) - 'a' < 6;
        int value = (int)((byte & 0xf) + 9 * (byte >> 6));
        return (is_digit | is_letter) ? value : -1;
}

/* The lower-case digit of the low four bits. */
static inline char hex_char(unsigned value)
{
        return "0123456789abcdef"[value & 0xf];
}

#endif
