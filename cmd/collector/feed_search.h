/* feed_search: looks through the feed around the time at which a key may have been added: for the entry of a repeated
 * document (store_announce.h), and for the first entry of one that was added twice (feed_reader.h).
 *
 *     struct job { struct feed_search search; ... };
 *     job->search = (struct feed_search){ .redis = redis, .place = place, .reach_ms = reach, .first_ms = ms, .last_ms = ms,
 *                                    .end_ms = now, .last_day = today, .reads_max = 50, .on_entry = on_entry,
 *                                    .on_done = on_done };
 *     if (!feed_search_start(&job->search)) ...                       // there is nothing to look through
 *
 * From that time it goes outwards in both directions, by spans that grow fourfold: where clocks agree an entry is found
 * in the first read, at any rate of documents. It goes back by FEED_CLOCK_SKEW_MS, and ahead by reach_ms, the longest
 * that a document may be held and clocks may differ. A later repeat may have been added since: so where end_ms is
 * later than that, it goes back from end_ms by both.
 *
 * One read, XRANGE, has at most FEED_SEARCH_PAGE entries: 0.25 ms of Redis's time.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_SEARCH_H
#define COLLECTOR_FEED_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "feed.h"
#include "feed_turns.h"
#include "redis/redis.h"

enum { FEED_SEARCH_PAGE = 512 };

struct feed_search {
        /* Set by the caller; what is a pointer is borrowed until on_done. */
        struct redis *redis;
        unsigned place;           /* redis_place.number: where it looks, and nowhere else */
        struct feed_turns *turns; /* each read but the first takes a turn; NULL: none does */
        int64_t reach_ms;
        int64_t first_ms, last_ms; /* the time that it begins at, or times; Unix */
        int64_t end_ms;            /* exclusive */
        int64_t last_day;          /* whose stream is looked through */
        unsigned reads_max;        /* around the first time; and again, back from the end */
        /* An entry that may be anywhere in the span. False: this is enough. */
        bool (*on_entry)(struct feed_search *search, int64_t day, const struct feed_entry *entry);
        /* Exactly once, never from inside feed_search_start. Neither: it has ended, by on_entry, at the end, or at reads_max.
         * Else an error reply, or `err` without a reply. */
        void (*on_done)(struct feed_search *search, const struct redis_reply *refusal, const struct err *err);

        /* Private. */
        bool is_moved; /* another place is in use: it has failed */
        struct redis_command command;
        struct feed_turn turn;
        struct err failure;
        bool has_turn;
        bool is_at_end;             /* goes back from end_ms                  */
        int64_t earliest, latest;   /* how far it goes around the first times */
        int64_t inner_ms, outer_ms; /* distances that the next spans have from there */
        bool is_back_next;
        int64_t from_ms, to_ms; /* the span, `to` exclusive */
        int64_t day;
        struct feed_id after;
        bool is_inside;      /* after `after` */
        unsigned reads;      /* at this place */
        unsigned reads_done; /* in all        */
};

bool feed_search_start(struct feed_search *search);

#endif
