/* instruments: the metrics of one worker, except the metrics of pkg/http. The table in instruments.c lists them.
 *
 * Threads: a worker's instruments belong to its thread. */
#ifndef COLLECTOR_INSTRUMENTS_H
#define COLLECTOR_INSTRUMENTS_H

#include <stdint.h>

#include "base/err.h"
#include "metrics/metrics.h"
#include "redis/redis.h"

enum document_result {
        DOCUMENT_STORED,
        DOCUMENT_REPLAYED,
        DOCUMENT_CONFLICT,
        DOCUMENT_REJECTED,
        DOCUMENT_FAILED,
        DOCUMENT_RESULTS, /* the number of results */
};

struct follow_metrics {
        struct metric *followers, *behind, *behind_seconds;
        struct metric *documents; /* written to followers */
};

struct instruments {
        struct metric *documents[DOCUMENT_RESULTS];
        struct metric *round_trip_seconds, *batch_commands;
        struct metric *held, *in_flight, *connected, *generation;
        struct metric *commands, *resent, *connects, *protocol_errors, *bytes_out, *bytes_in;
        struct metric *ack_wait_seconds, *ack_short;
        struct metric *exported;
        struct metric *bulk_requests, *bulk_documents, *bulk_bytes;
        struct follow_metrics following;
        struct metric *previous_found, *previous_absent, *previous_failed; /* NULL without a previous Redis */
        struct redis_counters last;                                        /* the totals added so far */
};

int instruments_init(struct instruments *in, struct metrics *metrics, struct err *err) NODISCARD;
int instruments_add_previous(struct instruments *in, struct metrics *metrics, struct err *err) NODISCARD;
void instruments_count(struct instruments *in, enum document_result result);
/* Updates gauges and counters from a worker's clients; the first client is the one that reads. */
void instruments_update(struct instruments *in, struct redis *const *clients, size_t count);

#endif
