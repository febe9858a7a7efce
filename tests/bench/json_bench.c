/* json_bench: compares the cost of checking a document and adding two members with parsing and printing it by jansson.
 * Prints nanoseconds per document, the best of 9 rounds.
 *
 *     make build/release/lib/libjson.a build/release/lib/libbase.a
 *     cc -O2 -D_GNU_SOURCE -Ipkg -o build/json_bench tests/bench/json_bench.c \
 *             build/release/lib/libjson.a build/release/lib/libbase.a -ljansson && build/json_bench */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json/json.h"

enum { ROUNDS = 9, BYTES_PER_ROUND = 8 << 20 };

static const char tail[] = "\"created\":1764000000000,\"correlationId\":\"0193a5b8-7f2c-7d11-9c3e-5a1b2c3d4e5f\"";

/* A request's record as in a web server's log: 220 bytes. */
static const char small[] =
        "{\"level\":30,\"time\":1764000000123,\"pid\":471,\"hostname\":\"web-6c9f4d5b7-x2x7k\",\"req\":{"
        "\"method\":\"GET\",\"url\":\"/items/42?p=3\",\"headers\":{\"host\":\"shop.example.org\",\"accept\":"
        "\"*/*\"},\"remoteAddress\":\"10.1.2.3\",\"remotePort\":51034}}";

static void fatal(const char *what)
{
        (void)fprintf(stderr, "json_bench: %s\n", what);
        abort();
}

static int64_t now_ns(void)
{
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void run_ours(const char *document, size_t length, struct buf *out)
{
        static const struct json_options options = { .watch = { "created", "correlationId" } };
        struct json_object object;
        struct err err;
        buf_clear(out, SIZE_MAX);
        if (json_check_object(document, length, &options, &object, NULL, &err) < 0 ||
            json_splice(out, &object, JSON_CUT(1), tail, sizeof(tail) - 1) < 0)
                fatal("a document was rejected");
}

static void run_jansson(const char *document, size_t length, struct buf *out)
{
        (void)out;
        json_t *root = json_loadb(document, length, 0, NULL);
        if (!root)
                fatal("jansson refused a document");
        json_object_set_new(root, "created", json_integer(1764000000000));
        json_object_set_new(root, "correlationId", json_string("0193a5b8-7f2c-7d11-9c3e-5a1b2c3d4e5f"));
        char *text = json_dumps(root, JSON_COMPACT);
        if (!text)
                fatal("jansson did not print");
        free(text);
        json_decref(root);
}

static double best_ns(void (*run)(const char *, size_t, struct buf *), const char *document, size_t length)
{
        struct buf out;
        buf_init(&out, 0);
        size_t times = BYTES_PER_ROUND / length;
        double best = 0;
        for (int round = 0; round < ROUNDS; round++) {
                int64_t start = now_ns();
                for (size_t i = 0; i < times; i++)
                        run(document, length, &out);
                double ns = (double)(now_ns() - start) / (double)times;
                best = round == 0 || ns < best ? ns : best;
        }
        buf_fini(&out);
        return best;
}

static void compare(const char *what, const char *document, size_t length)
{
        double ours = best_ns(run_ours, document, length);
        double theirs = best_ns(run_jansson, document, length);
        printf("%-28s %5zu bytes  %8.0f ns  jansson %8.0f ns  %5.1f times\n", what, length, ours, theirs,
               theirs / ours);
}

/* {"logs":[record,record,...]} of at least `size` bytes. */
static void make_batch(struct buf *out, size_t size)
{
        int rc = buf_puts(out, "{\"logs\":[");
        while (rc == 0 && out->len < size)
                rc = buf_printf(out, "%s%s", out->len > 9 ? "," : "", small);
        if (rc < 0 || buf_puts(out, "]}") < 0)
                fatal("out of memory");
}

static void make_text(struct buf *out, size_t size, const char *piece)
{
        int rc = buf_puts(out, "{\"text\":\"");
        while (rc == 0 && out->len < size)
                rc = buf_puts(out, piece);
        if (rc < 0 || buf_puts(out, "\"}") < 0)
                fatal("out of memory");
}

int main(void)
{
        struct buf batch;
        struct buf ascii;
        struct buf words;
        buf_init(&batch, 0);
        buf_init(&ascii, 0);
        buf_init(&words, 0);
        make_batch(&batch, 4000);
        make_text(&ascii, 4080, "the quick brown fox jumps over the lazy dog ");
        make_text(&words, 4080,
                  "Gr\xC3\xBC\xC3\x9F"
                  "e aus K\xC3\xB6ln: \xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x98\x80 ");
        compare("one log record", small, sizeof(small) - 1);
        compare("a batch of log records", batch.data, batch.len);
        compare("one long text, ASCII", ascii.data, ascii.len);
        compare("one long text, UTF-8", words.data, words.len);
        buf_fini(&batch);
        buf_fini(&ascii);
        buf_fini(&words);
        return 0;
}
