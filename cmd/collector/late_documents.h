/* late_documents: documents that other replicas still store in a former Redis after this process has moved on. Each
 * follower keeps its place there (follower.late), and gets what comes after that place, once a second. These events
 * have no id, since the client's place is in the Redis in use. Followers with the same place share a read.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_LATE_DOCUMENTS_H
#define COLLECTOR_LATE_DOCUMENTS_H

#include <stdbool.h>

#include "base/list.h"
#include "cursor.h"
#include "follow_read.h"
#include "follower.h"
#include "store.h"

struct late_documents {
        /* Set by the caller. */
        struct list *all; /* of followers, by all_link */
        void *data;
        /* The former Redis with that feed; NULL: it is not read any more. */
        struct store *(*store_of)(struct late_documents *late_documents, const char *feed);
        /* Writes the events. False: the client has no room for them now. */
        bool (*give)(struct late_documents *late_documents, struct follower *follower, const struct follow_read *read);

        /* Private. */
        struct follow_read read;
        struct cursor from; /* where the current read began */
        struct cursor end;  /* where the last read ended */
        unsigned round;     /* the current second */
        bool is_closing;
};

void late_documents_init(struct late_documents *late_documents);
void late_documents_second(struct late_documents *late_documents); /* call it once a second */
/* The follower has read that Redis up to `place`. */
void late_documents_keep(struct late_documents *late_documents, struct follower *follower, const struct cursor *place);
/* A new client gets late documents from now on. */
void late_documents_join(struct late_documents *late_documents, struct follower *follower);
void late_documents_close(struct late_documents *late_documents);
void late_documents_fini(struct late_documents *late_documents);

#endif
