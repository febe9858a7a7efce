/* deposit: stores one document in Redis. It checks that the bytes are a JSON object, adds the members `created` and
 * `correlationId`, chooses a key unless the sender supplied one, and stores the document. If the key exists, it
 * compares the new document with the stored one. It knows nothing of HTTP: callers create one deposit per document and
 * may run any number of them, in sequence or in parallel.
 *
 * A verbatim deposit restores a document under its old key: it stores the bytes unchanged, and compares bytes.
 *
 *     struct job { struct deposit deposit; ... };
 *     struct deposit_options options = { .body = { bytes, length }, .correlation = { "\"abc\"", 5 }, .on_done = on_done };
 *     rc = deposit_begin(deposits, &job->deposit, &options, &where, &err);
 *     if (rc < 0) ...                               // nothing was started: "line 1, column 8: ...", or out of memory
 *
 *     static void on_done(struct deposit *deposit, const struct deposit_result *result)
 *
 * The states of a deposit. Each arrow is a reply from Redis:
 *
 *     new key:        write -> stored
 *     sender's key:   write, if there is none -> stored
 *                                             -> exists: read -> other content: conflict
 *                                                             -> gone: write again
 *                                                             -> the same: look for it in the feed -> replayed
 *
 * With --previous-binding the sender's key is first read in the previous Redis. The key of a probable repeat is first
 * read in the current one, unless --ack demands more than memory: then only a write shows whether the document is safe.
 * Nothing is ever replaced.
 *
 * Deposits are independent of each other. Their number is not limited here; the caller limits it.
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
#include "store_trail.h"
#include "store_write.h"
#include "json/json.h"

enum { DEPOSIT_CORRELATION_MAX = 2 * 128 + 2 }; /* 128 characters, each escaped, in quotes */

struct deposit;

enum deposit_outcome {
        DEPOSIT_STORED,
        DEPOSIT_REPLAYED, /* a document with the same content already has this key */
        DEPOSIT_CONFLICT, /* another document has this key */
        DEPOSIT_FAILED,   /* `failure` and `err` say why, and whether Redis may have the document */
};

/* Borrowed during on_done. */
struct deposit_result {
        enum deposit_outcome outcome;
        /* DEPOSIT_STORED, DEPOSIT_REPLAYED: the added members, as JSON; empty if the deposit is verbatim. */
        struct json_span created, correlation;
        enum store_outcome failure; /* STORE_UNSAFE, STORE_UNLISTED: Redis has it; STORE_UNKNOWN: perhaps */
        const struct err *err;
};

struct deposit_options {
        struct json_span body;        /* borrowed until on_done                                              */
        struct json_span correlation; /* a JSON string of at most DEPOSIT_CORRELATION_MAX bytes; borrowed in the same
                                       * way */
        const char *key;              /* chosen by the sender, a UUID in lower case; copied. NULL: a new key          */
        bool is_verbatim;             /* `body` is stored as it is; needs `key`, and `correlation` is not used */
        bool reads_first;             /* this is probably a repeat: read the key before writing anything; needs `key` */
        /* Called exactly once if deposit_begin returned 0, and never during that call. It may free the deposit. */
        void (*on_done)(struct deposit *deposit, const struct deposit_result *result);
        /* Searches the feed for an existing document together with others of the same body; borrowed. NULL: each
         * document is searched for separately. */
        struct store_trail *trail;
        /* True if the outcome is no longer needed. NULL: it is always needed. */
        bool (*is_abandoned)(struct deposit *deposit);
};

/* The caller provides the memory. */
struct deposit {
        char key[UUID_TEXT_SIZE];

        /* Private. */
        struct deposits *deposits;
        struct list link;
        struct deposit_options options;
        struct json_object object; /* in the body */
        int64_t accepted_ms;       /* Unix time; becomes `created` if the body has no such member */
        unsigned writes;           /* with NX */
        bool is_writing;           /* `write` is in use */
        bool in_doubt;             /* the document under the key may be this deposit's own */
        bool is_replayed;
        struct err unsafe;    /* why the existing document may not be safe; code 0: it is safe */
        struct buf found;     /* `created` and `correlationId` of the stored document, while the feed is searched */
        size_t found_created; /* bytes of `found` that are `created` */
        union {
                struct store_write write;
                struct store_read read;
                struct store_announce announce;
        };
};

/* The deposits of one worker. */
struct deposits {
        struct store *store;             /* borrowed */
        struct instruments *instruments; /* borrowed; counts outcomes */
        struct uuid_source uuids;
        struct buf scratch; /* for the document being built */
        struct list under_way;
        size_t count; /* number of deposits in `under_way` */
};

void deposits_init(struct deposits *deposits, struct store *store, struct instruments *instruments);
void deposits_fini(struct deposits *deposits); /* only when no deposit is in progress */

/* 0; ERR_INVALID with *where if the body is not a JSON object; ERR_LIMIT for a correlation id that is too long;
 * ERR_NOMEM. On failure on_done is not called. */
int deposit_begin(struct deposits *deposits, struct deposit *deposit, const struct deposit_options *options,
                  struct json_position *where, struct err *err) NODISCARD;

/* Ends abandoned deposits that wait for Redis and have not been sent yet. */
void deposits_drop_abandoned(struct deposits *deposits);

#endif
