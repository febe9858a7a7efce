/* target: the request target, taken apart by us rather than by libmicrohttpd, which decodes in place,
 * cuts at %00 and keeps no copy of what was sent. A path that cannot be decoded is an error (400); a
 * query is more forgiving: a part that cannot be decoded is taken as it is, as browsers do. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hex.h"
#include "http/internal.h"

bool target_decode(const char *text, size_t length, bool plus, char *out, size_t *out_length)
{
        size_t n = 0;
        for (size_t i = 0; i < length; i++) {
                char c = text[i];
                if (c == '%') {
                        if (length - i < 3)
                                return false;
                        int high = hex_digit(text[i + 1]);
                        int low = hex_digit(text[i + 2]);
                        if (high < 0 || low < 0 || high + low == 0)
                                return false;
                        c = (char)(high << 4 | low);
                        i += 2;
                } else if (c == '+' && plus) {
                        c = ' ';
                }
                out[n++] = c;
        }
        out[n] = '\0';
        *out_length = n;
        return true;
}

#define IPV6_CHARACTERS "0123456789abcdefABCDEF:."

/* The characters of a name or an address (RFC 3986, section 3.2.2), which has no brackets. */
static bool is_host_text(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                char c = text[i];
                bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                if (!alnum && (c == '\0' || !strchr("-._~%!$&'()*+,;=", c)))
                        return false;
        }
        return true;
}

bool target_is_host(const char *text, size_t length)
{
        const char *end = text + length;
        const char *host = text;
        const char *after = memchr(text, ':', length);
        if (strspn(text, IPV6_CHARACTERS) >= length)
                return true; /* an IPv6 address without its brackets, as some clients send it */
        if (length > 0 && *text == '[') {
                after = memchr(text, ']', length);
                if (!after || after == text + 1 || strspn(text + 1, IPV6_CHARACTERS) < (size_t)(after - text - 1))
                        return false;
                host = ++after;
        }
        if (!after)
                after = end;
        if (!is_host_text(host, (size_t)(after - host)) || (after < end && *after != ':'))
                return false;
        while (after < end && ++after < end)
                if (*after < '0' || *after > '9')
                        return false;
        return true;
}

bool target_path(const char *target, const char **path, size_t *length)
{
        if (!strcmp(target, "*")) {
                *path = target;
                *length = 1;
                return true;
        }
        if (!strncasecmp(target, "http://", 7) || !strncasecmp(target, "https://", 8)) {
                target += target[4] == ':' ? 7 : 8;
                size_t host = strcspn(target, "/?#");
                if (host == 0 || !target_is_host(target, host))
                        return false;
                target += host;
                if (*target != '/') { /* RFC 3986, section 6.2.3: an empty path is "/" */
                        *path = "/";
                        *length = 1;
                        return true;
                }
        }
        if (*target != '/')
                return false;
        *path = target;
        *length = strcspn(target, "?#");
        return true;
}

struct query {
        size_t count;
        struct query_pair pairs[]; /* followed by the text they point into */
};

/* Decodes one part to `out`, closed by a NUL; returns the place after it. */
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

/* Empty parts are none. */
static size_t count_pairs(const char *text)
{
        size_t count = 0;
        for (char before = '&'; *text; before = *text++)
                count += before == '&' && *text != '&';
        return count;
}

/* Each part shrinks or stays when decoded and takes the place of its '=' or '&' for its NUL. */
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
