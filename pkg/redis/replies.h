/* replies: passes each reply to the caller, or treats it as a reason to retry or to close the connection.
 *
 * Threads: loop only. */
#ifndef REDIS_REPLIES_H
#define REDIS_REPLIES_H

#include "redis/conn.h"

/* `failure`: what the reply means (failure.c, or cluster.c for a node of a Cluster). */
void redis_replies_settle(struct conn *conn, struct redis_command *command, const struct redis_reply *reply,
                          enum redis_failure failure);
/* Marks the server as not usable, unless it already was. */
void redis_replies_set_away(struct server *server, const struct err *why);

#endif
