/* document_tag: two 64-bit hashes, which process the words of the document in turn, with one multiplication each, and
 * are mixed at the end. A change to eight bytes always changes the tag, since the steps are reversible; otherwise two
 * documents share a tag with a probability of 2^-64. A client that may store and delete can construct two such
 * documents, but deceives readers only about that client's own content. So the hash need not be cryptographic: SHA-256
 * of 220 bytes takes 0.2 us if the processor has instructions for it and 0.9 us otherwise, a tenth of the time of a
 * GET. */
#include "document_tag.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/hex.h"

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

/* Takes 16 bytes. */
static void take(struct hashes *hashes, const char *bytes)
{
        uint64_t words[2];
        memcpy(words, bytes, sizeof(words));
        hashes->first = rotate((hashes->first ^ le64toh(words[0])) * 0x9e3779b97f4a7c15U, 29);
        hashes->second = rotate((hashes->second ^ le64toh(words[1])) * 0xc2b2ae3d27d4eb4fU, 37);
}

static char *put_hex(char *at, uint64_t value)
{
        for (int i = 15; i >= 0; i--, value >>= 4)
                at[i] = hex_char((unsigned)value);
        return at + 16;
}

const char *document_tag(const char *document, size_t length, char tag[DOCUMENT_TAG_SIZE])
{
        struct hashes hashes = { length + 1, ~(uint64_t)length };
        char rest[16] = "";
        size_t left = length;
        for (; left >= sizeof(rest); left -= sizeof(rest), document += sizeof(rest))
                take(&hashes, document);
        memcpy(rest, document, left);
        take(&hashes, rest);
        uint64_t first = finish(hashes.first ^ rotate(hashes.second, 32));
        uint64_t second = finish(hashes.second + first);
        tag[0] = '"';
        char *end = put_hex(put_hex(tag + 1, first), second);
        end[0] = '"';
        end[1] = '\0';
        return tag;
}
