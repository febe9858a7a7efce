/* bulk: digest() takes documents as long as there is room; each outcome makes room for another document. The part of a
 * piece that did not fit waits in `rest`. The sender is asked for more only when the window is half empty, so that it
 * is not paused and resumed for each document.
 *
 * Each public call and each outcome ends with settle(), the only function that notifies the owner. */
#include "bulk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        ROOM_BYTES = 640, /* a longer document gets separate memory */
        REST_KEEP_BYTES = 64 << 10,
        RESERVE_STEP_BYTES = 256 << 10 /* memory is requested in steps of this size */
};

struct entry {
        struct deposit deposit;
        struct bulk *bulk;
        uint64_t number;
        char *text; /* in `room`, or owned */
        size_t length;
        char room[ROOM_BYTES];
};

static void go_on(struct bulk *bulk);
static void settle(struct bulk *bulk);

/* --- The end ------------------------------------------------------------------------------------------------------ */

static bool has_ended(const struct bulk *bulk)
{
        return bulk->result.ended != 0 || bulk->is_split;
}

static void end(struct bulk *bulk, int status, const char *detail)
{
        buf_fini(&bulk->rest);
        bulk->rest_at = 0;
        if (bulk->result.ended)
                return;
        bulk->result.ended = status;
        (void)snprintf(bulk->result.detail, sizeof(bulk->result.detail), "%.255s", detail); /* usually everything */
}

/* --- Outcomes ----------------------------------------------------------------------------------------------------- */

static void fail_line(struct bulk *bulk, uint64_t number, int status, const char *detail)
{
        bulk_result_failed(&bulk->result, number, &(struct bulk_failure){ .status = status, .is_final = true }, detail);
}

/* The status is that of a single request. The document itself is to blame only if its command makes Redis close the
 * connection. */
static void fail_deposit(struct bulk *bulk, const struct entry *entry, const struct deposit_result *result)
{
        bool is_limit = result->err->code == ERR_LIMIT, is_own = is_limit && result->failure == STORE_UNKNOWN;
        struct bulk_failure failure = { .status = is_limit || result->failure == STORE_FULL ? 507 : 503,
                                        .is_final = is_own };
        bulk_result_failed(&bulk->result, entry->number, &failure, result->err->text);
        if (!is_own)
                end(bulk, failure.status, result->err->text);
}

static void note_outcome(struct bulk *bulk, const struct entry *entry, const struct deposit_result *result)
{
        switch (result->outcome) {
        case DEPOSIT_STORED:
        case DEPOSIT_REPLAYED:
                bulk->is_repeat = result->outcome == DEPOSIT_REPLAYED;
                bulk_result_stored(&bulk->result, entry->number, entry->deposit.key, bulk->is_repeat);
                break;
        case DEPOSIT_CONFLICT:
                fail_line(bulk, entry->number, 422, "another document is stored under the key of this line");
                break;
        case DEPOSIT_FAILED:
                fail_deposit(bulk, entry, result);
                break;
        }
}

static void free_entry(struct bulk *bulk, struct entry *entry)
{
        if (entry->text != entry->room)
                free(entry->text);
        pool_give(&bulk->bulks->pool, entry);
}

static void on_done(struct deposit *deposit, const struct deposit_result *result)
{
        struct entry *entry = CONTAINER_OF(deposit, struct entry, deposit);
        struct bulk *bulk = entry->bulk;
        note_outcome(bulk, entry, result);
        bulk->bulks->active -= --bulk->in_progress == 0;
        bulk->bulks->in_progress--;
        bulk->in_progress_bytes -= entry->length;
        free_entry(bulk, entry);
        go_on(bulk);
}

static bool is_abandoned(struct deposit *deposit)
{
        struct bulk *bulk = CONTAINER_OF(deposit, struct entry, deposit)->bulk;
        return bulk->options.is_abandoned && bulk->options.is_abandoned(bulk);
}

/* --- Room --------------------------------------------------------------------------------------------------------- */

static bool is_half_used(const struct redis_budget *budget)
{
        return atomic_load_explicit(&budget->commands, memory_order_relaxed) >= budget->commands_max / 2 ||
               atomic_load_explicit(&budget->bytes, memory_order_relaxed) >= budget->bytes_max / 2;
}

/* The limits for what one bulk may have in progress. */
struct share {
        size_t documents, bytes;
};

/* `bulk` has documents in progress. */
static struct share share_of(const struct bulk *bulk)
{
        const struct bulks *bulks = bulk->bulks;
        bool has_singles = bulks->deposits->count > bulks->in_progress;
        size_t parts = bulks->active * (has_singles ? BULK_BESIDE_SINGLES : 1), documents = BULK_DOCUMENTS / parts;
        return (struct share){ documents > BULK_DOCUMENTS_MIN ? documents : BULK_DOCUMENTS_MIN, BULK_BYTES / parts };
}

/* One document is always allowed, no matter how small the limits are; its outcome triggers the next attempt. */
static bool has_room(const struct bulk *bulk)
{
        if (bulk->in_progress == 0)
                return true;
        struct share share = share_of(bulk);
        return bulk->in_progress < share.documents && bulk->in_progress_bytes < share.bytes &&
               !is_half_used(bulk->bulks->waiting) && !is_half_used(bulk->bulks->unsafe);
}

static bool is_half_empty(const struct bulk *bulk)
{
        if (bulk->in_progress == 0)
                return true;
        struct share share = share_of(bulk);
        return bulk->in_progress <= share.documents / 2 && bulk->in_progress_bytes <= share.bytes / 2;
}

/* The owner counts the memory in use. */
static void reserve(struct bulk *bulk)
{
        size_t used = bulk->in_progress * sizeof(struct entry) + bulk->in_progress_bytes + bulk->rest.cap +
                      json_split_bytes(&bulk->split) + bulk->result.key_room * sizeof(struct uuid);
        if (used <= bulk->reserved_bytes || has_ended(bulk))
                return;
        size_t more = (used - bulk->reserved_bytes) / RESERVE_STEP_BYTES * RESERVE_STEP_BYTES + RESERVE_STEP_BYTES;
        if (bulk->options.reserve(bulk, more))
                bulk->reserved_bytes += more;
        else
                end(bulk, 503, "too much data is in transit");
}

/* --- Documents ---------------------------------------------------------------------------------------------------- */

/* A malformed document. In an array the rest cannot be trusted, since the element may have ended elsewhere. */
static void refuse(struct bulk *bulk, const struct json_item *item, const struct json_position *where,
                   const struct err *err)
{
        char detail[256];
        const char *reason = strstr(err->text, ": ");
        size_t line = item->line + where->line - 1;
        size_t column = where->line > 1 ? where->column : where->column + item->column - 1;
        if (!reason || where->line == 0)
                (void)snprintf(detail, sizeof(detail), "%.255s", err->text);
        else if (bulk->options.kind == JSON_SPLIT_LINES)
                (void)snprintf(detail, sizeof(detail), "column %zu%.200s", column, reason);
        else
                (void)snprintf(detail, sizeof(detail), "line %zu, column %zu%.180s", line, column, reason);
        fail_line(bulk, item->number, 400, detail);
        if (bulk->options.kind == JSON_SPLIT_LINES || where->problem == JSON_NOT_OBJECT ||
            where->problem == JSON_TOO_DEEP)
                return;
        bulk->result.where = (struct json_position){ .problem = where->problem, .line = line, .column = column };
        end(bulk, 400, detail);
}

/* The offset of the document in its line. */
static void move_place(struct json_position *where, struct json_span line, struct json_span body)
{
        size_t before = (size_t)(body.bytes - line.bytes);
        for (size_t i = 0; i < before && where->line == 1; i++)
                where->column += ((unsigned char)line.bytes[i] & 0xC0) != 0x80;
}

static struct entry *new_entry(struct bulk *bulk, const struct json_item *item)
{
        struct entry *entry = pool_take(&bulk->bulks->pool, sizeof(*entry));
        if (!entry)
                return NULL;
        entry->bulk = bulk;
        entry->number = item->number;
        entry->length = item->text.length;
        entry->text = entry->length <= ROOM_BYTES ? entry->room : malloc(entry->length);
        if (!entry->text) {
                pool_give(&bulk->bulks->pool, entry);
                return NULL;
        }
        memcpy(entry->text, item->text.bytes, entry->length);
        return entry;
}

/* Returns 0, BULK_SKIP or an error; where->line is 0 if the error has no position. */
static int begin_deposit(struct bulk *bulk, struct entry *entry, const struct json_item *line,
                         struct json_position *where, struct err *err)
{
        char key[UUID_TEXT_SIZE];
        struct deposit_options options = { .body = line->text,
                                           .correlation = bulk->options.correlation,
                                           .reads_first = bulk->is_repeat,
                                           .trail = &bulk->trail,
                                           .on_done = on_done,
                                           .is_abandoned = is_abandoned };
        int rc = 0;
        if (bulk->options.read_document)
                rc = bulk->options.read_document(bulk, line, &options, key, err);
        if (rc != 0)
                return rc;
        rc = deposit_begin(bulk->bulks->deposits, &entry->deposit, &options, where, err);
        if (rc == ERR_INVALID)
                move_place(where, line->text, options.body);
        return rc;
}

static void store(struct bulk *bulk, const struct json_item *item)
{
        struct json_position where = { 0 };
        struct err err;
        struct entry *entry = new_entry(bulk, item);
        if (!entry) {
                end(bulk, 503, "out of memory");
                return;
        }
        struct json_item line = *item;
        line.text.bytes = entry->text;
        int rc = begin_deposit(bulk, entry, &line, &where, &err);
        if (rc == 0) {
                bulk->bulks->active += bulk->in_progress++ == 0;
                bulk->bulks->in_progress++;
                bulk->in_progress_bytes += entry->length;
                return;
        }
        if (rc == ERR_INVALID)
                refuse(bulk, &line, &where, &err);
        else if (rc < 0)
                end(bulk, 503, err.text);
        free_entry(bulk, entry);
}

static void refuse_long(struct bulk *bulk, uint64_t number)
{
        char detail[96];
        (void)snprintf(detail, sizeof(detail), "the document is larger than %zu bytes, the limit of this server",
                       bulk->options.line_max_bytes); /* fits */
        instruments_count(bulk->bulks->deposits->instruments, DOCUMENT_REJECTED);
        fail_line(bulk, number, 413, detail);
}

static void take_item(struct bulk *bulk, const struct json_item *item)
{
        if (bulk->options.has_keys && item->number > BULK_KEYS_MAX) {
                char detail[96];
                (void)snprintf(detail, sizeof(detail), "with keys=true a body has at most %d lines", BULK_KEYS_MAX);
                end(bulk, 413, detail);
        } else if (bulk_result_begin(&bulk->result, item->number) < 0) {
                end(bulk, 503, "out of memory");
        } else if (item->is_too_long) {
                refuse_long(bulk, item->number);
        } else {
                store(bulk, item);
        }
}

/* The array is malformed, or memory has run out. */
static void break_off(struct bulk *bulk, int rc, const struct json_position *where, const struct err *err)
{
        if (rc == ERR_INVALID)
                bulk->result.where = *where;
        end(bulk, rc == ERR_INVALID ? 400 : 503, err->text);
}

static void digest(struct bulk *bulk, const char **at, const char *end_of_piece)
{
        struct json_item item;
        struct json_position where;
        struct err err;
        while (!has_ended(bulk) && has_room(bulk)) {
                int rc = json_split_next(&bulk->split, at, end_of_piece, &item, &where, &err);
                if (rc == 0)
                        return;
                if (rc > 0)
                        take_item(bulk, &item);
                else
                        break_off(bulk, rc, &where, &err);
        }
}

static void digest_last(struct bulk *bulk)
{
        struct json_item item;
        struct json_position where;
        struct err err;
        if (has_ended(bulk))
                return;
        int rc = json_split_end(&bulk->split, &item, &where, &err);
        if (rc > 0)
                take_item(bulk, &item);
        else if (rc < 0)
                break_off(bulk, rc, &where, &err);
        bulk->is_split = true;
}

static void digest_rest(struct bulk *bulk)
{
        if (bulk->rest.len == 0)
                return;
        const char *at = bulk->rest.data + bulk->rest_at;
        digest(bulk, &at, bulk->rest.data + bulk->rest.len);
        if (bulk->rest.len == 0) /* on_over has freed the bulk */
                return;
        bulk->rest_at = (size_t)(at - bulk->rest.data);
        if (bulk->rest_at < bulk->rest.len)
                return;
        bulk->rest_at = 0;
        buf_clear(&bulk->rest, REST_KEEP_BYTES);
}

static void go_on(struct bulk *bulk)
{
        digest_rest(bulk);
        if (bulk->is_whole && bulk->rest.len == 0)
                digest_last(bulk);
        settle(bulk);
}

/* Notifies the owner of changes. May free the bulk. */
static void settle(struct bulk *bulk)
{
        reserve(bulk);
        if (has_ended(bulk)) {
                if (bulk->in_progress > 0)
                        return;
                list_remove(&bulk->link);
                bulk->options.on_over(bulk);
        } else if (bulk->is_full && bulk->rest.len == 0 && is_half_empty(bulk)) {
                bulk->is_full = false;
                bulk->options.on_room(bulk);
        }
}

/* --- One bulk ---------------------------------------------------------------------------------------------------- */

void bulk_begin(struct bulks *bulks, struct bulk *bulk, const struct bulk_options *options)
{
        *bulk = (struct bulk){ .bulks = bulks, .options = *options };
        json_split_init(&bulk->split, options->kind, options->line_max_bytes);
        bulk_result_init(&bulk->result, options->has_keys);
        buf_init(&bulk->rest, 0);
        store_trail_init(&bulk->trail, bulks->deposits->store);
        list_init(&bulk->link);
        list_append(&bulks->all, &bulk->link);
}

void bulk_fini(struct bulk *bulk)
{
        list_remove(&bulk->link);
        json_split_fini(&bulk->split);
        bulk_result_fini(&bulk->result);
        buf_fini(&bulk->rest);
}

bool bulk_take(struct bulk *bulk, const char *bytes, size_t length)
{
        const char *at = bytes;
        if (has_ended(bulk))
                return false;
        bulk->bytes += length;
        if (bulk->options.bytes_max > 0 && bulk->bytes > bulk->options.bytes_max)
                end(bulk, 413, "the body is larger than --bulk-max allows");
        if (bulk->rest.len == 0)
                digest(bulk, &at, bytes + length);
        if (!has_ended(bulk) && at < bytes + length && buf_append(&bulk->rest, at, (size_t)(bytes + length - at)) < 0)
                end(bulk, 503, "out of memory");
        bool is_full = has_ended(bulk) || bulk->rest.len > 0;
        bulk->is_full = is_full;
        settle(bulk);
        return !is_full;
}

void bulk_end(struct bulk *bulk)
{
        bulk->is_whole = true;
        go_on(bulk);
}

void bulk_stop(struct bulk *bulk, int status, const char *format, ...)
{
        char detail[sizeof(bulk->result.detail)];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(detail, sizeof(detail), format, args); /* may be truncated */
        va_end(args);
        end(bulk, status, detail);
        settle(bulk);
}

void bulk_stop_at(struct bulk *bulk, int64_t stop_at_ms)
{
        bulk->stop_at_ms = stop_at_ms;
}

/* --- All bulks of a worker --------------------------------------------------------------------------------------- */

void bulks_init(struct bulks *bulks, struct deposits *deposits, const struct redis_budget *waiting,
                const struct redis_budget *unsafe)
{
        *bulks = (struct bulks){ .deposits = deposits, .waiting = waiting, .unsafe = unsafe };
        list_init(&bulks->all);
}

void bulks_fini(struct bulks *bulks)
{
        pool_fini(&bulks->pool);
}

void bulks_second(struct bulks *bulks, int64_t now_ms)
{
        for (struct list *at = list_first(&bulks->all), *next; at; at = next) {
                struct bulk *bulk = CONTAINER_OF(at, struct bulk, link);
                next = list_next(&bulks->all, at);
                if (bulk->stop_at_ms > 0 && now_ms >= bulk->stop_at_ms && !has_ended(bulk))
                        bulk_stop(bulk, 503, "the server is stopping");
        }
}
