/* resend: decides which commands are repeated after a refusal or a lost connection, and which fail.
 *
 * Threads: loop only. */
#ifndef REDIS_RESEND_H
#define REDIS_RESEND_H

#include "redis/flight.h"

/* Redis has not executed it: appends it to `list` to be sent again, or fails it. */
void redis_resend_refused(struct queue *queue, struct redis_command *command, struct list *list);
/* Likewise if Redis may have executed it. */
void redis_resend_doubtful(struct queue *queue, struct redis_command *command, struct list *list);
/* The connection is lost: applies one of these to each command in flight, and returns it to the queue. */
void redis_resend_lost(struct flight *flight, struct queue *queue);

#endif
