/* inflow: decodes a body on its way from the connection to its receiver, no faster than the receiver accepts it, and at
 * most INFLOW_TURN_BYTES in one turn of the loop: a few bytes may decode to gigabytes, and other requests must not
 * wait.
 *
 *     rc = inflow_new(&worker->inflows, coding_find("gzip"), &options, &inflow, &err);
 *     http_request_pause(request);                      // until on_ready
 *     inflow_take(inflow, bytes, length);
 *     inflow_go_on(inflow);                             // on_piece has returned false, but there is room again
 *     inflow_end(inflow);                               // the body is complete: on_end or on_failed follows
 *     inflow_free(inflow);
 *
 * Threads: loop only. */
#ifndef COLLECTOR_INFLOW_H
#define COLLECTOR_INFLOW_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "base/err.h"
#include "base/list.h"
#include "coding.h"

enum {
        INFLOW_TURN_BYTES = 64 << 10,
        INFLOW_BYTES = CODING_BYTES + (64 << 10), /* memory of one inflow, including input that waits to be decoded */
};

struct inflow;

struct inflow_options {
        void *data; /* passed to all callbacks */
        /* A piece of the decoded body, borrowed during the call. The receiver takes all of it, and returns false if it
         * accepts no more for now. */
        bool (*on_piece)(const char *bytes, size_t length, void *data);
        void (*on_ready)(void *data); /* everything taken so far is decoded, and there is room for more */
        /* Exactly one of these is called, once: on_end when the body is complete; on_failed if the body is not valid in
         * its coding (ERR_INVALID) or memory has run out (ERR_NOMEM). */
        void (*on_end)(void *data);
        void (*on_failed)(const struct err *err, void *data);
};

/* The inflows of one worker that have more to decode in the next turn. */
struct inflows {
        uv_idle_t idle; /* active as long as there are any */
        struct list all;
};

void inflows_init(struct inflows *inflows, uv_loop_t *loop);
void inflows_close(struct inflows *inflows); /* call this after freeing all of them; the loop must run until the handle
                                              * is closed */

int inflow_new(struct inflows *inflows, const struct coding *coding, const struct inflow_options *options,
               struct inflow **out, struct err *err) NODISCARD;
/* Replaces the receiver: `options` as in inflow_new. on_piece may call this function; the piece that on_piece has
 * received is not repeated. */
void inflow_pass_on(struct inflow *inflow, const struct inflow_options *options);
/* A callback may call this. NULL is fine. */
void inflow_free(struct inflow *inflow);

/* Takes all of the bytes. Pass no more before on_ready. The callbacks on_ready, on_end and on_failed may be called
 * during this call. */
void inflow_take(struct inflow *inflow, const char *bytes, size_t length);
void inflow_go_on(struct inflow *inflow);
void inflow_end(struct inflow *inflow);

#endif
