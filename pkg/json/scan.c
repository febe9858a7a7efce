/* scan: a recursive-descent parser for the grammar of RFC 8259, with one function per rule, each of which returns the
 * position after what it has read. It stores nothing, so a document costs one pass over its bytes. Most bytes are
 * inside strings, where it skips eight at a time as long as none of them is a quote, a backslash, a control character
 * or outside ASCII. Failures are recorded where they occur; lines and columns are counted only then. */
#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "json/scan.h"

static const uint64_t ONES = 0x0101010101010101U;
static const uint64_t HIGHS = 0x8080808080808080U;

void scan_init(struct scan *s, const char *bytes, size_t length, const struct json_options *options)
{
        if (!bytes)
                bytes = ""; /* the bytes of an empty body may be NULL */
        size_t depth_max = options && options->depth_max ? options->depth_max : JSON_DEPTH_DEFAULT;
        *s = (struct scan){
                .start = (const unsigned char *)bytes,
                .end = (const unsigned char *)bytes + length,
                .depth_max = depth_max < JSON_DEPTH_MAX ? depth_max : JSON_DEPTH_MAX,
        };
}

const unsigned char *scan_fail(struct scan *s, const unsigned char *at, enum json_problem problem, const char *reason)
{
        s->failed_at = at;
        s->problem = problem;
        s->reason = reason;
        return NULL;
}

static inline const unsigned char *skip_space(const struct scan *s, const unsigned char *at)
{
        while (at < s->end && *at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
                at++;
        return at;
}

const unsigned char *scan_space(const struct scan *s, const unsigned char *at)
{
        return skip_space(s, at);
}

/* Skips plain string bytes up to a quote, a backslash, a control character, a byte outside ASCII, or the end. */
static inline const unsigned char *skip_plain(const unsigned char *at, const unsigned char *end)
{
        while (end - at >= 8) {
                uint64_t v;
                memcpy(&v, at, sizeof(v));
                /* Sets the high bit of each byte that is below 0x20, '"', '\\' or above 0x7F. If there is such a byte,
                 * a borrow from it may set the bits of higher bytes too, so only the lowest set bit counts. */
                uint64_t stops =
                        (v | (v - ONES * 0x20) | ((v ^ (ONES * '"')) - ONES) | ((v ^ (ONES * '\\')) - ONES)) & HIGHS;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
                if (stops)
                        return at + (__builtin_ctzll(stops) >> 3);
#else
                if (stops)
                        break;
#endif
                at += 8;
        }
        while (at < end && *at >= 0x20 && *at != '"' && *at != '\\' && *at < 0x80)
                at++;
        return at;
}

static const unsigned char *scan_escape(struct scan *s, const unsigned char *at)
{
        if (s->end - at < 2)
                return s->end; /* the caller sees the unterminated string */
        if (at[1] != 'u') {
                if (at[1] == '\0' || !strchr("\"\\/bfnrt", at[1]))
                        return scan_fail(s, at, JSON_BAD_SYNTAX, "no such escape in a string");
                return at + 2;
        }
        for (int i = 2; i < 6; i++) {
                if (s->end - at <= i)
                        return s->end;
                if (hex_digit((char)at[i]) < 0)
                        return scan_fail(s, at, JSON_BAD_SYNTAX, "\\u needs four hexadecimal digits");
        }
        return at + 6;
}

const unsigned char *scan_string(struct scan *s, const unsigned char *at)
{
        const unsigned char *open = at++;
        for (;;) {
                at = skip_plain(at, s->end);
                if (at == s->end)
                        return scan_fail(s, open, JSON_BAD_SYNTAX, "a string is not closed");
                if (*at == '"')
                        return at + 1;
                if (*at == '\\') {
                        s->has_escapes = true;
                        at = scan_escape(s, at);
                        if (!at)
                                return NULL;
                } else if (*at >= 0x80) {
                        do {
                                size_t length = utf8_length(at, s->end);
                                if (length == 0)
                                        return scan_fail(s, at, JSON_BAD_UTF8, "invalid UTF-8");
                                at += length;
                        } while (at < s->end && *at >= 0x80);
                } else {
                        return scan_fail(s, at, JSON_BAD_SYNTAX, "a control character in a string must be escaped");
                }
        }
}

static const unsigned char *skip_digits(const struct scan *s, const unsigned char *at)
{
        while (at < s->end && (unsigned)(*at - '0') < 10)
                at++;
        return at;
}

static const unsigned char *scan_digits(struct scan *s, const unsigned char *at, const char *missing)
{
        const unsigned char *behind = skip_digits(s, at);
        return behind > at ? behind : scan_fail(s, at, JSON_BAD_SYNTAX, missing);
}

static const unsigned char *scan_number(struct scan *s, const unsigned char *at)
{
        if (*at == '-')
                at++;
        if (at < s->end && *at == '0') {
                at++;
                if (at < s->end && (unsigned)(*at - '0') < 10)
                        return scan_fail(s, at, JSON_BAD_SYNTAX, "a number must not start with 0");
        } else {
                at = scan_digits(s, at, "expected a digit after '-'");
        }
        if (at && at < s->end && *at == '.')
                at = scan_digits(s, at + 1, "expected a digit after '.'");
        if (at && at < s->end && (*at == 'e' || *at == 'E')) {
                at++;
                if (at < s->end && (*at == '+' || *at == '-'))
                        at++;
                at = scan_digits(s, at, "expected a digit in an exponent");
        }
        return at;
}

static const unsigned char *scan_literal(struct scan *s, const unsigned char *at, const char *word, size_t length)
{
        if ((size_t)(s->end - at) < length || memcmp(at, word, length) != 0)
                return scan_fail(s, at, JSON_BAD_SYNTAX, "expected a value");
        return at + length;
}

const unsigned char *scan_member(struct scan *s, const unsigned char *at, size_t depth, struct json_span *name,
                                 struct json_span *value)
{
        if (at == s->end || *at != '"')
                return scan_fail(s, at, JSON_BAD_SYNTAX, "expected a member's name in double quotes");
        name->bytes = (const char *)at;
        at = scan_string(s, at);
        if (!at)
                return NULL;
        name->length = (size_t)((const char *)at - name->bytes);
        at = skip_space(s, at);
        if (at == s->end || *at != ':')
                return scan_fail(s, at, JSON_BAD_SYNTAX, "expected ':' after a member's name");
        at = skip_space(s, at + 1);
        value->bytes = (const char *)at;
        at = scan_value(s, at, depth);
        if (at)
                value->length = (size_t)((const char *)at - value->bytes);
        return at;
}

static const unsigned char *scan_object(struct scan *s, const unsigned char *at, size_t depth)
{
        at = skip_space(s, at + 1);
        if (at < s->end && *at == '}')
                return at + 1;
        for (;;) {
                struct json_span name;
                struct json_span value;
                at = scan_member(s, at, depth, &name, &value);
                if (!at)
                        return NULL;
                at = skip_space(s, at);
                if (at < s->end && *at == '}')
                        return at + 1;
                if (at == s->end || *at != ',')
                        return scan_fail(s, at, JSON_BAD_SYNTAX, "expected ',' or '}' after a member");
                at = skip_space(s, at + 1);
        }
}

static const unsigned char *scan_array(struct scan *s, const unsigned char *at, size_t depth)
{
        at = skip_space(s, at + 1);
        if (at < s->end && *at == ']')
                return at + 1;
        for (;;) {
                at = scan_value(s, at, depth);
                if (!at)
                        return NULL;
                at = skip_space(s, at);
                if (at < s->end && *at == ']')
                        return at + 1;
                if (at == s->end || *at != ',')
                        return scan_fail(s, at, JSON_BAD_SYNTAX, "expected ',' or ']' after an element");
                at = skip_space(s, at + 1);
        }
}

const unsigned char *scan_value(struct scan *s, const unsigned char *at, size_t depth)
{
        if (at == s->end)
                return scan_fail(s, at, JSON_BAD_SYNTAX, "expected a value");
        switch (*at) {
        case '"':
                return scan_string(s, at);
        case '{':
        case '[':
                if (depth >= s->depth_max)
                        return scan_fail(s, at, JSON_TOO_DEEP, "nested too deep");
                return *at == '{' ? scan_object(s, at, depth + 1) : scan_array(s, at, depth + 1);
        case 't':
                return scan_literal(s, at, "true", 4);
        case 'f':
                return scan_literal(s, at, "false", 5);
        case 'n':
                return scan_literal(s, at, "null", 4);
        case '-':
        case '0' ... '9':
                return scan_number(s, at);
        default:
                return scan_fail(s, at, JSON_BAD_SYNTAX, "expected a value");
        }
}
