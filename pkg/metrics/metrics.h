/* metrics: counters, gauges and histograms, printed in the Prometheus text format 0.0.4
 * (prometheus.io, "Exposition formats").
 *
 *     struct metrics *all = metrics_new();                              // once per process
 *     struct metric *sent;
 *     metrics_counter(all, "collector_documents_total", "Documents acknowledged.", "result=\"stored\"", &sent, &err);
 *     metric_add(sent, 1);                                              // about 1 ns
 *     metrics_print(all, &text);
 *
 * Each call of metrics_counter (or _gauge, _histogram) returns a cell that only the caller uses, so worker threads
 * count without contention. Printing adds up cells with the same name and labels. Cells live until metrics_free.
 *
 * Threads: any for metrics_*; one cell is written by one thread at a time and read by any. */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

struct metrics; /* opaque: the registry */
struct metric;  /* opaque: one cell     */

struct metrics *metrics_new(void);      /* NULL: out of memory */
void metrics_free(struct metrics *all); /* frees every cell; NULL is fine */

/* `labels` is the text inside the braces, with escaped values (see metrics_label), or NULL. Names follow Prometheus:
 * base units, `_total` for counters, `_seconds` for times. `name` and `help` are static; `labels` is copied.
 * ERR_NOMEM. */
int metrics_counter(struct metrics *all, const char *name, const char *help, const char *labels, struct metric **out,
                    struct err *err) NODISCARD;
int metrics_gauge(struct metrics *all, const char *name, const char *help, const char *labels, struct metric **out,
                  struct err *err) NODISCARD;
/* `bounds` are the upper bounds of the buckets, ascending, static; at most 24. +Inf is added. */
int metrics_histogram(struct metrics *all, const char *name, const char *help, const char *labels, const double *bounds,
                      size_t count, struct metric **out, struct err *err) NODISCARD;

void metric_add(struct metric *cell, int64_t amount);   /* counter: amount >= 0; gauge: any    */
void metric_set(struct metric *cell, double value);     /* gauge only                          */
void metric_observe(struct metric *cell, double value); /* histogram only                     */
double metric_get(const struct metric *cell);           /* counter, gauge; histogram: its count */

/* Appends name="value" with the value escaped, after a comma unless `out` is empty. Returns 0, ERR_LIMIT or
 * ERR_NOMEM. */
int metrics_label(struct buf *out, const char *name, const char *value) NODISCARD;

/* Drops every cell of that name, for an "info" metric whose labels change. The owners of these cells must not use them
 * again. */
void metrics_drop(struct metrics *all, const char *name);

/* Appends all metrics in order of registration, grouped by family. Returns 0, ERR_LIMIT or ERR_NOMEM. */
int metrics_print(struct metrics *all, struct buf *out) NODISCARD;

/* Appends the kernel's figures for this process: process_cpu_seconds_total, process_resident_memory_bytes,
 * process_start_time_seconds. Returns 0, ERR_LIMIT or ERR_NOMEM. */
int metrics_print_process(struct buf *out) NODISCARD;

enum { METRICS_BUCKETS_MAX = 24 };

#endif
