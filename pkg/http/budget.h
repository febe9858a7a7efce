/* budget: the memory for data in transit from and to clients, across all workers.
 *
 * Threads: any; struct budget_trim: one at a time. */
#ifndef HTTP_BUDGET_H
#define HTTP_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

enum {
        CONNECTION_BYTES = 5 << 10, /* what a connection may allocate in addition to its head without counting */
        ANSWER_FREE_BYTES = 1024,   /* a response up to this size is part of the allowance */
};

#define TRANSFER_FULL "Too much data is in transit from and to clients; try again soon."

struct budget {
        size_t max_bytes;
        size_t least_bytes; /* always granted, even if it exceeds max_bytes: one body of the maximum size */
        atomic_size_t used;
};

/* Derives transfer_max_bytes and connections_max from the control group's memory limit if they are 0. */
void budget_defaults(struct http_options *options);
void budget_init(struct budget *budget, const struct http_options *options); /* with the defaults filled in */

/* Takes `bytes` for an item of `whole` bytes in total. False if the budget has no room for them. */
bool budget_take(struct budget *budget, size_t bytes, size_t whole);
/* Takes `bytes` even if there is no room, for data that is already in memory. */
void budget_add(struct budget *budget, size_t bytes);
void budget_give(struct budget *budget, size_t bytes);
/* True if the budget has room for an item of that size. */
bool budget_has_room(const struct budget *budget, size_t bytes);

struct budget_trim {
        size_t peak_bytes; /* the peak since memory was last returned */
        int64_t trimmed_ms;
};

/* Returns memory to the system once most of a flood is over. `bytes`: the memory in use now, heads included. Returns
 * true while a flood is subsiding; the caller then calls this again. */
bool budget_trim(struct budget_trim *trim, size_t bytes, int64_t now_ms);

#endif
