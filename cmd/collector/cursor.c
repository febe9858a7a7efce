/* cursor: the text of a single server's cursor is deliberately readable, so the `next` of a page shows its position.
 * Positions in up to 17 partitions of two days would not fit into 255 characters that way. So in a Cluster a position
 * takes 33 bits or more: 27 bits for its milliseconds since six hours before the day began, 4 bits for the sequence,
 * which is usually 0, and two bits that say whether more follows. A descending cursor has one more bit for each
 * position. It also has a position for each partition without entries, because documents that arrive there later are
 * not part of the list. */
#include "cursor.h"

#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "text_bits.h"

enum {
        DAY_LENGTH = 10,
        BEFORE_DAY_MS = 6 * 60 * 60 * 1000, /* how much earlier than its day an id may be, to be stored in few bits */
        NEAR_BITS = 27,                     /* 37 hours */
        FAR_BITS = 63,
        DAY_BITS = 16,
        KEYS_BITS = 6,
        SEQUENCE_BITS = 3, /* and a bit that says whether more follow */
        SEQUENCE_MAX_GROUPS = 21,
        TEXT_MAX = CURSOR_SIZE - 1 - FEED_NAME_LENGTH - 2, /* of the positions, after "<name>.p" */
};

static bool is_set(const struct cursor_point *point)
{
        return point->id.ms > 0 || point->id.sequence > 0;
}

bool cursor_places_are_new(const struct cursor_places *places)
{
        for (size_t i = 0; i < FEED_PARTITIONS; i++)
                if (is_set(&places->of[i]))
                        return false;
        return true;
}

struct cursor_point cursor_point_behind(struct feed_id newest)
{
        if (newest.sequence < INT64_MAX)
                return (struct cursor_point){ .id = { newest.ms, newest.sequence + 1 } };
        return (struct cursor_point){ .id = { newest.ms + 1, 0 } };
}

bool cursor_point_is_over(const struct cursor_point *point)
{
        return point->id.ms == 0 && point->id.sequence == 1 && point->keys == 0;
}

/* --- Positions in partitions ------------------------------------------------------------------------------ */

/* The day of these positions of the cursor. */
static int64_t day_of(const struct cursor *cursor, const struct cursor_places *places)
{
        if (places == &cursor->after)
                return cursor->day;
        return cursor->is_descending ? cursor->day - 1 : cursor->day + 1;
}

/* Wraps around if the id is far from the day. */
static uint64_t near_day(int64_t day, uint64_t ms)
{
        return ms - (uint64_t)feed_day_start_ms(day) + BEFORE_DAY_MS;
}

static void put_point(struct text_bits *bits, int64_t day, const struct cursor_point *point)
{
        uint64_t near = near_day(day, point->id.ms), sequence = point->id.sequence;
        bool is_far = near >> NEAR_BITS != 0;
        text_bits_put(bits, is_far, 1);
        text_bits_put(bits, is_far ? point->id.ms : near, is_far ? FAR_BITS : NEAR_BITS);
        do {
                text_bits_put(bits, sequence >> SEQUENCE_BITS != 0, 1);
                text_bits_put(bits, sequence, SEQUENCE_BITS);
                sequence >>= SEQUENCE_BITS;
        } while (sequence > 0);
        text_bits_put(bits, point->keys > 0, 1);
        if (point->keys > 0)
                text_bits_put(bits, point->keys, KEYS_BITS);
}

/* Writes the first `most` of the positions; returns their number. */
static size_t put_places(struct text_bits *bits, const struct cursor *cursor, const struct cursor_places *places,
                         size_t most)
{
        size_t count = 0;
        for (size_t i = 0; i < FEED_PARTITIONS; i++) {
                const struct cursor_point *point = &places->of[i];
                bool is_in = is_set(point) && count < most;
                bool is_over = cursor->is_descending && cursor_point_is_over(point);
                count += is_in;
                text_bits_put(bits, is_in, 1);
                if (is_in && cursor->is_descending)
                        text_bits_put(bits, is_over, 1);
                if (is_in && !is_over)
                        put_point(bits, day_of(cursor, places), point);
        }
        return count;
}

static bool put_all(const struct cursor *cursor, size_t most, char *out, size_t room)
{
        struct text_bits bits;
        text_bits_write_to(&bits, out, room);
        text_bits_put(&bits, (uint64_t)cursor->day, DAY_BITS);
        size_t count = put_places(&bits, cursor, &cursor->after, most);
        bool has_next = count < most && !cursor_places_are_new(&cursor->after_next);
        text_bits_put(&bits, has_next, 1);
        if (has_next)
                (void)put_places(&bits, cursor, &cursor->after_next, most - count);
        return text_bits_end(&bits);
}

static char *format_places(const struct cursor *cursor, char out[CURSOR_SIZE])
{
        size_t most = (size_t)2 * FEED_PARTITIONS;
        char *at = out + snprintf(out, CURSOR_SIZE, "%s.%c", cursor->feed, cursor->is_descending ? 'q' : 'p');
        while (!put_all(cursor, most, at, TEXT_MAX))
                most--;
        return out;
}

static bool get_sequence(struct text_bits *bits, uint64_t *out)
{
        uint64_t sequence = 0;
        for (unsigned i = 0; i < SEQUENCE_MAX_GROUPS; i++) {
                bool has_more = text_bits_get(bits, 1) == 1;
                uint64_t group = text_bits_get(bits, SEQUENCE_BITS);
                sequence |= group << (i * SEQUENCE_BITS);
                if (has_more)
                        continue;
                *out = sequence;
                return i == 0 || group > 0; /* otherwise the text would differ */
        }
        return false;
}

static bool get_point(struct text_bits *bits, int64_t day, struct cursor_point *out)
{
        bool is_far = text_bits_get(bits, 1) == 1;
        uint64_t ms = text_bits_get(bits, is_far ? FAR_BITS : NEAR_BITS);
        if (is_far && near_day(day, ms) >> NEAR_BITS == 0)
                return false;
        out->id.ms = is_far ? ms : ms + (uint64_t)feed_day_start_ms(day) - BEFORE_DAY_MS;
        if (out->id.ms > INT64_MAX || !get_sequence(bits, &out->id.sequence) || !is_set(out))
                return false;
        bool has_keys = text_bits_get(bits, 1) == 1;
        out->keys = has_keys ? (unsigned)text_bits_get(bits, KEYS_BITS) : 0;
        return !has_keys || out->keys > 0;
}

static bool get_places(struct text_bits *bits, const struct cursor *cursor, struct cursor_places *out)
{
        for (size_t i = 0; i < FEED_PARTITIONS; i++) {
                if (text_bits_get(bits, 1) == 0)
                        continue;
                if (cursor->is_descending && text_bits_get(bits, 1) == 1)
                        out->of[i] = cursor_point_behind((struct feed_id){ 0 });
                else if (!get_point(bits, day_of(cursor, out), &out->of[i]) ||
                         (cursor->is_descending && cursor_point_is_over(&out->of[i])))
                        return false;
        }
        return true;
}

static bool has_partitions(const struct cursor *cursor)
{
        for (size_t i = 1; i < FEED_PARTITIONS; i++)
                if (is_set(&cursor->after.of[i]) || is_set(&cursor->after_next.of[i]))
                        return true;
        return false;
}

static bool parse_places(const char *text, struct cursor *cursor)
{
        struct text_bits bits;
        if (strlen(text) > TEXT_MAX)
                return false;
        text_bits_read_from(&bits, text);
        cursor->day = (int64_t)text_bits_get(&bits, DAY_BITS);
        if (!get_places(&bits, cursor, &cursor->after))
                return false;
        bool has_next = text_bits_get(&bits, 1) == 1;
        if (has_next && !get_places(&bits, cursor, &cursor->after_next))
                return false;
        return text_bits_at_end(&bits) && has_partitions(cursor) &&
               has_next == !cursor_places_are_new(&cursor->after_next);
}

/* --- A single server's form -------------------------------------------------------------------------------------- */

static char *print_point(char *out, const char *end, const struct cursor_point *point)
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
        if (has_partitions(cursor))
                return format_places(cursor, out);
        char *at = out + snprintf(out, CURSOR_SIZE, "%s.%s%s.", cursor->feed, cursor->is_descending ? "d" : "",
                                  feed_day_format(cursor->day, day));
        at = print_point(at, end, &cursor->after.of[0]);
        if (is_set(&cursor->after_next.of[0])) {
                *at++ = '~';
                (void)print_point(at, end, &cursor->after_next.of[0]);
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
        return !dot || (is_set(out) && parse_keys(dot + 1, length - id_length - 1, &out->keys)); /* no entry has 0-0 */
}

static bool parse_day(const char *text, struct cursor *cursor)
{
        if (strlen(text) < DAY_LENGTH + 1 || !feed_day_parse(text, DAY_LENGTH, &cursor->day) || text[DAY_LENGTH] != '.')
                return false;
        text += DAY_LENGTH + 1;
        const char *tilde = strchr(text, '~');
        if (!parse_point(text, tilde ? (size_t)(tilde - text) : strlen(text), &cursor->after.of[0]))
                return false;
        return !tilde || parse_point(tilde + 1, strlen(tilde + 1), &cursor->after_next.of[0]);
}

bool cursor_parse(const char *text, struct cursor *out)
{
        struct cursor cursor = { 0 };
        if (strlen(text) < FEED_NAME_LENGTH + 1 || !feed_name_is_sound(text, FEED_NAME_LENGTH) ||
            text[FEED_NAME_LENGTH] != '.')
                return false;
        memcpy(cursor.feed, text, FEED_NAME_LENGTH);
        text += FEED_NAME_LENGTH + 1;
        bool has_places = *text == 'p' || *text == 'q';
        cursor.is_descending = *text == 'd' || *text == 'q';
        text += has_places || cursor.is_descending;
        if (has_places ? !parse_places(text, &cursor) : !parse_day(text, &cursor))
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

int64_t cursor_newest_ms(const struct cursor *cursor)
{
        uint64_t ms = 0;
        for (size_t i = 0; i < FEED_PARTITIONS; i++) {
                ms = cursor->after.of[i].id.ms > ms ? cursor->after.of[i].id.ms : ms;
                ms = cursor->after_next.of[i].id.ms > ms ? cursor->after_next.of[i].id.ms : ms;
        }
        return ms < INT64_MAX ? (int64_t)ms : INT64_MAX;
}
