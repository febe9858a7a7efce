/* collector_cursor_fuzz: parses a cursor as a client returns it. The code must not crash, and an accepted cursor must
 * print as text that is within its limit and parses to the same position. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/collector/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_same(const struct cursor_places *a, const struct cursor_places *b)
{
        for (size_t i = 0; i < FEED_PARTITIONS; i++)
                if (feed_id_compare(a->of[i].id, b->of[i].id) != 0 || a->of[i].keys != b->of[i].keys)
                        return 0;
        return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char text[CURSOR_SIZE];
        struct cursor first, second;
        char *input = calloc(1, size + 1);
        if (!input)
                return 0;
        memcpy(input, data, size);
        if (cursor_parse(input, &first)) {
                assert(strlen(cursor_format(&first, text)) < CURSOR_SIZE);
                bool again = cursor_parse(text, &second);
                assert(again && second.day == first.day && second.is_descending == first.is_descending &&
                       strcmp(second.feed, first.feed) == 0);
                assert(is_same(&second.after, &first.after));
                assert(is_same(&second.after_next, &first.after_next));
                assert(!cursor_is_old(text));
        }
        (void)cursor_is_old(input);
        free(input);
        return 0;
}
