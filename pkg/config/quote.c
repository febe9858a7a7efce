/* quote: shows untrusted text, which may contain secrets. */
#include "config/quote.h"

#include <string.h>

const char *config_quote(const char *text, size_t length, char out[QUOTE_SIZE])
{
        enum { SHOWN_MAX = QUOTE_SIZE - 8 };
        static const char hidden[] = "a value that may contain a password";
        /* A URL with a password may appear where a port is expected. */
        if (memchr(text, '@', length))
                return memcpy(out, hidden, sizeof(hidden));
        size_t used = 0;
        out[used++] = '"';
        for (size_t i = 0; i < length && i < SHOWN_MAX; i++) {
                unsigned char c = (unsigned char)text[i];
                out[used++] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
        }
        out[used++] = '"';
        memcpy(out + used, length > SHOWN_MAX ? "..." : "", length > SHOWN_MAX ? 4 : 1);
        return out;
}
