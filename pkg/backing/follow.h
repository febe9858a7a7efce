/* follow: handles a change to the bindings for a service that is in use. Services differ in what they are (struct
 * backed_kind) and in how they are tried (struct follow_ops).
 *
 *     struct watch { struct follower follower; ... };
 *     follower_open(&watch->follower, &ops, root, &options, &err);      // resolves the first service
 *     watch->follower.now;                                              // the service in use, never NULL
 *     follower_close(&watch->follower);
 *
 * Threads: loop only. */
#ifndef BACKING_FOLLOW_H
#define BACKING_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "backing/backed.h"
#include "backing/root_members.h"

struct follower;

struct follow_ops {
        /* Takes over a candidate, tries it, and calls follower_adopt if it is good. Called only while no other
         * candidate is being tried. If this and the next member are NULL, a candidate is adopted without a trial. */
        void (*attempt)(struct follower *follower, struct backed *candidate);
        void (*give_up)(struct follower *follower); /* drops the candidate without follower_adopt */
        void (*announce)(struct follower *follower, struct backed *now);
};

struct follow_options {
        const struct backed_kind *kind;
        const void *input; /* of the kind; borrowed until the follower is closed or follower_reload replaces it */
        struct backing_metric_names names;
        bool is_optional;            /* do not log a missing binding */
        backing_on_change *on_state; /* may be NULL */
        void *data;
};

enum follow_result { FOLLOW_SWITCHED, FOLLOW_UNCHANGED, FOLLOW_FAILED, FOLLOW_VANISHED, FOLLOW_RESULTS };

struct follower {
        const struct follow_ops *ops;
        const struct backed_kind *kind;
        const void *input;
        struct backing_root *root;
        struct root_member member;
        struct backed *now;
        struct log *log;
        bool is_optional;
        backing_on_change *on_state; /* may be NULL */
        void *state_data;
        bool is_wrong;      /* the bindings have since changed and are unusable                           */
        char vanished[256]; /* why the binding of `now` is gone, so that it is logged once; "": it is not gone */
        int64_t since_ms;   /* when `now` came into use                                                        */

        struct metrics *metrics;
        struct backing_metric_names names;
        struct metric *generation, *age, *is_current, *reloads[FOLLOW_RESULTS];
};

/* `follower` is all zero. Errors of kind->fill. On failure nothing is left open. */
int follower_open(struct follower *follower, const struct follow_ops *ops, struct backing_root *root,
                  const struct follow_options *options, struct err *err) NODISCARD;
/* Reads the bindings now, and resolves even if they are unchanged. `input` replaces the former input, except after a
 * failure; NULL keeps the former input. */
int follower_reload(struct follower *follower, const void *input, struct err *err) NODISCARD;
/* Takes over `candidate`, which is now in use. `version` is the server's version, for the log; NULL: unknown. */
void follower_adopt(struct follower *follower, struct backed *candidate, const char *version);
void follower_count(struct follower *follower, enum follow_result result);
void follower_tell(const struct follower *follower, const struct backing_change *change);
void follower_close(struct follower *follower);

#endif
