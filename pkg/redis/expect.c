/* expect: knows which replies each command may get. redis_command_args looks up every command by name in one table, so
 * no sender can forget to set the expected reply. A command that is not in the table may get any reply. A reply of the
 * wrong kind means that the server, or a proxy in between, is out of step with the stream, so the connection is closed
 * (replies.c). An error reply fits every command. The table follows each command's page on redis.io, for RESP2. */
#include <string.h>
#include <strings.h>

#include "base/attr.h"
#include "base/decimal.h"
#include "redis/expect.h"

enum shape {
        SHAPE_ANY,
        SHAPE_OK,         /* +OK                                                   */
        SHAPE_OK_OR_NIL,  /* the same, or nil if NX or XX prevented it            */
        SHAPE_PONG,       /* a status; an array on a connection that subscribes    */
        SHAPE_TEXT,       /* a string of at most `most` bytes                     */
        SHAPE_VALUE,      /* a string or nil                                       */
        SHAPE_COUNT,      /* an integer from 0                                     */
        SHAPE_ID,         /* the id of a stream entry */
        SHAPE_ID_OR_NIL,  /* the same, or nil if NOMKSTREAM prevented it          */
        SHAPE_ENTRIES,    /* entries of a stream, at most `most`                           */
        SHAPE_COUNTS,     /* two integers from 0                                   */
        SHAPE_PAIRS,      /* a flat list of names and values                       */
        SHAPE_SUBSCRIBED, /* "subscribe", the channel, the number of subscriptions */
};

#define ROW(name, shape, kind)                                                                                         \
        {                                                                                                              \
                name, sizeof(name) - 1, shape, kind                                                                    \
        }

/* The most frequent ones first. */
static const struct {
        const char *name;
        size_t length;
        enum shape shape;
        enum redis_kind kind;
} rows[] = {
        ROW("", SHAPE_ANY, REDIS_KIND_READ),
        ROW("SET", SHAPE_OK, REDIS_KIND_SET),
        ROW("XADD", SHAPE_ID, REDIS_KIND_WRITE),
        ROW("GET", SHAPE_VALUE, REDIS_KIND_READ),
        ROW("GETRANGE", SHAPE_TEXT, REDIS_KIND_READ),
        ROW("XRANGE", SHAPE_ENTRIES, REDIS_KIND_READ),
        ROW("XREVRANGE", SHAPE_ENTRIES, REDIS_KIND_READ),
        ROW("WAIT", SHAPE_COUNT, REDIS_KIND_READ),
        ROW("WAITAOF", SHAPE_COUNTS, REDIS_KIND_READ),
        ROW("GETDEL", SHAPE_VALUE, REDIS_KIND_WRITE),
        ROW("EXISTS", SHAPE_COUNT, REDIS_KIND_READ),
        ROW("DEL", SHAPE_COUNT, REDIS_KIND_WRITE),
        ROW("UNLINK", SHAPE_COUNT, REDIS_KIND_WRITE),
        ROW("XDEL", SHAPE_COUNT, REDIS_KIND_WRITE),
        ROW("XTRIM", SHAPE_COUNT, REDIS_KIND_WRITE),
        ROW("XLEN", SHAPE_COUNT, REDIS_KIND_READ),
        ROW("STRLEN", SHAPE_COUNT, REDIS_KIND_READ),
        ROW("EXPIRE", SHAPE_COUNT, REDIS_KIND_WRITE),
        ROW("EXPIREAT", SHAPE_COUNT, REDIS_KIND_WRITE),
        ROW("PEXPIREAT", SHAPE_COUNT, REDIS_KIND_WRITE),
        ROW("PING", SHAPE_PONG, REDIS_KIND_READ),
        ROW("INFO", SHAPE_TEXT, REDIS_KIND_READ),
        ROW("CONFIG", SHAPE_PAIRS, REDIS_KIND_READ),
        ROW("SUBSCRIBE", SHAPE_SUBSCRIBED, REDIS_KIND_READ),
};

enum { ROW_UNKNOWN, ROW_SET };

/* --- The expectation of a command ------------------------------------------------------------------------------ */

static unsigned char row_of(const char *name, size_t length)
{
        for (size_t row = ROW_SET; row < COUNT_OF(rows); row++)
                if (rows[row].length == length && memcmp(rows[row].name, name, length) == 0)
                        return (unsigned char)row;
        return ROW_UNKNOWN;
}

static bool is_argument(const char *text, size_t length, const char *word)
{
        return length == strlen(word) && strncasecmp(text, word, length) == 0;
}

/* The number in the argument; SIZE_MAX (no limit) if it is not a number. */
static size_t number_of(const char *text, size_t length)
{
        uint64_t number;
        return decimal_parse(text, length, SIZE_MAX - 1, &number) < 0 ? SIZE_MAX : (size_t)number;
}

static bool is_conditional(size_t argc, const char *const argv[], const size_t lengths[])
{
        for (size_t i = 3; i < argc; i++)
                if (is_argument(argv[i], lengths[i], "NX") || is_argument(argv[i], lengths[i], "XX"))
                        return true;
        return false;
}

/* GETRANGE key 0 END; XRANGE key from to COUNT n. */
static size_t most_of(enum shape shape, size_t argc, const char *const argv[], const size_t lengths[])
{
        size_t number = SIZE_MAX;
        if (shape == SHAPE_TEXT && argc == 4 && is_argument(argv[2], lengths[2], "0"))
                number = number_of(argv[3], lengths[3]);
        else if (shape == SHAPE_ENTRIES && argc == 6)
                return number_of(argv[5], lengths[5]);
        return number == SIZE_MAX ? SIZE_MAX : number + 1;
}

void redis_expect(struct redis_expected *out, size_t argc, const char *const argv[], const size_t lengths[])
{
        unsigned char row = row_of(argv[0], lengths[0]);
        enum shape shape = rows[row].shape;
        if (row == ROW_SET && is_conditional(argc, argv, lengths))
                shape = SHAPE_OK_OR_NIL;
        else if (shape == SHAPE_ID && argc > 2 && is_argument(argv[2], lengths[2], "NOMKSTREAM"))
                shape = SHAPE_ID_OR_NIL;
        *out = (struct redis_expected){ row, (unsigned char)shape, most_of(shape, argc, argv, lengths) };
}

const char *redis_expected_name(const struct redis_expected *expected)
{
        return expected->row == ROW_UNKNOWN ? "a command" : rows[expected->row].name;
}

enum redis_kind redis_expected_kind(const struct redis_expected *expected)
{
        return rows[expected->row].kind;
}

bool redis_expected_only_reads(const struct redis_expected *expected)
{
        return expected->row != ROW_UNKNOWN && rows[expected->row].kind == REDIS_KIND_READ;
}

/* --- The kind of a reply ------------------------------------------------------------------------------------- */

static bool is_type(const struct redis_reply *reply, enum redis_reply_type type)
{
        return reply && redis_reply_type(reply) == type;
}

static bool is_status(const struct redis_reply *reply, const char *text)
{
        return is_type(reply, REDIS_STATUS) && strcmp(redis_reply_text(reply, NULL), text) == 0;
}

static bool is_count(const struct redis_reply *reply)
{
        return is_type(reply, REDIS_INTEGER) && redis_reply_integer(reply) >= 0;
}

static bool is_digits(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++)
                if (text[i] < '0' || text[i] > '9')
                        return false;
        return length > 0 && length <= 20;
}

/* "1700000000000-0" */
static bool is_id(const struct redis_reply *reply)
{
        size_t length;
        if (!is_type(reply, REDIS_STRING))
                return false;
        const char *text = redis_reply_text(reply, &length);
        const char *dash = memchr(text, '-', length);
        return dash && is_digits(text, (size_t)(dash - text)) &&
               is_digits(dash + 1, length - (size_t)(dash - text) - 1);
}

static bool is_pairs(const struct redis_reply *reply)
{
        if (!is_type(reply, REDIS_ARRAY) || redis_reply_count(reply) % 2 != 0)
                return false;
        for (size_t i = 0; i < redis_reply_count(reply); i++)
                if (!is_type(redis_reply_at(reply, i), REDIS_STRING))
                        return false;
        return true;
}

/* [id, [name, value, ...]], ... */
static bool is_entries(const struct redis_reply *reply, size_t most)
{
        if (!is_type(reply, REDIS_ARRAY) || redis_reply_count(reply) > most)
                return false;
        for (size_t i = 0; i < redis_reply_count(reply); i++) {
                const struct redis_reply *entry = redis_reply_at(reply, i);
                if (redis_reply_count(entry) != 2 || !is_id(redis_reply_at(entry, 0)) ||
                    !is_pairs(redis_reply_at(entry, 1)))
                        return false;
        }
        return true;
}

static bool is_string(const struct redis_reply *reply, size_t most)
{
        size_t length = 0;
        if (!is_type(reply, REDIS_STRING))
                return false;
        (void)redis_reply_text(reply, &length);
        return length <= most;
}

bool redis_expected_fits(const struct redis_expected *expected, const struct redis_reply *reply)
{
        if (is_type(reply, REDIS_ERROR))
                return true;
        switch ((enum shape)expected->shape) {
        case SHAPE_OK:
                return is_status(reply, "OK");
        case SHAPE_OK_OR_NIL:
                return is_status(reply, "OK") || is_type(reply, REDIS_NIL);
        case SHAPE_PONG:
                return is_type(reply, REDIS_STATUS) || is_type(reply, REDIS_ARRAY);
        case SHAPE_TEXT:
                return is_string(reply, expected->most);
        case SHAPE_VALUE:
                return is_string(reply, SIZE_MAX) || is_type(reply, REDIS_NIL);
        case SHAPE_COUNT:
                return is_count(reply);
        case SHAPE_ID:
                return is_id(reply);
        case SHAPE_ID_OR_NIL:
                return is_id(reply) || is_type(reply, REDIS_NIL);
        case SHAPE_ENTRIES:
                return is_entries(reply, expected->most);
        case SHAPE_COUNTS:
                return redis_reply_count(reply) == 2 && is_count(redis_reply_at(reply, 0)) &&
                       is_count(redis_reply_at(reply, 1));
        case SHAPE_PAIRS:
                return is_pairs(reply);
        case SHAPE_SUBSCRIBED:
                return redis_reply_count(reply) == 3 && is_count(redis_reply_at(reply, 2));
        case SHAPE_ANY:
                break;
        }
        return true;
}

int redis_expected_not(const struct redis_expected *expected, const struct redis_reply *reply, struct err *err)
{
        static const char *const types[] = { [REDIS_NIL] = "nil",         [REDIS_STATUS] = "a status",
                                             [REDIS_ERROR] = "an error",  [REDIS_INTEGER] = "an integer",
                                             [REDIS_STRING] = "a string", [REDIS_ARRAY] = "an array" };
        return err_set(err, ERR_PROTOCOL, "unexpected reply to %s: %s", redis_expected_name(expected),
                       types[redis_reply_type(reply)]);
}
