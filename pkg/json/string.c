/* string: reads and writes JSON escapes, and compares names without decoding them into memory. */
#include "json/string.h"

#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "json/scan.h"

static uint32_t read_hex4(const unsigned char *at)
{
        uint32_t unit = 0;
        for (int i = 0; i < 4; i++)
                unit = unit << 4 | (uint32_t)hex_digit((char)at[i]);
        return unit;
}

static bool is_low_escape(const unsigned char *at, const unsigned char *end)
{
        return end - at >= 6 && at[0] == '\\' && at[1] == 'u' && (read_hex4(at + 2) & 0xFC00) == 0xDC00;
}

/* Reads the code point of a checked escape, starting at its backslash, and moves `at` past it. A surrogate pair counts
 * as one escape. */
static uint32_t escape_read(const unsigned char **at, const unsigned char *end)
{
        const unsigned char *p = *at + 1;
        *at += 2;
        switch (*p) {
        case 'b':
                return '\b';
        case 'f':
                return '\f';
        case 'n':
                return '\n';
        case 'r':
                return '\r';
        case 't':
                return '\t';
        case 'u':
                break;
        default:
                return *p;
        }
        uint32_t unit = read_hex4(p + 1);
        *at += 4;
        if ((unit & 0xFC00) != 0xD800 || !is_low_escape(*at, end))
                return unit;
        uint32_t low = read_hex4(*at + 2);
        *at += 6;
        return 0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF);
}

bool name_equals(struct json_span string, bool has_escapes, const char *text, size_t length)
{
        if (string.length < length + 2) /* an escape is longer than its character */
                return false;
        if (!has_escapes || string.length == length + 2)
                return string.length == length + 2 && memcmp(string.bytes + 1, text, length) == 0;
        const unsigned char *at = (const unsigned char *)string.bytes + 1;
        const unsigned char *end = (const unsigned char *)string.bytes + string.length - 1;
        for (size_t i = 0; i < length; i++) {
                if (at == end)
                        return false;
                uint32_t c = *at == '\\' ? escape_read(&at, end) : *at++;
                if (c != (unsigned char)text[i])
                        return false;
        }
        return at == end;
}

bool json_name_is(struct json_span name, const char *text)
{
        return name_equals(name, memchr(name.bytes, '\\', name.length) != NULL, text, strlen(text));
}

int json_decode_string(struct json_span string, struct buf *out)
{
        struct scan s;
        scan_init(&s, string.bytes, string.length, NULL);
        if (string.length < 2 || string.bytes[0] != '"' || scan_string(&s, s.start) != s.end)
                return ERR_INVALID;
        int rc = buf_reserve(out, string.length); /* decoding never makes the text longer, so no append below can
                                                   * fail */
        const unsigned char *at = s.start + 1;
        const unsigned char *end = s.end - 1;
        while (rc == 0 && at < end) {
                const unsigned char *escape = memchr(at, '\\', (size_t)(end - at));
                const unsigned char *run_end = escape ? escape : end;
                rc = buf_append(out, at, (size_t)(run_end - at));
                at = run_end;
                if (rc == 0 && escape) {
                        char utf8[4];
                        size_t length = utf8_write(utf8, escape_read(&at, end));
                        rc = buf_append(out, utf8, length);
                }
        }
        return rc;
}

/* Writes the escape of one character: "\n", or U+FFFD if `length` is 0. Returns its length in bytes. */
static size_t write_escape(char out[8], unsigned char c, bool is_valid)
{
        static const char short_forms[] = "\bb\ff\nn\rr\tt\"\"\\\\";
        if (!is_valid)
                return utf8_write(out, 0xFFFD);
        out[0] = '\\';
        for (const char *form = short_forms; *form; form += 2) {
                if ((unsigned char)form[0] == c) {
                        out[1] = form[1];
                        return 2;
                }
        }
        memcpy(out + 1, "u00", 3);
        out[4] = hex_char(c >> 4);
        out[5] = hex_char(c);
        return 6;
}

static bool needs_escape(unsigned char c)
{
        return c < 0x20 || c == '"' || c == '\\';
}

/* The length of the escaped text in bytes, without quotes. */
static size_t escaped_length(const unsigned char *at, const unsigned char *end)
{
        size_t total = 0;
        char escape[8];
        while (at < end) {
                size_t length = utf8_length(at, end);
                total += length == 0 || needs_escape(*at) ? write_escape(escape, *at, length > 0) : length;
                at += length ? length : 1;
        }
        return total;
}

int json_escape(struct buf *out, const char *text, size_t length)
{
        const unsigned char *at = (const unsigned char *)text;
        const unsigned char *end = at + length;
        /* Measure first, so that a full buffer is detected before anything is written. */
        int rc = buf_reserve(out, escaped_length(at, end) + 2);
        if (rc == 0)
                rc = buf_putc(out, '"');
        const unsigned char *run = at; /* bytes that need no escape */
        while (rc == 0 && at < end) {
                size_t bytes = utf8_length(at, end);
                if (bytes > 0 && !needs_escape(*at)) {
                        at += bytes;
                        continue;
                }
                char escape[8];
                rc = buf_append(out, run, (size_t)(at - run));
                if (rc == 0)
                        rc = buf_append(out, escape, write_escape(escape, *at, bytes > 0));
                run = ++at;
        }
        if (rc == 0)
                rc = buf_append(out, run, (size_t)(at - run));
        return rc < 0 ? rc : buf_putc(out, '"');
}
