/* feed_search: searches the feed around the time at which a key may have been added: for the entry of a repeated
 * document (store_announce.h), or for the first of two entries of the same document (feed_doubles.h).
 *
 *     struct job { struct feed_search search; ... };
 *     job->search = (struct feed_search){ .redis = redis, .place = place, .last_day = today, .keys_max = 10000,
 *                                         .spans = { .reach_ms = reach, .first_ms = ms, .last_ms = ms, .end_ms = now },
 *                                         .on_key = on_key, .on_done = on_done };
 *     if (!feed_search_start(&job->search)) ...                       // there is nothing to search
 *
 * feed_spans.h says where it searches. One read (XRANGE) requests at most FEED_READ_MAX entries; the first reads
 * request fewer. The limit keys_max counts the keys of these entries, and each read as one more key. In a Cluster all
 * partitions of a day are read in one round trip.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_SEARCH_H
#define COLLECTOR_FEED_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "feed.h"
#include "feed_spans.h"
#include "feed_turns.h"
#include "redis/redis.h"
#include "store.h"

/* Private: the reads of one partition. */
struct feed_search_page {
        struct redis_command command;
        struct feed_search *search;
        unsigned partition;
        bool is_inside, has_more; /* starts after `after`; more of this day and span has to be read */
        struct feed_id after;
};

struct feed_search {
        /* Set by the caller; pointers are borrowed until on_done. */
        struct redis *redis;
        unsigned place;           /* redis_place.number: the only place to search */
        struct feed_turns *turns; /* each read but the first takes a turn; NULL: no read does */
        struct feed_spans spans;  /* the times to search */
        int64_t last_day;         /* the last day whose stream is searched */
        size_t keys_max;          /* limit around the first time, and again for the search backwards from the end */
        size_t first_read;        /* entries of the first read; 0: a few */
        /* Called for each key that may be in the span. Returns false to stop. `partition` is that of the entry. */
        bool (*on_key)(struct feed_search *search, int64_t day, struct feed_id id, const char *key);
        /* Called exactly once, never during feed_search_start. STORE_DONE if on_key has stopped the search, or if the
         * search has reached the end or keys_max. Otherwise err says why the search failed. */
        void (*on_done)(struct feed_search *search, enum store_outcome outcome, const struct err *err);

        unsigned partition; /* set for on_key */

        /* Private. */
        bool is_moved; /* another place is in use: the search has failed */
        bool has_turn;
        bool is_enough;                        /* on_key has stopped the search */
        struct feed_search_page alone, *pages; /* one for each partition: `alone`, or owned */
        unsigned partitions;
        unsigned waiting; /* expected replies, plus 1 while reads are being sent */
        struct feed_turn turn;
        enum store_outcome outcome; /* the first failure */
        struct err failure;
        int64_t day;
        size_t read_max;                /* entries of the next read  */
        size_t keys;                    /* read around this time */
        size_t keys_done, entries_done; /* in total */
};

/* False: there is nothing to search, or no memory, and on_done is not called. */
bool feed_search_start(struct feed_search *search);

#endif
