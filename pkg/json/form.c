/* form: application/x-www-form-urlencoded to JSON, as the npm package qs 6.17 reads it by default. Two
 * passes, as there: first each name=value pair is decoded, and equal names are combined; then each name
 * is taken apart at its brackets, from the inside out, and the result is merged into the whole. The
 * first pass keeps names in the order in which JavaScript enumerates an object, and the second
 * follows it: that shows in arrays. pkg/json/testdata holds what qs itself says to some hundred bodies. */
#include <string.h>

#include "base/hex.h"
#include "json/form_tree.h"
#include "json/internal.h"

enum { PARAMETERS_DEFAULT = 1000, DEPTH_DEFAULT = 5, DEPTH_MAX = 32, MAX_BYTES_DEFAULT = 1 << 20 };

/* One piece of a name: `a`, or what is between brackets. */
struct segment {
        struct json_span text;
        bool is_bracketed;
};

/* ECMA-262, section 20.1.3 and annex B.2.2. */
static const char *const prototype_names[] = {
        "__defineGetter__", "__defineSetter__", "__lookupGetter__",     "__lookupSetter__", "__proto__", "constructor",
        "hasOwnProperty",   "isPrototypeOf",    "propertyIsEnumerable", "toLocaleString",   "toString",  "valueOf",
};

static bool is_prototype_name(struct json_span name)
{
        for (size_t i = 0; i < COUNT_OF(prototype_names); i++) {
                if (strlen(prototype_names[i]) == name.length &&
                    memcmp(prototype_names[i], name.bytes, name.length) == 0)
                        return true;
        }
        return false;
}

/* The byte that the escape %XX at `at` stands for, or -1. */
static int percent_byte(const char *at, const char *end)
{
        if (end - at < 3 || at[0] != '%')
                return -1;
        int high = hex_digit(at[1]);
        int low = hex_digit(at[2]);
        return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* The UTF-8 character that the escapes at `at` stand for: its length, or 0 if they stand for none. */
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

/* All escapes, or, if one of them is none, only + for a blank: as decodeURIComponent throws or not. */
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

/* A copy of the body in which %5B and %5D are brackets: escaped ones count as much as plain ones. */
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

/* The '=' between name and value: the first one behind a ']', else the first one, else NULL. */
static const char *find_equals(const char *part, const char *end)
{
        const char *bracketed = memmem(part, (size_t)(end - part), "]=", 2);
        return bracketed ? bracketed + 1 : memchr(part, '=', (size_t)(end - part));
}

static void read_pair(struct form_tree *tree, struct node *pairs, const char *part, const char *end)
{
        const char *equals = find_equals(part, end);
        struct json_span name = decode(tree, part, equals ? equals : end);
        struct node *value = node_string(tree, equals ? decode(tree, equals + 1, end) : (struct json_span){ "", 0 });
        struct slot *old = node_find(pairs, name);
        if (old)
                old->value = node_combine(tree, old->value, value);
        else
                node_set(tree, pairs, name, value);
}

static struct node *read_pairs(struct form_tree *tree, struct json_span body, size_t parameters_max)
{
        struct node *pairs = node_new(tree, NODE_OBJECT);
        const char *at = body.bytes;
        const char *end = body.bytes + body.length;
        for (size_t count = 0; count < parameters_max && at && !tree->is_out_of_memory; count++) {
                const char *ampersand = memchr(at, '&', (size_t)(end - at));
                read_pair(tree, pairs, at, ampersand ? ampersand : end);
                at = ampersand ? ampersand + 1 : NULL;
        }
        return pairs;
}

/* The bracket that closes the one at `open`, inner pairs passed over; NULL: none does. */
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

/* Takes a name apart. Returns the number of pieces, 0 if the name is left out. What is too deep, or has no
 * closing bracket, is one last piece, brackets and all; text behind a closing bracket counts for nothing. */
static size_t split_name(struct json_span name, size_t depth_max, struct segment segments[DEPTH_MAX + 2])
{
        const char *end = name.bytes + name.length;
        const char *open = memchr(name.bytes, '[', name.length);
        struct json_span parent = { name.bytes, (size_t)((open ? open : end) - name.bytes) };
        size_t count = 0;
        if (parent.length > 0) {
                if (is_prototype_name(parent))
                        return 0;
                segments[count++] = (struct segment){ parent, false };
        }
        for (size_t depth = 0; open; depth++) {
                const char *close = depth < depth_max ? find_close(open, end) : NULL;
                if (!close) {
                        segments[count++] = (struct segment){ { open, (size_t)(end - open) }, true };
                        break;
                }
                struct json_span content = { open + 1, (size_t)(close - open - 1) };
                if (is_prototype_name(content))
                        return 0;
                segments[count++] = (struct segment){ content, true };
                open = memchr(close, '[', (size_t)(end - close));
        }
        return count;
}

/* The value as seen from outside one piece of the name: [] and [0] put it into an array, others into an object. */
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
        if (index >= 0 && index < FORM_ARRAY_LIMIT) {
                struct node *array = node_new(tree, NODE_ARRAY);
                node_set_index(tree, array, (size_t)index, value);
                return array;
        }
        struct node *object = node_new(tree, NODE_OBJECT);
        node_set(tree, object, segment->text, value);
        object->overflow_index = index;
        return object;
}

static struct node *nest_pairs(struct form_tree *tree, const struct node *pairs, size_t depth_max)
{
        struct node *whole = node_new(tree, NODE_OBJECT);
        struct slot **order = node_order(tree, pairs);
        for (size_t i = 0; order && i < pairs->count && !tree->is_out_of_memory; i++) {
                struct segment segments[DEPTH_MAX + 2];
                struct node *value = order[i]->value;
                size_t count = split_name(order[i]->key, depth_max, segments);
                if (count == 0)
                        continue;
                while (count > 0)
                        value = wrap(tree, &segments[--count], value);
                whole = node_merge(tree, whole, value);
        }
        return whole;
}

static size_t or_default(size_t value, size_t fallback)
{
        return value > 0 ? value : fallback;
}

static int print_within(struct form_tree *tree, const struct node *whole, size_t max_bytes, struct buf *out)
{
        struct buf json;
        buf_init(&json, max_bytes);
        int rc = node_print(tree, whole, &json);
        if (rc == 0)
                rc = buf_append(out, json.data, json.len);
        buf_fini(&json);
        return rc;
}

int form_to_json(const char *bytes, size_t length, const struct form_limits *limits, struct buf *out, struct err *err)
{
        struct form_limits limit = limits ? *limits : (struct form_limits){ 0 };
        size_t max_bytes = or_default(limit.max_bytes, MAX_BYTES_DEFAULT);
        size_t depth_max = or_default(limit.depth_max, DEPTH_DEFAULT);
        struct form_tree tree;
        form_tree_init(&tree);
        struct json_span body = unescape_brackets(&tree, bytes, length);
        const struct node *pairs = read_pairs(&tree, body, or_default(limit.parameters_max, PARAMETERS_DEFAULT));
        const struct node *whole = nest_pairs(&tree, pairs, depth_max < DEPTH_MAX ? depth_max : DEPTH_MAX);
        int rc = tree.is_out_of_memory ? ERR_NOMEM : print_within(&tree, whole, max_bytes, out);
        form_tree_fini(&tree);
        if (rc == ERR_LIMIT)
                return err_set(err, rc, "the form makes more than %zu bytes of JSON", max_bytes);
        return rc < 0 ? err_set(err, rc, "a form of %zu bytes", length) : 0;
}
