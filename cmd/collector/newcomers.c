/* newcomers: one query at a time. After a change of the binding it is repeated. */
#include "newcomers.h"

#include "base/attr.h"

enum { TRIES_MAX = 4 };

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
                newcomers->on_known(newcomers, follower, err);
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

void newcomers_init(struct newcomers *newcomers, struct store *store)
{
        *newcomers = (struct newcomers){ .head = { .store = store, .on_known = on_head } };
        list_init(&newcomers->fresh);
        list_init(&newcomers->asking);
}

void newcomers_add(struct newcomers *newcomers, struct follower *follower)
{
        list_append(&newcomers->fresh, &follower->link);
        ask(newcomers);
}

void newcomers_close(struct newcomers *newcomers)
{
        newcomers->is_closing = true;
}
