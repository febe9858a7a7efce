/* document_tag: two 64-bit hashes side by side, each of which takes eight bytes with one multiplication. A change of eight
 * bytes always changes both, since the steps are reversible; otherwise two documents share a tag by a chance of 2^-128.
 * Someone who may store and delete can construct two such documents, but then only deceives readers about content that
 * is his own anyway. So the hash need not be cryptographic: this one takes 0.1 us for 220 bytes, SHA-256 0.2 us where the
 * processor has instructions for it and 0.9 us elsewhere, a tenth of what a GET takes. */
#include "document_tag.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

static uint64_t rotate(uint64_t value, unsigned bits)
{
        return value << bits | value >> (64 - bits);
}

/* Spreads each bit over the whole value. */
static uint64_t finish(uint64_t hash)
{
        hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93U;
        hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93U;
        return hash ^ hash >> 32;
}

struct hashes {
        uint64_t first, second;
};

static void take(struct hashes *hashes, uint64_t word)
{
        word = le64toh(word);
        hashes->first = rotate((hashes->first ^ word) * 0x9e3779b97f4a7c15U, 29);
        hashes->second = rotate((hashes->second + word) * 0xc2b2ae3d27d4eb4fU, 37);
}

static char *put_hex(char *at, uint64_t value)
{
        static const char digits[] = "0123456789abcdef";
        for (int shift = 60; shift >= 0; shift -= 4)
                *at++ = digits[value >> shift & 15];
        return at;
}

const char *document_tag(const char *document, size_t length, char tag[DOCUMENT_TAG_SIZE])
{
        struct hashes hashes = { length + 1, ~(uint64_t)length };
        uint64_t word;
        size_t left = length;
        for (; left >= sizeof(word); left -= sizeof(word), document += sizeof(word)) {
                memcpy(&word, document, sizeof(word)); /* of a constant size: one instruction */
                take(&hashes, word);
        }
        word = 0;
        memcpy(&word, document, left);
        take(&hashes, word);
        tag[0] = '"';
        char *end = put_hex(put_hex(tag + 1, finish(hashes.first)), finish(hashes.second ^ rotate(hashes.first, 17)));
        end[0] = '"';
        end[1] = '\0';
        return tag;
}
