/* output: keeps the bytes in one array. Bytes are taken from the start of the array; the rest moves to the start when
 * there is no more room at the end. The array grows for a large write, and is freed when it is empty and larger than
 * most responses need. */
#include "http/output.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { LEAST_BYTES = 16 << 10, KEPT_BYTES = LEAST_BYTES };

static int grow(struct output *output, struct budget *budget, size_t needed)
{
        size_t capacity = output->capacity * 2 < LEAST_BYTES ? LEAST_BYTES : output->capacity * 2;
        if (capacity < needed)
                capacity = needed;
        char *data = realloc(output->data, capacity);
        if (!data)
                return ERR_NOMEM;
        budget_add(budget, capacity - output->capacity);
        output->data = data;
        output->capacity = capacity;
        return 0;
}

int output_append(struct output *output, struct budget *budget, const void *bytes, size_t length)
{
        if (length == 0)
                return 0;
        if (output->start > 0 && length > output->capacity - output->start - output->length) {
                memmove(output->data, output->data + output->start, output->length);
                output->start = 0;
        }
        if (length > output->capacity - output->length) {
                int rc = grow(output, budget, output->length + length);
                if (rc < 0)
                        return rc;
        }
        memcpy(output->data + output->start + output->length, bytes, length);
        output->length += length;
        return 0;
}

size_t output_take(struct output *output, struct budget *budget, char *out, size_t max)
{
        size_t length = output->length < max ? output->length : max;
        if (length == 0)
                return 0;
        memcpy(out, output->data + output->start, length);
        output->start += length;
        output->length -= length;
        if (output->length == 0) {
                output->start = 0;
                if (output->capacity > KEPT_BYTES)
                        output_drop(output, budget);
        }
        return length;
}

void output_drop(struct output *output, struct budget *budget)
{
        budget_give(budget, output->capacity);
        free(output->data);
        *output = (struct output){ 0 };
}
