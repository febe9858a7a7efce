/* gzip: decodes gzip (RFC 1952) as it arrives, in constant memory.
 *
 *     static bool on_piece(const char *bytes, size_t length, void *data)
 *     {
 *             take(data, bytes, length);
 *             return has_room(data);                    // false: no more for now
 *     }
 *     gzip_decoder_new(&(struct gzip_options){ .on_piece = on_piece, .data = data }, &decoder, &err);
 *     ...
 *     rc = gzip_decode(decoder, bytes, length, &used, &err);
 *     if (rc == GZIP_FULL)
 *             ...                                       // keep bytes + used, and decode them when there is room
 *     else if (rc < 0)
 *             ...                                       // "gzip member 1, near byte 20: the CRC of the content is wrong"
 *     ...
 *     rc = gzip_decoder_finish(decoder, &err);          // after the last byte: "... the input ends in the middle"
 *     gzip_decoder_free(decoder);
 *
 * The input is one or more gzip members, each with a header, content, a CRC and a length. The decoded content is the
 * content of all members, one after the other (RFC 1952, section 2.2). Anything else after a member is an error, even
 * zeros. The caller may cut the input into pieces of any size, which changes neither the content nor the errors.
 *
 * A few bytes of gzip may decode to gigabytes. The content is handed out in pieces of at most GZIP_PIECE_MAX bytes, and
 * on_piece can stop the decoder after each piece, so the caller controls how much it takes at once. A decoder needs
 * about 64 KiB for any input, including 32 KiB for deflate's window.
 *
 * Each coding has its own package with these four functions, so a caller can choose the coding from a table.
 *
 * Threads: one at a time. */
#ifndef GZIP_GZIP_H
#define GZIP_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

enum {
        GZIP_FULL = 1,
        GZIP_PIECE_MAX = 16 * 1024,
};

struct gzip_decoder; /* opaque */

struct gzip_options {
        /* Called with a piece of the content, borrowed during the call; never empty. The callback must take the whole
         * piece and must not free the decoder. It returns false to stop the decoder after this piece. */
        bool (*on_piece)(const char *bytes, size_t length, void *data);
        void *data; /* passed to on_piece */
};

/* ERR_NOMEM. Owned: give it to gzip_decoder_free. */
int gzip_decoder_new(const struct gzip_options *options, struct gzip_decoder **out, struct err *err) NODISCARD;
void gzip_decoder_free(struct gzip_decoder *decoder); /* NULL is fine */

/* Decodes `bytes`. Returns 0 when all bytes are used. Returns GZIP_FULL after on_piece has returned false; in that case
 * `*used` bytes are used, and the caller calls again with the rest, even if the rest is empty, since the decoder may
 * hold content. Returns ERR_INVALID if the input is not gzip or is damaged, or ERR_NOMEM; all further calls return the
 * same error. The content before the damage has been handed out by then. */
int gzip_decode(struct gzip_decoder *decoder, const char *bytes, size_t length, size_t *used,
                struct err *err) NODISCARD;

/* Call this when the input has ended and gzip_decode has returned 0. Returns 0 if the input ended with a member,
 * otherwise the error of gzip_decode, or ERR_INVALID if there was no input at all or the input ends in the middle of a
 * member. This call cannot detect that whole members are missing. */
int gzip_decoder_finish(const struct gzip_decoder *decoder, struct err *err) NODISCARD;

#endif
