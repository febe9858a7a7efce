/* labels: a line consists of the name, `=`, and the value as a quoted Go string, whose escapes are decoded here. A
 * malformed line is skipped. */
#include "labels.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/redact.h"
#include "facts.h"

static int hex_value(const char *at, size_t digits, uint32_t *out)
{
        uint32_t value = 0;
        for (size_t i = 0; i < digits; i++) {
                int digit = hex_digit(at[i]);
                if (digit < 0)
                        return -1;
                value = value * 16 + (uint32_t)digit;
        }
        *out = value;
        return 0;
}

static int put_utf8(struct buf *out, uint32_t c)
{
        char bytes[4];
        size_t n = 0;
        if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return -1;
        if (c < 0x80) {
                bytes[n++] = (char)c;
        } else if (c < 0x800) {
                bytes[n++] = (char)(0xc0 | (c >> 6));
        } else {
                if (c < 0x10000) {
                        bytes[n++] = (char)(0xe0 | (c >> 12));
                } else {
                        bytes[n++] = (char)(0xf0 | (c >> 18));
                        bytes[n++] = (char)(0x80 | ((c >> 12) & 0x3f));
                }
                bytes[n++] = (char)(0x80 | ((c >> 6) & 0x3f));
        }
        if (c >= 0x80)
                bytes[n++] = (char)(0x80 | (c & 0x3f));
        return buf_append(out, bytes, n);
}

/* Decodes one escape; `at` is after the backslash and advances past the escape. -1: invalid. */
static int put_escape(struct buf *out, const char **at, const char *end)
{
        static const char names[] = "abfnrtv\\\"'", values[] = "\a\b\f\n\r\t\v\\\"'";
        if (*at == end)
                return -1;
        char c = *(*at)++;
        const char *simple = c ? strchr(names, c) : NULL;
        if (simple)
                return buf_putc(out, values[simple - names]);
        size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        uint32_t value;
        if (digits == 0 || (size_t)(end - *at) < digits || hex_value(*at, digits, &value) < 0 || value == 0)
                return -1;
        *at += digits;
        return c == 'x' ? buf_putc(out, (char)value) : put_utf8(out, value);
}

/* Decodes the quoted string from `at` to the end of its line. -1: not a quoted string. */
static int unquote(struct buf *out, const char *at, const char *end)
{
        if (at == end || *at++ != '"')
                return -1;
        while (at < end && *at != '"') {
                int rc = *at == '\\' ? (at++, put_escape(out, &at, end)) : buf_putc(out, *at++);
                if (rc < 0)
                        return -1;
        }
        return end - at == 1 ? 0 : -1;
}

static int add_label(json_t *labels, const char *line, const char *end)
{
        const char *equals = memchr(line, '=', (size_t)(end - line));
        struct buf value;
        char name[512]; /* a label's prefix has at most 253 characters, its name 63 */
        if (!equals || (size_t)(equals - line) >= sizeof(name) || equals == line)
                return 0;
        memcpy(name, line, (size_t)(equals - line));
        name[equals - line] = '\0';
        buf_init(&value, LABELS_MAX_BYTES);
        int rc = 0;
        if (unquote(&value, equals + 1, end) == 0) {
                const char *text = value.data ? value.data : "";
                json_t *shown = facts_text(redact_known_form(text) ? REDACTED : text);
                rc = shown ? 0 : -1;
                if (shown)
                        (void)json_object_set_new(labels, name, shown); /* a name that is not UTF-8 is not a label */
        }
        buf_fini(&value);
        return rc;
}

json_t *labels_parse(const char *text, size_t length)
{
        json_t *labels = json_object();
        for (const char *line = text, *end = text + length; labels && line < end;) {
                const char *stop = memchr(line, '\n', (size_t)(end - line));
                stop = stop ? stop : end;
                if (add_label(labels, line, stop) < 0) {
                        json_decref(labels);
                        return NULL;
                }
                line = stop + 1;
        }
        return labels;
}
