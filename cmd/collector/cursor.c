/* cursor: the text is deliberately readable, so the `next` of a page shows its position. */
#include "cursor.h"

#include <stdio.h>
#include <string.h>

#include "base/decimal.h"

enum { DAY_LENGTH = 10 };

static char *put_point(char *out, const char *end, const struct cursor_point *point)
{
        char id[FEED_ID_SIZE];
        int length = snprintf(out, (size_t)(end - out), "%s", feed_id_format(point->id, id)); /* fits by CURSOR_SIZE */
        out += length;
        if (point->keys > 0)
                out += snprintf(out, (size_t)(end - out), ".%u", point->keys);
        return out;
}

char *cursor_format(const struct cursor *cursor, char out[CURSOR_SIZE])
{
        char day[FEED_DAY_SIZE];
        const char *end = out + CURSOR_SIZE;
        char *at = out + snprintf(out, CURSOR_SIZE, "%s.%s.", cursor->feed, feed_day_format(cursor->day, day));
        at = put_point(at, end, &cursor->after);
        if (cursor->after_next.id.ms > 0) {
                *at++ = '~';
                (void)put_point(at, end, &cursor->after_next);
        }
        return out;
}

/* 1 to FEED_KEYS_MAX - 1, without leading zeros. */
static bool parse_keys(const char *text, size_t length, unsigned *out)
{
        uint64_t number;
        if (decimal_parse(text, length, FEED_KEYS_MAX - 1, &number) < 0 || text[0] == '0')
                return false;
        *out = (unsigned)number;
        return true;
}

/* "1764028799000-0", "1764028799000-0.17" */
static bool parse_point(const char *text, size_t length, struct cursor_point *out)
{
        const char *dot = memchr(text, '.', length);
        size_t id_length = dot ? (size_t)(dot - text) : length;
        if (!feed_id_parse(text, id_length, &out->id))
                return false;
        return !dot || parse_keys(dot + 1, length - id_length - 1, &out->keys);
}

bool cursor_parse(const char *text, struct cursor *out)
{
        struct cursor cursor = { 0 };
        size_t length = strlen(text);
        if (length < FEED_NAME_LENGTH + 1 + DAY_LENGTH + 1 || !feed_name_is_sound(text, FEED_NAME_LENGTH) ||
            text[FEED_NAME_LENGTH] != '.')
                return false;
        memcpy(cursor.feed, text, FEED_NAME_LENGTH);
        text += FEED_NAME_LENGTH + 1;
        if (!feed_day_parse(text, DAY_LENGTH, &cursor.day) || text[DAY_LENGTH] != '.')
                return false;
        text += DAY_LENGTH + 1;
        const char *tilde = strchr(text, '~');
        if (!parse_point(text, tilde ? (size_t)(tilde - text) : strlen(text), &cursor.after))
                return false;
        if (tilde && !parse_point(tilde + 1, strlen(tilde + 1), &cursor.after_next))
                return false;
        *out = cursor;
        return true;
}

bool cursor_is_old(const char *text)
{
        struct cursor_point point;
        int64_t day;
        size_t length = strlen(text);
        if (length < DAY_LENGTH + 1 || !feed_day_parse(text, DAY_LENGTH, &day) || text[DAY_LENGTH] != '.')
                return false;
        const char *id = text + DAY_LENGTH + 1;
        return parse_point(id, strcspn(id, "~"), &point);
}
