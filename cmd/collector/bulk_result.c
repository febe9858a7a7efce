/* bulk_result: counters, an array of failures whose details are in one buffer, and an array of keys. */
#include "bulk_result.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_ROOM_FIRST = 256, ENTRY_BYTES = 64, OTHER_BYTES = 1024 };

void bulk_result_init(struct bulk_result *result, bool has_keys)
{
        *result = (struct bulk_result){ .has_keys = has_keys };
        buf_init(&result->details, 0);
}

void bulk_result_fini(struct bulk_result *result)
{
        buf_fini(&result->details);
        free(result->keys);
}

/* --- Outcomes ----------------------------------------------------------------------------------------------------- */

static int make_key_room(struct bulk_result *result, size_t needed)
{
        size_t room = result->key_room ? result->key_room : KEY_ROOM_FIRST;
        while (room < needed)
                room *= 2;
        struct uuid *keys = realloc(result->keys, room * sizeof(*keys));
        if (!keys)
                return ERR_NOMEM;
        memset(keys + result->key_room, 0, (room - result->key_room) * sizeof(*keys));
        result->keys = keys;
        result->key_room = room;
        return 0;
}

int bulk_result_begin(struct bulk_result *result, uint64_t line)
{
        if (result->has_keys && line > result->key_room) {
                int rc = make_key_room(result, (size_t)line);
                if (rc < 0)
                        return rc;
        }
        result->lines = line;
        return 0;
}

void bulk_result_stored(struct bulk_result *result, uint64_t line, const char *key, bool is_replayed)
{
        result->stored++;
        result->replayed += is_replayed;
        if (result->has_keys)
                (void)uuid_parse(key, UUID_TEXT_LENGTH, &result->keys[line - 1]); /* it has this form */
}

/* If there is no memory for its text, the failure is only counted. */
static void note_failure(struct bulk_result *result, uint64_t line, int status, const char *detail)
{
        size_t at = result->details.len, count = result->error_count;
        if (count == BULK_ERRORS_MAX || json_escape(&result->details, detail, strlen(detail)) < 0)
                return;
        result->errors[count].line = line;
        result->errors[count].status = status;
        result->errors[count].at = at;
        result->errors[count].length = result->details.len - at;
        result->error_count++;
}

void bulk_result_failed(struct bulk_result *result, uint64_t line, const struct bulk_failure *failure,
                        const char *detail)
{
        result->failed++;
        if (!failure->is_final && (result->open_line == 0 || line < result->open_line))
                result->open_line = line;
        note_failure(result, line, failure->status, detail);
}

/* --- The answer --------------------------------------------------------------------------------------------------- */

int bulk_result_status(const struct bulk_result *result, bool is_strict)
{
        if (result->ended)
                return result->ended;
        if (result->failed > 0 && result->stored == 0)
                return 400;
        return result->failed > 0 && is_strict ? 422 : 200;
}

bool bulk_result_is_replay(const struct bulk_result *result)
{
        return result->stored > 0 && result->replayed == result->stored;
}

static int by_line(const void *left, const void *right)
{
        uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right; /* the first member */
        return a < b ? -1 : a > b;
}

static int print_errors(struct bulk_result *result, size_t max_bytes, struct buf *out)
{
        size_t i = 0;
        qsort(result->errors, result->error_count, sizeof(result->errors[0]), by_line);
        int rc = buf_puts(out, ",\"errors\":[");
        for (; rc == 0 && i < result->error_count; i++) {
                size_t at = result->errors[i].at, length = result->errors[i].length;
                if (length + ENTRY_BYTES + OTHER_BYTES > max_bytes - out->len)
                        break;
                rc = buf_printf(out, "%s{\"line\":%" PRIu64 ",\"status\":%d,\"detail\":%.*s}", i > 0 ? "," : "",
                                result->errors[i].line, result->errors[i].status, (int)length,
                                result->details.data + at);
        }
        if (rc == 0)
                rc = buf_putc(out, ']');
        if (rc == 0 && result->failed > i)
                rc = buf_printf(out, ",\"errorsOmitted\":%" PRIu64, result->failed - i);
        return rc;
}

static int print_keys(const struct bulk_result *result, struct buf *out)
{
        static const struct uuid none;
        char text[UUID_TEXT_SIZE];
        int rc = buf_puts(out, ",\"keys\":[");
        for (uint64_t i = 0; rc == 0 && i < result->lines; i++) {
                bool is_stored = memcmp(&result->keys[i], &none, sizeof(none)) != 0;
                rc = buf_printf(out, is_stored ? "%s\"%s\"" : "%s%s", i > 0 ? "," : "",
                                is_stored ? uuid_format(&result->keys[i], text) : "null");
        }
        return rc < 0 ? rc : buf_putc(out, ']');
}

static int print_end(const struct bulk_result *result, struct buf *out)
{
        uint64_t through = result->open_line ? result->open_line - 1 : result->lines;
        int rc = buf_printf(out, ",\"storedThrough\":%" PRIu64, through);
        if (rc == 0 && result->where.line > 0)
                rc = buf_printf(out, ",\"line\":%zu,\"column\":%zu", result->where.line, result->where.column);
        return rc;
}

int bulk_result_print(struct bulk_result *result, size_t max_bytes, struct buf *out)
{
        int rc = buf_printf(out, "\"stored\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"replayed\":%" PRIu64, result->stored,
                            result->failed, result->replayed);
        if (rc == 0)
                rc = print_errors(result, max_bytes, out);
        if (rc == 0 && result->ended)
                rc = print_end(result, out);
        if (rc == 0 && result->has_keys && max_bytes == SIZE_MAX)
                rc = print_keys(result, out);
        return rc;
}
