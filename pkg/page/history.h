/* history: how fast a counter grew during the last five minutes, second by second.
 *
 *     history_init(&stored);
 *     history_add(&stored, total, clock_monotonic_ms());    // about once a second
 *     rc = history_print(&stored, &body);                   // [0,12.5,90], the latest last
 *
 * Threads: any. */
#ifndef PAGE_HISTORY_H
#define PAGE_HISTORY_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

enum { HISTORY_SECONDS = 300 };

struct history {
        pthread_mutex_t lock; /* guards the members below */
        double rates[HISTORY_SECONDS];
        size_t count, next; /* of `rates`: their number, and the index of the next one */
        double total;       /* at last_ms */
        int64_t last_ms;    /* monotonic; 0: nothing yet */
};

void history_init(struct history *history);
void history_fini(struct history *history);
/* Adds the counter's current value. The first value only sets the starting point. */
void history_add(struct history *history, double total, int64_t now_ms);
/* Appends a JSON array of counts per second. ERR_LIMIT, ERR_NOMEM. */
int history_print(struct history *history, struct buf *out) NODISCARD;

#endif
