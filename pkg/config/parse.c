/* parse: converts strings to values. Nothing here knows about options or sources.
 *
 * Each parser takes a length, since paths of HTTP requests and list entries have no trailing NUL, and rejects a number
 * that overflows. There is one table of suffixes for durations and one for sizes. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/decimal.h"
#include "config/config.h"

struct suffix {
        const char *text;
        int64_t factor;
};

static const struct suffix duration_suffixes[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
};

static const struct suffix size_suffixes[] = {
        { "", 1 },          { "B", 1 },        { "KiB", 1 << 10 }, { "Ki", 1 << 10 },
        { "MiB", 1 << 20 }, { "Mi", 1 << 20 }, { "GiB", 1 << 30 }, { "Gi", 1 << 30 },
};

/* The number of leading digits; 0 if there are none or the number is too large. */
static size_t read_digits(const char *text, size_t length, int64_t *number)
{
        uint64_t found;
        size_t digits = decimal_span(text, length);
        if (decimal_parse(text, digits, INT64_MAX, &found) < 0)
                return 0;
        *number = (int64_t)found;
        return digits;
}

static int64_t find_factor(const struct suffix *suffixes, size_t count, const char *text, size_t length)
{
        for (size_t i = 0; i < count; i++) {
                if (strlen(suffixes[i].text) == length && memcmp(suffixes[i].text, text, length) == 0)
                        return suffixes[i].factor;
        }
        return 0;
}

bool config_parse_duration(const char *text, size_t length, int64_t *ms)
{
        int64_t sum = 0;
        int64_t last_factor = INT64_MAX;
        size_t at = 0;
        if (length == 1 && text[0] == '0') {
                *ms = 0;
                return true;
        }
        while (at < length) {
                int64_t number = 0;
                size_t digits = read_digits(text + at, length - at, &number);
                size_t letters = 0;
                at += digits;
                while (at + letters < length && isalpha((unsigned char)text[at + letters]))
                        letters++;
                int64_t factor = find_factor(duration_suffixes, COUNT_OF(duration_suffixes), text + at, letters);
                at += letters;
                if (digits == 0 || factor == 0 || factor >= last_factor ||
                    __builtin_mul_overflow(number, factor, &number) || __builtin_add_overflow(sum, number, &sum))
                        return false;
                last_factor = factor;
        }
        if (length > 0)
                *ms = sum;
        return length > 0;
}

bool config_parse_bytes(const char *text, size_t length, int64_t *bytes)
{
        int64_t number = 0;
        size_t digits = read_digits(text, length, &number);
        int64_t factor = find_factor(size_suffixes, COUNT_OF(size_suffixes), text + digits, length - digits);
        if (digits == 0 || factor == 0 || __builtin_mul_overflow(number, factor, &number))
                return false;
        *bytes = number;
        return true;
}

bool config_parse_int(const char *text, size_t length, int64_t *number)
{
        size_t sign = length > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;
        int64_t value = 0;
        size_t digits = read_digits(text + sign, length - sign, &value);
        if (digits == 0 || sign + digits != length)
                return false;
        *number = sign && text[0] == '-' ? -value : value;
        return true;
}

bool config_parse_bool(const char *text, size_t length, bool *out)
{
        static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "1", "0" };
        for (size_t i = 0; i < COUNT_OF(words); i++) {
                if (strlen(words[i]) == length && strncasecmp(words[i], text, length) == 0) {
                        *out = i % 2 == 0;
                        return true;
                }
        }
        return false;
}

/* A host consists of the characters of names and IP addresses (RFC 3986, section 3.2.2, and the zone of RFC 4007,
 * section 11); whether it exists is up to the resolver. A colon requires brackets. */
static bool is_host(const char *text, size_t length, bool in_brackets)
{
        if (length >= CONFIG_HOST_SIZE || (in_brackets && memchr(text, ':', length) == NULL))
                return false;
        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char)text[i];
                if (!isalnum(c) && strchr("-._", c) == NULL && !(in_brackets && (c == ':' || c == '%')))
                        return false;
                if (c == '\0')
                        return false;
        }
        return true;
}

bool config_parse_address(const char *text, size_t length, struct config_address *out)
{
        const char *colon = memrchr(text, ':', length);
        if (!colon)
                return false;
        size_t host_length = (size_t)(colon - text);
        size_t port_length = length - host_length - 1;
        int64_t port = 0;
        if (read_digits(colon + 1, port_length, &port) != port_length || port_length == 0 || port > UINT16_MAX)
                return false;
        bool in_brackets = host_length >= 2 && text[0] == '[' && text[host_length - 1] == ']';
        if (in_brackets) {
                text++;
                host_length -= 2;
        }
        if (!is_host(text, host_length, in_brackets))
                return false;
        *out = (struct config_address){ .port = (uint16_t)port };
        memcpy(out->host, text, host_length);
        return true;
}
