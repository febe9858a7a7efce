/* feed: records the order in which Redis received the documents. Each UTC day has a stream,
 * `<prefix>collector:feed:<day>`. In a Cluster a day has partitions, `<prefix>collector:feed:<day>:{<tag>}`, so that
 * each master has some of them; the entry of a document may be in any partition. An entry names the documents that went
 * to Redis together, at most FEED_KEYS_MAX (feed_group.h). It is added after their SETs:
 *
 *     k <uuid> k <uuid> ...           the documents with these keys were stored, in this order
 *     k <uuid> k <uuid> ... m <ms>    the same, but sent more than once: other entries with these keys may have been
 *                                     added around this Unix time, to this stream or that of an earlier day; readers
 *                                     search for them (feed_doubles.h) and omit the duplicates
 *     k <uuid> k <uuid> ... a <id>    the same keys as the entry with this id in the same stream, added again because
 *                                     readers may already have passed that id (feed_again.h)
 *
 * The writer's clock determines the stream, and Redis's clock the ids. The clocks may differ by FEED_CLOCK_SKEW_MS, so
 * an entry may be in the stream of the day before or after its id.
 *
 * Threads: any; these functions have no state. */
#ifndef COLLECTOR_FEED_H
#define COLLECTOR_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "redis/redis.h"

enum {
        FEED_PREFIX_MAX = 128,
        FEED_STREAM_SIZE = FEED_PREFIX_MAX + 48,
        FEED_DAY_SIZE = 16,
        FEED_KEYS_MAX = 64, /* of an entry; readers ignore further keys */
        FEED_READ_MAX = 64, /* entries in one XRANGE: with FEED_KEYS_MAX keys each, they take 0.8 ms of Redis's time */
        FEED_CLOCK_SKEW_MS = 60 * 1000,
        FEED_DAY_MS = 24 * 60 * 60 * 1000,
        FEED_PARTITIONS = 17, /* number 0 is the stream without a tag */
};

/* Days count from 1970-01-01, UTC. */
int64_t feed_day(int64_t unix_ms);
int64_t feed_day_start_ms(int64_t day);
/* "2026-11-24". */
char *feed_day_format(int64_t day, char out[FEED_DAY_SIZE]);
bool feed_day_parse(const char *text, size_t length, int64_t *day);

/* The name of a day's stream. `prefix` has at most FEED_PREFIX_MAX bytes; partition < FEED_PARTITIONS. */
char *feed_stream(const char *prefix, int64_t day, unsigned partition, char out[FEED_STREAM_SIZE]);
/* The number of partitions, counted from 0, that may have entries in that place. In a Cluster the stream without a tag
 * has entries of documents that were stored before partitions existed. */
unsigned feed_partitions(const struct redis_place *place);

/* The id of a stream entry. */
struct feed_id {
        uint64_t ms, sequence;
};

/* An entry to be added, of 1 to FEED_KEYS_MAX documents. */
struct feed_addition {
        const char *stream;
        const char *const *keys;
        size_t count;
        int64_t mark_ms;       /* the time of the mark; -1: none                                     */
        struct feed_id id;     /* 0-0: Redis assigns an id                                             */
        struct feed_id before; /* instead of a mark, the id of the entry that this one repeats; 0-0: none */
};

/* Formats the XADD. */
int feed_add_args(struct redis_command *command, const struct feed_addition *addition, struct err *err) NODISCARD;
enum { FEED_ID_SIZE = 44 };

bool feed_id_parse(const char *text, size_t length, struct feed_id *out);
char *feed_id_format(struct feed_id id, char out[FEED_ID_SIZE]); /* "1764000000000-0" */
int feed_id_compare(struct feed_id a, struct feed_id b);

/* One entry of an XRANGE reply. */
struct feed_entry {
        struct feed_id id;
        int64_t mark_ms;       /* -1: none                                  */
        struct feed_id before; /* of the entry that it repeats; 0-0: none */
        size_t count;
        const char *keys[FEED_KEYS_MAX]; /* 36 characters and a NUL each, borrowed from the reply */
};

/* False if another program added the entry; it has no keys, and readers skip it. The id is set if there is one. */
bool feed_entry_read(const struct redis_reply *reply, struct feed_entry *out);

#endif
