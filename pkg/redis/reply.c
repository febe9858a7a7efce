/* reply: hiredis's reader parses the bytes; this file stores the parts in an arena that is emptied for the next reply.
 * So a reply needs no malloc and no free, and one limit bounds its memory, even for a hostile length ("*2000000000") at
 * any depth. Types that RESP2 lacks are refused, because hiredis 1.x would pass numbers as pointers for them. */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "redis/reader.h"

enum { CHUNK_BYTES = 4096, READER_KEEPS_BYTES = 256 << 10, DEPTH_MAX = 6 };

struct redis_reply {
        enum redis_reply_type type;
        size_t length; /* of the text, or number of elements */
        union {
                int64_t integer;
                char *text;
                const struct redis_reply **elements;
        } as;
};

struct chunk {
        struct chunk *next;
        size_t used, size;
        alignas(max_align_t) char bytes[];
};

struct redis_reader {
        redisReader *parser;
        struct chunk *chunks; /* the newest first; the oldest is kept */
        size_t arena_bytes, reply_max_bytes;
        const char *problem; /* why a callback refused, for the error text */
        bool is_out_of_memory;
};

static struct chunk *add_chunk(struct redis_reader *reader, size_t bytes)
{
        size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        struct chunk *chunk = malloc(sizeof(*chunk) + size);
        if (!chunk) {
                reader->is_out_of_memory = true;
                return NULL;
        }
        chunk->next = reader->chunks;
        chunk->used = 0;
        chunk->size = size;
        reader->chunks = chunk;
        return chunk;
}

static void *arena_get(struct redis_reader *reader, size_t bytes)
{
        size_t limit = reader->reply_max_bytes;
        if (bytes > limit || reader->arena_bytes > limit - bytes) {
                reader->problem = "a reply over the limit";
                return NULL;
        }
        size_t aligned = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
        struct chunk *chunk = reader->chunks;
        if (!chunk || chunk->size - chunk->used < aligned)
                chunk = add_chunk(reader, aligned);
        if (!chunk)
                return NULL;
        void *p = chunk->bytes + chunk->used;
        chunk->used += aligned;
        reader->arena_bytes += bytes;
        return p;
}

static void arena_clear(struct redis_reader *reader)
{
        while (reader->chunks && reader->chunks->next) {
                struct chunk *chunk = reader->chunks;
                reader->chunks = chunk->next;
                free(chunk);
        }
        if (reader->chunks && reader->chunks->size > CHUNK_BYTES) {
                free(reader->chunks);
                reader->chunks = NULL;
        }
        if (reader->chunks)
                reader->chunks->used = 0;
        reader->arena_bytes = 0;
}

/* Adds a part to the array being read. NULL makes hiredis give up. */
static struct redis_reply *add_reply(const redisReadTask *task, enum redis_reply_type type)
{
        struct redis_reply *reply = arena_get(task->privdata, sizeof(*reply));
        if (!reply)
                return NULL;
        *reply = (struct redis_reply){ .type = type };
        if (task->parent) {
                struct redis_reply *parent = task->parent->obj;
                parent->as.elements[task->idx] = reply;
        }
        return reply;
}

static void *refuse_type(const redisReadTask *task)
{
        struct redis_reader *reader = task->privdata;
        reader->problem = "a type that RESP2 does not have";
        return NULL;
}

static void *create_string(const redisReadTask *task, char *bytes, size_t length)
{
        enum redis_reply_type type;
        if (task->type == REDIS_REPLY_STRING)
                type = REDIS_STRING;
        else if (task->type == REDIS_REPLY_STATUS)
                type = REDIS_STATUS;
        else if (task->type == REDIS_REPLY_ERROR)
                type = REDIS_ERROR;
        else
                return refuse_type(task);
        struct redis_reply *reply = add_reply(task, type);
        char *text = reply ? arena_get(task->privdata, length + 1) : NULL;
        if (!text)
                return NULL;
        memcpy(text, bytes, length);
        text[length] = '\0';
        reply->as.text = text;
        reply->length = length;
        return reply;
}

/* hiredis 0.14 itself stops at a depth of 7; later versions accept any. */
static bool is_deep(const redisReadTask *task)
{
        int depth = 0;
        while (depth < DEPTH_MAX && task->parent) {
                task = task->parent;
                depth++;
        }
        return depth == DEPTH_MAX;
}

static void *make_array(const redisReadTask *task, size_t count)
{
        if (task->type != REDIS_REPLY_ARRAY)
                return refuse_type(task);
        struct redis_reader *reader = task->privdata;
        if (is_deep(task)) {
                reader->problem = "arrays nested too deep";
                return NULL;
        }
        if (count > reader->reply_max_bytes / sizeof(void *)) {
                reader->problem = "a reply over the limit";
                return NULL;
        }
        struct redis_reply *reply = add_reply(task, REDIS_ARRAY);
        const struct redis_reply **elements = reply ? arena_get(reader, count * sizeof(void *)) : NULL;
        if (!elements)
                return NULL;
        reply->as.elements = elements;
        reply->length = count;
        return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
        struct redis_reply *reply = add_reply(task, REDIS_INTEGER);
        if (reply)
                reply->as.integer = value;
        return reply;
}

static void *create_nil(const redisReadTask *task)
{
        return add_reply(task, REDIS_NIL);
}

/* The arena frees. */
static void free_nothing(void *reply UNUSED)
{
}

#if HIREDIS_MAJOR >= 1
static void *create_array(const redisReadTask *task, size_t count)
{
        return make_array(task, count);
}

static void *create_double(const redisReadTask *task, double value UNUSED, char *text UNUSED, size_t length UNUSED)
{
        return refuse_type(task);
}

static void *create_bool(const redisReadTask *task, int value UNUSED)
{
        return refuse_type(task);
}
#else
static void *create_array(const redisReadTask *task, int count)
{
        return make_array(task, (size_t)count);
}
#endif

static redisReplyObjectFunctions functions = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
        .freeObject = free_nothing,
#if HIREDIS_MAJOR >= 1
        .createDouble = create_double,
        .createBool = create_bool,
#endif
};

struct redis_reader *redis_reader_new(size_t reply_max_bytes)
{
        struct redis_reader *reader = calloc(1, sizeof(*reader));
        if (!reader)
                return NULL;
        reader->reply_max_bytes = reply_max_bytes;
        reader->parser = redisReaderCreateWithFunctions(&functions);
        if (!reader->parser) {
                free(reader);
                return NULL;
        }
        reader->parser->privdata = reader;
        /* By default hiredis frees its buffer whenever 16 KiB of it are unused, that is, after each read of 64 KiB. */
        reader->parser->maxbuf = READER_KEEPS_BYTES;
        return reader;
}

void redis_reader_free(struct redis_reader *reader)
{
        if (!reader)
                return;
        redisReaderFree(reader->parser);
        arena_clear(reader);
        free(reader->chunks);
        free(reader);
}

int redis_reader_feed(struct redis_reader *reader, const char *bytes, size_t count, struct err *err)
{
        if (redisReaderFeed(reader->parser, bytes, count) != REDIS_OK)
                return err_set(err, ERR_NOMEM, "reply");
        return 0;
}

static int reader_error(const struct redis_reader *reader, struct err *err)
{
        if (reader->is_out_of_memory || (reader->parser->err == REDIS_ERR_OOM && !reader->problem))
                return err_set(err, ERR_NOMEM, "reply");
        return err_set(err, ERR_PROTOCOL, "reply: %s", reader->problem ? reader->problem : reader->parser->errstr);
}

int redis_reader_next(struct redis_reader *reader, const struct redis_reply **out, struct err *err)
{
        /* An incomplete reply keeps its parts in the arena. */
        if (!reader->parser->reply)
                arena_clear(reader);
        void *reply = NULL;
        if (redisReaderGetReply(reader->parser, &reply) != REDIS_OK)
                return reader_error(reader, err);
        if (reply) {
                *out = reply;
                return 1;
        }
        if (reader->parser->len - reader->parser->pos > reader->reply_max_bytes)
                return err_set(err, ERR_PROTOCOL, "reply: a reply over the limit");
        return 0;
}

enum redis_reply_type redis_reply_type(const struct redis_reply *reply)
{
        return reply->type;
}

static bool has_text(const struct redis_reply *reply)
{
        return reply->type == REDIS_STRING || reply->type == REDIS_STATUS || reply->type == REDIS_ERROR;
}

const char *redis_reply_text(const struct redis_reply *reply, size_t *length)
{
        if (length)
                *length = has_text(reply) ? reply->length : 0;
        return has_text(reply) ? reply->as.text : NULL;
}

int64_t redis_reply_integer(const struct redis_reply *reply)
{
        return reply->type == REDIS_INTEGER ? reply->as.integer : 0;
}

size_t redis_reply_count(const struct redis_reply *reply)
{
        return reply->type == REDIS_ARRAY ? reply->length : 0;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t index)
{
        return index < redis_reply_count(reply) ? reply->as.elements[index] : NULL;
}

bool redis_reply_is_error(const struct redis_reply *reply, const char *code)
{
        if (reply->type != REDIS_ERROR)
                return false;
        size_t length = strlen(code);
        const char *text = reply->as.text;
        return strncmp(text, code, length) == 0 && (text[length] == ' ' || text[length] == '\0');
}
