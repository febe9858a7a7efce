/* coding: a table of the codings and their functions. */
#include "coding.h"

#include <strings.h>

#include "base/attr.h"
#include "gzip/gzip.h"

_Static_assert((int)CODING_FULL == (int)GZIP_FULL, "gzip_decode's result is passed on");

static int open_gzip(coding_piece_fn *on_piece, void *data, void **decoder, struct err *err)
{
        struct gzip_decoder *opened;
        int rc = gzip_decoder_new(&(struct gzip_options){ .on_piece = on_piece, .data = data }, &opened, err);
        if (rc == 0)
                *decoder = opened;
        return rc;
}

static int decode_gzip(void *decoder, const char *bytes, size_t length, size_t *used, struct err *err)
{
        return gzip_decode(decoder, bytes, length, used, err);
}

static int finish_gzip(void *decoder, struct err *err)
{
        return gzip_decoder_finish(decoder, err);
}

static void close_gzip(void *decoder)
{
        gzip_decoder_free(decoder);
}

static const struct coding codings[] = {
        { "gzip", open_gzip, decode_gzip, finish_gzip, close_gzip },
        { "x-gzip", open_gzip, decode_gzip, finish_gzip, close_gzip }, /* means the same (RFC 9110, section 8.4.1.3) */
};

const struct coding *coding_find(const char *name)
{
        for (size_t i = 0; i < COUNT_OF(codings); i++)
                if (strcasecmp(name, codings[i].name) == 0)
                        return &codings[i];
        return NULL;
}
