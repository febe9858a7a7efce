/* failure: one table lists the error replies that mean "temporarily unavailable"; every other error is passed to the
 * caller. An error begins with a code in capitals (redis.io, "Redis serialization protocol specification", simple
 * errors). The rest of this file makes the text of errors safe for logs. */
#include <ctype.h>
#include <string.h>

#include "base/attr.h"
#include "redis/failure.h"

enum { TEXT_MAX = 120 };

/* The first match counts. Each entry is compared with the beginning of the error. */
static const struct {
        const char *begins;
        enum redis_failure failure;
} failures[] = {
        { "LOADING", FAILURE_WAIT },
        { "BUSY", FAILURE_WAIT },
        { "TRYAGAIN", FAILURE_WAIT },
        { "READONLY", FAILURE_RECONNECT },
        { "MASTERDOWN", FAILURE_RECONNECT },
        { "CLUSTERDOWN", FAILURE_RECONNECT },
        { "NOREPLICAS", FAILURE_RECONNECT },
        { "NOAUTH", FAILURE_RECONNECT },
        { "ERR max number of clients", FAILURE_RECONNECT },
        { "UNBLOCKED", FAILURE_UNKNOWN },
};

static size_t find(const struct redis_reply *reply)
{
        size_t i = 0;
        while (i < COUNT_OF(failures) && !redis_reply_is_error(reply, failures[i].begins))
                i++;
        return i;
}

enum redis_failure redis_failure_of(const struct redis_reply *reply)
{
        if (redis_reply_type(reply) != REDIS_ERROR)
                return FAILURE_NONE;
        size_t i = find(reply);
        return i < COUNT_OF(failures) ? failures[i].failure : FAILURE_NONE;
}

const char *redis_failure_words(const struct redis_reply *reply)
{
        size_t i = find(reply);
        return i < COUNT_OF(failures) ? failures[i].begins : "";
}

static int code_of(const struct redis_reply *reply)
{
        if (redis_reply_is_error(reply, "OOM"))
                return ERR_LIMIT;
        if (redis_reply_is_error(reply, "NOPERM") || redis_reply_is_error(reply, "NOAUTH") ||
            redis_reply_is_error(reply, "WRONGPASS"))
                return ERR_DENIED;
        return ERR_UNAVAILABLE;
}

int redis_reply_error(const struct redis_reply *reply, struct err *err)
{
        char text[TEXT_MAX + 1];
        size_t length = 0;
        const char *said = redis_reply_type(reply) == REDIS_ERROR ? redis_reply_text(reply, &length) : "";
        const char *args = strstr(said, "with args"); /* "ERR unknown command 'X', with args beginning with: ..." */
        if (args)
                length = (size_t)(args - said);
        if (length > TEXT_MAX)
                length = TEXT_MAX;
        for (size_t i = 0; i < length; i++)
                text[i] = isprint((unsigned char)said[i]) ? said[i] : '?';
        while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == ','))
                length--;
        text[length] = '\0';
        return err_set(err, code_of(reply), "%s", text);
}
