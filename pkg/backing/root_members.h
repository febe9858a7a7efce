/* root_members: the interface of a root (root.c) for the members that follow bindings in it.
 *
 * Threads: loop only. */
#ifndef BACKING_ROOT_MEMBERS_H
#define BACKING_ROOT_MEMBERS_H

#include <uv.h>

#include "backing/root.h"
#include "base/list.h"

/* Embedded in each follower. A member may leave within any of its callbacks. */
struct root_member {
        struct list link;                              /* private                               */
        struct backing_root *root;                     /* private                               */
        void (*on_change)(struct root_member *member); /* the bindings have changed: check them */
        void (*on_unreadable)(struct root_member *member, const struct err *why); /* called once per reason    */
        void (*on_second)(struct root_member *member);                            /* called before each regular check */
};

uv_loop_t *root_loop(const struct backing_root *root);
struct log *root_log(const struct backing_root *root);
struct metrics *root_metrics(const struct backing_root *root);
const struct servicebinding_set *root_set(const struct backing_root *root); /* borrowed until the next check */
/* Members are notified in the order in which they joined. */
void root_join(struct backing_root *root, struct root_member *member);
void root_leave(struct root_member *member);
/* Checks now, and notifies all members except `except`. 1: the bindings have changed; 0: they have not; < 0: they can't
 * be read. */
int root_look(struct backing_root *root, const struct root_member *except, struct err *err);

#endif
