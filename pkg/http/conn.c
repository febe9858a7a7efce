/* conn: one connection as we see it beside libmicrohttpd.
 *
 * A refusal (408, 413, a head that is not HTTP) is written straight to the socket, since libmicrohttpd
 * takes answers only before or after a whole body. Closing at once would reset the connection while the
 * client still sends, and many clients then never look at what they were told. So only our direction is
 * ended; libmicrohttpd goes on reading, what it reads is dropped, and the connection ends when the
 * client stops, after CONN_LINGER_BYTES or after CONN_LINGER_MS. */
#include "http/conn.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/problem.h"

void conns_init(struct conns *conns)
{
        list_init(&conns->list);
        list_init(&conns->orphans);
        conns->cursor = &conns->list;
}

struct conn *conn_new(struct conns *conns, struct MHD_Connection *mhd)
{
        struct conn *conn = calloc(1, sizeof(*conn));
        if (!conn)
                return NULL;
        conn->conns = conns;
        conn->mhd = mhd;
        conn->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        list_init(&conn->link);
        list_append(&conns->list, &conn->link);
        conns->count++;
        sweep_start(conns->sweep);
        return conn;
}

void conn_free(struct conn *conn)
{
        struct conns *conns = conn->conns;
        if (conns->cursor == &conn->link)
                conns->cursor = conn->link.next;
        list_remove(&conn->link);
        conns->count--;
        free(conn);
}

struct conn *conn_of(struct MHD_Connection *mhd)
{
        return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void conn_refuse(struct conn *conn, int status, const char *correlation_id, const char *extra_field, const char *detail)
{
        problem_send(conn->fd, status, detail, correlation_id, extra_field);
        conn->refused = true;
        conn->cut_at_ms = clock_monotonic_ms() + CONN_LINGER_MS;
}

void conn_cut(struct conn *conn)
{
        (void)shutdown(conn->fd, SHUT_RDWR); /* fails only where it has ended already */
}
