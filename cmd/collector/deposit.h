/* deposit: one document on its way into Redis, from its bytes to its outcome. It checks that they are a JSON object, adds
 * the members `created` and `correlationId`, chooses a key unless the sender has one, stores the document, and where
 * the key exists compares what is there. It knows nothing of HTTP: whoever has documents to store, one or many, one
 * after the other or side by side, makes a deposit of each.
 *
 *     struct job { struct deposit deposit; ... };
 *     struct deposit_options options = { .body = { bytes, length }, .correlation = { "\"abc\"", 5 }, .on_done = on_done };
 *     rc = deposit_begin(deposits, &job->deposit, &options, &where, &err);
 *     if (rc < 0) ...                               // nothing was begun: "line 1, column 8: ...", or out of memory
 *
 *     static void on_done(struct deposit *deposit, const struct deposit_result *result)
 *
 * The way of a deposit. Each arrow is a reply from Redis:
 *
 *     new key:        write -> stored
 *     sender's key:   write, if there is none -> stored
 *                                             -> exists: read -> other content: conflict
 *                                                             -> gone: write again
 *                                                             -> the same: look for it in the feed -> replayed
 *
 * With --previous-binding the sender's key is first read in the previous Redis. Nothing is ever replaced.
 *
 * Deposits are independent of each other, and nothing here bounds their number: their maker keeps a window.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_DEPOSIT_H
#define COLLECTOR_DEPOSIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/uuid.h"
#include "instruments.h"
#include "store_announce.h"
#include "store_read.h"
#include "store_write.h"
#include "json/json.h"

enum { DEPOSIT_CORRELATION_MAX = 2 * 128 + 2 }; /* 128 characters, each escaped, in quotes */

struct deposit;

enum deposit_outcome {
        DEPOSIT_STORED,
        DEPOSIT_REPLAYED, /* a document of the same content is under this key already     */
        DEPOSIT_CONFLICT, /* something else is under this key                             */
        DEPOSIT_FAILED,   /* `failure` and `err` say why, and whether Redis may have it   */
};

/* Borrowed during on_done. */
struct deposit_result {
        enum deposit_outcome outcome;
        struct json_span created, correlation; /* DEPOSIT_STORED, DEPOSIT_REPLAYED: the added members, as JSON */
        enum store_outcome failure;            /* STORE_UNSAFE, STORE_UNLISTED: Redis has it; STORE_UNKNOWN: perhaps */
        const struct err *err;
};

struct deposit_options {
        struct json_span body;        /* borrowed until on_done                                              */
        struct json_span correlation; /* a JSON string of at most DEPOSIT_CORRELATION_MAX bytes; borrowed likewise */
        const char *key;              /* the sender's, a UUID in lower case; copied. NULL: a new one          */
        /* Exactly once where deposit_begin has returned 0, never from inside it. The deposit may be freed in it. */
        void (*on_done)(struct deposit *deposit, const struct deposit_result *result);
        /* True if nobody waits for the outcome any more. NULL: somebody does. */
        bool (*is_abandoned)(struct deposit *deposit);
};

/* Memory of the caller's. */
struct deposit {
        char key[UUID_TEXT_SIZE];

        /* Private. */
        struct deposits *deposits;
        struct list link;
        struct deposit_options options;
        struct json_object object; /* in the body */
        int64_t accepted_ms;       /* Unix time; the member `created` if the body has none */
        unsigned writes;           /* with NX */
        bool is_writing;           /* `write` is in use */
        bool in_doubt;             /* the document under the key may come from this very deposit */
        bool is_replayed;
        struct err unsafe;    /* why the existing document is not known to be safe; code 0: it is */
        struct buf found;     /* `created` and `correlationId` of the stored document, while the feed is searched */
        size_t found_created; /* bytes of the first */
        union {
                struct store_write write;
                struct store_read read;
                struct store_announce announce;
        };
};

/* The deposits of one worker. */
struct deposits {
        struct store *store;             /* borrowed */
        struct instruments *instruments; /* borrowed; counts what becomes of documents */
        struct uuid_source uuids;
        struct buf scratch; /* for the document that is being made */
        struct list under_way;
};

void deposits_init(struct deposits *deposits, struct store *store, struct instruments *instruments);
void deposits_fini(struct deposits *deposits); /* when none is under way */

/* 0; ERR_INVALID for a body that is no JSON object, with *where; ERR_LIMIT for a correlation id that is too long;
 * ERR_NOMEM. On failure on_done is not called. */
int deposit_begin(struct deposits *deposits, struct deposit *deposit, const struct deposit_options *options,
                  struct json_position *where, struct err *err) NODISCARD;

/* Ends those that wait for Redis, are not sent yet, and are abandoned. */
void deposits_drop_abandoned(struct deposits *deposits);

#endif
