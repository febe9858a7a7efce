/* collector_inflow_fuzz: decodes the input as gzip, once directly and once through an inflow. The inflow gets it in
 * pieces whose sizes depend on the input; its receiver is often full, and passes the rest on to another one. Both ways
 * must give the same content and the same result. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cmd/collector/inflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTENT_MAX = 256 << 10 }; /* decoding a gzip bomb would only take time */

struct taker {
        struct inflow **inflow;
        struct taker *next; /* gets everything after the first piece */
        struct buf *content;
        bool is_ready, is_full, is_over;
        unsigned pieces;
        int result; /* 1: none yet */
};

static void expect(bool holds, const char *what)
{
        if (holds)
                return;
        (void)fprintf(stderr, "collector_inflow_fuzz: %s\n", what);
        abort();
}

static bool on_plain(const char *bytes, size_t length, void *data)
{
        struct buf *content = data;
        expect(buf_append(content, bytes, length) == 0, "out of memory");
        return content->len < CONTENT_MAX;
}

static struct inflow_options options_of(struct taker *taker);

static bool on_piece(const char *bytes, size_t length, void *data)
{
        struct taker *taker = data;
        expect(!taker->is_full && taker->result == 1, "an unexpected piece");
        if (taker->next) {
                const struct inflow_options options = options_of(taker->next);
                inflow_pass_on(*taker->inflow, &options);
                taker = taker->next;
        }
        taker->is_over = !on_plain(bytes, length, taker->content);
        taker->is_full = taker->is_over || taker->pieces++ % 2;
        return !taker->is_full;
}

static void on_ready(void *data)
{
        ((struct taker *)data)->is_ready = true;
}

static void on_end(void *data)
{
        ((struct taker *)data)->result = 0;
}

static void on_failed(const struct err *err, void *data)
{
        ((struct taker *)data)->result = err->code;
}

static struct inflow_options options_of(struct taker *taker)
{
        return (struct inflow_options){
                .data = taker, .on_piece = on_piece, .on_ready = on_ready, .on_end = on_end, .on_failed = on_failed
        };
}

/* Runs until the receiver waits for more, or is done. Returns the receiver of the next piece. */
static struct taker *settle(uv_loop_t *loop, struct inflow *inflow, struct taker *first)
{
        struct taker *taker = first;
        for (;;) {
                taker = first->next && first->next->pieces > 0 ? first->next : first;
                if (taker->is_ready || taker->is_over || taker->result != 1)
                        return taker;
                if (taker->is_full) {
                        taker->is_full = false;
                        inflow_go_on(inflow);
                } else if (uv_run(loop, UV_RUN_NOWAIT) == 0) {
                        return taker;
                }
        }
}

static int run_inflow(uv_loop_t *loop, struct inflow *inflow, struct taker *first, const uint8_t *data, size_t size)
{
        struct taker *taker = first;
        for (size_t at = 0, some; at < size && taker->result == 1 && !taker->is_over; at += some) {
                some = 1 + (size_t)data[at] % 97;
                some = some < size - at ? some : size - at;
                taker->is_ready = false;
                inflow_take(inflow, (const char *)data + at, some);
                taker = settle(loop, inflow, first);
                expect(taker->is_ready || taker->result != 1 || taker->is_over, "it is not ready");
        }
        if (taker->result == 1 && !taker->is_over) {
                taker->is_ready = false;
                inflow_end(inflow);
                taker = settle(loop, inflow, first);
        }
        return taker->is_over ? 1 : taker->result;
}

static int run_plain(struct buf *content, const uint8_t *data, size_t size)
{
        const struct coding *coding = coding_find("gzip");
        struct err err;
        void *decoder;
        size_t used;
        expect(coding->open(on_plain, content, &decoder, &err) == 0, "out of memory");
        int rc = size > 0 ? coding->decode(decoder, (const char *)data, size, &used, &err) : 0;
        if (rc == 0)
                rc = coding->finish(decoder, &err);
        coding->close(decoder);
        return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf plain, passed;
        struct inflows inflows;
        struct inflow *inflow;
        struct err err;
        uv_loop_t loop;
        struct taker second = { .inflow = &inflow, .content = &passed, .result = 1 };
        struct taker first = { .inflow = &inflow, .content = &passed, .result = 1, .next = size % 2 ? &second : NULL };
        const struct inflow_options options = options_of(&first);
        buf_init(&plain, 0);
        buf_init(&passed, 0);
        expect(uv_loop_init(&loop) == 0, "no loop");
        inflows_init(&inflows, &loop);
        expect(inflow_new(&inflows, coding_find("gzip"), &options, &inflow, &err) == 0, "out of memory");
        int expected = run_plain(&plain, data, size);
        int rc = run_inflow(&loop, inflow, &first, data, size);
        expect(rc == expected, "the results differ");
        expect(rc == 1 || (plain.len == passed.len && (plain.len == 0 || !memcmp(plain.data, passed.data, plain.len))),
               "the content differs");
        inflow_free(inflow);
        inflows_close(&inflows);
        expect(uv_run(&loop, UV_RUN_DEFAULT) == 0 && uv_loop_close(&loop) == 0, "something is left");
        buf_fini(&plain);
        buf_fini(&passed);
        return 0;
}
