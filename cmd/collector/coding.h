/* coding: the content codings (RFC 9110, section 8.4.1) in which a body may arrive.
 *
 *     const struct coding *coding = coding_find("gzip");
 *     rc = coding->open(on_piece, data, &decoder, &err);
 *     rc = coding->decode(decoder, bytes, length, &used, &err);     // CODING_FULL: on_piece has returned false
 *     rc = coding->finish(decoder, &err);
 *     coding->close(decoder);
 *
 * Each coding has its own package, whose header describes these functions: gzip/gzip.h. To add a coding, add a row to
 * the table.
 *
 * Threads: one at a time for a decoder; any for coding_find. */
#ifndef COLLECTOR_CODING_H
#define COLLECTOR_CODING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum {
        CODING_FULL = 1,
        CODING_BYTES = 64 << 10, /* memory of a decoder */
};

#define CODING_NAMES "gzip" /* for Accept-Encoding */

/* Must take the whole piece and must not close the decoder. Returns false to stop after this piece. */
typedef bool coding_piece_fn(const char *bytes, size_t length, void *data);

struct coding {
        const char *name;
        int (*open)(coding_piece_fn *on_piece, void *data, void **decoder, struct err *err);
        int (*decode)(void *decoder, const char *bytes, size_t length, size_t *used, struct err *err);
        int (*finish)(void *decoder, struct err *err);
        void (*close)(void *decoder);
};

/* The coding with this name, in upper or lower case; NULL: there is none. */
const struct coding *coding_find(const char *name);

#endif
