/* tcp: what the kernel is asked about a connection, for this folder alone.
 *
 * Threads: any. */
#ifndef HTTP_TCP_H
#define HTTP_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tcp_state {
        uint64_t received; /* bytes so far, read or not; the end that a side sends may count as one */
        bool established;  /* neither side has ended the connection */
        size_t unread;     /* bytes that have come and that nobody has read yet */
};

/* False where the kernel does not say (before Linux 4.1). */
bool tcp_look(int fd, struct tcp_state *out);

#endif
