/* stragglers: one read at a time. After it, all followers whose place was its beginning are at its end, except those
 * whose clients have no room: they try again in the next second, alone if necessary. */
#include "stragglers.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

static void read_next(struct stragglers *stragglers);

static bool is_same_point(const struct cursor_point *a, const struct cursor_point *b)
{
        return a->id.ms == b->id.ms && a->id.sequence == b->id.sequence && a->keys == b->keys;
}

static bool is_same_place(const struct cursor *a, const struct cursor *b)
{
        if (strcmp(a->feed, b->feed) != 0 || a->day != b->day)
                return false;
        for (size_t i = 0; i < FEED_PARTITIONS; i++)
                if (!is_same_point(&a->after.of[i], &b->after.of[i]) ||
                    !is_same_point(&a->after_next.of[i], &b->after_next.of[i]))
                        return false;
        return true;
}

static bool is_due(const struct stragglers *stragglers, const struct follower *follower)
{
        return follower->late && follower->late_round != stragglers->round && follower->former == 0 &&
               follower->state != FOLLOWER_NEW;
}

static struct follower *next_due(const struct stragglers *stragglers)
{
        for (struct list *at = list_first(stragglers->all); at; at = list_next(stragglers->all, at)) {
                struct follower *follower = CONTAINER_OF(at, struct follower, all_link);
                if (is_due(stragglers, follower))
                        return follower;
        }
        return NULL;
}

static void hand_out(struct stragglers *stragglers, struct follower *follower)
{
        const struct follow_read *read = &stragglers->read;
        bool is_given = read->count == 0 || stragglers->give(stragglers, follower, read);
        if (is_given)
                *follower->late = read->cursor;
        if (!is_given || !read->more)
                follower->late_round = stragglers->round;
}

static void on_done(struct follow_read *read, enum store_outcome outcome, const struct err *err UNUSED)
{
        struct stragglers *stragglers = CONTAINER_OF(read, struct stragglers, read);
        if (stragglers->is_closing)
                return;
        if (outcome == STORE_DONE && !read->more)
                stragglers->end = read->cursor;
        for (struct list *at = list_first(stragglers->all), *next; at; at = next) {
                next = list_next(stragglers->all, at);
                struct follower *follower = CONTAINER_OF(at, struct follower, all_link);
                if (!is_due(stragglers, follower) || !is_same_place(follower->late, &stragglers->from))
                        continue;
                if (outcome == STORE_DONE)
                        hand_out(stragglers, follower);
                else
                        follower->late_round = stragglers->round;
        }
        read_next(stragglers);
}

static void read_next(struct stragglers *stragglers)
{
        struct follower *follower;
        while ((follower = next_due(stragglers))) {
                struct store *store = stragglers->store_of(stragglers, follower->late->feed);
                if (store) {
                        stragglers->read.store = store;
                        stragglers->from = *follower->late;
                        follow_read_start(&stragglers->read, &stragglers->from, 0);
                        return;
                }
                follower->late_round = stragglers->round;
        }
}

void stragglers_init(struct stragglers *stragglers)
{
        stragglers->read.on_done = on_done;
        stragglers->read.has_no_ids = true;
}

void stragglers_second(struct stragglers *stragglers)
{
        if (stragglers->is_closing || stragglers->read.is_running)
                return;
        stragglers->round++;
        read_next(stragglers);
}

void stragglers_keep(struct stragglers *stragglers, struct follower *follower, const struct cursor *place)
{
        if (!place->feed[0])
                return;
        if (!follower->late)
                follower->late = malloc(sizeof(*follower->late));
        if (!follower->late)
                return; /* without memory the follower misses stragglers */
        *follower->late = *place;
        follower->late_round = stragglers->round;
}

void stragglers_join(struct stragglers *stragglers, struct follower *follower)
{
        if (stragglers->end.feed[0] && stragglers->store_of(stragglers, stragglers->end.feed))
                stragglers_keep(stragglers, follower, &stragglers->end);
}

void stragglers_close(struct stragglers *stragglers)
{
        stragglers->is_closing = true;
}

void stragglers_fini(struct stragglers *stragglers)
{
        follow_read_fini(&stragglers->read);
}
