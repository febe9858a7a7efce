/* gzip: a loop around zlib's inflate. zlib checks the header, the CRC and the length of a member. This file handles the
 * sequence of members and words the errors, because zlib's own messages ("incorrect data check") mean little to the
 * sender of a body.
 *
 * zlib's memory comes from our own allocator, so that tests can make its allocations fail. */
#define ZLIB_CONST
#include "gzip/gzip.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

enum {
        WINDOW_BITS = 15 + 16,  /* the largest window, 32 KiB; 16: only gzip */
        INFLATE_MAX = 1u << 30, /* zlib counts a call's input in an unsigned int          */
};

struct gzip_decoder {
        struct gzip_options options;
        z_stream z;
        uint64_t used;    /* bytes of input, across all calls */
        uint64_t members; /* members that have begun */
        bool is_in_member;
        struct err failure; /* code 0: none */
        unsigned char piece[GZIP_PIECE_MAX];
};

static void *allocate(void *opaque UNUSED, unsigned count, unsigned size)
{
        return calloc(count, size);
}

static void release(void *opaque UNUSED, void *memory)
{
        free(memory);
}

int gzip_decoder_new(const struct gzip_options *options, struct gzip_decoder **out, struct err *err)
{
        struct gzip_decoder *decoder = calloc(1, sizeof(*decoder));
        if (!decoder)
                return err_set(err, ERR_NOMEM, "gzip: out of memory");
        decoder->options = *options;
        decoder->z.zalloc = allocate;
        decoder->z.zfree = release;
        if (inflateInit2(&decoder->z, WINDOW_BITS) != Z_OK) {
                free(decoder);
                return err_set(err, ERR_NOMEM, "gzip: out of memory");
        }
        *out = decoder;
        return 0;
}

void gzip_decoder_free(struct gzip_decoder *decoder)
{
        if (!decoder)
                return;
        (void)inflateEnd(&decoder->z); /* fails only for an invalid stream */
        free(decoder);
}

/* --- Errors ----------------------------------------------------------------------------------------------------- */

static const char *reason_of(const struct gzip_decoder *decoder)
{
        static const struct {
                const char *zlib, *ours;
        } reasons[] = {
                { "unknown compression method", "the compression method in the header is not deflate" },
                { "unknown header flags set", "the header has flags that gzip reserves" },
                { "header crc mismatch", "the CRC of the header is wrong" },
                { "incorrect data check", "the CRC of the content is wrong" },
                { "incorrect length check", "the length of the content is wrong" },
        };
        const char *message = decoder->z.msg ? decoder->z.msg : "";
        if (!strcmp(message, "incorrect header check"))
                return decoder->members > 1 ? "the data after the previous member is not gzip" : "this is not gzip";
        for (size_t i = 0; i < COUNT_OF(reasons); i++)
                if (!strcmp(message, reasons[i].zlib))
                        return reasons[i].ours;
        return "the compressed content is damaged";
}

static int fail(struct gzip_decoder *decoder, int status)
{
        if (status == Z_MEM_ERROR)
                return err_set(&decoder->failure, ERR_NOMEM, "gzip: out of memory");
        return err_set(&decoder->failure, ERR_INVALID, "gzip member %" PRIu64 ", near byte %" PRIu64 ": %s",
                       decoder->members, decoder->used, reason_of(decoder));
}

/* --- Decoding --------------------------------------------------------------------------------------------------- */

/* Calls inflate once and hands out the piece of content that it produces. Returns 0, GZIP_FULL or a failure. */
static int inflate_piece(struct gzip_decoder *decoder)
{
        z_stream *z = &decoder->z;
        unsigned before = z->avail_in;
        if (!decoder->is_in_member) {
                (void)inflateReset(z); /* fails only for an invalid stream */
                decoder->is_in_member = true;
                decoder->members++;
        }
        z->next_out = decoder->piece;
        z->avail_out = GZIP_PIECE_MAX;
        int status = inflate(z, Z_NO_FLUSH);
        decoder->used += before - z->avail_in;
        decoder->is_in_member = status != Z_STREAM_END;
        /* Z_BUF_ERROR: neither input nor held content is left. */
        int rc = status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR ? 0 : fail(decoder, status);
        size_t length = GZIP_PIECE_MAX - z->avail_out;
        bool is_full = length > 0 && !decoder->options.on_piece((char *)decoder->piece, length, decoder->options.data);
        return rc == 0 && is_full ? GZIP_FULL : rc;
}

/* A piece that is not full is the last one that can be decoded from the input so far. */
static bool has_more(const struct gzip_decoder *decoder)
{
        return decoder->z.avail_in > 0 || (decoder->is_in_member && decoder->z.avail_out == 0);
}

static int decode_some(struct gzip_decoder *decoder, const char *bytes, unsigned length, unsigned *used)
{
        int rc = 0;
        decoder->z.next_in = (const unsigned char *)bytes;
        decoder->z.avail_in = length;
        while (rc == 0 && has_more(decoder))
                rc = inflate_piece(decoder);
        *used = length - decoder->z.avail_in;
        return rc;
}

int gzip_decode(struct gzip_decoder *decoder, const char *bytes, size_t length, size_t *used, struct err *err)
{
        int rc;
        *used = 0;
        do {
                size_t left = length - *used;
                unsigned some = 0;
                rc = decoder->failure.code;
                if (rc == 0)
                        rc = decode_some(decoder, bytes + *used, left < INFLATE_MAX ? (unsigned)left : INFLATE_MAX,
                                         &some);
                *used += some;
        } while (rc == 0 && *used < length);
        if (rc < 0 && err)
                *err = decoder->failure;
        return rc;
}

int gzip_decoder_finish(const struct gzip_decoder *decoder, struct err *err)
{
        if (decoder->failure.code && err)
                *err = decoder->failure;
        if (decoder->failure.code)
                return decoder->failure.code;
        if (decoder->members == 0)
                return err_set(err, ERR_INVALID, "gzip: the input is empty, without even a header");
        if (decoder->is_in_member)
                return err_set(err, ERR_INVALID,
                               "gzip member %" PRIu64 ", byte %" PRIu64 ": the input ends in the middle",
                               decoder->members, decoder->used);
        return 0;
}
