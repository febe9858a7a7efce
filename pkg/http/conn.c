/* conn: what we know about a connection beyond what libmicrohttpd keeps.
 *
 * A refusal (408, 413, a head that is not HTTP) is written directly to the socket, since libmicrohttpd accepts
 * responses only before or after a whole body. Closing at once would reset the connection while the client is still
 * sending, and many clients would then never read the response. So we shut down only our sending side. libmicrohttpd
 * keeps reading and the data is dropped, until the client stops or CONN_LINGER_BYTES or CONN_LINGER_MS is exceeded. */
#include "http/conn.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/problem.h"

void conns_init(struct conns *conns)
{
        list_init(&conns->list);
        list_init(&conns->orphans);
        list_init(&conns->streams);
        conns->cursor = &conns->list;
}

static struct engine *engine_of(const struct conns *conns, struct MHD_Connection *mhd)
{
        const struct MHD_Daemon *daemon = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_DAEMON)->daemon;
        return daemon == conns->stream_engine->daemon ? conns->stream_engine : conns->engine;
}

struct conn *conn_new(struct conns *conns, struct MHD_Connection *mhd)
{
        struct conn *conn = calloc(1, sizeof(*conn));
        if (!conn)
                return NULL;
        conn->conns = conns;
        conn->engine = engine_of(conns, mhd);
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
        conn_linger(conn);
}

void conn_linger(struct conn *conn)
{
        (void)shutdown(conn->fd, SHUT_WR); /* fails only if the client has reset the connection */
        conn->refused = true;
        conn->cut_at_ms = clock_monotonic_ms() + CONN_LINGER_MS;
}

void conn_drop_unread(struct conn *conn)
{
        char bytes[16 << 10];
        for (int i = 0;
             i < CONN_LINGER_BYTES / (int)sizeof(bytes) && recv(conn->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0; i++)
                ;
}

void conn_cut(struct conn *conn)
{
        (void)shutdown(conn->fd, SHUT_RDWR); /* fails only if the connection has already ended */
}
