/* text_bits: the highest bit of a number comes first. The padding bits of the last character are 0, so that each
 * sequence of numbers has exactly one text. */
#include "text_bits.h"

#include <string.h>

enum { BITS = 6 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~";

void text_bits_write_to(struct text_bits *bits, char *out, size_t room)
{
        *bits = (struct text_bits){ .room = room };
        bits->out = out;
}

static void put_character(struct text_bits *bits)
{
        if (bits->room == 0) {
                bits->has_failed = true;
        } else {
                *bits->out++ = alphabet[bits->window];
                bits->room--;
        }
        bits->window = bits->count = 0;
}

void text_bits_put(struct text_bits *bits, uint64_t value, unsigned width)
{
        while (width-- > 0) {
                bits->window = bits->window << 1 | (unsigned)(value >> width & 1);
                if (++bits->count == BITS)
                        put_character(bits);
        }
}

bool text_bits_end(struct text_bits *bits)
{
        while (bits->count > 0)
                text_bits_put(bits, 0, 1);
        if (!bits->has_failed)
                *bits->out = '\0';
        return !bits->has_failed;
}

void text_bits_read_from(struct text_bits *bits, const char *text)
{
        *bits = (struct text_bits){ .in = text };
}

static void get_character(struct text_bits *bits)
{
        const char *found = *bits->in ? strchr(alphabet, *bits->in) : NULL;
        bits->has_failed |= !found;
        if (!found)
                return;
        bits->in++;
        bits->window = (unsigned)(found - alphabet);
        bits->count = BITS;
}

uint64_t text_bits_get(struct text_bits *bits, unsigned width)
{
        uint64_t value = 0;
        while (width-- > 0) {
                if (bits->count == 0)
                        get_character(bits);
                if (bits->has_failed)
                        return 0;
                bits->count--;
                value = value << 1 | (bits->window >> bits->count & 1);
        }
        return value;
}

bool text_bits_at_end(const struct text_bits *bits)
{
        unsigned filling = bits->window & ((1U << bits->count) - 1);
        return !bits->has_failed && !*bits->in && filling == 0;
}
