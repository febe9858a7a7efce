/* tcp: asks the kernel about a connection; only for this folder.
 *
 * Threads: any. */
#ifndef HTTP_TCP_H
#define HTTP_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tcp_state {
        uint64_t received; /* bytes received so far, read or not; a FIN may count as one byte */
        uint64_t acked;    /* bytes that the client's kernel has taken */
        bool established;  /* neither side has shut down its direction */
        bool closed;       /* reset, or abandoned by the kernel */
        size_t unread;     /* received bytes that are still unread */
};

/* False if the kernel does not report it (before Linux 4.1). */
bool tcp_look(int fd, struct tcp_state *out);
/* Limits what the kernel buffers for a slow reader to about that many bytes instead of megabytes. */
void tcp_limit_unsent(int fd, size_t bytes);

#endif
