/* client: keeps a connection to one server.
 *
 *     redis_client_open(loop, &options, target, 1, &ops, owner, &client, &err);
 *     redis_client_send(client, &command);
 *     redis_client_flush(client);
 *     redis_client_close(client, on_closed, data);
 *
 * Its owner passes in `ops` (connections.h) what the client cannot know: where the next connection goes, what a reply
 * from a Cluster node means, and who receives events.
 *
 * Threads: loop only. */
#ifndef REDIS_CLIENT_H
#define REDIS_CLIENT_H

#include "redis/connections.h"

/* Connects in the background. Holds a reference to the target; `ops` must outlive the client. ERR_NOMEM. */
int redis_client_open(uv_loop_t *loop, const struct redis_options *options, struct redis_target *target,
                      unsigned generation, const struct client_ops *ops, void *owner, struct client **out,
                      struct err *err) NODISCARD;
void redis_client_set_target(struct client *client, struct redis_target *target, unsigned generation);
void redis_client_close(struct client *client, void (*on_closed)(void *data), void *data); /* see redis_close */

void redis_client_send(struct client *client, struct redis_command *command); /* see redis_send  */
void redis_client_flush(struct client *client);                               /* see redis_flush */
struct redis_counters redis_client_counters(const struct client *client);

void redis_client_wake(struct client *client); /* something waits, so the tick has to run */

#endif
