/* replies: a reply that does not fit its command closes the connection before it gets here. Any other reply is either a
 * result, which goes to the caller and shows that the server works, or a temporary refusal, which moves the command to
 * `refused` and pauses the connection until everything in flight has been answered. */
#include "redis/replies.h"

#include "base/clock.h"
#include "redis/resend.h"

void redis_replies_set_away(struct server *server, const struct err *why)
{
        if (server->health.away_since_ms == 0)
                server->health.away_since_ms = redis_now_ms(server);
        server->health.last_error = *why;
}

static void note_success(struct conn *conn, struct redis_command *command)
{
        struct server *server = conn->server;
        struct redis_health *health = &server->health;
        bool is_write = redis_command_kind(command) != REDIS_KIND_READ;
        redis_suspects_answered(&server->suspects, command);
        if (is_write && !conn->is_retired)
                health->wants_write = false;
        if (conn->epoch == server->epoch && !health->wants_write) /* an old target says nothing about the new one */
                health->failures = 0;
        if (!conn->is_retired && conn->flow.pause == FAILURE_NONE && !health->wants_write)
                health->away_since_ms = 0;
        if (inside(command)->batch_us != 0 && server->observers.on_round_trip)
                server->observers.on_round_trip(clock_monotonic_us() - inside(command)->batch_us,
                                                server->observers.on_round_trip_data);
}

static void on_refused(struct conn *conn, struct redis_command *command, const struct redis_reply *reply,
                       enum redis_failure failure)
{
        struct server *server = conn->server;
        struct err err;
        bool is_write = redis_command_kind(command) != REDIS_KIND_READ;
        (void)redis_reply_error(reply, &err); /* kept as the last error */
        if (failure == FAILURE_UNKNOWN) {
                redis_resend_doubtful(&server->queue, command, &conn->flow.flight.refused);
                failure = FAILURE_RECONNECT; /* a server whose role changes unblocks its clients */
        } else {
                redis_resend_refused(&server->queue, command, &conn->flow.flight.refused);
        }
        server->health.wants_write |= is_write && !conn->is_retired;
        if (conn->flow.pause != FAILURE_RECONNECT)
                conn->flow.pause = failure;
        if (!conn->is_retired)
                redis_replies_set_away(server, &err);
}

void redis_replies_settle(struct conn *conn, struct redis_command *command, const struct redis_reply *reply,
                          enum redis_failure failure)
{
        if (failure == FAILURE_MOVED) {
                conn->server->health.failures = 0;
        } else if (failure == FAILURE_NONE) {
                note_success(conn, command);
                redis_queue_answer(&conn->server->queue, command, reply);
        } else {
                on_refused(conn, command, reply, failure);
        }
}
