/* text_bits: numbers of any width as text: letters, digits, `-` and `~`, six bits per character.
 *
 *     struct text_bits bits;
 *     text_bits_write_to(&bits, out, room);              // room for that many characters
 *     text_bits_put(&bits, day, 16);
 *     text_bits_end(&bits);                              // false: it did not fit; otherwise a NUL follows the text
 *
 *     text_bits_read_from(&bits, text);
 *     day = text_bits_get(&bits, 16);
 *     text_bits_at_end(&bits);                           // true: the text was complete, and nothing is left
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
        unsigned window; /* bits not yet written to the text, or already taken from it */
        unsigned count;  /* how many                                                    */
        bool has_failed;
};

void text_bits_write_to(struct text_bits *bits, char *out, size_t room);
/* The lowest `width` bits of `value`; width <= 64. */
void text_bits_put(struct text_bits *bits, uint64_t value, unsigned width);
bool text_bits_end(struct text_bits *bits);

void text_bits_read_from(struct text_bits *bits, const char *text);
/* 0 at the end of the text, or if the character is invalid. */
uint64_t text_bits_get(struct text_bits *bits, unsigned width);
bool text_bits_at_end(const struct text_bits *bits);

#endif
