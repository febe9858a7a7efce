/* format: one option's field as text, for --check, messages and --help.
 *
 * The text can be parsed again, except for secrets: it shows only that a secret is set, and omits the parts of a URL
 * that may hold a password. */
#include <string.h>

#include "base/buf.h"
#include "config/format.h"

static int format_scaled(int64_t number, const char *const *units, const int64_t *factors, struct buf *out)
{
        size_t i = 0;
        while (number % factors[i] != 0 || number < factors[i])
                i++; /* the last factor is 1, and zero is handled by the caller */
        return buf_printf(out, "%lld%s", (long long)(number / factors[i]), units[i]);
}

int config_number_format(const struct config_option *option, int64_t number, struct buf *out)
{
        static const char *const times[] = { "d", "h", "m", "s", "ms" };
        static const int64_t ms[] = { 86400000, 3600000, 60000, 1000, 1 };
        static const char *const sizes[] = { "GiB", "MiB", "KiB", "" };
        static const int64_t bytes[] = { 1 << 30, 1 << 20, 1 << 10, 1 };
        if (number > 0 && option->type == CONFIG_DURATION)
                return format_scaled(number, times, ms, out);
        if (number > 0 && option->type == CONFIG_BYTES)
                return format_scaled(number, sizes, bytes, out);
        return buf_printf(out, "%lld", (long long)number);
}

/* Control characters become "?", so that a value can't forge an output line. */
static int format_text(const char *text, size_t length, struct buf *out)
{
        int rc = 0;
        for (size_t i = 0; i < length && rc == 0; i++)
                rc = buf_putc(out, (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
        return rc;
}

/* True for [HOST[:PORT]], followed by a path, a query or nothing. */
static bool is_authority(const char *text)
{
        size_t length = strcspn(text, "/?#");
        const char *name_end = text[0] == '[' ? memchr(text, ']', length) : text;
        const char *colon = name_end ? memchr(name_end, ':', length - (size_t)(name_end - text)) : NULL;
        if (!colon)
                return name_end != NULL;
        size_t digits = strspn(colon + 1, "0123456789");
        return colon > text && digits <= 5 && colon + 1 + digits == text + length;
}

/* A password is before the "@" or in the query (RFC 3986, sections 3.2.1 and 3.4), so both are omitted. If the parts
 * are ambiguous, as with an "@" after a "?" or in redis://:password without a host, the whole URL is omitted. */
static int format_url(const struct secret *url, struct buf *out)
{
        const char *scheme = strstr(url->bytes, "://");
        if (!scheme)
                return buf_puts(out, "(set)");
        const char *rest = scheme + 3;
        const char *at = strrchr(rest, '@');
        const char *host = at ? at + 1 : rest;
        size_t shown = strcspn(host, "?#");
        int rc = format_text(url->bytes, (size_t)(rest - url->bytes), out);
        if ((at && strcspn(rest, "?#") < (size_t)(at - rest)) || !is_authority(host))
                return rc == 0 ? buf_puts(out, "***") : rc;
        if (rc == 0 && at)
                rc = buf_puts(out, "***@");
        if (rc == 0)
                rc = format_text(host, shown, out);
        if (rc == 0 && host[shown] != '\0')
                rc = buf_puts(out, "?***");
        return rc;
}

static int format_list(const struct config_list *list, struct buf *out)
{
        int rc = list->count == 0 ? buf_puts(out, "(none)") : 0;
        for (size_t i = 0; i < list->count && rc == 0; i++) {
                rc = i > 0 ? buf_putc(out, ',') : 0;
                if (rc == 0)
                        rc = format_text(list->items[i], strlen(list->items[i]), out);
        }
        return rc;
}

static int format_address(const struct config_address *address, struct buf *out)
{
        bool has_colon = strchr(address->host, ':') != NULL;
        return buf_printf(out, has_colon ? "[%s]:%u" : "%s:%u", address->host, (unsigned)address->port);
}

int config_value_format(const struct config_option *option, const void *values, struct buf *out)
{
        const void *field = (const char *)values + option->offset;
        const struct secret *secret = field;
        const char *text;
        int index;
        switch (option->type) {
        case CONFIG_STRING:
                text = *(char *const *)field;
                return text ? format_text(text, strlen(text), out) : buf_puts(out, "(none)");
        case CONFIG_SECRET:
                return buf_puts(out, secret->bytes ? "(set)" : "(none)");
        case CONFIG_URL:
                return secret->bytes ? format_url(secret, out) : buf_puts(out, "(none)");
        case CONFIG_BOOL:
                return buf_puts(out, *(const bool *)field ? "true" : "false");
        case CONFIG_PORT:
                return buf_printf(out, "%u", (unsigned)*(const uint16_t *)field);
        case CONFIG_INT:
        case CONFIG_BYTES:
        case CONFIG_DURATION:
                return config_number_format(option, *(const int64_t *)field, out);
        case CONFIG_ENUM:
                memcpy(&index, field, sizeof(index));
                return buf_puts(out, index < 0 ? "(none)" : option->words[index]);
        case CONFIG_ADDRESS:
                return format_address(field, out);
        case CONFIG_LIST:
                return format_list(field, out);
        }
        return ERR_BUG;
}
