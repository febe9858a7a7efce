/* serve: libmicrohttpd's callbacks; `cls` is the worker's connections.
 *
 * Threads: loop only. */
#ifndef HTTP_SERVE_H
#define HTTP_SERVE_H

#include "http/conn.h"

/* Called when a connection begins or ends. */
void serve_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code);
void *serve_request_line(void *cls, const char *uri, struct MHD_Connection *mhd);
/* Leaves the target unchanged, since we decode it ourselves. If libmicrohttpd passes any other text, it has found a
 * parameter after a NUL although we hid the query; the request is then refused. */
size_t serve_unescape(void *cls, struct MHD_Connection *mhd, char *text);
enum MHD_Result serve_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **context);
void serve_request_done(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code);

/* Answers all held requests with 503 and aborts all streams, since the server is stopping. */
void serve_stopping(struct conns *conns);

#endif
