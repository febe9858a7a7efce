/* split: splits lines, and has the code that both kinds share. An item that lies within one piece is not copied; the
 * parts of any other item are kept until it is complete. split_array.c handles arrays. */
#include "json/split.h"

#include <string.h>

#include "json/split_private.h"

enum { KEEP_BYTES = 16 << 10 };

void json_split_init(struct json_split *split, enum json_split_kind kind, size_t max_bytes)
{
        *split = (struct json_split){ .kind = kind, .max_bytes = max_bytes, .line = 1, .column = 1 };
        if (kind == JSON_SPLIT_LINES)
                split->max_bytes++; /* for the CR, which does not count */
        buf_init(&split->kept, 0);
}

void json_split_fini(struct json_split *split)
{
        buf_fini(&split->kept);
}

size_t json_split_bytes(const struct json_split *split)
{
        return split->kept.cap;
}

/* --- Items --------------------------------------------------------------------------------------------------------- */

static void forget_item(struct json_split *split)
{
        if (!split->is_taken)
                return;
        split->is_taken = split->is_too_long = false;
        buf_clear(&split->kept, KEEP_BYTES);
}

int split_keep(struct json_split *split, const char *bytes, size_t length, struct err *err)
{
        if (!split->is_too_long && length > split->max_bytes - split->kept.len) {
                split->is_too_long = true;
                buf_clear(&split->kept, KEEP_BYTES);
        }
        if (split->is_too_long)
                return 0;
        return buf_append(&split->kept, bytes, length) < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

int split_take(struct json_split *split, const char *bytes, size_t length, struct json_item *item, struct err *err)
{
        bool is_in_parts = split->is_too_long || split->kept.len > 0;
        if (is_in_parts || length > split->max_bytes) {
                int rc = split_keep(split, bytes, length, err);
                if (rc < 0)
                        return rc;
        }
        split->is_taken = true;
        *item = (struct json_item){ .number = ++split->number,
                                    .line = split->begin_line,
                                    .column = split->begin_column,
                                    .is_too_long = split->is_too_long };
        if (!split->is_too_long && is_in_parts)
                item->text = (struct json_span){ split->kept.data, split->kept.len };
        else if (!split->is_too_long)
                item->text = (struct json_span){ bytes, length };
        return 1;
}

/* --- Lines --------------------------------------------------------------------------------------------------------- */

static bool is_blank(const char *bytes, size_t length)
{
        for (size_t i = 0; i < length; i++)
                if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r')
                        return false;
        return true;
}

/* Ends a line with these bytes. Returns 1; 0 for a blank line; or ERR_NOMEM. */
static int end_line(struct json_split *split, const char *bytes, size_t length, struct json_item *item, struct err *err)
{
        split->begin_line = split->number + 1;
        split->begin_column = 1;
        int rc = split_take(split, bytes, length, item, err);
        if (rc < 0 || item->is_too_long)
                return rc;
        struct json_span *text = &item->text;
        if (text->length > 0 && text->bytes[text->length - 1] == '\r')
                text->length--;
        item->is_too_long = text->length == split->max_bytes;
        if (item->is_too_long)
                *text = (struct json_span){ 0 };
        return item->is_too_long || !is_blank(text->bytes, text->length);
}

static int next_line(struct json_split *split, const char **at, const char *end, struct json_item *item,
                     struct err *err)
{
        for (; *at < end; forget_item(split)) { /* if end_line returns 0, the line was blank */
                const char *bytes = *at;
                const char *lf = memchr(bytes, '\n', (size_t)(end - bytes));
                *at = lf ? lf + 1 : end;
                int rc = lf ? end_line(split, bytes, (size_t)(lf - bytes), item, err)
                            : split_keep(split, bytes, (size_t)(end - bytes), err);
                if (rc != 0)
                        return rc;
        }
        return 0;
}

/* --- Both ---------------------------------------------------------------------------------------------------------- */

int json_split_next(struct json_split *split, const char **at, const char *end, struct json_item *item,
                    struct json_position *where, struct err *err)
{
        forget_item(split);
        return split->kind == JSON_SPLIT_LINES ? next_line(split, at, end, item, err)
                                               : split_array_next(split, at, end, item, where, err);
}

int json_split_end(struct json_split *split, struct json_item *item, struct json_position *where, struct err *err)
{
        forget_item(split);
        if (split->kind == JSON_SPLIT_ARRAY)
                return split_array_end(split, where, err);
        return split->is_too_long || split->kept.len > 0 ? end_line(split, "", 0, item, err) : 0;
}
