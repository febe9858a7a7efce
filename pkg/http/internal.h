/* What the files of this folder share. One line on each part:
 *
 *   server.c   the listening socket and the options with their defaults
 *   worker.c   one loop's libmicrohttpd daemon: when it runs, how it ends
 *   accept.c   taking connections from the listener, and turning them away
 *   silent.c   connections that have sent nothing yet
 *   conn.c     one connection: total deadlines, refusals that the client gets to read
 *   request.c  one request: from libmicrohttpd's callbacks to the route's handler
 *   head.c     what a head must look like: framing, field lines, Host
 *   condition.c  If-Match and If-Unmodified-Since
 *   token.c    who may use routes that are not public
 *   target.c   the request target: percent-decoding, path, query
 *   route.c    from path and method to a route
 *   answer.c   http_respond
 *   problem.c  problem+json, as an answer and as bytes on a socket
 *   budget.c   memory for what is on its way, over all workers
 *   account.c  metrics and the access record
 *   tcp.c      what the kernel knows of a connection
 *   text.c     status phrases, media types, Accept */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <uv.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "http/http.h"

enum {
        CORRELATION_ID_MAX = 128,
        ROUTE_PARAMS_MAX = 4,
        LINGER_MS = 1000,         /* how long a refused client may go on sending ...       */
        LINGER_BYTES = 1 << 20,   /* ... and how much; then its connection is cut           */
        REFUSED_MAX = 64,         /* connections that are being turned away, a worker       */
        SPARE_REQUESTS_MAX = 256, /* request structures kept for the next ones, a worker    */
        CONNECTIONS_MAX = 16384,
        IDLE_MARGIN_S = 2, /* for a request that its client sends when the time that it was told is just over */
        CONNECTION_BYTES = 5 << 10, /* what a connection may have beside its head, uncounted */
        ANSWER_FREE_BYTES = 1024,   /* an answer up to here is part of that                  */
};

/* --- route.c --------------------------------------------------------------------------------------- */

struct route_table; /* opaque: the routes in the order in which they are tried */

struct route_param {
        const char *name; /* not terminated: points into the route's path */
        size_t name_length;
        const char *value;
};

struct route_match {
        const struct http_route *route; /* NULL: none                                  */
        unsigned index;                 /* of that route in the options; count if none */
        struct route_param params[ROUTE_PARAMS_MAX];
        size_t param_count;
        bool path_known; /* some route has this path, if with another method */
};

/* ERR_INVALID names the route: no leading '/', more than ROUTE_PARAMS_MAX parameters, an open brace. */
int route_table_new(const struct http_route *routes, size_t count, struct route_table **out, struct err *err) NODISCARD;
void route_table_free(struct route_table *table);
/* `raw_path` is percent-encoded, checked by target_decode and ends at `length`. `scratch` takes the
 * decoded parameters and has room for length + ROUTE_PARAMS_MAX bytes. */
void route_find(const struct route_table *table, const char *method, const char *raw_path, size_t length, char *scratch,
                struct route_match *match);
/* Writes the methods that the path has, as the header field Allow wants them. */
void route_allow(const struct route_table *table, const char *raw_path, size_t length, char *out, size_t size);

/* --- target.c -------------------------------------------------------------------------------------- */

/* Decodes %XX (and '+' as a space if `plus`) into `out`, which has room for length + 1 bytes; out may be
 * text. False where a '%' has no two digits after it or stands for NUL; then out is undefined. */
bool target_decode(const char *text, size_t length, bool plus, char *out, size_t *out_length);
/* The path within a request target in origin-form, absolute-form or asterisk-form (RFC 9112, section
 * 3.2), not terminated. False for any other. */
bool target_path(const char *target, const char **path, size_t *length);
/* uri-host [":" port] (RFC 9110, section 7.2); an empty one is. */
bool target_is_host(const char *text, size_t length);

struct query_pair {
        const char *name, *value;
};
struct query;                                /* opaque: the pairs of one target */
struct query *query_new(const char *target); /* NULL: out of memory */
size_t query_bytes(const char *target);      /* what query_new takes */
void query_free(struct query *query);
size_t query_count(const struct query *query);
const struct query_pair *query_at(const struct query *query, size_t index);

/* --- Server ---------------------------------------------------------------------------------------- */

struct http_server {
        struct http_options options; /* with the defaults filled in */
        struct route_table *routes;
        int listen_fd;
        uint16_t port;
        char keep_alive[24];         /* the value of Keep-Alive                             */
        size_t pool_bytes;           /* libmicrohttpd's memory for a connection             */
        bool strict_library;         /* libmicrohttpd 1.0 and later check the head's syntax */
        size_t descriptors;          /* that the process may have                           */
        atomic_size_t kept;          /* of those: for what is no client's connection        */
        unsigned refused_max;        /* of struct refused, a worker                         */
        atomic_uint connections_max; /* the option, or less where descriptors are few       */
        atomic_uint connections;     /* open, over all workers */
        atomic_uint accepting;       /* workers that use listen_fd; the last one closes it */
        atomic_bool draining;
        atomic_size_t transfer_bytes; /* see budget.c */
        pthread_mutex_t tokens_lock;  /* guards the pointer */
        struct token_set *tokens;     /* NULL: every route is public */
        atomic_uint tokens_number;    /* how often they were set */
};

/* For each worker that no longer accepts; the last one closes the listener. */
void server_leave(struct http_server *server);

/* --- Worker ---------------------------------------------------------------------------------------- */

struct link {
        struct link *next, *prev;
};

struct refused { /* a connection that is being turned away; fd -1: free */
        int fd;
        int64_t until_ms;
};

struct route_cells {                   /* one route's metrics in one worker; made when first needed */
        struct metric *by_status[500]; /* 100 to 599 */
        struct metric *duration;
};

struct http_worker {
        struct http_server *server;
        void *context;
        uv_loop_t *loop;
        struct MHD_Daemon *daemon;
        uv_poll_t daemon_poll; /* libmicrohttpd's epoll descriptor                     */
        uv_poll_t listen_poll;
        uv_idle_t again;  /* active while the loop must not sleep                 */
        uv_timer_t wait;  /* libmicrohttpd's next timeout                         */
        uv_timer_t sweep; /* total deadlines; runs only while there is a connection */
        uv_timer_t accept_again;
        unsigned handles; /* opened and not yet closed */
        bool runnable;    /* libmicrohttpd has something to do */
        bool in_turn;
        unsigned still_turns; /* one after the other in which there was more to do and nothing moved */
        bool moved;           /* in the last run some request came a step further */
        bool accepting;
        bool passed; /* the last time, a connection was left to another worker */
        bool closing;
        int64_t sweep_ms;
        struct uuid_source uuids;
        struct link conns;
        size_t conn_count;
        struct link silents; /* see silent.c */
        size_t silent_count;
        struct link *cursor; /* where the next sweep goes on */
        size_t busy;         /* requests from their head's end to their answer's last byte */
        size_t held;         /* of those: in STAGE_HELD                                    */
        size_t looked_at;    /* of those: not suspended and not orphans                    */
        struct link orphans; /* held requests whose connection libmicrohttpd has closed    */
        struct http_request *spare;
        unsigned spare_count;
        struct refused refused[REFUSED_MAX];
        unsigned refused_count;
        unsigned surplus;           /* in this sweep: idle connections to close, since there are too many */
        struct route_cells **cells; /* route_count + 1 */
        struct token_set *tokens;   /* those of tokens_number */
        unsigned tokens_number;
        struct metric *open_connections, *refused_connections, *refused_transfers;
        size_t peak_bytes; /* the most that was on its way since memory was given back */
        int64_t trimmed_ms;
};

/* Libmicrohttpd has something to do: run it in this turn, or wake the loop for the next. */
void worker_wake(struct http_worker *worker);
/* Closes one of the worker's handles; with the last one the worker is freed. */
void worker_close_handle(uv_handle_t *handle);

/* Starts the timer of the sweeps, unless it runs. */
void worker_start_sweep(struct http_worker *worker);
/* Sets the metric of open connections. */
void worker_show_connections(struct http_worker *worker);

/* Takes a connection that was accepted and counted. */
void silent_add(struct http_worker *worker, int fd, const struct sockaddr_storage *address, socklen_t length);
/* Closes those that have been silent for too long, or that are too many: worker->surplus (all: every one). */
void silent_sweep(struct http_worker *worker, int64_t now_ms, bool all);

void accept_start(struct http_worker *worker); /* polls the listener */
void accept_all(struct http_worker *worker);
void accept_stop(struct http_worker *worker);
void on_accept_again(uv_timer_t *timer);
/* Answers with a problem, without libmicrohttpd, and closes when the client has. `extra_field` as in conn_refuse. */
void turn_away(struct http_worker *worker, int fd, int status, const char *extra_field, const char *detail);
/* Drops what refused clients send, closes those that are done or late (all: every one). */
void refused_sweep(struct http_worker *worker, int64_t now_ms, bool all);

/* --- budget.c -------------------------------------------------------------------------------------- */

/* Fills in transfer_max_bytes and connections_max where they are 0, by the memory limit of the control group. */
void budget_defaults(struct http_options *options);
/* False where there is no room for `bytes` more; `whole` is how large the thing is that they are for. */
bool budget_take(struct http_server *server, size_t bytes, size_t whole);
void budget_give(struct http_server *server, size_t bytes);
#define TRANSFER_FULL "Too much is on its way from and to clients; try again soon."
/* Would a thing of that size find room now? */
bool budget_has_room(const struct http_server *server, size_t bytes);
/* Gives memory back to the system once most of a flood is over. True: there was one, so call it again. */
bool budget_trim(struct http_worker *worker, int64_t now_ms);

/* --- Connection ------------------------------------------------------------------------------------ */

struct conn {
        struct link link;
        struct http_worker *worker;
        struct MHD_Connection *mhd;
        struct http_request *request; /* from its request line to its answer's last byte */
        int fd;
        bool refused;          /* an answer of our own was written; only wait for the client to stop */
        bool received_unknown; /* `received` must be read anew */
        bool cut_short;        /* the client has ended its direction in the middle of a body */
        uint64_t received;     /* bytes of the requests so far */
        int64_t head_since_ms; /* a head is incomplete since then; 0: none was seen to begin */
        int64_t cut_at_ms;     /* refused: the connection is cut then */
};

/* libmicrohttpd's callback for the start and the end of a connection; cls is the worker. */
void on_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code);
void on_sweep(uv_timer_t *timer);
/* Writes the problem to the socket, past libmicrohttpd, and ends our direction. `extra_field` is "" or a whole line. What the client still
 * sends is read and dropped, up to LINGER_BYTES and LINGER_MS, so that it gets to read the answer. */
void conn_refuse(struct conn *conn, int status, const char *correlation_id, const char *extra_field,
                 const char *detail);

/* The same before the head is known: the correlation id is a new one. */
void conn_refuse_head(struct conn *conn, int status, const char *detail);
struct conn *conn_of(struct MHD_Connection *mhd); /* NULL: memory was short when it came */

/* --- Request --------------------------------------------------------------------------------------- */

enum stage {
        STAGE_HEAD,     /* the request line was read, the fields are not complete     */
        STAGE_BODY,     /* the head is complete                                       */
        STAGE_RUNNING,  /* the handler runs and has not answered                      */
        STAGE_HELD,     /* the handler has returned without an answer                 */
        STAGE_ANSWERED, /* `response` goes to libmicrohttpd at its next call          */
        STAGE_DROPPING, /* refused; the rest of the body is dropped                   */
};

struct head_facts { /* what a pass over the field lines finds, see head.c */
        uint64_t content_length;
        size_t fields;
        unsigned hosts, content_lengths, transfer_encodings;
        bool chunked, expects_continue;
        const char *correlation_id; /* as it came; NULL: none that can be used */
        const char *authorization;  /* the first; NULL: none                   */
        unsigned authorizations;
        unsigned content_types;
        const char *if_match; /* NULL: none */
        bool if_unmodified_since;
        bool wants_close, wants_keep; /* the options "close" and "keep-alive" of Connection */
        bool closes;                  /* the connection ends with the answer                */
        const char *fault;            /* NULL, or what is wrong with the head */
};

struct http_request {
        struct conn *conn; /* NULL: its connection has ended; then nothing of libmicrohttpd's is left */
        struct http_request *next_spare;
        struct http_worker *worker;
        enum stage stage;
        const char *method;
        const char *raw_target; /* libmicrohttpd's copy: good for comparing addresses only */
        char *target;           /* ours: the target, the decoded path, the parameters */
        size_t target_length;
        const char *path;
        struct route_match match;
        struct head_facts head;
        struct query *query;
        char *body;
        size_t body_length, body_capacity;
        size_t request_bytes; /* bytes of the body that came, kept or dropped */
        size_t dropped_bytes;
        size_t swept_bytes;    /* request_bytes at the last sweep                */
        size_t target_charged; /* of the budget: for target and query, ...       */
        size_t body_charged;   /* ... the body, ...                              */
        size_t answer_charged; /* ... and the answer                             */
        int64_t sending_since_ms;
        bool is_full;                  /* there was no room for its target */
        bool is_stuck;                 /* at the last sweep libmicrohttpd had taken nothing of what has come */
        struct MHD_Response *response; /* until it is handed over */
        const char *answer_body;       /* lives as long as `response` */
        size_t answer_length;
        int status;
        void *data;
        int64_t started_us;
        const struct denial *denial; /* NULL: its sender may do this */
        struct token_set *tokens;    /* the one that `token` is in */
        const char *token;           /* the name; NULL: none was asked for */
        bool counted;                /* in worker->busy */
        bool suspended;              /* STAGE_HELD: libmicrohttpd leaves the connection alone ... */
        unsigned looks;              /* ... after it has looked so often whether there is an answer */
        struct link orphan;
        char *kept_body; /* owned, or NULL; `body` may be there */
        uint16_t remote_port;
        char remote[INET6_ADDRSTRLEN]; /* "" until asked for */
        char correlation_id[CORRELATION_ID_MAX + 1];
        char orphan_method[32]; /* an orphan's `method`; a longer one is cut */
        char inline_text[320];  /* where `target` is when it fits */
};

/* libmicrohttpd's callbacks; cls is the worker. */
void *on_request_line(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                           const char *version, const char *upload, size_t *upload_size, void **context);
size_t on_unescape(void *cls, struct MHD_Connection *mhd, char *text);
void on_request_done(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code);
/* libmicrohttpd has no more to do with it: frees it, or makes it an orphan where it is still to be answered. */
void request_end(struct http_request *request);
void request_free(struct http_request *request); /* kept for the next one where there is room */
/* Frees the body and gives its share of the budget back. */
void request_drop_body(struct http_request *request);
void request_discard(struct http_request *request);
/* Ends STAGE_HELD for an orphan, of whose answer nobody will hear, and frees it. */
void orphan_free(struct http_request *request);

/* Looks at the complete head and fills request->head; `method` and `version` are libmicrohttpd's. */
void head_check(struct http_request *request, const char *method, const char *version);

/* --- condition.c ----------------------------------------------------------------------------------- */

struct denial { /* why a request whose head is sound is not done */
        int status;
        const char *challenge; /* of WWW-Authenticate (RFC 6750, section 3); NULL: none */
        const char *detail;
};

/* NULL: it may go on. */
const struct denial *condition_check(const struct http_request *request);

/* --- token.c --------------------------------------------------------------------------------------- */

void token_set_unref(struct token_set *set); /* NULL is fine; the last one wipes the tokens */
/* Looks at the head of a request whose route is known. NULL: it may go on. */
const struct denial *token_check(struct http_request *request);
void denial_answer(struct http_request *request, const struct denial *denial); /* as http_problem */
void denial_refuse(struct http_request *request, const struct denial *denial); /* as conn_refuse  */

/* Writes the answer to the socket, past libmicrohttpd, as far as the socket takes it. */
void answer_send(struct http_request *request);

/* --- Answers --------------------------------------------------------------------------------------- */

/* Appends the problem as JSON. `members` may be NULL. 0, ERR_LIMIT or ERR_NOMEM. */
int problem_print(struct buf *out, int status, const char *detail, const char *correlation_id,
                  const char *members) NODISCARD;
/* Writes a whole answer with that problem to the socket, without blocking, and ends our direction. */
void problem_send(int fd, int status, const char *detail, const char *correlation_id, const char *extra_field);

int account_open(struct http_worker *worker, struct err *err) NODISCARD;
void account_close(struct http_worker *worker);
void account_request(struct http_request *request, int status, size_t response_bytes);

#endif
