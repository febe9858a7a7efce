/* reasons: why a command fails without a reply, in words.
 *
 * Threads: loop only. */
#ifndef REDIS_REASONS_H
#define REDIS_REASONS_H

#include "redis/command_private.h"
#include "redis/health.h"

enum redis_reason {
        REASON_AWAY,     /* its hold time passed                                             */
        REASON_FULL,     /* the budget is used up                                            */
        REASON_NOT_HELD, /* must_not_hold, and no connection                                 */
        REASON_CLOSED,   /* redis_close                                                      */
        REASON_ONCE,     /* Redis may have executed it, and it must not be sent again        */
        REASON_SLOW,     /* in flight when its hold time passed                              */
        REASON_GUILTY,   /* it ends connections                                              */
        REASON_NOMEM,    /* it was sent without bytes                                        */
        REASON_PLACE,    /* on_place did not adapt it to the place that it would have gone to */
};

/* Fills `err` with the code and the words for inside(command)->reason. */
void redis_reason_say(const struct redis_command *command, int64_t hold_ms, const struct redis_health *health,
                      struct err *err);

#endif
