/* resend: decides which commands are repeated after a refusal or a lost connection, and which fail.
 *
 * Threads: loop only. */
#ifndef REDIS_RESEND_H
#define REDIS_RESEND_H

#include "redis/flight.h"

/* Appends a command that Redis has not executed to `list`, to be sent again, or fails the command. */
void redis_resend_refused(struct queue *queue, struct redis_command *command, struct list *list);
/* The same for a command that Redis may have executed. */
void redis_resend_doubtful(struct queue *queue, struct redis_command *command, struct list *list);
/* Call this when the connection is lost. Applies one of these functions to each command in flight, and returns to the
 * queue what is to be sent again. */
void redis_resend_lost(struct flight *flight, struct queue *queue);

#endif
