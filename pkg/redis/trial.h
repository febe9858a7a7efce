/* trial: the commands of a probe.
 *
 * Threads: loop only. */
#ifndef REDIS_TRIAL_H
#define REDIS_TRIAL_H

#include "redis/probe.h"
#include "redis/router.h"

struct redis_trial_step;
typedef void redis_trial_done_fn(const struct err *why, void *data); /* NULL: success */

struct redis_trial_plan {
        redis_trial_done_fn *done;
        void *data;
        struct redis_trial_step *steps, **end;
        struct redis_trial_step *first; /* of this master                                        */
        size_t group;                   /* the master's number, from 1; the program's own keys come last */
        size_t waiting;                 /* outstanding replies */
        uint64_t id;                    /* random, because other programs may try the same Redis */
        char key[512];                  /* prefix of the keys on this master                     */
        size_t key_length;
        char tried[160], refused[160], lacks[64]; /* names of commands */
        struct err denied;                        /* the first refusal; code 0: none */
        bool is_over;
};

void redis_trial_init(struct redis_trial_plan *plan, redis_trial_done_fn *done, void *data);
/* Sends the whole trial on a ready connection. */
int redis_trial_begin(struct redis_trial_plan *plan, struct redis *redis, const struct redis_trial *trial,
                      struct err *err) NODISCARD;
void redis_trial_fini(struct redis_trial_plan *plan); /* only when none of its commands is queued */
extern const struct redis_trial redis_trial_plain;    /* SET and GET */

#endif
