/* query: the parameters after a target's "?". A part with invalid percent-encoding is kept as sent, as browsers do. */
#include "http/query.h"

#include <stdlib.h>
#include <string.h>

#include "http/target.h"

struct query {
        size_t count;
        struct query_pair pairs[]; /* followed by the text they point into */
};

/* Decodes one part to `out`, adds a NUL, and returns the position after it. */
static char *decode_part(const char *text, size_t length, char *out)
{
        size_t n;
        if (!target_decode(text, length, true, out, &n)) {
                memcpy(out, text, length);
                out[length] = '\0';
                n = length;
        }
        return out + n + 1;
}

/* Empty parts are skipped. */
static size_t count_pairs(const char *text)
{
        size_t count = 0;
        for (char before = '&'; *text; before = *text++)
                count += before == '&' && *text != '&';
        return count;
}

/* A decoded part is never longer than its source, and its NUL takes the place of the '=' or '&'. */
static size_t bytes_for(const char *text, size_t most)
{
        return sizeof(struct query) + most * sizeof(struct query_pair) + strlen(text) + 2 * most;
}

static const char *query_text(const char *target)
{
        const char *text = strchr(target, '?');
        return text ? text + 1 : "";
}

size_t query_bytes(const char *target)
{
        const char *text = query_text(target);
        return bytes_for(text, count_pairs(text));
}

struct query *query_new(const char *target)
{
        const char *text = query_text(target);
        size_t most = count_pairs(text);
        struct query *query = malloc(bytes_for(text, most));
        if (!query)
                return NULL;
        char *out = (char *)&query->pairs[most];
        query->count = 0;
        while (*text) {
                size_t length = strcspn(text, "&");
                size_t name_length = strcspn(text, "&=");
                if (length > 0) {
                        struct query_pair *pair = &query->pairs[query->count++];
                        pair->name = out;
                        out = decode_part(text, name_length, out);
                        pair->value = out;
                        size_t skip = name_length < length ? name_length + 1 : length;
                        out = decode_part(text + skip, length - skip, out);
                }
                text += length + (text[length] == '&');
        }
        return query;
}

void query_free(struct query *query)
{
        free(query);
}

size_t query_count(const struct query *query)
{
        return query->count;
}

const struct query_pair *query_at(const struct query *query, size_t index)
{
        return &query->pairs[index];
}
