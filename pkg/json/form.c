/* form: converts application/x-www-form-urlencoded to JSON in the same way as Express's `extended` parser, which is the
 * npm package qs 6.17 with limits of 1000 fields, 32 brackets and at least 100 elements in an array. Like qs, it makes
 * two passes. The first decodes each name=value pair and combines equal names. The second splits each name at its
 * brackets, from the inside out, and merges the result into the whole. The first pass keeps names in the order in which
 * JavaScript enumerates an object, and the second follows that order, which is visible in arrays. pkg/json/testdata has
 * the output of qs for some hundred bodies.
 *
 * Express drops every field that it cannot place. Collector acknowledges a form, so the result contains the whole form,
 * or the call fails. json.h lists the differences. */
#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "json/form_tree.h"
#include "json/json.h"

enum { FIELDS_DEFAULT = 1000, DEPTH_MAX = 32, ARRAY_LIMIT_MIN = 100, MAX_BYTES_DEFAULT = 1 << 20, NAME_SHOWN = 40 };

/* One piece of a name: `a`, or the text between brackets. */
struct segment {
        struct json_span text;
        bool is_bracketed;
};

/* The byte that the escape %XX at `at` encodes, or -1. */
static int percent_byte(const char *at, const char *end)
{
        if (end - at < 3 || at[0] != '%')
                return -1;
        int high = hex_digit(at[1]);
        int low = hex_digit(at[2]);
        return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Decodes the UTF-8 character that the escapes at `at` encode. Returns its length, or 0 if there is none. */
static size_t percent_character(const char *at, const char *end, unsigned char out[4])
{
        size_t count = 0;
        for (; count < 4; count++) {
                int byte = percent_byte(at + 3 * count, end);
                if (byte < 0)
                        break;
                out[count] = (unsigned char)byte;
                if (utf8_length(out, out + count + 1) == count + 1)
                        return count + 1;
        }
        return 0;
}

/* Decodes all escapes. If one is invalid, decodeURIComponent would throw; in that case only each + becomes a space. */
static struct json_span decode(struct form_tree *tree, const char *from, const char *end)
{
        char *out = form_tree_alloc(tree, (size_t)(end - from));
        if (!out)
                return (struct json_span){ "", 0 };
        size_t length = 0;
        for (const char *at = from; at < end;) {
                if (*at != '%') {
                        out[length++] = *at == '+' ? ' ' : *at;
                        at++;
                        continue;
                }
                unsigned char character[4];
                size_t bytes = percent_character(at, end, character);
                if (bytes == 0)
                        goto keep;
                memcpy(out + length, character, bytes);
                length += bytes;
                at += 3 * bytes;
        }
        return (struct json_span){ out, length };
keep:
        length = (size_t)(end - from);
        for (size_t i = 0; i < length; i++)
                out[i] = from[i] == '+' ? ' ' : from[i];
        return (struct json_span){ out, length };
}

/* The same for ISO-8859-1, where every byte is a character and every escape is a byte. */
static struct json_span decode_latin1(struct form_tree *tree, const char *from, const char *end)
{
        char *out = form_tree_alloc(tree, 2 * (size_t)(end - from));
        if (!out)
                return (struct json_span){ "", 0 };
        size_t length = 0;
        for (const char *at = from; at < end;) {
                char character[4];
                int byte = percent_byte(at, end);
                at += byte < 0 ? 1 : 3;
                if (byte < 0)
                        byte = at[-1] == '+' ? ' ' : (unsigned char)at[-1];
                size_t bytes = utf8_write(character, (uint32_t)byte);
                memcpy(out + length, character, bytes);
                length += bytes;
        }
        return (struct json_span){ out, length };
}

/* A copy of the body with %5B and %5D decoded, since escaped brackets count like plain ones. */
static struct json_span unescape_brackets(struct form_tree *tree, const char *bytes, size_t length)
{
        char *out = form_tree_alloc(tree, length);
        if (!out)
                return (struct json_span){ "", 0 };
        size_t used = 0;
        for (const char *at = bytes, *end = bytes + length; at < end;) {
                int byte = percent_byte(at, end);
                bool is_bracket = byte == '[' || byte == ']';
                out[used++] = is_bracket ? (char)byte : *at;
                at += is_bracket ? 3 : 1;
        }
        return (struct json_span){ out, used };
}

/* The '=' between name and value: the one in the first "]=", otherwise the first one, otherwise NULL. */
static const char *find_equals(const char *part, const char *end)
{
        const char *bracketed = memmem(part, (size_t)(end - part), "]=", 2);
        return bracketed ? bracketed + 1 : memchr(part, '=', (size_t)(end - part));
}

static void read_pair(struct form_tree *tree, struct node *pairs, const char *part, const char *end, bool is_latin1)
{
        struct json_span (*read)(struct form_tree *, const char *, const char *) = is_latin1 ? decode_latin1 : decode;
        const char *equals = find_equals(part, end);
        struct json_span name = read(tree, part, equals ? equals : end);
        struct node *value = node_string(tree, equals ? read(tree, equals + 1, end) : (struct json_span){ "", 0 });
        struct slot *old = node_find(pairs, name);
        if (old)
                old->value = node_combine(tree, old->value, value);
        else
                node_set(tree, pairs, name, value);
}

static bool is_utf8(const char *part, const char *end)
{
        const unsigned char *at = (const unsigned char *)part;
        while (at < (const unsigned char *)end) {
                size_t length = *at < 0x80 ? 1 : utf8_length(at, (const unsigned char *)end);
                if (length == 0)
                        return false;
                at += length;
        }
        return true;
}

static int read_pairs(struct form_tree *tree, struct json_span body, bool is_latin1, struct node *pairs,
                      struct err *err)
{
        const char *at = body.bytes;
        const char *end = body.bytes + body.length;
        for (size_t number = 1; at && !tree->is_out_of_memory; number++) {
                const char *ampersand = memchr(at, '&', (size_t)(end - at));
                const char *part_end = ampersand ? ampersand : end;
                if (!is_latin1 && !is_utf8(at, part_end))
                        return err_set(err, ERR_INVALID, "field %zu: invalid UTF-8", number);
                if (part_end > at)
                        read_pair(tree, pairs, at, part_end, is_latin1);
                at = ampersand ? ampersand + 1 : NULL;
        }
        return 0;
}

/* Counts fields as Express does: the text between two & counts even if it is empty. */
static size_t count_fields(const char *bytes, size_t length)
{
        size_t count = 1;
        const char *end = bytes + length;
        for (const char *at = bytes; at < end && (at = memchr(at, '&', (size_t)(end - at))); at++)
                count++;
        return count;
}

/* The bracket that closes the one at `open`, skipping inner pairs; NULL: none does. */
static const char *find_close(const char *open, const char *end)
{
        int level = 0;
        for (const char *at = open; at < end; at++) {
                level += *at == '[' ? 1 : *at == ']' ? -1 : 0;
                if (level == 0)
                        return at;
        }
        return NULL;
}

/* Splits a name into pieces. Returns their number, at least 1, or 0 if there are too many brackets. An unbalanced
 * bracket begins one last piece, which includes the brackets. A name with text after a closing bracket is one piece; qs
 * would drop that text. */
static size_t split_name(struct json_span name, size_t depth_max, struct segment segments[DEPTH_MAX + 2])
{
        const char *end = name.bytes + name.length;
        const char *open = memchr(name.bytes, '[', name.length);
        struct json_span parent = { name.bytes, (size_t)((open ? open : end) - name.bytes) };
        size_t count = 0;
        if (parent.length > 0 || !open)
                segments[count++] = (struct segment){ parent, false };
        for (size_t depth = 0; open && open < end; depth++) {
                if (*open != '[') {
                        segments[0] = (struct segment){ name, false };
                        return 1;
                }
                if (depth == depth_max)
                        return 0;
                const char *close = find_close(open, end);
                if (!close) {
                        segments[count++] = (struct segment){ { open, (size_t)(end - open) }, true };
                        break;
                }
                segments[count++] = (struct segment){ { open + 1, (size_t)(close - open - 1) }, true };
                open = close + 1;
        }
        return count;
}

/* Wraps the value in one piece of the name: [] and [0] make an array, and all other pieces make an object. */
static struct node *wrap(struct form_tree *tree, const struct segment *segment, struct node *value)
{
        if (segment->is_bracketed && segment->text.length == 0) {
                if (value->kind == NODE_ARRAY || value->overflow_index >= 0)
                        return value;
                struct node *array = node_new(tree, NODE_ARRAY);
                node_set_index(tree, array, 0, value);
                return array;
        }
        int64_t index = segment->is_bracketed ? index_of_name(segment->text) : -1;
        if (index >= 0 && index < tree->array_limit) {
                struct node *array = node_new(tree, NODE_ARRAY);
                node_set_index(tree, array, index, value);
                return array;
        }
        struct node *object = node_new(tree, NODE_OBJECT);
        node_set(tree, object, segment->text, value);
        object->overflow_index = index;
        return object;
}

static int nest_pairs(struct form_tree *tree, const struct node *pairs, size_t depth_max, struct node **whole,
                      struct err *err)
{
        struct slot **order = node_order(tree, pairs);
        for (size_t i = 0; order && i < pairs->count && !tree->is_out_of_memory; i++) {
                struct segment segments[DEPTH_MAX + 2];
                struct json_span name = order[i]->key;
                struct node *value = order[i]->value;
                size_t count = split_name(name, depth_max, segments);
                if (count == 0)
                        return err_set(err, ERR_INVALID, "the name %.*s... has more than %zu brackets",
                                       name.length < NAME_SHOWN ? (int)name.length : NAME_SHOWN, name.bytes, depth_max);
                while (count > 0)
                        value = wrap(tree, &segments[--count], value);
                *whole = node_merge(tree, *whole, value);
        }
        return 0;
}

static size_t or_default(size_t value, size_t fallback)
{
        return value > 0 ? value : fallback;
}

static int print_within(struct form_tree *tree, const struct node *whole, size_t max_bytes, struct buf *out,
                        struct err *err)
{
        struct buf json;
        buf_init(&json, max_bytes);
        int rc = node_print(tree, whole, &json);
        if (rc == 0)
                rc = buf_append(out, json.data, json.len);
        buf_fini(&json);
        return rc == ERR_LIMIT ? err_set(err, rc, "more than %zu bytes of JSON", max_bytes) : rc;
}

static int convert(struct form_tree *tree, const char *bytes, size_t length, const struct form_options *options,
                   struct buf *out, struct err *err)
{
        size_t depth_max = or_default(options->depth_max, DEPTH_MAX);
        struct json_span body = unescape_brackets(tree, bytes, length);
        struct node *pairs = node_new(tree, NODE_OBJECT);
        struct node *whole = node_new(tree, NODE_OBJECT);
        int rc = read_pairs(tree, body, options->is_latin1, pairs, err);
        if (rc < 0)
                return rc;
        rc = nest_pairs(tree, pairs, depth_max < DEPTH_MAX ? depth_max : DEPTH_MAX, &whole, err);
        if (rc < 0)
                return rc;
        rc = tree->is_out_of_memory
                     ? ERR_NOMEM
                     : print_within(tree, whole, or_default(options->max_bytes, MAX_BYTES_DEFAULT), out, err);
        return rc == ERR_NOMEM ? err_set(err, rc, "out of memory") : rc;
}

int form_to_json(const char *bytes, size_t length, const struct form_options *options, struct buf *out, struct err *err)
{
        struct form_options none = { 0 };
        struct form_tree tree;
        if (!options)
                options = &none;
        size_t fields = count_fields(bytes, length);
        size_t fields_max = or_default(options->fields_max, FIELDS_DEFAULT);
        if (fields > fields_max)
                return err_set(err, ERR_LIMIT, "more than %zu fields", fields_max);
        form_tree_init(&tree, fields < ARRAY_LIMIT_MIN ? ARRAY_LIMIT_MIN : (int64_t)fields);
        int rc = convert(&tree, bytes, length, options, out, err);
        form_tree_fini(&tree);
        return rc;
}
