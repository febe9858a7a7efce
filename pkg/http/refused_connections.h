/* refused_connections: connections that are being rejected. They are answered without libmicrohttpd and closed when the
 * client has read the response.
 *
 * Threads: loop only. */
#ifndef HTTP_REFUSED_CONNECTIONS_H
#define HTTP_REFUSED_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "http/connection_limit.h"
#include "http/sweep.h"

enum { LINGER_MS = 1000 }; /* how long a refused client may keep sending */

struct refused { /* fd -1: free */
        int fd;
        int64_t until_ms;
};

struct refused_list {
        struct refused each[REFUSED_MAX];
        unsigned count, max;
        struct uuid_source *uuids;
        struct sweep *sweep;
};

void refused_init(struct refused_list *list, unsigned max, struct uuid_source *uuids, struct sweep *sweep);
/* Answers with a problem; takes `fd`. `extra_field` is "" or a whole line. */
void refused_add(struct refused_list *list, int fd, int status, const char *extra_field, const char *detail);
/* Takes over the descriptor of a connection that was answered. */
void refused_linger(struct refused_list *list, int fd);
/* Drops what these clients send, and closes connections that are done or overdue (`all`: closes every connection). */
void refused_sweep(struct refused_list *list, int64_t now_ms, bool all);

#endif
