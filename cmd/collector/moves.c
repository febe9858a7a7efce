/* moves: the reply to XADD contains the time by Redis's clock, and XRANGE then finds the first entry. If Redis refuses
 * one of these commands, our own clock is used instead. */
#include "moves.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"

enum {
        TOGETHER_MS = 5 * 60 * 1000, /* moves that belong to one change of the binding */
        MARGIN_MS = 250, /* other workers have moved a moment before, and a Cluster's clocks differ a little */
        AGAIN_MS = 500,
        KEPT_S = 3600, /* where documents expire */
};

/* At most as many entries as anybody needs. */
#define ENTRIES_MAX "64"

static char *key_of(const struct moves *moves, char out[FEED_STREAM_SIZE])
{
        const char *prefix = redis_place(moves->store->redis)->key_prefix;
        (void)snprintf(out, FEED_STREAM_SIZE, "%.*scollector:feed:moves", FEED_PREFIX_MAX, prefix); /* fits */
        return out;
}

/* The change of the binding and the arrival at this Redis are a moment apart. */
static int64_t own_ms(const struct moves *moves, int64_t now_ms)
{
        return now_ms - (clock_monotonic_ms() - moves->begun_ms) - MARGIN_MS;
}

/* The binding has changed once more, or Redis cannot be reached. */
static bool is_useless(const struct moves *moves)
{
        const struct feed_read *read = &moves->read;
        return read->is_moved || read->generation != moves->generation || read->outcome == STORE_UNAVAILABLE;
}

static void finish(struct moves *moves)
{
        moves->is_asking = false;
        if (is_useless(moves)) {
                moves->again_ms = clock_monotonic_ms() + AGAIN_MS;
                return;
        }
        moves->is_known = true;
}

static void on_named(struct feed_naming *naming)
{
        finish(CONTAINER_OF(naming, struct moves, naming));
}

static void find_name(struct moves *moves)
{
        if (is_useless(moves) || feed_name_is_known(&moves->store->name, moves->generation)) {
                finish(moves);
                return;
        }
        moves->naming = (struct feed_naming){ .read = &moves->read, .on_known = on_named };
        feed_naming_start(&moves->naming);
}

static void on_first(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct moves *moves = feed_ask_of(command)->step;
        struct feed_entry first = { 0 };
        if (feed_read_check(&moves->read, reply, err) && redis_reply_count(reply) > 0) {
                (void)feed_entry_read(redis_reply_at(reply, 0), &first); /* returns the id of any entry */
                if ((int64_t)first.id.ms - MARGIN_MS < moves->from_ms)
                        moves->from_ms = (int64_t)first.id.ms - MARGIN_MS;
        }
        redis_command_fini(command);
        if (feed_read_is_answered(&moves->read))
                find_name(moves);
}

static void on_expiry(struct redis_command *command, const struct redis_reply *reply UNUSED,
                      const struct err *err UNUSED)
{
        struct moves *moves = feed_ask_of(command)->step;
        redis_command_fini(command); /* without an expiry time the stream merely stays */
        if (feed_read_is_answered(&moves->read))
                find_name(moves);
}

static void let_expire(struct moves *moves, const char *key)
{
        char at[24];
        (void)snprintf(at, sizeof(at), "%" PRIu64, moves->id.ms / 1000 + KEPT_S);
        (void)feed_read_send(&moves->read, feed_read_ask(&moves->read, 1, 0, moves), on_expiry, 3,
                             (const char *[]){ "EXPIREAT", key, at });
}

static void find_first(struct moves *moves)
{
        char key[FEED_STREAM_SIZE], from[24];
        uint64_t from_ms = moves->id.ms > TOGETHER_MS ? moves->id.ms - TOGETHER_MS : 0;
        (void)snprintf(from, sizeof(from), "%" PRIu64, from_ms);
        feed_read_step(&moves->read);
        (void)feed_read_send(&moves->read, feed_read_ask(&moves->read, 0, 0, moves), on_first, 6,
                             (const char *[]){ "XRANGE", key_of(moves, key), from, "+", "COUNT", "1" });
        if (moves->store->retention_ms > 0)
                let_expire(moves, key);
        if (feed_read_is_answered(&moves->read))
                find_name(moves);
}

static void on_added(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct moves *moves = feed_ask_of(command)->step;
        bool is_added = feed_read_check(&moves->read, reply, err);
        size_t length = 0;
        const char *text = is_added ? redis_reply_text(reply, &length) : NULL;
        if (text && feed_id_parse(text, length, &moves->id))
                moves->from_ms = own_ms(moves, (int64_t)moves->id.ms);
        redis_command_fini(command);
        if (!feed_read_is_answered(&moves->read))
                return;
        if (is_added)
                find_first(moves);
        else
                find_name(moves);
}

static void ask(struct moves *moves)
{
        char key[FEED_STREAM_SIZE];
        moves->is_asking = true;
        feed_read_init(&moves->read, moves->store);
        moves->read.asks = moves->asks;
        feed_read_step(&moves->read);
        (void)feed_read_send(&moves->read, feed_read_ask(&moves->read, 0, 0, moves), on_added, 7,
                             (const char *[]){ "XADD", key_of(moves, key), "MAXLEN", ENTRIES_MAX, "*", "moved", "1" });
        if (feed_read_is_answered(&moves->read))
                find_name(moves);
}

void moves_begin(struct moves *moves, unsigned generation)
{
        moves->generation = generation;
        moves->is_known = !moves->store->feed; /* without a feed, followers have nothing to wait for */
        moves->begun_ms = clock_monotonic_ms();
        moves->again_ms = 0;
        moves->from_ms = clock_realtime_ms() - MARGIN_MS;
}

void moves_turn(struct moves *moves)
{
        if (moves->generation == 0 || moves->is_known || moves->is_asking ||
            redis_place(moves->store->redis)->generation != moves->generation ||
            (moves->again_ms > 0 && clock_monotonic_ms() < moves->again_ms))
                return;
        ask(moves);
}

bool moves_are_known(const struct moves *moves)
{
        return moves->is_known;
}
