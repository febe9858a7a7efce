/* cursor: the text is deliberately readable, so the `next` of a page shows its position. */
#include "cursor.h"

#include <stdio.h>
#include <string.h>

char *cursor_format(const struct cursor *cursor, char out[CURSOR_SIZE])
{
        char day[FEED_DAY_SIZE];
        char id[FEED_ID_SIZE];
        int length = snprintf(out, CURSOR_SIZE, "%s.%s", feed_day_format(cursor->day, day),
                              feed_id_format(cursor->after, id));
        if (cursor->after_next.ms > 0)
                (void)snprintf(out + length, CURSOR_SIZE - (size_t)length, "~%s",
                               feed_id_format(cursor->after_next, id)); /* fits by CURSOR_SIZE */
        return out;
}

bool cursor_parse(const char *text, struct cursor *out)
{
        struct cursor cursor = { 0 };
        const char *dot = strchr(text, '.');
        if (!dot || !feed_day_parse(text, (size_t)(dot - text), &cursor.day))
                return false;
        const char *tilde = strchr(dot, '~');
        size_t length = tilde ? (size_t)(tilde - dot) - 1 : strlen(dot + 1);
        if (!feed_id_parse(dot + 1, length, &cursor.after))
                return false;
        if (tilde && !feed_id_parse(tilde + 1, strlen(tilde + 1), &cursor.after_next))
                return false;
        *out = cursor;
        return true;
}
