/* target: parses the request target. libmicrohttpd's own parser decodes in place, truncates at %00 and keeps no copy of
 * the original. A path that cannot be decoded is an error (400). */
#include "http/target.h"

#include <string.h>
#include <strings.h>

#include "base/hex.h"

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

/* The characters of a name or an address without brackets (RFC 3986, section 3.2.2). */
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
                return true; /* some clients send an IPv6 address without brackets */
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
