/* stream: a body that arrives in pieces, or a response that is sent in pieces. A request has a stream only if its
 * handler asked for one.
 *
 * Threads: loop only. */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "http/output.h"
#include "http/request.h"

/* libmicrohttpd counts a client that does not read as idle. For endless responses that time is longer than any
 * http_stream_ops.stall_ms, after which deadline.c disconnects the client. */
enum { STREAM_TIMEOUT_S = 600 };

struct stream {
        const struct http_stream_ops *ops; /* NULL: the handler is done with the request */
        void *data;
        struct http_request *request;
        struct list link;    /* in conns->streams until the handler is done or the client disconnects */
        bool is_paused;      /* the handler has paused the body */
        bool is_suspended;   /* the connection is suspended for the stream */
        bool is_answer;      /* the response is streamed */
        bool is_full;        /* http_stream_write has returned "full" */
        bool has_ended;      /* the handler has written everything */
        bool is_whole;       /* and libmicrohttpd has all of it */
        bool is_broken;      /* must be aborted */
        bool is_gone;        /* on_gone was called */
        bool is_accounted;   /* the response has been counted and logged */
        bool is_endless;     /* from the ops */
        int64_t stall_ms;    /* from the ops; 0: body_timeout_ms */
        size_t sent_bytes;   /* given to libmicrohttpd */
        int64_t progress_ms; /* when a sweep last saw progress of the response */
        uint64_t acked;      /* bytes that the client had acknowledged then */
        struct output output;
        struct MHD_Response *response; /* borrowed until the connection ends */
};

/* Makes the request a stream, or replaces the ops of its stream. Returns 0 or ERR_NOMEM. */
int stream_begin(struct http_request *request, const struct http_stream_ops *ops, void *data) NODISCARD;
/* The response to a request that is a stream. NULL: out of memory. */
struct MHD_Response *stream_create_response(struct http_request *request);
/* Called when libmicrohttpd delivers a piece of a streamed body. */
enum MHD_Result stream_take_piece(struct http_request *request, const char *bytes, size_t *length);
/* True if the handler still has to end the request. */
bool stream_is_live(const struct http_request *request);
/* Notifies the handler that the client has disconnected or was refused. May free the request. */
void stream_tell_gone(struct http_request *request);
/* Counts and logs a streamed response, exactly once, when libmicrohttpd is done with it. */
void stream_account(struct http_request *request);
/* Call this when the handler has answered: no more callbacks follow, and libmicrohttpd may continue reading. */
void stream_detach(struct http_request *request);
/* Call this when the connection has ended or the rest of the stream is not needed. */
void stream_break(struct http_request *request);
/* Ends all streams, since the server is draining. */
void stream_drain(struct conns *conns);
void stream_free(struct http_request *request);

#endif
