/* late_documents: performs one read at a time. After a read, all followers whose place was the beginning of that read
 * are at its end, except for those whose clients have no room; these try again in the next second, alone if
 * necessary. */
#include "late_documents.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

static void read_next(struct late_documents *late_documents);

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

static bool is_due(const struct late_documents *late_documents, const struct follower *follower)
{
        return follower->late && follower->late_round != late_documents->round && follower->former == 0 &&
               follower->state != FOLLOWER_NEW;
}

static struct follower *next_due(const struct late_documents *late_documents)
{
        for (struct list *at = list_first(late_documents->all); at; at = list_next(late_documents->all, at)) {
                struct follower *follower = CONTAINER_OF(at, struct follower, all_link);
                if (is_due(late_documents, follower))
                        return follower;
        }
        return NULL;
}

static void hand_out(struct late_documents *late_documents, struct follower *follower)
{
        const struct follow_read *read = &late_documents->read;
        bool is_given = read->count == 0 || late_documents->give(late_documents, follower, read);
        if (is_given)
                *follower->late = read->cursor;
        if (!is_given || !read->more)
                follower->late_round = late_documents->round;
}

static void on_done(struct follow_read *read, enum store_outcome outcome, const struct err *err UNUSED)
{
        struct late_documents *late_documents = CONTAINER_OF(read, struct late_documents, read);
        if (late_documents->is_closing)
                return;
        if (outcome == STORE_DONE && !read->more)
                late_documents->end = read->cursor;
        for (struct list *at = list_first(late_documents->all), *next; at; at = next) {
                next = list_next(late_documents->all, at);
                struct follower *follower = CONTAINER_OF(at, struct follower, all_link);
                if (!is_due(late_documents, follower) || !is_same_place(follower->late, &late_documents->from))
                        continue;
                if (outcome == STORE_DONE)
                        hand_out(late_documents, follower);
                else
                        follower->late_round = late_documents->round;
        }
        read_next(late_documents);
}

static void read_next(struct late_documents *late_documents)
{
        struct follower *follower;
        while ((follower = next_due(late_documents))) {
                struct store *store = late_documents->store_of(late_documents, follower->late->feed);
                if (store) {
                        late_documents->read.store = store;
                        late_documents->from = *follower->late;
                        follow_read_start(&late_documents->read, &late_documents->from, 0);
                        return;
                }
                follower->late_round = late_documents->round;
        }
}

void late_documents_init(struct late_documents *late_documents)
{
        late_documents->read.on_done = on_done;
        late_documents->read.has_no_ids = true;
}

void late_documents_second(struct late_documents *late_documents)
{
        if (late_documents->is_closing || late_documents->read.is_running)
                return;
        late_documents->round++;
        read_next(late_documents);
}

void late_documents_keep(struct late_documents *late_documents, struct follower *follower, const struct cursor *place)
{
        if (!place->feed[0])
                return;
        if (!follower->late)
                follower->late = malloc(sizeof(*follower->late));
        if (!follower->late)
                return; /* if memory runs out, the follower misses late documents */
        *follower->late = *place;
        follower->late_round = late_documents->round;
}

void late_documents_join(struct late_documents *late_documents, struct follower *follower)
{
        if (late_documents->end.feed[0] && late_documents->store_of(late_documents, late_documents->end.feed))
                late_documents_keep(late_documents, follower, &late_documents->end);
}

void late_documents_close(struct late_documents *late_documents)
{
        late_documents->is_closing = true;
}

void late_documents_fini(struct late_documents *late_documents)
{
        follow_read_fini(&late_documents->read);
}
