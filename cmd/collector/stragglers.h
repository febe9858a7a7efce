/* stragglers: documents that other replicas still store in a former Redis after this process has moved on. Each follower
 * keeps its place there (follower.late), and gets what comes after it, once a second. These events have no id, since the
 * client's place is in the Redis in use. Followers with the same place share a read.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_STRAGGLERS_H
#define COLLECTOR_STRAGGLERS_H

#include <stdbool.h>

#include "base/list.h"
#include "cursor.h"
#include "follow_read.h"
#include "follower.h"
#include "store.h"

struct stragglers {
        /* Set by the caller. */
        struct list *all; /* of followers, by all_link */
        void *data;
        /* The former Redis with that feed; NULL: it is not read any more. */
        struct store *(*store_of)(struct stragglers *stragglers, const char *feed);
        /* Writes the events. False: the client has no room for them now. */
        bool (*give)(struct stragglers *stragglers, struct follower *follower, const struct follow_read *read);

        /* Private. */
        struct follow_read read;
        struct cursor from; /* where the current read began */
        struct cursor end;  /* where the last one ended */
        unsigned round;     /* the current second */
        bool is_closing;
};

void stragglers_init(struct stragglers *stragglers);
void stragglers_second(struct stragglers *stragglers); /* call it once a second */
/* The follower has read that Redis up to `place`. */
void stragglers_keep(struct stragglers *stragglers, struct follower *follower, const struct cursor *place);
/* A new client gets stragglers from now on. */
void stragglers_join(struct stragglers *stragglers, struct follower *follower);
void stragglers_close(struct stragglers *stragglers);
void stragglers_fini(struct stragglers *stragglers);

#endif
