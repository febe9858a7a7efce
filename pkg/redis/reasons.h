/* reasons: the errors of commands that fail without a reply.
 *
 * Threads: loop only. */
#ifndef REDIS_REASONS_H
#define REDIS_REASONS_H

#include "redis/command_private.h"
#include "redis/health.h"

enum redis_reason {
        REASON_AWAY,     /* its hold time passed                                    */
        REASON_FULL,     /* the budget is used up                                   */
        REASON_NOT_HELD, /* must_not_hold is set, and there is no connection                        */
        REASON_CLOSED,   /* redis_close                                             */
        REASON_ONCE,     /* Redis may have executed it, and it must not be repeated */
        REASON_SLOW,     /* in flight when its hold time passed                     */
        REASON_GUILTY,   /* it makes Redis close connections                        */
        REASON_NOMEM,    /* it was sent without bytes                               */
        REASON_PLACE,    /* on_place did not adapt it to its new place              */
};

/* Fills `err` with the code and text for inside(command)->reason. */
void redis_reason_say(const struct redis_command *command, int64_t hold_ms, const struct redis_health *health,
                      struct err *err);

#endif
