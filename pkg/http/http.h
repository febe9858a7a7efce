/* http: an HTTP/1.1 server: routes, requests, responses, problem+json. One listener serves several workers, which share
 * no state.
 *
 *     static const struct http_route routes[] = {
 *             { .method = "GET", .path = "/healthz", .name = "healthz", .handle = on_healthz },
 *             { .method = "POST", .path = "/v1/documents", .name = "documents", .handle = on_post, .body = true },
 *             { .method = "GET", .path = "/v1/documents/{key}", .name = "document", .handle = on_get },
 *     };
 *     http_server_open(&(struct http_options){ .port = 4001, .routes = routes, .route_count = 3 }, &server, &err);
 *     // in each worker thread, on its own libuv loop:
 *     http_worker_open(server, &loop, context, &worker, &err);
 *     // in that loop's uv_prepare callback, each turn, before other output is flushed:
 *     http_worker_turn(worker);
 *
 *     static void on_get(struct http_request *request, void *context)
 *     {
 *             const char *key = http_request_param(request, "key");
 *             ...                                       // answer now with http_respond, or keep the
 *     }                                                 // request and answer later in the same loop
 *
 * Life of a request: the server reads its head (8 KiB by default) and its body (up to the limit), each with a total
 * deadline. Then the route's handler runs, exactly once. The request lives until it has been answered exactly once by
 * http_respond or http_problem; after that call the pointer is invalid for the caller. A GET route also answers HEAD,
 * for which the server omits the body. The server itself answers with problem+json (RFC 9457): 400, 401, 404, 405 with
 * Allow, 408, 413, 414, 431, and 503 when there are too many connections or the transfer memory is used up. All
 * responses carry `x-correlation-id`: the request's own if it is 1 to 128 visible ASCII characters, otherwise a new
 * UUID (version 7).
 *
 * A head that two servers could read differently (RFC 9112, section 11.2) is rejected with 400. Such a head has folded
 * lines, a bare CR or LF, a NUL, a space before a colon, Content-Length twice or together with Transfer-Encoding, any
 * coding but "chunked", no Host or two, a Host that is neither a name nor an address, two Content-Types, a control
 * character in a field, a target that is not visible ASCII, or %00 in a path. OPTIONS is answered with 204 and Allow
 * unless a route handles it. If-Match (unless the route has tags) and If-Unmodified-Since are answered with 412, see
 * condition.c. The server reads up to 1 MiB more from a refused client, for up to a second, so that a client that sends
 * everything before it reads still sees the response.
 *
 * Exception: if libmicrohttpd gives up before we see the request, it answers with a short HTML page and closes the
 * connection. This happens with a malformed request line or field line, another HTTP version (505), and a
 * Content-Length or chunk size that is not a number. libmicrohttpd 1.0.1 (Debian 13, Ubuntu 24.04) refuses chunk
 * extensions (RFC 9112, section 7.1.1) in the same way, with 400.
 *
 * Streams: a route's `at_head` may take the body in pieces, and any handler may send the response in pieces, in
 * constant memory; see "Streams" below.
 *
 * Threads: http_server_*: any. Everything else: loop only, in the thread of the worker's loop. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <uv.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "metrics/metrics.h"

struct http_server;  /* opaque: the listening socket and what all workers share */
struct http_worker;  /* opaque: the connections of one loop                        */
struct http_request; /* opaque: one request until it is answered                   */

struct http_route {
        const char *method; /* "GET", "POST", ...; NULL: every method                             */
        const char *path;   /* each "{name}" (at most 4) matches a segment; a final "*" matches the rest, if any */
        const char *name;   /* static; the label `route` of the metrics                           */
        void (*handle)(struct http_request *request, void *context); /* context: the argument of http_worker_open */
        bool body;       /* accepts a body; otherwise a body is read and dropped */
        bool is_public;  /* needs no token even if tokens are set */
        bool is_endless; /* GET: the response is an endless stream. Clients whose first request is this one are served
                          * separately, since each waiting client would slow down all others a little. The path has no
                          * parameters */
        bool has_tags;   /* responses to GET and HEAD have an ETag; see http_conditions */
        /* NULL, or called when the head of a request has arrived: may choose to receive the body in pieces
         * (http_request_stream), or answer at once. If it does neither, `handle` is called as usual. Needs `body`. */
        void (*at_head)(struct http_request *request, void *context);
        /* NULL, or called with each piece of a body for which at_head did nothing, until it returns true. It may choose
         * to receive the body in pieces, including those it has seen, or answer at once. If it does neither, true means
         * that `handle` is called as usual, and false that at_body needs to see more. A Content-Length beyond
         * body_max_bytes is rejected only after at_body has returned true. */
        bool (*at_body)(struct http_request *request, const char *bytes, size_t length, void *context);
};

/* The facts about an answered request for an access log. Borrowed during the call. */
struct http_record {
        const char *method;
        const char *target; /* as sent, with the query */
        const char *route;  /* the route's name; "" if no route matched */
        const char *correlation_id;
        const struct http_request *request; /* borrowed; http_request_remote and the like return the rest */
        int status;
        size_t request_bytes, response_bytes; /* bodies only */
        int64_t duration_us;                  /* from the end of the head until the response is handed over, or for
                                               * a streamed response until its end is written */
        int64_t count;                        /* set by http_request_set_count; -1: not set */
        bool is_broken;                       /* a streamed response that was aborted */
};

struct http_options {
        const char *address; /* numeric or a name; NULL: all addresses, IPv6 and IPv4         */
        uint16_t port;       /* 0: the system chooses one, see http_server_port */
        /* Static. If two routes match, the one with fewer parameters wins; a route with "*" comes last. */
        const struct http_route *routes;
        size_t route_count;
        unsigned workers;          /* how many times http_worker_open will be called; 0 = 1         */
        size_t body_max_bytes;     /* 0 = 1 MiB                                                     */
        size_t header_max_bytes;   /* memory for a head: its text, 64 bytes per field, cookies twice, and 1 KiB for the
                                    * head of the response; 0 = 8 KiB */
        size_t transfer_max_bytes; /* memory for bodies, long targets and responses in transit, across all workers; 0 =
                                    * a sixth of the memory limit of the control group, or 256 MiB without one */
        unsigned connections_max;  /* of the process; 0 = 16384, or fewer if a quarter of that memory limit or the
                                    * descriptor limit does not allow so many */
        size_t descriptors_kept;   /* descriptors reserved for everything but clients' connections and our workers' own;
                                    * 0 = 64. Clients always get at least an eighth of the process's limit */
        int64_t header_timeout_ms; /* from a head's first byte to its last; 0 = 10000               */
        int64_t body_timeout_ms;   /* from the end of the head to the end of the body; 0 = 30000                  */
        int64_t idle_timeout_ms;   /* a connection without a request; 0 = 75000. Keep-Alive announces this time in whole
                                    * seconds (timeout=), and the connection is closed two seconds after that */
        bool own_correlation_ids;  /* x-correlation-id is always a new UUID; the request's own is ignored */
        struct metrics *metrics;   /* NULL: none                                                    */
        void (*on_answered)(const struct http_record *record, void *context); /* NULL: none; context: the worker's */
};

struct http_header {
        const char *name, *value;
};

enum http_body_kind {
        HTTP_BODY_COPY = 0, /* borrowed during the call                                   */
        HTTP_BODY_TAKE,     /* malloc'd; taken                                            */
        HTTP_BODY_STATIC,   /* lives as long as the program                               */
};

struct http_answer {
        int status;
        const char *content_type; /* NULL: "application/json" if there is a body */
        const char *body;
        size_t body_length;
        enum http_body_kind body_kind;
        const struct http_header *headers; /* borrowed during the call; values without CR, LF */
        size_t header_count;
};

/* --- Server ------------------------------------------------------------------------------------ */

/* Binds and listens. ERR_UNAVAILABLE if the port is in use, with a message that names address and port; ERR_DENIED;
 * ERR_INVALID, also for a malformed route path. The socket lacks SO_REUSEPORT, so a second program cannot bind the
 * port. Raises the soft limit on descriptors to the hard limit. Metrics: http_requests_total{route,status},
 * http_request_duration_seconds{route}, http_connections, http_connections_refused_total, http_transfers_refused_total,
 * http_answers_broken_total; route is "" if no route matched. */
int http_server_open(const struct http_options *options, struct http_server **out, struct err *err) NODISCARD;
uint16_t http_server_port(const struct http_server *server); /* the port that the server listens on */

/* A client's name, and the token that it sends as `Authorization: Bearer <value>` (RFC 6750, section 2.1). */
struct http_token {
        const char *name;
        const struct secret *value;
};

/* From now on a request for a route that is not public needs one of these tokens; otherwise it gets 401 and
 * `WWW-Authenticate`, or 400 if it has two Authorization fields. The server discards the body of such a request, and
 * rejects a large, chunked or announced (`Expect`) body before it arrives. An empty list locks everyone out; without
 * this call everyone is admitted. An endless response (is_endless) is aborted within a second after its token has been
 * removed. The tokens are copied; the copies are wiped when the last request that uses them has ended. ERR_NOMEM: the
 * previous tokens stay. Any thread. */
int http_server_set_tokens(struct http_server *server, const struct http_token *tokens, size_t count,
                           struct err *err) NODISCARD;

/* From now on responses carry `Connection: close`; new connections are still accepted. Streams end within half a
 * second, see "Streams", and new ones are rejected with 503. */
void http_server_drain(struct http_server *server);

/* Frees the server. Close every worker first. NULL is fine. */
void http_server_close(struct http_server *server);

/* Reserves this many descriptors for everything but clients' connections, if that is more than descriptors_kept; a
 * smaller number changes nothing. If that leaves too many connections, idle ones are closed. Threads: any. */
void http_server_keep_descriptors(struct http_server *server, size_t count);
unsigned http_server_connections(const struct http_server *server); /* open now, across all workers */

/* --- Worker ------------------------------------------------------------------------------------ */

/* Starts accepting connections with the next turn of the loop. `context` is passed to the handlers and borrowed until
 * the worker is closed. ERR_NOMEM; ERR_UNAVAILABLE if libmicrohttpd does not start. Owned: give it to
 * http_worker_close. */
int http_worker_open(struct http_server *server, uv_loop_t *loop, void *context, struct http_worker **out,
                     struct err *err) NODISCARD;

/* Runs libmicrohttpd: call it in each turn of the loop from a uv_prepare handle, before flushing what the handlers may
 * have queued. The call costs nothing when there is nothing to do. A response given later in the same turn wakes the
 * loop. */
void http_worker_turn(struct http_worker *worker);

/* The first half of a stop: accepts the connections waiting in the listener's queue, and none after them. The last
 * worker to call this closes the listener. */
void http_worker_stop_accepting(struct http_worker *worker);
/* The number of requests whose head has arrived and whose response is not yet fully written. */
size_t http_worker_busy(const struct http_worker *worker);
/* Closes the worker: answers every pending request with 503, and closes all connections and the worker's handles. The
 * loop must run until the handles are closed; closing the last one frees the worker. The caller must no longer answer
 * the pending requests. Do not call this from a handler. NULL is fine. */
void http_worker_close(struct http_worker *worker);

/* --- Request: all results are borrowed until it is answered ---------------------------------------- */

const char *http_request_method(const struct http_request *request);
const char *http_request_target(const struct http_request *request); /* as sent: "/v1/documents?limit=3" */
const char *http_request_path(const struct http_request *request);   /* percent-decoded, without query   */
const char *http_request_param(const struct http_request *request, const char *name); /* of the path; NULL */
const char *http_request_query(const struct http_request *request, const char *name); /* decoded; NULL    */
/* `name` is case-insensitive. NULL: absent. Header fields do not outlive the connection: read them before the handler
 * returns, and copy those needed later. The same applies to http_request_each_header. */
const char *http_request_header(const struct http_request *request, const char *name);
/* Calls `each` for every header field, in the order received, until it returns false. */
void http_request_each_header(const struct http_request *request,
                              bool (*each)(const char *name, const char *value, void *data), void *data);
void http_request_each_query(const struct http_request *request,
                             bool (*each)(const char *name, const char *value, void *data), void *data);
/* How often a header field or a query parameter occurs. */
unsigned http_request_header_count(const struct http_request *request, const char *name);
unsigned http_request_query_count(const struct http_request *request, const char *name);
const char *http_request_body(const struct http_request *request, size_t *length); /* "" when there is none */
/* True if the client waits for 100 (Continue) before it sends the body. at_head can answer before the client sends
 * it. */
bool http_request_expects_continue(const struct http_request *request);
/* Hands over the body, malloc'd and followed by a NUL, and leaves the request without one. NULL: no body. */
char *http_request_take_body(struct http_request *request, size_t *length);
const char *http_request_correlation_id(const struct http_request *request);
/* True if the client sent the correlation id. */
bool http_request_has_correlation_id(const struct http_request *request);
const char *http_request_route(const struct http_request *request); /* the route's name */
/* The name of the token that the request carried; NULL if none was needed. */
const char *http_request_token(const struct http_request *request);
/* The client's numeric address and port. */
const char *http_request_remote(const struct http_request *request, uint16_t *port);
int64_t http_request_started_us(const struct http_request *request); /* clock_monotonic_us at the head's end */

/* True if the client has disconnected, so that a held request need not be executed. The check takes one system call.
 * The request must still be answered, which frees it. A client that has only shut down its sending side (`nc -N`) looks
 * the same and still reads the response, so the response must say that nothing was done. */
bool http_request_is_abandoned(const struct http_request *request);

/* Sets the number of items that the request has processed so far, for the access log. */
void http_request_set_count(struct http_request *request, size_t count);

/* --- Conditional requests (RFC 9110, section 13), for a route with has_tags ------------------------------ */

struct http_conditions {
        char *if_match, *if_none_match; /* owned; NULL: no such field */
};

/* Copies the conditions, because header fields do not outlive the handler. If memory runs out they are omitted, and the
 * client gets the whole response. Owned: give it to http_conditions_fini. */
void http_conditions_read(struct http_request *request, struct http_conditions *out);
/* Returns 304 or 412 to send instead of the content with this strong tag (`"..."`), or 0 to send the content. */
int http_conditions_check(const struct http_conditions *conditions, const char *tag);
void http_conditions_fini(struct http_conditions *conditions);

/* --- Answer --------------------------------------------------------------------------------------- */

/* Answers the request, which is invalid afterwards. Never fails for the caller: if memory runs out it closes the
 * connection instead. The server adds the header fields `content-type`, `x-correlation-id`, `connection`, `date`,
 * `content-length`, `keep-alive`, and `cache-control: no-store` unless the response has its own. For a 304, pass the
 * body of the 200; that body is not sent. */
void http_respond(struct http_request *request, const struct http_answer *answer);

/* Answers with problem+json (RFC 9457): {"type":"about:blank","title":...,"status":...,"detail":...,
 * "correlationId":...}; the title is the status's phrase (RFC 9110, section 15). `headers` may be NULL. */
void http_problem(struct http_request *request, int status, const struct http_header *headers, size_t header_count,
                  const char *detail_format, ...) PRINTF_LIKE(5, 6);

/* The same with additional members: `members` is JSON text such as `"line":3,"column":14`. */
void http_problem_with(struct http_request *request, int status, const char *members, const struct http_header *headers,
                       size_t header_count, const char *detail_format, ...) PRINTF_LIKE(6, 7);

/* Retry-After: 1, for every 503. */
extern const struct http_header http_retry_soon;
/* 503 with http_retry_soon. */
void http_problem_no_memory(struct http_request *request);

/* --- Streams -------------------------------------------------------------------------------------- */

/* A body or a response in pieces has neither a size limit nor a total deadline. A client that makes no progress for
 * `body_timeout_ms` is cut off; a handler may pause, or have nothing to write, for any length of time.
 *
 *     static void at_head(struct http_request *request, void *context)
 *     {
 *             struct upload *upload = ...;
 *             if (http_request_stream(request, &upload_ops, upload) != 0)
 *                     free(upload);                    // the request has been answered
 *     }
 *     static void on_piece(struct http_request *request, const char *bytes, size_t length, void *data)
 *     {
 *             if (take(data, bytes, length) == FULL)
 *                     http_request_pause(request);     // later: http_request_resume(request)
 *     }
 *     static void on_end(struct http_request *request, void *data)
 *     {
 *             ... // answer now or later, at once or as a stream: if (http_respond_stream(request, &(struct
 *             http_answer){ .status = 200, .content_type = "text/plain" },
 *                                     &answer_ops, data) == 0)
 *                     on_writable(request, data);
 *     }
 *     static void on_writable(struct http_request *request, void *data)
 *     {
 *             while (next(data, &bytes, &length))
 *                     if (!http_stream_write(request, bytes, length))
 *                             return;                  // full: on_writable is called again
 *             http_stream_end(request, NULL, 0);
 *     }
 *
 * A streamed request lives until http_respond, http_problem, http_stream_end or http_stream_abort, even after on_gone,
 * so pending callbacks of the handler can still refer to it. Every callback may make any of these calls. */
struct http_stream_ops {  /* static; each may be NULL, except on_piece and on_end for a body */
        int64_t stall_ms; /* of a response: a client without progress is cut off after this time; 0 = body_timeout_ms */
        bool is_endless;  /* a response without an end: it ends when the client disconnects or shuts down its sending
                          * side, and does not count as aborted */
        bool is_short;    /* a body whose handler limits its size: accepted even if the server is draining */
        /* A piece of the body, borrowed during the call. */
        void (*on_piece)(struct http_request *request, const char *bytes, size_t length, void *data);
        /* The body is complete: answer, now or later. */
        void (*on_end)(struct http_request *request, void *data);
        /* The response has room again: called at most once after each http_stream_write that returned "full". */
        void (*on_writable)(struct http_request *request, void *data);
        /* Called at most once: the client has disconnected or stalled for too long, the request was rejected, or memory
         * has run out. No other callback follows. The request must still be ended, by an answer or
         * http_stream_abort. */
        void (*on_gone)(struct http_request *request, void *data);
        /* The server is draining: end the request soon. If this is NULL, a response is aborted, which on_gone reports;
         * a body may continue until the workers are closed. */
        void (*on_drain)(struct http_request *request, void *data);
};

/* Call this only from at_head and at_body: the body then arrives in pieces, is not limited to body_max_bytes, and
 * `handle` is not called. Later calls, while the body arrives, replace ops and data. Returns 0; otherwise the request
 * has been answered with 503, because the server is draining or memory has run out. The handler may answer before
 * on_end. In that case the server reads and drops the rest of the body if it is small. Otherwise the server closes the
 * connection, so the response must be short (16 KiB). */
int http_request_stream(struct http_request *request, const struct http_stream_ops *ops, void *data) NODISCARD;
/* Counts memory that the handler keeps for this request against transfer_max_bytes, until the request ends. False:
 * there is no room. */
bool http_request_reserve(struct http_request *request, size_t bytes) NODISCARD;
/* Ends the stream of a body after its on_end: from now on the request behaves as if it had not been streamed and had
 * this body. `body` is malloc'd, followed by a NUL, and taken; NULL means no body. Its memory counts only if it was
 * reserved. */
void http_request_give_body(struct http_request *request, char *body, size_t length);
/* Stops the pieces, and reading from the client, until http_request_resume. on_end may still be called. */
void http_request_pause(struct http_request *request);
void http_request_resume(struct http_request *request);

/* Answers with the status, the header fields, and a body that http_stream_write sends in chunked coding. The caller
 * announces trailers in a field `Trailer`. `answer` has no body. Returns 0: write the body, then end it. Any other
 * value means that the request has been answered. 1: with only the head, since the method is HEAD; the connection is
 * closed. ERR_INVALID: with 505, since an HTTP/1.0 client could not tell an aborted body from a complete one.
 * ERR_UNAVAILABLE: with 503, since the server is draining. ERR_LIMIT, ERR_NOMEM: with 503, or by closing the
 * connection. */
int http_respond_stream(struct http_request *request, const struct http_answer *answer,
                        const struct http_stream_ops *ops, void *data) NODISCARD;
/* Appends a copy of all the bytes to the response. Returns false if the response is now full: continue after
 * on_writable. At most 64 KiB and the last write wait for a slow reader; they count against transfer_max_bytes. */
bool http_stream_write(struct http_request *request, const void *bytes, size_t length);
/* The number of bytes that wait for the client. */
size_t http_stream_waiting(const struct http_request *request);
/* Makes the server call on_writable when the response has room, as if the response were full now. Does not call
 * on_writable itself. */
void http_stream_await(struct http_request *request);
/* Ends the response, which is complete; trailers follow its last byte. The request is invalid afterwards. */
void http_stream_end(struct http_request *request, const struct http_header *trailers, size_t trailer_count);
/* Aborts the response so that the client sees that it is incomplete. The request is invalid afterwards. */
void http_stream_abort(struct http_request *request);

/* True if the Content-Type value names this media type, ignoring parameters and case. */
bool http_media_type_is(const char *content_type, const char *type);
/* The value of a parameter of a Content-Type value (RFC 9110, section 5.6.6), without its quotes. Returns 1; 0 if the
 * parameter is absent or empty; -1 if it is malformed: an unterminated quoted string, no '=', a value that does not
 * fit, or the same parameter twice with different values. */
int http_media_type_parameter(const char *content_type, const char *name, char *value, size_t size);
/* True if the Accept value accepts `type`. NULL accepts anything; a range with q=0 accepts nothing. */
bool http_accepts(const char *accept, const char *type);

#endif
