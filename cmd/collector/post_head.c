/* post_head: header fields do not outlive the connection, so what is needed later is copied or checked at once. */
#include "post_head.h"

#include <string.h>

#include "idempotency.h"

size_t post_head_correlation(const struct http_request *request, char out[POST_CORRELATION_SIZE])
{
        const char *id = http_request_correlation_id(request);
        struct buf escaped;
        size_t length = 0;
        if (!http_request_has_correlation_id(request)) { /* a generated one is a UUID */
                char *end = stpcpy(stpcpy(stpcpy(out, "\""), id), "\"");
                return (size_t)(end - out);
        }
        buf_init(&escaped, DEPOSIT_CORRELATION_MAX);
        if (json_escape(&escaped, id, strlen(id)) == 0) {
                length = escaped.len;
                memcpy(out, escaped.data, length);
        }
        buf_fini(&escaped);
        return length;
}

bool post_head_check_idempotency(struct http_request *request, const char *value)
{
        unsigned count = http_request_header_count(request, "Idempotency-Key");
        if (count > 1)
                http_problem(request, 400, NULL, 0, "expected one Idempotency-Key, found %u", count);
        else if (!idempotency_key_is_sound(value))
                http_problem(request, 400, NULL, 0, "an Idempotency-Key has 1 to %d visible ASCII characters or blanks",
                             IDEMPOTENCY_KEY_MAX);
        else
                return true;
        return false;
}

struct encoding {
        unsigned fields;
        const char *name; /* borrowed; NULL: none */
};

static bool note_encoding(const char *name, const char *value, void *data)
{
        struct encoding *encoding = data;
        if (strcasecmp(name, "Content-Encoding") == 0) {
                encoding->fields++;
                encoding->name = value;
        }
        return true;
}

bool post_head_coding(struct http_request *request, const struct coding **coding)
{
        static const struct http_header accept = { "Accept-Encoding", CODING_NAMES };
        struct encoding encoding = { 0 };
        http_request_each_header(request, note_encoding, &encoding);
        *coding = NULL;
        if (encoding.fields == 0 ||
            (encoding.fields == 1 && (!*encoding.name || strcasecmp(encoding.name, "identity") == 0)))
                return true;
        *coding = encoding.fields == 1 ? coding_find(encoding.name) : NULL;
        if (*coding)
                return true;
        http_problem(request, 415, &accept, 1, "Content-Encoding: expected " CODING_NAMES " or none, found %.40s%s",
                     encoding.name, encoding.fields > 1 ? " and others" : "");
        return false;
}
