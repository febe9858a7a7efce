/* head_overflow: answers requests whose heads are larger than libmicrohttpd's memory for a connection.
 *
 * Threads: loop only. */
#ifndef HTTP_HEAD_OVERFLOW_H
#define HTTP_HEAD_OVERFLOW_H

#include <stdarg.h>

#include "base/attr.h"
#include "http/conn.h"
#include "http/refused_connections.h"

struct head_overflow {
        struct conns *conns;
        struct refused_list *refused; /* waits until the clients have read their responses */
};

/* libmicrohttpd's logger (MHD_OPTION_EXTERNAL_LOGGER); `cls` is a struct head_overflow. */
void head_overflow_on_message(void *cls, const char *format, va_list args) PRINTF_LIKE(2, 0);

#endif
