/* split_array: a state machine for what is between the elements. Within an element, it only counts brackets and tracks
 * strings, since the element is checked once it is complete. So a malformed element may not end where its sender
 * intended. */
#include <string.h>

#include "json/scan.h"
#include "json/split_private.h"

enum state {
        BEFORE, /* the opening bracket */
        FIRST,  /* expects an element or the closing bracket */
        WANTED, /* expects an element */
        INSIDE, /* an element */
        BEHIND, /* an element */
        AFTER,  /* the closing bracket */
};

/* True if the element ends here. */
enum end { NOT_YET, WITH_THIS, BEFORE_THIS };

static const char *const expected[] = {
        [BEFORE] = "expected an array",
        [FIRST] = "expected a value or ']'",
        [WANTED] = "expected a value",
        [INSIDE] = "expected the rest of an element",
        [BEHIND] = "expected ',' or ']' after an element",
        [AFTER] = "expected nothing more after the array",
};

/* Reports an error at `at`, which points to an unexpected byte, or equals `end` if the body has ended. */
static int fail(const struct json_split *split, const char *at, const char *end, struct json_position *where,
                struct err *err)
{
        char found[SCAN_FOUND_SIZE];
        struct scan scan;
        scan_init(&scan, at, (size_t)(end - at), NULL);
        (void)scan_fail(&scan, scan.start, JSON_BAD_SYNTAX, expected[split->state]);
        scan_describe_found(&scan, found);
        if (where)
                *where = (struct json_position){ .problem = JSON_BAD_SYNTAX,
                                                 .line = split->line,
                                                 .column = split->column };
        return err_set(err, ERR_INVALID, "line %zu, column %zu: %s%s", split->line, split->column,
                       expected[split->state], found);
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void pass(struct json_split *split, char c)
{
        if (c == '\n') {
                split->line++;
                split->column = 1;
        } else if (((unsigned char)c & 0xC0) != 0x80) {
                split->column++;
        }
}

static enum end inside_string(struct json_split *split, char c)
{
        if (split->is_escape)
                split->is_escape = false;
        else if (c == '\\')
                split->is_escape = true;
        else if (c == '"')
                split->is_string = false;
        return split->is_string || split->depth > 0 ? NOT_YET : WITH_THIS;
}

static enum end inside(struct json_split *split, char c)
{
        if (split->is_string)
                return inside_string(split, c);
        if (c == '"') {
                split->is_string = true;
        } else if (c == '{' || c == '[') {
                split->depth++;
        } else if (split->depth == 0) {
                return c == ',' || c == ']' || c == '}' || is_space(c) ? BEFORE_THIS : NOT_YET;
        } else if (c == '}' || c == ']') {
                return --split->depth == 0 ? WITH_THIS : NOT_YET;
        }
        return NOT_YET;
}

/* Handles a byte between elements that is not white space. False: the byte is not allowed there. */
static bool between(struct json_split *split, char c)
{
        enum state state = split->state;
        if (state == BEFORE && c == '[')
                split->state = FIRST;
        else if ((state == FIRST || state == BEHIND) && c == ']')
                split->state = AFTER;
        else if (state == BEHIND && c == ',')
                split->state = WANTED;
        else if ((state == FIRST || state == WANTED) && !strchr(",:}]", c))
                split->state = INSIDE;
        else
                return false;
        return true;
}

/* Scans an element. Returns 1 at its end, 0 if it continues in the next piece, or ERR_NOMEM. */
static int next_end(struct json_split *split, const char **at, const char *end, struct json_item *item, struct err *err)
{
        const char *begin = *at;
        for (; *at < end; (*at)++) {
                enum end ends = inside(split, **at);
                if (ends == BEFORE_THIS)
                        break;
                pass(split, **at);
                if (ends == NOT_YET)
                        continue;
                (*at)++;
                split->state = BEHIND;
                return split_take(split, begin, (size_t)(*at - begin), item, err);
        }
        if (*at == end)
                return split_keep(split, begin, (size_t)(end - begin), err);
        split->state = BEHIND;
        return split_take(split, begin, (size_t)(*at - begin), item, err);
}

int split_array_next(struct json_split *split, const char **at, const char *end, struct json_item *item,
                     struct json_position *where, struct err *err)
{
        while (*at < end) {
                if (split->state == INSIDE)
                        return next_end(split, at, end, item, err);
                char c = **at;
                if (!is_space(c) && !between(split, c))
                        return fail(split, *at, end, where, err);
                if (split->state == INSIDE) {
                        split->begin_line = split->line;
                        split->begin_column = split->column;
                        continue;
                }
                pass(split, c);
                (*at)++;
        }
        return 0;
}

int split_array_end(struct json_split *split, struct json_position *where, struct err *err)
{
        return split->state == AFTER ? 0 : fail(split, "", "", where, err);
}
