/* flight: fails written commands whose time runs out. resend.c handles the commands of a lost connection. */
#include <stdlib.h>
#include <string.h>

#include "redis/flight.h"

void redis_flight_init(struct flight *flight)
{
        list_init(&flight->in_flight);
        list_init(&flight->refused);
}

void redis_flight_free_stand_in(struct redis_command *command)
{
        list_remove(&inside(command)->link);
        redis_command_fini(command);
        free(command);
}

/* Copies the bytes if they are in the caller's memory, because the caller may reuse that memory after the callback. */
static bool take_bytes(struct redis_command *to, struct redis_command *from)
{
        char *bytes = inside(from)->bytes;
        if (bytes == inside(from)->room) {
                bytes = malloc(inside(from)->length);
                if (!bytes)
                        return false;
                memcpy(bytes, inside(from)->bytes, inside(from)->length);
        }
        inside(to)->bytes = bytes;
        inside(to)->length = inside(from)->length;
        inside(from)->bytes = NULL;
        return true;
}

/* Leaves a placeholder for a command whose reply may still arrive, so that the reply is not mistaken for the next
 * command's. */
static bool leave_stand_in(struct flight *flight, struct redis_command *command)
{
        struct redis_command *stand_in = malloc(sizeof(*stand_in));
        if (!stand_in)
                return false;
        redis_command_init(stand_in, NULL);
        inside(stand_in)->state = COMMAND_ABANDONED;
        inside(stand_in)->deadline_ms = INT64_MAX;
        inside(stand_in)->has_asked = inside(command)->has_asked;
        inside(stand_in)->expected = inside(command)->expected;
        if (flight->partial == command) { /* the rest of its bytes must still be written */
                if (!take_bytes(stand_in, command)) {
                        free(stand_in);
                        return false;
                }
                flight->partial = stand_in;
        }
        list_insert_before(&inside(command)->link, &inside(stand_in)->link);
        return true;
}

/* After a switch, in_flight is not always sorted by deadline; a command that follows one with a later deadline then
 * expires late. */
void redis_flight_expire(struct flight *flight, struct queue *queue, int64_t now_ms)
{
        struct list *at = flight->in_flight.next;
        while (at != &flight->in_flight) {
                struct redis_command *command = redis_link_command(at);
                at = at->next;
                if (inside(command)->state == COMMAND_ABANDONED)
                        continue;
                if (inside(command)->deadline_ms > now_ms || !leave_stand_in(flight, command))
                        return;
                redis_queue_fail(queue, command, REASON_SLOW);
                if (!inside(command)->bytes)
                        inside(command)->length = 0;
        }
}
