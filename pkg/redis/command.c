/* command: a command is formatted once and keeps its bytes until it is answered, so that sending it again is
 * no more than another write. The formatter is hiredis's: 0.15 us for a SET. */
#include <assert.h>
#include <limits.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "redis/internal.h"

void redis_command_init(struct redis_command *command, redis_reply_fn *on_reply)
{
        *command = (struct redis_command){ .on_reply = on_reply };
        redis_link_init(&command->link);
}

static void free_bytes(struct redis_command *command)
{
        if (command->bytes)
                redisFreeCommand(command->bytes);
        command->bytes = NULL;
        command->length = 0;
}

int redis_command_args(struct redis_command *command, size_t argc, const char *const argv[], const size_t lengths[],
                       struct err *err)
{
        assert(command->state == COMMAND_IDLE);
        if (argc == 0 || argc > INT_MAX)
                return err_set(err, ERR_INVALID, "Redis command of %zu arguments", argc);
        char *bytes = NULL;
        /* hiredis does not write to the arguments; its parameter only lacks the const. */
        long long length = redisFormatCommandArgv(&bytes, (int)argc, (const char **)argv, lengths);
        if (length < 0)
                return err_set(err, ERR_NOMEM, "Redis command");
        free_bytes(command);
        command->bytes = bytes;
        command->length = (size_t)length;
        return 0;
}

void redis_command_fini(struct redis_command *command)
{
        assert(command->state == COMMAND_IDLE || command->state == COMMAND_ABANDONED);
        free_bytes(command);
}
