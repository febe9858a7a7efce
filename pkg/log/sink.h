/* sink: the queue of finished lines and the thread that writes them to a descriptor.
 *
 *     struct sink *sink;
 *     sink_open(STDOUT_FILENO, on_lost, log, &sink, &err);
 *     if (!sink_put(sink, "{...}\n", length)) ...          // dropped and counted
 *     sink_close(sink, clock_monotonic_ms() + 1000);
 *
 * Callers never wait for the descriptor, since only the sink's thread writes to it. If the reader stops, lines
 * accumulate in SINK_BYTES of memory; further lines are dropped and counted until half of the memory is free again.
 * Then `on_lost` writes a line with the number of dropped lines at the position of the gap.
 *
 * After a failed write (a full disk, a pipe without a reader) the rest is written later, so no line is split, and
 * nothing is lost until the memory is full.
 *
 * Threads: any; sink_close must be the last call. */
#ifndef LOG_SINK_H
#define LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct sink; /* opaque */

enum { SINK_BYTES = 1 << 20, SINK_LOST_MAX_BYTES = 1024 };

/* Writes a whole line, including its newline, that reports `lost` lines. Returns its length, less than
 * SINK_LOST_MAX_BYTES; 0: none. Called on the sink's thread. */
typedef size_t sink_lost_fn(char line[SINK_LOST_MAX_BYTES], uint64_t lost, void *data);

/* Starts the thread; every signal is blocked in the thread. The descriptor is borrowed until sink_close. ERR_NOMEM,
 * ERR_LIMIT. */
int sink_open(int fd, sink_lost_fn *on_lost, void *data, struct sink **out, struct err *err) NODISCARD;

/* Copies whole lines. False if they were dropped, which counts as one line. */
bool sink_put(struct sink *sink, const char *bytes, size_t length);

/* Counts a line that could not be built. */
void sink_count_lost(struct sink *sink);
uint64_t sink_dropped(const struct sink *sink);

/* Waits until everything is written, but only until `deadline_ms` (clock_monotonic_ms), and gives up after a second
 * without progress. Waits for a tenth of a second even if the deadline has passed. */
void sink_flush(struct sink *sink, int64_t deadline_ms);

/* Flushes and ends the thread. A thread that hangs in write(2) is abandoned, and frees the memory if the write ever
 * returns. NULL is fine. */
void sink_close(struct sink *sink, int64_t deadline_ms);

#endif
