/* command: a command is formatted once and keeps its bytes until it is answered, so that sending it again is
 * no more than another write. The formatter is hiredis's: 0.15 us for a SET. */
#include <assert.h>
#include <limits.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "redis/internal.h"

void redis_command_init(struct redis_command *command, redis_reply_fn *on_reply)
{
        *command = (struct redis_command){ .on_reply = on_reply, .slot = SLOT_UNKNOWN };
        redis_link_init(&command->link);
}

static void free_bytes(struct redis_command *command)
{
        if (command->bytes)
                redisFreeCommand(command->bytes);
        command->bytes = NULL;
        command->length = 0;
}

/* Of "$123\r\n" or "*123\r\n". */
static size_t header_size(size_t number)
{
        size_t digits = 1;
        while (number >= 10) {
                number /= 10;
                digits++;
        }
        return digits + 3;
}

/* Where the header of the second of `argc` arguments begins, when the first is so long (RESP2, bulk strings). */
static size_t argument_offset(size_t first_length, size_t argc)
{
        return header_size(argc) + header_size(first_length) + first_length + 2;
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
        command->slot = SLOT_UNKNOWN;
        command->key_offset = 0;
        if (argc > 1) {
                command->key_offset = argument_offset(lengths[0], argc) + header_size(lengths[1]);
                command->key_length = lengths[1];
        }
        return 0;
}

int redis_command_slot(struct redis_command *command)
{
        if (command->slot == SLOT_UNKNOWN)
                command->slot = command->key_offset == 0 ? SLOT_NONE
                                                         : (int)redis_slot_of_key(command->bytes + command->key_offset,
                                                                                  command->key_length);
        return command->slot;
}

void redis_command_go_with(struct redis_command *command, struct redis_command *other)
{
        command->slot = redis_command_slot(other);
}

void redis_command_fini(struct redis_command *command)
{
        assert(command->state == COMMAND_IDLE || command->state == COMMAND_ABANDONED);
        free_bytes(command);
}
