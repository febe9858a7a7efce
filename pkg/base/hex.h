/* hex: hexadecimal digits.
 *
 * Threads: any. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

/* The value of a hexadecimal digit of either case, or -1. */
static inline int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* The lower-case digit of the low four bits. */
static inline char hex_char(unsigned value)
{
        return "0123456789abcdef"[value & 0xf];
}

#endif
