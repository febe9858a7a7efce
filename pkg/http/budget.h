/* budget: the memory for data in transit from and to clients, over all workers.
 *
 * Threads: any, but for struct budget_trim: one at a time. */
#ifndef HTTP_BUDGET_H
#define HTTP_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

enum {
        CONNECTION_BYTES = 5 << 10, /* what a connection may allocate beside its head, uncounted */
        ANSWER_FREE_BYTES = 1024,   /* an answer up to this size is part of that                 */
};

#define TRANSFER_FULL "Too much is on its way from and to clients; try again soon."

struct budget {
        size_t max_bytes;
        size_t least_bytes; /* granted whatever max_bytes says: one body of the largest size */
        atomic_size_t used;
};

/* Fills in transfer_max_bytes and connections_max where they are 0, by the memory limit of the control group. */
void budget_defaults(struct http_options *options);
void budget_init(struct budget *budget, const struct http_options *options); /* with the defaults filled in */

/* False where there is no room for `bytes` more, of something that is `whole` bytes large. */
bool budget_take(struct budget *budget, size_t bytes, size_t whole);
void budget_give(struct budget *budget, size_t bytes);
/* Would something of that size find room now? */
bool budget_has_room(const struct budget *budget, size_t bytes);

struct budget_trim {
        size_t peak_bytes; /* the most that was in use since memory was given back */
        int64_t trimmed_ms;
};

/* Gives memory back to the system once most of a flood is over. `bytes` is what is in use now, heads included. True:
 * there was a flood, so call it again. */
bool budget_trim(struct budget_trim *trim, size_t bytes, int64_t now_ms);

#endif
