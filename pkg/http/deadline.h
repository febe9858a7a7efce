/* deadline: the deadlines of connections, which libmicrohttpd does not have.
 *
 * Threads: loop only. */
#ifndef HTTP_DEADLINE_H
#define HTTP_DEADLINE_H

#include "http/conn.h"

/* Looks at all connections, or at a quarter where there are many. */
void deadline_sweep(struct conns *conns, int64_t now_ms);

#endif
