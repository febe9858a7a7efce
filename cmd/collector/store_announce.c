/* store_announce: searches the feed, and sends an XADD if it finds nothing. */
#include "store_announce.h"

#include <string.h>

#include "base/attr.h"
#include "base/clock.h"

enum {
        ANNOUNCE_EARLIER_MS = 100, /* Redis's clock may be slightly behind ours */
        ANNOUNCE_BEGIN_MS = 2,     /* how much earlier the search begins; in a dense feed a larger value would slow down
                                * each repeat */
};

void store_announce_end(struct store_announce *announce, enum store_outcome outcome, const struct err *err)
{
        bool is_overtaken = swap_is_behind(announce->store->swap, announce->generation);
        if (announce->is_moved || announce->search.is_moved || (outcome == STORE_DONE && is_overtaken))
                outcome = STORE_MOVED;
        else if (outcome != STORE_DONE)
                outcome = STORE_UNLISTED;
        announce->on_done(announce, outcome, err);
}

static void send_entry(struct store_announce *announce);

static void on_announced(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct store_announce *announce = CONTAINER_OF(command, struct store_announce, add);
        struct err why = { 0 };
        enum store_outcome outcome = STORE_DONE;
        if (feed_again_is_due(&announce->again, announce->store->highest, command, reply)) {
                redis_command_fini(command);
                send_entry(announce);
                return;
        }
        if (!reply || redis_reply_type(reply) == REDIS_ERROR)
                outcome = store_failure(reply, err, &why);
        else
                feed_expiry_note(&announce->store->expiry, announce->store->today.day, announce->partition);
        redis_command_fini(command);
        store_announce_end(announce, outcome, &why);
}

/* The document is in the old Redis, so an entry in the new Redis would be useless. */
static enum redis_made on_announce_place(struct redis_command *command, UNUSED const struct redis_place *place)
{
        CONTAINER_OF(command, struct store_announce, add)->is_moved = true;
        return REDIS_NOT_MADE;
}

/* In a Cluster, a partition on the master of the document. */
static unsigned partition_beside(struct store_announce *announce)
{
        char name[STORE_KEY_SIZE];
        struct feed_today *today = &announce->store->today;
        const struct redis *redis = announce->search.redis;
        const struct redis_place *place = redis_place(redis);
        unsigned slot = redis_slot_of_key(name, store_key(place, announce->key, name));
        unsigned partition = feed_today_partition(today, redis, redis_master_of_slot(redis, slot));
        return partition == FEED_PARTITION_NONE ? feed_today_any(today) : partition;
}

static void send_entry(struct store_announce *announce)
{
        struct redis *redis = announce->search.redis;
        struct feed_today *today = &announce->store->today;
        struct err err;
        const char *key = announce->key;
        struct feed_addition addition = { .stream = feed_today_stream(today, redis_place(redis), announce->partition),
                                          .keys = &key,
                                          .count = 1,
                                          .mark_ms = announce->from_ms };
        feed_again_fill(&announce->again, today->day, &addition);
        redis_command_init(&announce->add, on_announced);
        announce->add.on_place = on_announce_place;
        announce->add.made_for = announce->search.place;
        if (feed_add_args(&announce->add, &addition, &err) < 0)
                store_fail_later(redis, &announce->add);
        else
                redis_send(redis, &announce->add);
}

/* The first sender may still be alive but late, or the search may have been too short: the mark lets readers omit the
 * duplicate. The entry is added to today's stream, because readers may already have passed earlier days. */
void store_announce_add(struct store_announce *announce)
{
        announce->partition = partition_beside(announce);
        feed_again_begin(&announce->again, announce->store->highest, announce->partition);
        send_entry(announce);
}

static bool on_announce_key(struct feed_search *search, UNUSED int64_t day, UNUSED struct feed_id id, const char *key)
{
        struct store_announce *announce = CONTAINER_OF(search, struct store_announce, search);
        announce->is_found = strcmp(key, announce->key) == 0;
        return !announce->is_found;
}

static void on_announce_searched(struct feed_search *search, enum store_outcome outcome, const struct err *err)
{
        struct store_announce *announce = CONTAINER_OF(search, struct store_announce, search);
        if (outcome != STORE_DONE || announce->is_found)
                store_announce_end(announce, outcome, err);
        else
                store_announce_add(announce);
}

void store_announce_prepare(struct store *store, struct store_announce *announce, const struct store_read *found,
                            int64_t stored_ms)
{
        char key[UUID_TEXT_SIZE];
        struct redis *redis = found->redis; /* `found` may share memory with `announce` */
        unsigned place = found->get.made_for, generation = found->get.generation;
        memcpy(key, found->key, sizeof(key));
        announce->store = store;
        announce->generation = generation;
        announce->is_found = announce->is_moved = false;
        announce->from_ms = stored_ms > ANNOUNCE_EARLIER_MS ? stored_ms - ANNOUNCE_EARLIER_MS : 0;
        announce->begin_ms = stored_ms > ANNOUNCE_BEGIN_MS ? stored_ms - ANNOUNCE_BEGIN_MS : 0;
        memcpy(announce->key, key, sizeof(key));
        announce->search = (struct feed_search){ .redis = redis, .place = place };
}

void store_announce(struct store *store, struct store_announce *announce, const struct store_read *found,
                    int64_t stored_ms)
{
        int64_t now_ms = clock_realtime_ms();
        store_announce_prepare(store, announce, found, stored_ms);
        announce->search = (struct feed_search){ .redis = announce->search.redis,
                                                 .place = announce->search.place,
                                                 .turns = &store->turns,
                                                 .spans = { .reach_ms = store_reach_ms(store),
                                                            .first_ms = announce->begin_ms,
                                                            .last_ms = announce->begin_ms,
                                                            .end_ms = now_ms + FEED_CLOCK_SKEW_MS },
                                                 .last_day = feed_day(now_ms) + 1,
                                                 .keys_max = ANNOUNCE_KEYS_MAX,
                                                 .on_key = on_announce_key,
                                                 .on_done = on_announce_searched };
        if (!feed_search_start(&announce->search))
                store_announce_add(announce);
}
