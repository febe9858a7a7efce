/* json_split_fuzz: splits arbitrary bytes into lines and into elements, at once, and in pieces whose sizes the first
 * byte determines. Both ways must give the same result. jansson is the oracle for arrays: an array that it accepts must
 * have the same number of elements and no error. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "json/split.h"

enum { LIMIT = 48 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
        if (holds)
                return;
        (void)fprintf(stderr, "json_split_fuzz: %s\n", what);
        abort();
}

struct found {
        struct buf text; /* the items one after the other, each with its properties */
        size_t items;
        struct err err;
};

static void note(struct found *found, const struct json_item *item)
{
        expect(item->text.length <= LIMIT, "an item is longer than the limit");
        expect(!item->is_too_long || item->text.length == 0, "an item that is too long has text");
        int rc = buf_printf(&found->text, "%d %zu %zu %d ", (int)item->number, item->line, item->column,
                            item->is_too_long);
        if (rc == 0)
                rc = buf_append(&found->text, item->text.bytes, item->text.length);
        expect(rc == 0, "memory");
        found->items++;
}

static void split_all(enum json_split_kind kind, const char *bytes, size_t size, size_t piece, struct found *found)
{
        struct json_split split;
        struct json_item item;
        struct json_position where;
        int rc = 0;
        json_split_init(&split, kind, LIMIT);
        for (size_t done = 0; done < size && rc == 0; done += piece) {
                const char *at = bytes + done, *end = at + (size - done < piece ? size - done : piece);
                while ((rc = json_split_next(&split, &at, end, &item, &where, &found->err)) > 0)
                        note(found, &item);
                expect(json_split_bytes(&split) <= 16 << 10, "more than one item is kept");
        }
        if (rc == 0)
                rc = json_split_end(&split, &item, &where, &found->err);
        if (rc > 0)
                note(found, &item);
        if (rc >= 0)
                found->err = (struct err){ 0 };
        json_split_fini(&split);
}

static void compare(enum json_split_kind kind, const char *bytes, size_t size, size_t piece, struct found *whole)
{
        struct found parts = { 0 };
        split_all(kind, bytes, size, size + 1, whole);
        split_all(kind, bytes, size, piece, &parts);
        expect(whole->items == parts.items && whole->text.len == parts.text.len, "pieces give other items");
        expect(whole->text.len == 0 || !memcmp(whole->text.data, parts.text.data, parts.text.len),
               "pieces give items of another content");
        expect(whole->err.code == parts.err.code && !strcmp(whole->err.text, parts.err.text),
               "pieces give another error");
        buf_fini(&parts.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        const char *bytes = (const char *)data + 1;
        size_t piece = 1 + data[0] % 64;
        struct found lines = { 0 }, elements = { 0 };
        compare(JSON_SPLIT_LINES, bytes, size - 1, piece, &lines);
        compare(JSON_SPLIT_ARRAY, bytes, size - 1, piece, &elements);
        expect(lines.err.code == 0, "lines have an error");
        json_t *array = json_loadb(bytes, size - 1, 0, NULL);
        if (json_is_array(array) && !memchr(bytes, 0, size - 1)) { /* jansson ignores a NUL after a number */
                expect(elements.err.code == 0, "a valid array is rejected");
                expect(elements.items == json_array_size(array), "a valid array has another number of elements");
        }
        json_decref(array);
        buf_fini(&lines.text);
        buf_fini(&elements.text);
        return 0;
}
