/* silent: connections that have not sent anything yet.
 *
 * Threads: loop only. */
#ifndef HTTP_SILENT_H
#define HTTP_SILENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/list.h"
#include "http/engine.h"
#include "http/limit.h"
#include "http/refused.h"

enum { IDLE_MARGIN_S = 2 }; /* for a request that its client sends just when the idle time that it was told is over */

struct silents {
        struct list list; /* the oldest is the first */
        uv_loop_t *loop;
        int64_t idle_timeout_ms;
        struct engine *engine;
        struct connection_share *share;
        struct refused_list *refused;
        struct sweep *sweep;
};

/* Takes a connection that was accepted and counted. */
void silent_add(struct silents *silents, int fd, const struct sockaddr_storage *address, socklen_t length);
/* Closes those that have been silent for too long, or that are too many: share->surplus (all: every one). */
void silent_sweep(struct silents *silents, int64_t now_ms, bool all);

#endif
