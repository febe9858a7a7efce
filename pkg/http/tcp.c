/* tcp: asks the kernel about a connection. The newer members of struct tcp_info need the kernel's own header, which
 * conflicts with the C library's <netinet/tcp.h>. libuv's header includes <netinet/tcp.h>, so this file includes
 * neither of those two headers. */
#include "http/tcp.h"

#include <linux/tcp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <netinet/in.h>

enum { ESTABLISHED = 1, CLOSED = 7 }; /* TCP_ESTABLISHED and TCP_CLOSE, which no exported kernel header defines */

bool tcp_look(int fd, struct tcp_state *out)
{
        struct tcp_info info = { 0 };
        socklen_t size = sizeof(info);
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) ||
            size < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received))
                return false;
        int unread = 0;
        if (ioctl(fd, FIONREAD, &unread))
                return false;
        *out = (struct tcp_state){ .received = info.tcpi_bytes_received,
                                   .acked = info.tcpi_bytes_acked,
                                   .established = info.tcpi_state == ESTABLISHED,
                                   .closed = info.tcpi_state == CLOSED,
                                   .unread = (size_t)unread };
        return true;
}

void tcp_limit_unsent(int fd, size_t bytes)
{
        int limit = (int)bytes;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &limit, sizeof(limit)); /* a failure only costs memory */
}
