/* replies: what becomes of a reply: an answer for the caller, a reason to try again, or a broken connection.
 *
 * Threads: loop only. */
#ifndef REDIS_REPLIES_H
#define REDIS_REPLIES_H

#include "redis/conn.h"

/* `failure`: what the reply means (failure.c, or cluster.c for a node of a Cluster). */
void redis_replies_settle(struct conn *conn, struct redis_command *command, const struct redis_reply *reply,
                          enum redis_failure failure);
/* The server is not usable from now on, unless it was so before. */
void redis_replies_set_away(struct server *server, const struct err *why);

#endif
