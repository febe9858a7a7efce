/* head_overflow: when a head does not fit into libmicrohttpd's memory for a connection, libmicrohttpd gives up at once
 * and sends its own HTML page. Its only advance notice is a log message, which does not say which connection it means.
 * So when that message arrives, we search for a connection whose head is incomplete and which has sent more than our
 * limit allows. Any such connection should get a 431. We write our response to the socket and shut down our sending
 * side, so that the page is never sent. libmicrohttpd then closes the connection, while the client may still be
 * sending; a copy of the descriptor keeps the socket open until the client has read the response.
 *
 * The search starts with the newest connections and checks a limited number, since each check costs system calls. If
 * the right connection is not among them, the client gets libmicrohttpd's page. */
#include "http/head_overflow.h"

#include <fcntl.h>
#include <string.h>

#include "http/request.h"
#include "http/tcp.h"

enum { LOOK_MAX = 256 };

/* How much of libmicrohttpd's memory the incomplete head takes; 0: there is no incomplete head, or its size is
 * unknown. */
static size_t memory_of_head(struct conn *conn)
{
        struct tcp_state tcp;
        if (conn->refused || conn->received_unknown || (conn->request && conn->request->stage != STAGE_HEAD) ||
            !tcp_look(conn->fd, &tcp) || tcp.received < conn->received + tcp.unread)
                return 0;
        size_t bytes = tcp.received - conn->received - tcp.unread;
        if (!conn->request)
                return bytes;
        const char *cookie = MHD_lookup_connection_value(conn->mhd, MHD_HEADER_KIND, "Cookie"); /* copied once more */
        int fields = MHD_get_connection_values(conn->mhd, MHD_HEADER_KIND, NULL, NULL);
        return bytes + (fields > 0 ? (size_t)fields * HEAD_FIELD_BYTES : 0) + (cookie ? strlen(cookie) : 0);
}

/* The connection with the largest incomplete head, if that head is too large; NULL: none was found. */
static struct conn *find(struct conns *conns)
{
        struct conn *found = NULL;
        size_t most = conns->server->pool_bytes - HEAD_ANSWER_BYTES;
        int looks = 0;
        for (struct list *at = list_last(&conns->list); at && looks < LOOK_MAX; at = list_prev(&conns->list, at)) {
                struct conn *conn = CONTAINER_OF(at, struct conn, link);
                size_t bytes = memory_of_head(conn);
                looks++;
                if (bytes > most) {
                        most = bytes;
                        found = conn;
                }
        }
        return found;
}

static void refuse(struct head_overflow *overflow, struct conn *conn, int status)
{
        int copy = fcntl(conn->fd, F_DUPFD_CLOEXEC, 0);
        request_refuse_head(conn, status, "The request head is too large.");
        if (copy >= 0)
                refused_linger(overflow->refused, copy);
}

void head_overflow_on_message(void *cls, const char *format, va_list args)
{
        static const char wanted[] = "Error processing request (HTTP response code is %u ";
        struct head_overflow *overflow = cls;
        if (strncmp(format, wanted, sizeof(wanted) - 1) != 0)
                return;
        unsigned status = va_arg(args, unsigned);
        struct conn *conn = status == 414 || status == 431 ? find(overflow->conns) : NULL;
        if (conn)
                refuse(overflow, conn, (int)status);
}
