/* deadline: total deadlines for connections, which libmicrohttpd lacks.
 *
 * Threads: loop only. */
#ifndef HTTP_DEADLINE_H
#define HTTP_DEADLINE_H

#include "http/conn.h"

/* Checks all connections, or a quarter of them if there are many. */
void deadline_sweep(struct conns *conns, int64_t now_ms);

#endif
