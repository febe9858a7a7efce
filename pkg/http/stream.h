/* stream: a body that arrives in pieces, and an answer that leaves in pieces. A request has one only if its handler asked
 * for it.
 *
 * Threads: loop only. */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "http/output.h"
#include "http/request.h"

struct stream {
        const struct http_stream_ops *ops; /* NULL: the handler is done with the request */
        void *data;
        struct http_request *request;
        struct list link;    /* in conns->streams while the handler is not done and the client is there */
        bool is_paused;      /* the handler wants no piece now */
        bool is_suspended;   /* the connection is, for the stream */
        bool is_answer;      /* the answer is streamed */
        bool is_full;        /* http_stream_write has said so */
        bool has_ended;      /* the handler has written all */
        bool is_whole;       /* and libmicrohttpd has all */
        bool is_broken;      /* to be broken off */
        bool is_gone;        /* on_gone was called */
        bool is_accounted;   /* the answer is counted and logged */
        size_t sent_bytes;   /* given to libmicrohttpd */
        int64_t progress_ms; /* when a sweep last saw progress of the answer */
        uint64_t acked;      /* then */
        struct output output;
        struct MHD_Response *response; /* borrowed until the connection is gone */
};

/* Makes the request a stream, or gives it to another handler's ops. Returns 0 or ERR_NOMEM. */
int stream_begin(struct http_request *request, const struct http_stream_ops *ops, void *data) NODISCARD;
/* The response to a request that is a stream. NULL: out of memory. */
struct MHD_Response *stream_create_response(struct http_request *request);
/* A call of libmicrohttpd with a piece of a streamed body. */
enum MHD_Result stream_take_piece(struct http_request *request, const char *bytes, size_t *length);
/* Is the handler still to end the request? */
bool stream_is_live(const struct http_request *request);
/* The client is gone, or was refused: tells the handler. The request may be freed inside. */
void stream_tell_gone(struct http_request *request);
/* libmicrohttpd is done with a streamed answer: counts and logs it, once. */
void stream_account(struct http_request *request);
/* The handler has answered: no callback comes any more, and libmicrohttpd may go on reading. */
void stream_detach(struct http_request *request);
/* The connection is over, or the rest of the stream is of no use. */
void stream_break(struct http_request *request);
/* Ends all streams, since the server drains. */
void stream_drain(struct conns *conns);
void stream_free(struct http_request *request);

#endif
