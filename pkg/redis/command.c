/* command: a command is formatted once, as a RESP2 array of bulk strings, and keeps its bytes until it is answered, so
 * repeating it is just another write. hiredis could format it too, but prints each length with sprintf, which was
 * visible in a profile of Collector. */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "redis/command_private.h"
#include "redis/slots.h"

void redis_command_init(struct redis_command *command, redis_reply_fn *on_reply)
{
        *command = (struct redis_command){ .on_reply = on_reply };
        inside(command)->slot = SLOT_UNKNOWN;
        list_init(&inside(command)->link);
}

void redis_command_room(struct redis_command *command, char *room, size_t size)
{
        inside(command)->room = room;
        inside(command)->room_size = size;
}

void redis_command_replace(struct redis_command *command, char *bytes)
{
        if (inside(command)->bytes != inside(command)->room)
                free(inside(command)->bytes);
        inside(command)->bytes = bytes;
}

static void free_bytes(struct redis_command *command)
{
        redis_command_replace(command, NULL);
        inside(command)->length = 0;
}

/* The length of "$123\r\n" or "*123\r\n". */
static size_t header_size(size_t number)
{
        return decimal_length(number) + 3;
}

static char *put_header(char *out, char kind, size_t number)
{
        *out++ = kind;
        out = decimal_put(out, number);
        *out++ = '\r';
        *out++ = '\n';
        return out;
}

/* 0: the size would overflow. */
static size_t formatted_size(size_t argc, const size_t lengths[])
{
        size_t size = header_size(argc);
        for (size_t i = 0; i < argc; i++) {
                size_t more;
                if (__builtin_add_overflow(lengths[i], header_size(lengths[i]) + 2, &more) ||
                    __builtin_add_overflow(size, more, &size))
                        return 0;
        }
        return size;
}

static void put_arguments(char *out, size_t argc, const char *const argv[], const size_t lengths[])
{
        out = put_header(out, '*', argc);
        for (size_t i = 0; i < argc; i++) {
                out = put_header(out, '$', lengths[i]);
                out = mempcpy(out, argv[i], lengths[i]);
                *out++ = '\r';
                *out++ = '\n';
        }
}

char *redis_format(size_t argc, const char *const argv[], const size_t lengths[], size_t *length)
{
        *length = formatted_size(argc, lengths);
        char *bytes = *length > 0 ? malloc(*length) : NULL;
        if (bytes)
                put_arguments(bytes, argc, argv, lengths);
        return bytes;
}

/* The offset of the header of the second of `argc` arguments, given the length of the first. */
static size_t argument_offset(size_t first_length, size_t argc)
{
        return header_size(argc) + header_size(first_length) + first_length + 2;
}

int redis_command_args(struct redis_command *command, size_t argc, const char *const argv[], const size_t lengths[],
                       struct err *err)
{
        assert(inside(command)->state == COMMAND_IDLE);
        if (argc == 0 || argc > INT_MAX)
                return err_set(err, ERR_INVALID, "Redis command of %zu arguments", argc);
        size_t length = formatted_size(argc, lengths);
        char *bytes = length == 0                            ? NULL
                      : length <= inside(command)->room_size ? inside(command)->room
                                                             : malloc(length);
        if (!bytes)
                return err_set(err, ERR_NOMEM, "Redis command");
        put_arguments(bytes, argc, argv, lengths);
        if (bytes != inside(command)->bytes)
                free_bytes(command);
        inside(command)->bytes = bytes;
        inside(command)->length = length;
        inside(command)->slot = SLOT_UNKNOWN;
        inside(command)->key_offset = 0;
        redis_expect(&inside(command)->expected, argc, argv, lengths);
        if (argc > 1) {
                inside(command)->key_offset = argument_offset(lengths[0], argc) + header_size(lengths[1]);
                inside(command)->key_length = lengths[1];
        }
        return 0;
}

/* Moves the rest of the command within its memory, or to new memory if the command no longer fits. */
int redis_command_set_key(struct redis_command *command, const char *key, size_t length)
{
        assert(inside(command)->state == COMMAND_IDLE && inside(command)->key_offset > 0);
        size_t start = inside(command)->key_offset - header_size(inside(command)->key_length);
        size_t tail = inside(command)->key_offset + inside(command)->key_length,
               tail_length = inside(command)->length - tail;
        size_t key_offset = start + header_size(length), total = key_offset + length + tail_length;
        char *bytes = inside(command)->bytes;
        if (total > inside(command)->length && (bytes != inside(command)->room || total > inside(command)->room_size)) {
                bytes = malloc(total);
                if (!bytes)
                        return ERR_NOMEM;
                memcpy(bytes, inside(command)->bytes, start);
        }
        memmove(bytes + key_offset + length, inside(command)->bytes + tail, tail_length);
        memcpy(put_header(bytes + start, '$', length), key, length);
        if (bytes != inside(command)->bytes)
                redis_command_replace(command, bytes);
        inside(command)->length = total;
        inside(command)->key_offset = key_offset;
        inside(command)->key_length = length;
        inside(command)->slot = SLOT_UNKNOWN;
        return 0;
}

int redis_command_slot(struct redis_command *command)
{
        if (inside(command)->slot == SLOT_UNKNOWN)
                inside(command)->slot =
                        inside(command)->key_offset == 0
                                ? SLOT_NONE
                                : (int)redis_slot_of_key(inside(command)->bytes + inside(command)->key_offset,
                                                         inside(command)->key_length);
        return inside(command)->slot;
}

void redis_command_go_with(struct redis_command *command, struct redis_command *other)
{
        inside(command)->slot = redis_command_slot(other);
}

size_t redis_command_size(const struct redis_command *command)
{
        return inside(command)->length;
}

void redis_command_fini(struct redis_command *command)
{
        assert(inside(command)->state == COMMAND_IDLE || inside(command)->state == COMMAND_ABANDONED);
        free_bytes(command);
}
