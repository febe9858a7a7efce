/* clock: the two clocks. Deadlines use the monotonic clock, documents the real-time clock.
 *
 * Threads: any. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_monotonic_ms(void); /* never steps back; its zero is arbitrary */
int64_t clock_monotonic_us(void);
int64_t clock_realtime_ms(void); /* Unix time; may step when the clock is set  */

enum { CLOCK_ISO8601_SIZE = 32 };

/* Writes `unix_ms` as ISO 8601 in UTC with milliseconds, as ECMAScript's Date.toISOString does:
 * "2026-11-24T08:15:30.123Z". Returns `out`. */
char *clock_iso8601(int64_t unix_ms, char out[CLOCK_ISO8601_SIZE]);

#endif
