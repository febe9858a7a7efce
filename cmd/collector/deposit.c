/* deposit: callbacks in the order of the diagram in deposit.h. The document for Redis is built in a buffer that all
 * deposits of a worker share. It is rebuilt whenever it is needed again, so no deposit has to keep a copy.
 *
 * An existing document is compared as bytes: ours is built once more with the stored `created` and `correlationId`. A
 * verbatim deposit uses the caller's bytes. */
#include "deposit.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "idempotency.h"

enum {
        SCRATCH_KEEP_BYTES = 64 * 1024,
        SCRATCH_MAX_BYTES = 1 << 30,
        WRITES_MAX = 3, /* attempts, in case a key repeatedly appears and disappears */
        WATCH_CREATED = 0,
        WATCH_CORRELATION = 1,
};

static const struct json_options watch_added = { .watch = { "created", "correlationId" } };

/* --- Ending --------------------------------------------------------------------------------------------- */

static void finish(struct deposit *deposit, const struct deposit_result *result)
{
        static const enum document_result counted[] = { [DEPOSIT_STORED] = DOCUMENT_STORED,
                                                        [DEPOSIT_REPLAYED] = DOCUMENT_REPLAYED,
                                                        [DEPOSIT_CONFLICT] = DOCUMENT_CONFLICT,
                                                        [DEPOSIT_FAILED] = DOCUMENT_FAILED };
        struct buf found = deposit->found; /* `result` may point into it, and on_done may free the deposit */
        instruments_count(deposit->deposits->instruments, counted[result->outcome]);
        list_remove(&deposit->link);
        deposit->deposits->count--;
        deposit->options.on_done(deposit, result);
        buf_fini(&found);
}

static void fail(struct deposit *deposit, enum store_outcome failure, const struct err *err)
{
        finish(deposit, &(struct deposit_result){ .outcome = DEPOSIT_FAILED, .failure = failure, .err = err });
}

static void fail_memory(struct deposit *deposit)
{
        struct err err;
        (void)err_set(&err, ERR_NOMEM, "out of memory");
        fail(deposit, STORE_UNAVAILABLE, &err);
}

static void finish_stored(struct deposit *deposit)
{
        char now[DECIMAL_MAX];
        struct json_span created = deposit->object.watched[WATCH_CREATED].value;
        if (deposit->options.is_verbatim) {
                finish(deposit, &(struct deposit_result){ .outcome = DEPOSIT_STORED });
                return;
        }
        if (deposit->object.watched[WATCH_CREATED].count == 0)
                created = (struct json_span){ now, (size_t)(decimal_put(now, (uint64_t)deposit->accepted_ms) - now) };
        finish(deposit, &(struct deposit_result){ .outcome = DEPOSIT_STORED,
                                                  .created = created,
                                                  .correlation = deposit->options.correlation });
}

/* --- The document --------------------------------------------------------------------------------------- */

/* Builds the document in the scratch buffer. */
static int splice_document(struct deposit *deposit)
{
        struct buf *scratch = &deposit->deposits->scratch;
        struct json_span correlation = deposit->options.correlation;
        char tail[DEPOSIT_CORRELATION_MAX + 64];
        char *end = tail;
        if (correlation.length > DEPOSIT_CORRELATION_MAX)
                return ERR_LIMIT;
        if (deposit->object.watched[WATCH_CREATED].count == 0) {
                end = stpcpy(end, "\"created\":");
                end = decimal_put(end, (uint64_t)deposit->accepted_ms);
                *end++ = ',';
        }
        end = stpcpy(end, "\"correlationId\":");
        end = mempcpy(end, correlation.bytes, correlation.length);
        buf_clear(scratch, SCRATCH_KEEP_BYTES);
        return json_splice(scratch, &deposit->object, JSON_CUT(WATCH_CORRELATION), tail, (size_t)(end - tail));
}

/* The document exactly as it will be stored, valid until another deposit makes its own. */
static int make_document(struct deposit *deposit, struct json_span *out)
{
        const struct buf *scratch = &deposit->deposits->scratch;
        *out = deposit->options.body;
        if (deposit->options.is_verbatim)
                return 0;
        int rc = splice_document(deposit);
        *out = (struct json_span){ scratch->data, scratch->len };
        return rc;
}

/* 1, 0, or ERR_NOMEM. */
static int is_what_we_sent(struct deposit *deposit, struct json_span stored)
{
        struct json_span sent;
        int rc = make_document(deposit, &sent);
        return rc < 0 ? rc : stored.length == sent.length && memcmp(stored.bytes, sent.bytes, sent.length) == 0;
}

/* An export has spaces in place of the stored document's line ends, which are always white space in JSON. */
static bool is_same_line(struct json_span stored, struct json_span sent)
{
        if (stored.length != sent.length)
                return false;
        for (size_t i = 0; i < sent.length; i++)
                if (stored.bytes[i] != sent.bytes[i] &&
                    (sent.bytes[i] != ' ' || (stored.bytes[i] != '\n' && stored.bytes[i] != '\r')))
                        return false;
        return true;
}

/* Returns 1 if this deposit would have stored the same document, 0 if not, or ERR_NOMEM. */
static int is_same(struct deposit *deposit, const struct json_object *stored, struct json_span document)
{
        if (deposit->options.is_verbatim)
                return is_same_line(document, deposit->options.body);
        return idempotency_same(&deposit->object, stored, &deposit->deposits->scratch);
}

/* --- Writing -------------------------------------------------------------------------------------------- */

static void on_written(struct store_write *write, enum store_outcome outcome, const struct err *err);

static void send_document(struct deposit *deposit, enum store_mode mode, struct json_span document)
{
        deposit->is_writing = true;
        deposit->write.on_done = on_written;
        store_write(deposit->deposits->store, &deposit->write, mode, deposit->key, document.bytes, document.length);
}

/* Writes under the sender's key unless that key exists. Also repeats the write if the document has disappeared since it
 * was found, or if another Redis is bound. */
static void write_new(struct deposit *deposit)
{
        struct json_span document;
        struct err err;
        if (++deposit->writes > WRITES_MAX) {
                (void)err_set(&err, ERR_UNAVAILABLE, "the document under this key keeps appearing and disappearing");
                fail(deposit, STORE_UNAVAILABLE, &err);
        } else if (make_document(deposit, &document) < 0) {
                fail_memory(deposit);
        } else {
                send_document(deposit, STORE_NEW, document);
        }
}

/* --- Existing keys ---------------------------------------------------------------------------------- */

/* A number of Unix milliseconds in the past; otherwise -1. */
static int64_t past_ms(struct json_span number)
{
        uint64_t ms;
        return decimal_parse(number.bytes, number.length, (uint64_t)clock_realtime_ms(), &ms) == 0 ? (int64_t)ms : -1;
}

/* The time in a UUID of version 7, if it is in the past; otherwise -1. */
static int64_t past_uuid_ms(const char *text, size_t length)
{
        struct uuid id;
        int64_t ms = uuid_parse(text, length, &id) ? uuid_v7_ms(&id) : -1;
        return ms <= clock_realtime_ms() ? ms : -1;
}

/* Estimates when the stored document was first sent: from `created`, from a correlation id that we made, or from the
 * time in the key. The sender may have chosen any of these values, in which case the time is too early. So the latest
 * time is the best estimate. If there is no time, the estimate is now, because most repeats follow soon. */
static int64_t stored_at(const struct deposit *deposit, const struct json_object *stored)
{
        struct json_span correlation = stored->watched[WATCH_CORRELATION].value;
        const int64_t guesses[] = {
                past_ms(stored->watched[WATCH_CREATED].value),
                correlation.length > 2 ? past_uuid_ms(correlation.bytes + 1, correlation.length - 2) : -1,
                past_uuid_ms(deposit->key, UUID_TEXT_LENGTH),
        };
        int64_t latest = -1;
        for (size_t i = 0; i < COUNT_OF(guesses); i++)
                latest = guesses[i] > latest ? guesses[i] : latest;
        return latest >= 0 ? latest : clock_realtime_ms();
}

static void finish_found(struct deposit *deposit, struct json_span created, struct json_span correlation)
{
        struct deposit_result result = { .outcome = deposit->is_replayed ? DEPOSIT_REPLAYED : DEPOSIT_STORED };
        if (!deposit->options.is_verbatim) {
                result.created = created;
                result.correlation = correlation;
        }
        finish(deposit, &result);
}

static void on_announced(struct store_announce *announce, enum store_outcome outcome, const struct err *err)
{
        struct deposit *deposit = CONTAINER_OF(announce, struct deposit, announce);
        const struct buf *found = &deposit->found;
        if (outcome == STORE_MOVED) {
                buf_clear(&deposit->found, SCRATCH_KEEP_BYTES);
                write_new(deposit);
        } else if (outcome != STORE_DONE) {
                fail(deposit, outcome, err);
        } else {
                size_t split = deposit->found_created;
                finish_found(deposit, (struct json_span){ found->data, split },
                             (struct json_span){ found->data + split, found->len - split });
        }
}

/* The Collector that stored the document may have died before the XADD, but an acknowledged document must be in the
 * feed. */
static void announce(struct deposit *deposit, struct json_span created, struct json_span correlation, int64_t stored_ms)
{
        struct buf *found = &deposit->found;
        int rc = buf_append(found, created.bytes, created.length);
        if (rc == 0)
                rc = buf_append(found, correlation.bytes, correlation.length);
        if (rc < 0) {
                fail_memory(deposit);
                return;
        }
        deposit->found_created = created.length;
        deposit->announce.on_done = on_announced;
        if (deposit->options.trail)
                store_trail_announce(deposit->options.trail, &deposit->announce, &deposit->read, stored_ms);
        else
                store_announce(deposit->deposits->store, &deposit->announce, &deposit->read, stored_ms);
}

static void on_same(struct deposit *deposit, const struct json_object *stored, bool is_ours)
{
        struct json_span created = stored->watched[WATCH_CREATED].value;
        struct json_span correlation = stored->watched[WATCH_CORRELATION].value;
        deposit->is_replayed = !is_ours;
        if (deposit->unsafe.code)
                fail(deposit, STORE_UNSAFE, &deposit->unsafe);
        else if (!deposit->deposits->store->feed || deposit->read.is_previous) /* the document is in that Redis's
                                                                                * feed */
                finish_found(deposit, created, correlation);
        else
                announce(deposit, created, correlation, is_ours ? deposit->accepted_ms : stored_at(deposit, stored));
}

static void on_existing(struct store_read *read, enum store_outcome outcome, const char *document, size_t length,
                        const struct err *err)
{
        struct deposit *deposit = CONTAINER_OF(read, struct deposit, read);
        const struct deposit_result conflict = { .outcome = DEPOSIT_CONFLICT };
        struct json_object stored;
        /* It was deleted or expired in between, or another worker has acknowledged a document in a newer Redis. */
        if (outcome == STORE_ABSENT || (outcome == STORE_DONE && store_read_is_overtaken(read))) {
                write_new(deposit);
                return;
        }
        if (outcome != STORE_DONE) {
                fail(deposit, outcome, err);
                return;
        }
        if (json_check_object(document, length, &watch_added, &stored, NULL, NULL) < 0) {
                finish(deposit, &conflict); /* another program's value */
                return;
        }
        /* The correlation id in the document that we built belongs to this request, unless the sender supplied it. */
        struct json_span bytes = { document, length };
        int is_ours = deposit->in_doubt ? is_what_we_sent(deposit, bytes) : 0;
        int is_equal = is_ours != 0 ? is_ours : is_same(deposit, &stored, bytes);
        if (is_equal < 0)
                fail_memory(deposit);
        else if (is_equal == 0)
                finish(deposit, &conflict);
        else
                on_same(deposit, &stored, is_ours > 0);
}

static void on_written(struct store_write *write, enum store_outcome outcome, const struct err *err)
{
        struct deposit *deposit = CONTAINER_OF(write, struct deposit, write);
        struct redis *redis = write->redis; /* `read` uses the same memory */
        deposit->is_writing = false;
        if (outcome == STORE_DONE) {
                finish_stored(deposit);
        } else if (outcome == STORE_EXISTS) {
                deposit->in_doubt = write->in_doubt;
                deposit->unsafe.code = 0; /* the error of an earlier write does not count */
                if (write->is_unsafe)
                        deposit->unsafe = *err;
                deposit->read.on_done = on_existing;
                store_read_found(deposit->deposits->store, &deposit->read, redis, deposit->key);
        } else {
                fail(deposit, outcome, err);
        }
}

/* --- Beginning ------------------------------------------------------------------------------------------ */

static void choose_key(struct deposit *deposit, const char *senders)
{
        struct uuid id;
        if (senders) {
                memcpy(deposit->key, senders, UUID_TEXT_SIZE);
                return;
        }
        uuid_v7(&deposit->deposits->uuids, deposit->accepted_ms, &id);
        (void)uuid_format(&id, deposit->key);
}

static void begin(struct deposit *deposit, bool is_new_key, struct json_span document)
{
        struct store *store = deposit->deposits->store;
        if (is_new_key) {
                send_document(deposit, STORE_OWN_KEY, document);
        } else if (store->previous.redis) { /* the first attempt may have been sent to the previously bound Redis */
                deposit->read.on_done = on_existing;
                store_read_previous(store, &deposit->read, deposit->key);
        } else if (deposit->options.reads_first && !store->ack_pool) {
                deposit->read.on_done = on_existing;
                store_read(store, &deposit->read, deposit->key);
        } else {
                deposit->writes = 1;
                send_document(deposit, STORE_NEW, document);
        }
}

int deposit_begin(struct deposits *deposits, struct deposit *deposit, const struct deposit_options *options,
                  struct json_position *where, struct err *err)
{
        struct json_span document;
        deposit->deposits = deposits;
        deposit->options = *options;
        deposit->options.key = NULL; /* borrowed during this call only */
        deposit->accepted_ms = clock_realtime_ms();
        deposit->writes = 0;
        deposit->is_writing = deposit->in_doubt = deposit->is_replayed = false;
        deposit->unsafe.code = 0;
        buf_init(&deposit->found, 0);
        int rc = json_check_object(options->body.bytes, options->body.length, &watch_added, &deposit->object, where,
                                   err);
        if (rc < 0) {
                instruments_count(deposits->instruments, DOCUMENT_REJECTED);
                return rc;
        }
        rc = make_document(deposit, &document);
        if (rc < 0) {
                instruments_count(deposits->instruments, DOCUMENT_FAILED);
                return err_set(err, rc, rc == ERR_NOMEM ? "out of memory" : "the document is too large");
        }
        choose_key(deposit, options->key);
        list_init(&deposit->link);
        list_append(&deposits->under_way, &deposit->link);
        deposits->count++;
        begin(deposit, !options->key, document);
        return 0;
}

/* --- All of them ---------------------------------------------------------------------------------------- */

void deposits_init(struct deposits *deposits, struct store *store, struct instruments *instruments)
{
        *deposits = (struct deposits){ .store = store, .instruments = instruments };
        list_init(&deposits->under_way);
        uuid_source_init(&deposits->uuids);
        buf_init(&deposits->scratch, SCRATCH_MAX_BYTES);
}

void deposits_fini(struct deposits *deposits)
{
        buf_fini(&deposits->scratch);
}

void deposits_drop_abandoned(struct deposits *deposits)
{
        struct err err;
        (void)err_set(&err, ERR_UNAVAILABLE, "the client has disconnected");
        for (struct list *at = list_first(&deposits->under_way), *next; at; at = next) {
                struct deposit *deposit = CONTAINER_OF(at, struct deposit, link);
                bool (*is_abandoned)(struct deposit *) = deposit->options.is_abandoned;
                next = list_next(&deposits->under_way, at);
                if (deposit->is_writing && is_abandoned && is_abandoned(deposit) && store_write_cancel(&deposit->write))
                        fail(deposit, STORE_UNAVAILABLE, &err);
        }
}
