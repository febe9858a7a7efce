/* sink: where finished lines wait for the descriptor that they go to, and the thread that writes them there.
 *
 *     struct sink *sink;
 *     sink_open(STDOUT_FILENO, on_lost, log, &sink, &err);
 *     if (!sink_put(sink, "{...}\n", length)) ...          // dropped and counted
 *     sink_close(sink, clock_monotonic_ms() + 1000);
 *
 * Whoever puts a line never waits for the descriptor: only the sink's own thread writes. While nobody reads, lines
 * gather in SINK_BYTES of memory; beyond that they are dropped and counted until half of the memory is free again.
 * Then `on_lost` makes the line that tells how many there were, which stands where they would have stood.
 *
 * A failed write (a full disk, a pipe without a reader) is tried again with what it did not take, so that nothing is
 * torn and nothing is lost as long as the memory lasts.
 *
 * Threads: any; sink_close is the last call of all. */
#ifndef LOG_SINK_H
#define LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct sink; /* opaque */

enum { SINK_BYTES = 1 << 20, SINK_LOST_MAX_BYTES = 1024 };

/* Writes a whole line, its newline included, that tells of `lost` lines. Returns its length, less than
 * SINK_LOST_MAX_BYTES; 0: none. Called on the sink's thread. */
typedef size_t sink_lost_fn(char line[SINK_LOST_MAX_BYTES], uint64_t lost, void *data);

/* Starts the thread; every signal is blocked in it. The descriptor is borrowed until sink_close. ERR_NOMEM, ERR_LIMIT. */
int sink_open(int fd, sink_lost_fn *on_lost, void *data, struct sink **out, struct err *err) NODISCARD;

/* Copies whole lines. False when they were dropped, which counts as one line. */
bool sink_put(struct sink *sink, const char *bytes, size_t length);

/* Counts a line that could not even be made. */
void sink_count_lost(struct sink *sink);
uint64_t sink_dropped(const struct sink *sink);

/* Waits until everything is written, at most until `deadline_ms` (clock_monotonic_ms), and no longer than a second
 * in which nothing could be written. A deadline that has passed leaves a tenth of a second all the same. */
void sink_flush(struct sink *sink, int64_t deadline_ms);

/* Flushes and ends the thread. One that still hangs in write(2) is left alone: it frees the memory if the write ever
 * returns. NULL is fine. */
void sink_close(struct sink *sink, int64_t deadline_ms);

#endif
