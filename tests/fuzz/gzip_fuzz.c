/* gzip_fuzz: decodes arbitrary bytes twice: whole, and cut by the input itself with a stop after each piece. Both runs
 * must give the same content and error, no piece may be too long, and no call may continue after on_piece has returned
 * "full". */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "gzip/gzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTENT_MAX = 1 << 20 }; /* a decompression bomb would only take time */

struct run {
        struct gzip_decoder *decoder;
        struct buf content;
        bool is_full, is_stopped, is_over;
        struct err err;
};

static void expect(bool holds, const char *what)
{
        if (holds)
                return;
        (void)fprintf(stderr, "gzip_fuzz: %s\n", what);
        abort();
}

static bool on_piece(const char *bytes, size_t length, void *data)
{
        struct run *run = data;
        expect(length > 0 && length <= GZIP_PIECE_MAX, "the length of a piece");
        expect(!run->is_stopped, "a piece after \"full\"");
        expect(buf_append(&run->content, bytes, length) == 0, "out of memory");
        run->is_over = run->content.len > CONTENT_MAX;
        run->is_stopped = run->is_full || run->is_over;
        return !run->is_stopped;
}

static int decode(struct run *run, const char *bytes, size_t length)
{
        size_t used;
        int rc;
        do {
                run->is_stopped = false;
                rc = gzip_decode(run->decoder, bytes, length, &used, &run->err);
                expect(used <= length && (rc != 0 || used == length), "the count of used bytes");
                expect(rc == 0 || rc == ERR_INVALID || (rc == GZIP_FULL && run->is_stopped), "the result");
                bytes += used;
                length -= used;
        } while (rc == GZIP_FULL && !run->is_over);
        return rc;
}

/* Decodes in pieces whose sizes come from the input, or in one piece. */
static int decode_all(struct run *run, const uint8_t *data, size_t size, bool is_cut)
{
        const char *bytes = (const char *)data;
        int rc = 0;
        buf_init(&run->content, 0);
        run->is_full = is_cut;
        expect(gzip_decoder_new(&(struct gzip_options){ .on_piece = on_piece, .data = run }, &run->decoder,
                                &run->err) == 0,
               "out of memory");
        for (size_t at = 0, some; at < size && rc == 0; at += some) {
                some = is_cut ? 1 + (size_t)data[at] % 23 : size;
                some = some < size - at ? some : size - at;
                rc = decode(run, bytes + at, some);
        }
        if (rc == 0)
                rc = gzip_decoder_finish(run->decoder, &run->err);
        gzip_decoder_free(run->decoder);
        return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct run whole = { 0 }, cut = { 0 };
        int rc = decode_all(&whole, data, size, false);
        int rc_cut = decode_all(&cut, data, size, true);
        expect(whole.is_over == cut.is_over, "one run is over, the other is not");
        expect(whole.is_over || rc == rc_cut, "the results differ");
        expect(whole.is_over || (whole.content.len == cut.content.len &&
                                 (whole.content.len == 0 ||
                                  memcmp(whole.content.data, cut.content.data, whole.content.len) == 0)),
               "the content differs");
        buf_fini(&whole.content);
        buf_fini(&cut.content);
        return 0;
}
