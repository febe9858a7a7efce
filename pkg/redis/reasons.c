/* reasons: the errors that on_reply gets instead of a reply. Each says whether Redis may have executed the command
 * (ERR_TIMEOUT), and reports the last failure of Redis. */
#include "redis/reasons.h"

static int say_away(const struct redis_command *command, int64_t hold_ms, const struct redis_health *health,
                    struct err *err)
{
        const char *last = health->last_error.code ? health->last_error.text : "none";
        if (inside(command)->doubts > 0)
                return err_set(err, ERR_TIMEOUT, "Redis did not answer within %lld ms (last error: %s)",
                               (long long)hold_ms, last);
        if (health->is_denied)
                return err_set(err, ERR_DENIED, "Redis refused the credentials for %lld ms (last error: %s)",
                               (long long)hold_ms, last);
        return err_set(err, ERR_UNAVAILABLE, "Redis could not be used for %lld ms (last error: %s)", (long long)hold_ms,
                       last);
}

static int say_why(const struct redis_command *command, int64_t hold_ms, const struct redis_health *health,
                   struct err *err)
{
        switch ((enum redis_reason)inside(command)->reason) {
        case REASON_AWAY:
                return say_away(command, hold_ms, health, err);
        case REASON_FULL:
                return err_set(err, ERR_UNAVAILABLE, "too many requests are waiting for Redis");
        case REASON_NOT_HELD:
                return err_set(err, ERR_UNAVAILABLE, "no connection to Redis (last error: %s)",
                               health->last_error.code ? health->last_error.text : "none");
        case REASON_CLOSED:
                if (inside(command)->doubts > 0)
                        return err_set(err, ERR_TIMEOUT, "stopped before Redis answered");
                return err_set(err, ERR_UNAVAILABLE, "stopped before sending the command to Redis");
        case REASON_PLACE:
                return err_set(err, inside(command)->doubts > 0 ? ERR_TIMEOUT : ERR_UNAVAILABLE,
                               "the command was for the previous Redis");
        case REASON_ONCE:
                return err_set(err, ERR_TIMEOUT, "the connection was lost before the reply arrived");
        case REASON_GUILTY:
                return err_set(
                        err, ERR_LIMIT,
                        "Redis closed the connection %u times after this %s of %zu bytes, but answered others (last "
                        "error: %s)",
                        inside(command)->suspicion.losses, redis_command_name(command), inside(command)->length,
                        health->last_error.text);
        case REASON_NOMEM:
                return err_set(err, ERR_NOMEM, "out of memory");
        case REASON_SLOW:
                break;
        }
        return err_set(err, ERR_TIMEOUT, "Redis did not answer within %lld ms", (long long)hold_ms);
}

/* A read changes nothing, so there is no doubt about its outcome. */
void redis_reason_say(const struct redis_command *command, int64_t hold_ms, const struct redis_health *health,
                      struct err *err)
{
        (void)say_why(command, hold_ms, health, err);
        if (err->code == ERR_TIMEOUT && redis_expected_only_reads(&inside(command)->expected))
                err->code = ERR_UNAVAILABLE;
}
