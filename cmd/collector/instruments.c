/* instruments: the counters that pkg/redis keeps are copied once a second, as differences. Distributions (round trips,
 * batch sizes) are observed when they happen. */
#include "instruments.h"

#include "base/attr.h"

static const double round_trip_bounds[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                            0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10 };
static const double batch_bounds[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048 };

static const char *const result_labels[DOCUMENT_RESULTS] = {
        [DOCUMENT_STORED] = "result=\"stored\"",     [DOCUMENT_REPLAYED] = "result=\"replayed\"",
        [DOCUMENT_CONFLICT] = "result=\"conflict\"", [DOCUMENT_REJECTED] = "result=\"rejected\"",
        [DOCUMENT_FAILED] = "result=\"failed\"",
};

static int open_histograms(struct instruments *in, struct metrics *metrics, struct err *err)
{
        int rc = metrics_histogram(metrics, "collector_redis_round_trip_seconds",
                                   "Time from a write to Redis to the first reply to it.", NULL, round_trip_bounds,
                                   COUNT_OF(round_trip_bounds), &in->round_trip_seconds, err);
        if (rc < 0)
                return rc;
        rc = metrics_histogram(metrics, "collector_ack_wait_seconds", "Duration of a WAIT or WAITAOF, see --ack.", NULL,
                               round_trip_bounds, COUNT_OF(round_trip_bounds), &in->ack_wait_seconds, err);
        if (rc < 0)
                return rc;
        return metrics_histogram(metrics, "collector_redis_batch_commands", "Commands in one write to Redis.", NULL,
                                 batch_bounds, COUNT_OF(batch_bounds), &in->batch_commands, err);
}

int instruments_init(struct instruments *in, struct metrics *metrics, struct err *err)
{
        *in = (struct instruments){ 0 };
        for (int i = 0; i < DOCUMENT_RESULTS; i++) {
                int rc = metrics_counter(metrics, "collector_documents_total", "Documents received, by result.",
                                         result_labels[i], &in->documents[i], err);
                if (rc < 0)
                        return rc;
        }
        const struct {
                const char *name, *help;
                struct metric **cell;
                int (*make)(struct metrics *, const char *, const char *, const char *, struct metric **, struct err *);
        } rows[] = {
                { "collector_held_commands", "Commands waiting until Redis is reachable.", &in->held, metrics_gauge },
                { "collector_redis_in_flight_commands", "Commands that Redis has not answered yet.", &in->in_flight,
                  metrics_gauge },
                { "collector_redis_connected_workers", "Workers connected to Redis.", &in->connected, metrics_gauge },
                { "collector_redis_generation_sum", "Sum over the workers of the generation of the Redis they use.",
                  &in->generation, metrics_gauge },
                { "collector_redis_commands_total", "Commands that Redis has answered.", &in->commands,
                  metrics_counter },
                { "collector_redis_resent_commands_total", "Commands sent again after a connection was lost.",
                  &in->resent, metrics_counter },
                { "collector_redis_connects_total", "Connections to Redis that were established.", &in->connects,
                  metrics_counter },
                { "collector_redis_protocol_errors_total",
                  "Connections to Redis closed because a reply was malformed or did not fit its command.",
                  &in->protocol_errors, metrics_counter },
                { "collector_redis_sent_bytes_total", "Bytes sent to Redis.", &in->bytes_out, metrics_counter },
                { "collector_ack_short_total",
                  "Replies to WAIT or WAITAOF that reported too few copies; the command is repeated.", &in->ack_short,
                  metrics_counter },
                { "collector_exported_documents_total", "Documents written by exports.", &in->exported,
                  metrics_counter },
                { "collector_bulk_bodies_total", "Bodies with many documents.", &in->bulk_requests, metrics_counter },
                { "collector_bulk_documents_total", "Documents in such bodies, stored or not.", &in->bulk_documents,
                  metrics_counter },
                { "collector_bulk_received_bytes_total", "Bytes of such bodies.", &in->bulk_bytes, metrics_counter },
                { "collector_followers", "Clients that follow the stream of documents.", &in->following.followers,
                  metrics_gauge },
                { "collector_followers_behind", "Followers that have not received all documents yet.",
                  &in->following.behind, metrics_gauge },
                { "collector_followers_behind_seconds", "How long these followers have been behind, in total.",
                  &in->following.behind_seconds, metrics_gauge },
                { "collector_followed_documents_total", "Documents written to followers.", &in->following.documents,
                  metrics_counter },
                { "collector_redis_received_bytes_total", "Bytes received from Redis.", &in->bytes_in,
                  metrics_counter },
        };
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                int rc = rows[i].make(metrics, rows[i].name, rows[i].help, NULL, rows[i].cell, err);
                if (rc < 0)
                        return rc;
        }
        return open_histograms(in, metrics, err);
}

int instruments_add_previous(struct instruments *in, struct metrics *metrics, struct err *err)
{
        static const char name[] = "collector_previous_reads_total",
                          help[] = "Reads and deletes in the previous Redis, by result.";
        int rc = metrics_counter(metrics, name, help, "result=\"found\"", &in->previous_found, err);
        if (rc == 0)
                rc = metrics_counter(metrics, name, help, "result=\"absent\"", &in->previous_absent, err);
        if (rc == 0)
                rc = metrics_counter(metrics, name, help, "result=\"failed\"", &in->previous_failed, err);
        return rc;
}

void instruments_count(struct instruments *in, enum document_result result)
{
        metric_add(in->documents[result], 1);
}

static void add_up(struct redis_counters *sum, struct redis_counters one)
{
        sum->commands += one.commands;
        sum->resent += one.resent;
        sum->connects += one.connects;
        sum->protocol_errors += one.protocol_errors;
        sum->bytes_out += one.bytes_out;
        sum->bytes_in += one.bytes_in;
}

void instruments_update(struct instruments *in, struct redis *const *clients, size_t count)
{
        struct redis_counters now = { 0 };
        size_t held = 0, in_flight = 0;
        for (size_t i = 0; i < count; i++) {
                held += redis_held(clients[i]);
                in_flight += redis_in_flight(clients[i]);
                add_up(&now, redis_counters(clients[i]));
        }
        metric_set(in->held, (double)held);
        metric_set(in->in_flight, (double)in_flight);
        metric_set(in->connected, redis_state(clients[0]) == REDIS_READY ? 1 : 0);
        metric_set(in->generation, redis_generation(clients[0]));
        metric_add(in->commands, (int64_t)(now.commands - in->last.commands));
        metric_add(in->resent, (int64_t)(now.resent - in->last.resent));
        metric_add(in->connects, (int64_t)(now.connects - in->last.connects));
        metric_add(in->protocol_errors, (int64_t)(now.protocol_errors - in->last.protocol_errors));
        metric_add(in->bytes_out, (int64_t)(now.bytes_out - in->last.bytes_out));
        metric_add(in->bytes_in, (int64_t)(now.bytes_in - in->last.bytes_in));
        in->last = now;
}
