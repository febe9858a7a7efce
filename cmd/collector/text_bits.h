/* text_bits: numbers of any width as text: letters, digits, `-` and `~`, six bits in each.
 *
 *     struct text_bits bits;
 *     text_bits_write_to(&bits, out, room);              // room for so many characters
 *     text_bits_put(&bits, day, 16);
 *     text_bits_end(&bits);                              // false: it did not fit; else a NUL is behind the text
 *
 *     text_bits_read_from(&bits, text);
 *     day = text_bits_get(&bits, 16);
 *     text_bits_at_end(&bits);                           // true: there was so much, and nothing is left
 *
 * Threads: any. */
#ifndef COLLECTOR_TEXT_BITS_H
#define COLLECTOR_TEXT_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Private. */
struct text_bits {
        char *out;
        const char *in;
        size_t room;     /* characters that still fit */
        unsigned window; /* bits that are not in the text yet, or taken from it already */
        unsigned count;  /* how many                                                    */
        bool has_failed;
};

void text_bits_write_to(struct text_bits *bits, char *out, size_t room);
/* The lowest `width` bits of `value`; width <= 64. */
void text_bits_put(struct text_bits *bits, uint64_t value, unsigned width);
bool text_bits_end(struct text_bits *bits);

void text_bits_read_from(struct text_bits *bits, const char *text);
/* 0 if the text is at its end or has another character. */
uint64_t text_bits_get(struct text_bits *bits, unsigned width);
bool text_bits_at_end(const struct text_bits *bits);

#endif
