/* text: checks a host before it is resolved, so that a port or a password given as a host is reported at once. */
#include "backing/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/decimal.h"
#include "base/hex.h"

static bool is_one_of(const char *text, size_t length, const char *const *words)
{
        for (; *words; words++)
                if (strlen(*words) == length && strncasecmp(text, *words, length) == 0)
                        return true;
        return false;
}

bool parse_yes_no(const char *text, size_t length, bool *out)
{
        static const char *const yes[] = { "true", "1", "yes", "on", "required", "enabled", NULL };
        static const char *const no[] = { "false", "0", "no", "off", "disabled", "none", NULL };
        if (is_one_of(text, length, yes))
                *out = true;
        else if (is_one_of(text, length, no))
                *out = false;
        else
                return false;
        return true;
}

bool parse_number(const char *text, size_t length, unsigned min, unsigned max, unsigned *out)
{
        uint64_t number;
        if (length > 9 || decimal_parse(text, length, max, &number) < 0 || number < min)
                return false;
        *out = (unsigned)number;
        return true;
}

bool host_is_valid(const char *text, size_t length)
{
        char host[HOST_MAX_BYTES + 1];
        struct in6_addr address;
        if (length == 0 || length > HOST_MAX_BYTES)
                return false;
        memcpy(host, text, length);
        host[length] = '\0';
        if (memchr(host, ':', length)) {
                host[strcspn(host, "%")] = '\0'; /* a zone, as in fe80::1%eth0 */
                for (size_t i = strlen(host); i < length; i++)
                        if (!isalnum((unsigned char)text[i]) && !strchr("%.-_", text[i]))
                                return false;
                return inet_pton(AF_INET6, host, &address) == 1;
        }
        for (size_t i = 0; i < length; i++)
                if (!isalnum((unsigned char)host[i]) && !strchr(".-_", host[i]))
                        return false;
        return host[0] != '-';
}

size_t without_line_end(const char *text, size_t length)
{
        if (length == 0 || text[length - 1] != '\n')
                return length;
        return length > 1 && text[length - 2] == '\r' ? length - 2 : length - 1;
}

size_t percent_decode(char *text, size_t length)
{
        size_t to = 0;
        for (size_t from = 0; from < length; from++, to++) {
                int high = from + 2 < length && text[from] == '%' ? hex_digit(text[from + 1]) : -1;
                int low = high >= 0 ? hex_digit(text[from + 2]) : -1;
                text[to] = low >= 0 ? (char)(high * 16 + low) : text[from];
                if (low >= 0)
                        from += 2;
        }
        return to;
}
