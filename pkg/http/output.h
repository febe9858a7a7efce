/* output: the bytes of a streamed response that wait for the client, within the budget.
 *
 * Threads: one at a time. */
#ifndef HTTP_OUTPUT_H
#define HTTP_OUTPUT_H

#include <stddef.h>

#include "http/budget.h"

struct output { /* all zero: empty */
        char *data;
        size_t start, length; /* the bytes are at data + start */
        size_t capacity;      /* allocated, and taken from the budget */
};

/* Copies the bytes to the end. Returns 0 or ERR_NOMEM. */
int output_append(struct output *output, struct budget *budget, const void *bytes, size_t length) NODISCARD;
/* Moves up to `max` bytes from the beginning to `out`. */
size_t output_take(struct output *output, struct budget *budget, char *out, size_t max);
void output_drop(struct output *output, struct budget *budget);

#endif
