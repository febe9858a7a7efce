/* feed: formats and parses the names of streams, the ids and the entries. Other files read and write the streams, but
 * only this one knows their format. */
#include "feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/decimal.h"
#include "base/uuid.h"

int64_t feed_day(int64_t unix_ms)
{
        int64_t day = unix_ms / FEED_DAY_MS;
        return unix_ms % FEED_DAY_MS < 0 ? day - 1 : day;
}

int64_t feed_day_start_ms(int64_t day)
{
        return day * FEED_DAY_MS;
}

char *feed_day_format(int64_t day, char out[FEED_DAY_SIZE])
{
        time_t seconds = (time_t)(feed_day_start_ms(day) / 1000);
        struct tm utc;
        if (!gmtime_r(&seconds, &utc) || strftime(out, FEED_DAY_SIZE, "%Y-%m-%d", &utc) == 0)
                memcpy(out, "1970-01-01", sizeof("1970-01-01"));
        return out;
}

bool feed_day_parse(const char *text, size_t length, int64_t *day)
{
        char copy[FEED_DAY_SIZE];
        struct tm utc = { 0 };
        if (length != 10)
                return false;
        memcpy(copy, text, length);
        copy[length] = '\0';
        const char *end = strptime(copy, "%Y-%m-%d", &utc);
        if (!end || *end)
                return false;
        int64_t parsed = feed_day((int64_t)timegm(&utc) * 1000);
        char again[FEED_DAY_SIZE];
        if (strcmp(feed_day_format(parsed, again), copy) != 0)
                return false; /* 2026-02-31, or " 026-1-1" */
        *day = parsed;
        return true;
}

/* Their slots are about 1024 apart (within 64), and each is near the middle of its sixteenth of all slots, so up to 16
 * masters with equal ranges get at least one each. */
static const char tags[FEED_PARTITIONS][4] = { "",   "0ax", "1oy", "2cx", "3r",  "4ex", "5zz", "6yz", "7xz",
                                               "8u", "9vz", "aoo", "bed", "cli", "dcd", "eko", "fad" };

char *feed_stream(const char *prefix, int64_t day, unsigned partition, char out[FEED_STREAM_SIZE])
{
        char date[FEED_DAY_SIZE];
        const char *tag = tags[partition];
        (void)snprintf(out, FEED_STREAM_SIZE, "%.*scollector:feed:%s%s%s%s", FEED_PREFIX_MAX, prefix,
                       feed_day_format(day, date), *tag ? ":{" : "", tag, *tag ? "}" : ""); /* always fits */
        return out;
}

unsigned feed_partitions(const struct redis_place *place)
{
        return place->is_cluster ? FEED_PARTITIONS : 1;
}

/* The last field, if any: the time of the mark, or the id of the repeated entry. NULL: none. */
static const char *format_mark(const struct feed_addition *addition, char out[FEED_ID_SIZE], const char **name)
{
        *name = addition->before.ms > 0 ? "a" : "m";
        if (addition->before.ms > 0)
                return feed_id_format(addition->before, out);
        if (addition->mark_ms < 0)
                return NULL;
        *decimal_put(out, (uint64_t)addition->mark_ms) = '\0';
        return out;
}

int feed_add_args(struct redis_command *command, const struct feed_addition *addition, struct err *err)
{
        char id[FEED_ID_SIZE] = "*", text[FEED_ID_SIZE];
        const char *argv[3 + 2 * FEED_KEYS_MAX + 2] = { "XADD", addition->stream };
        size_t lengths[COUNT_OF(argv)] = { 4, strlen(addition->stream) };
        size_t argc = 2;
        const char *name, *mark = format_mark(addition, text, &name);
        argv[argc] = addition->id.ms > 0 ? feed_id_format(addition->id, id) : id;
        lengths[argc++] = strlen(id);
        for (size_t i = 0; i < addition->count; i++) {
                argv[argc] = "k";
                lengths[argc++] = 1;
                argv[argc] = addition->keys[i];
                lengths[argc++] = UUID_TEXT_LENGTH;
        }
        if (mark) {
                argv[argc] = name;
                lengths[argc++] = 1;
                argv[argc] = mark;
                lengths[argc++] = strlen(mark);
        }
        return redis_command_args(command, argc, argv, lengths, err);
}

bool feed_id_parse(const char *text, size_t length, struct feed_id *out)
{
        const char *dash = memchr(text, '-', length);
        struct feed_id id;
        if (!dash || decimal_parse(text, (size_t)(dash - text), INT64_MAX, &id.ms) < 0 ||
            decimal_parse(dash + 1, length - (size_t)(dash - text) - 1, INT64_MAX, &id.sequence) < 0)
                return false;
        *out = id;
        return true;
}

char *feed_id_format(struct feed_id id, char out[FEED_ID_SIZE])
{
        (void)snprintf(out, FEED_ID_SIZE, "%" PRIu64 "-%" PRIu64, id.ms, id.sequence); /* always fits */
        return out;
}

int feed_id_compare(struct feed_id a, struct feed_id b)
{
        if (a.ms != b.ms)
                return a.ms < b.ms ? -1 : 1;
        if (a.sequence != b.sequence)
                return a.sequence < b.sequence ? -1 : 1;
        return 0;
}

/* False: these are not the fields of an entry. */
static bool read_field(const struct redis_reply *fields, size_t at, struct feed_entry *out)
{
        size_t length;
        uint64_t ms;
        struct feed_id id;
        const char *name = redis_reply_text(redis_reply_at(fields, at), NULL);
        const char *value = redis_reply_text(redis_reply_at(fields, at + 1), &length);
        if (!name || !value)
                return false;
        if (strcmp(name, "k") == 0 && uuid_parse(value, length, NULL) && out->count < FEED_KEYS_MAX)
                out->keys[out->count++] = value;
        else if (strcmp(name, "m") == 0 && decimal_parse(value, length, INT64_MAX, &ms) == 0)
                out->mark_ms = (int64_t)ms;
        else if (strcmp(name, "a") == 0 && feed_id_parse(value, length, &id))
                out->before = id;
        return true;
}

bool feed_entry_read(const struct redis_reply *reply, struct feed_entry *out)
{
        size_t length;
        const struct redis_reply *id = redis_reply_at(reply, 0);
        const char *text = id ? redis_reply_text(id, &length) : NULL;
        out->count = 0;
        out->mark_ms = -1;
        out->before = (struct feed_id){ 0 };
        if (!text || !feed_id_parse(text, length, &out->id))
                return false;
        const struct redis_reply *fields = redis_reply_at(reply, 1);
        if (!fields)
                return false;
        for (size_t i = 0; i + 1 < redis_reply_count(fields); i += 2)
                if (!read_field(fields, i, out))
                        return false;
        return out->count > 0;
}
