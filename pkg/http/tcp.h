/* tcp: two questions to the kernel about a connection, for this folder alone.
 *
 * Threads: any. */
#ifndef HTTP_TCP_H
#define HTTP_TCP_H

#include <stdbool.h>
#include <stdint.h>

/* The bytes received so far, read or not. False where the kernel does not say (before Linux 4.1). */
bool tcp_received_bytes(int fd, uint64_t *out);

/* True while neither side has ended the connection; also where the kernel does not say. */
bool tcp_is_established(int fd);

#endif
