/* newcomers: one query at a time. It is repeated if the binding changes in the meantime. */
#include "newcomers.h"

#include "base/attr.h"
#include "base/clock.h"

enum { TRIES_MAX = 4, WAIT_MS = 1000 };

static void ask(struct newcomers *newcomers)
{
        if (newcomers->is_asking || newcomers->is_closing || list_is_empty(&newcomers->fresh))
                return;
        newcomers->is_asking = true;
        list_append_all(&newcomers->asking, &newcomers->fresh);
        feed_head_start(&newcomers->head);
}

static void tell(struct newcomers *newcomers, const struct err *err)
{
        struct list *link;
        while ((link = list_pop(&newcomers->asking))) {
                struct follower *follower = CONTAINER_OF(link, struct follower, link);
                follower->cursor = newcomers->head.cursor;
                newcomers->on_known(newcomers, follower, false, err);
        }
}

static void on_head(struct feed_head *head, enum store_outcome outcome, const struct err *err)
{
        struct newcomers *newcomers = CONTAINER_OF(head, struct newcomers, head);
        struct err moved;
        newcomers->is_asking = false;
        if (outcome == STORE_MOVED && ++newcomers->tries < TRIES_MAX) {
                list_append_all(&newcomers->fresh, &newcomers->asking);
        } else {
                (void)err_set(&moved, ERR_UNAVAILABLE, "the binding is changing");
                newcomers->tries = 0;
                tell(newcomers, outcome == STORE_DONE ? NULL : outcome == STORE_MOVED ? &moved : err);
        }
        ask(newcomers);
}

void newcomers_init(struct newcomers *newcomers, struct store *store, struct tail *tail)
{
        *newcomers = (struct newcomers){ .tail = tail, .head = { .store = store, .on_known = on_head } };
        list_init(&newcomers->joining);
        list_init(&newcomers->fresh);
        list_init(&newcomers->asking);
}

void newcomers_add(struct newcomers *newcomers, struct follower *follower)
{
        follower->handed = newcomers->tail->begun;
        follower->read_ms = clock_monotonic_ms();
        if (newcomers->tail->is_following) {
                list_append(&newcomers->joining, &follower->link);
                tail_look(newcomers->tail);
                return;
        }
        list_append(&newcomers->fresh, &follower->link);
        ask(newcomers);
}

void newcomers_tail_ended(struct newcomers *newcomers)
{
        const struct tail *tail = newcomers->tail;
        if (!tail->is_following)
                return;
        for (struct list *at = list_first(&newcomers->joining), *next; at; at = next) {
                next = list_next(&newcomers->joining, at);
                struct follower *follower = CONTAINER_OF(at, struct follower, link);
                if (follower->handed >= tail->ended)
                        continue;
                list_remove(at);
                follower->cursor = tail->cursor;
                newcomers->on_known(newcomers, follower, true, NULL);
        }
}

void newcomers_second(struct newcomers *newcomers, int64_t now_ms)
{
        struct list *first;
        while ((first = list_first(&newcomers->joining)) &&
               now_ms - CONTAINER_OF(first, struct follower, link)->read_ms >= WAIT_MS) {
                list_remove(first);
                list_append(&newcomers->fresh, first);
        }
        ask(newcomers);
}

void newcomers_close(struct newcomers *newcomers)
{
        newcomers->is_closing = true;
}
