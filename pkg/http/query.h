/* query: the decoded parameters of a request target.
 *
 * Threads: one at a time. */
#ifndef HTTP_QUERY_H
#define HTTP_QUERY_H

#include <stddef.h>

struct query; /* opaque: the pairs of one target */
struct query_pair {
        const char *name, *value;
};

struct query *query_new(const char *target); /* NULL: out of memory */
size_t query_bytes(const char *target);      /* size of the memory that query_new allocates */
void query_free(struct query *query);
size_t query_count(const struct query *query);
const struct query_pair *query_at(const struct query *query, size_t index);

#endif
