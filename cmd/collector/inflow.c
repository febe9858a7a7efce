/* inflow: run() decodes what has arrived until nothing is left, the receiver is full, or the limit for one turn is
 * reached. It is the only function that calls the receiver. The receiver may free the inflow in a callback; the memory
 * is then freed when run() returns. */
#include "inflow.h"

#include <stdlib.h>

#include "base/attr.h"
#include "base/buf.h"

enum { REST_KEEP_BYTES = 16 << 10 };

struct inflow {
        struct inflows *inflows;
        struct inflow_options options;
        const struct coding *coding;
        void *decoder;
        struct list link; /* in inflows->all */
        struct buf rest;  /* of the body as received ... */
        size_t rest_at;   /* ... of which this many bytes have been decoded */
        size_t spent;     /* decoded in this turn */
        bool is_running, is_freed;
        bool is_full;   /* the receiver accepts no more */
        bool is_behind; /* the sender has been told to wait */
        bool is_whole;  /* the body has arrived */
        bool is_over;   /* its end has been reported */
};

static void destroy(struct inflow *inflow)
{
        list_remove(&inflow->link);
        if (inflow->decoder)
                inflow->coding->close(inflow->decoder);
        buf_fini(&inflow->rest);
        free(inflow);
}

void inflow_free(struct inflow *inflow)
{
        if (!inflow)
                return;
        inflow->is_freed = true;
        if (!inflow->is_running)
                destroy(inflow);
}

/* --- Decoding ----------------------------------------------------------------------------------------------------- */

static bool on_decoded(const char *bytes, size_t length, void *data)
{
        struct inflow *inflow = data;
        inflow->spent += length;
        inflow->is_full = true; /* before on_piece, which may call inflow_go_on */
        if (inflow->options.on_piece(bytes, length, inflow->options.data))
                inflow->is_full = false;
        return !inflow->is_full && !inflow->is_freed && inflow->spent < INFLOW_TURN_BYTES;
}

static int decode_rest(struct inflow *inflow, struct err *err)
{
        size_t used, left = inflow->rest.len - inflow->rest_at;
        const char *at = left > 0 ? inflow->rest.data + inflow->rest_at : "";
        int rc = inflow->coding->decode(inflow->decoder, at, left, &used, err);
        inflow->rest_at += used;
        if (rc != 0)
                return rc;
        inflow->rest_at = 0;
        buf_clear(&inflow->rest, REST_KEEP_BYTES);
        return rc;
}

static void fail(struct inflow *inflow, const struct err *err)
{
        inflow->is_over = true;
        inflow->options.on_failed(err, inflow->options.data);
}

static void end(struct inflow *inflow)
{
        struct err err;
        if (inflow->coding->finish(inflow->decoder, &err) < 0) {
                fail(inflow, &err);
                return;
        }
        inflow->is_over = true;
        inflow->options.on_end(inflow->options.data);
}

static void go_on_next_turn(struct inflow *inflow);

/* Reacts to decode_rest's result. */
static void settle(struct inflow *inflow, int rc, const struct err *err)
{
        if (rc < 0) {
                fail(inflow, err);
        } else if (rc == 0 && inflow->is_whole) {
                end(inflow);
        } else if (rc == 0 && !inflow->is_full && inflow->is_behind) {
                inflow->is_behind = false;
                inflow->options.on_ready(inflow->options.data);
        } else if (rc == CODING_FULL && !inflow->is_full) {
                go_on_next_turn(inflow);
        }
}

static void run(struct inflow *inflow)
{
        struct err err;
        if (inflow->is_running || inflow->is_over)
                return;
        list_remove(&inflow->link);
        inflow->is_running = true;
        inflow->spent = 0;
        int rc = decode_rest(inflow, &err);
        if (!inflow->is_freed)
                settle(inflow, rc, &err);
        inflow->is_running = false;
        if (inflow->is_freed)
                destroy(inflow);
}

/* --- Turns -------------------------------------------------------------------------------------------------------- */

static void on_turn(uv_idle_t *idle)
{
        struct inflows *inflows = CONTAINER_OF(idle, struct inflows, idle);
        struct list now, *link;
        list_init(&now);
        while ((link = list_first(&inflows->all))) {
                list_remove(link);
                list_append(&now, link);
        }
        while ((link = list_first(&now))) { /* each inflow may free others */
                list_remove(link);
                run(CONTAINER_OF(link, struct inflow, link));
        }
        if (list_is_empty(&inflows->all))
                (void)uv_idle_stop(idle); /* cannot fail */
}

static void go_on_next_turn(struct inflow *inflow)
{
        list_remove(&inflow->link);
        list_append(&inflow->inflows->all, &inflow->link);
        (void)uv_idle_start(&inflow->inflows->idle, on_turn); /* fails only without a callback */
}

void inflows_init(struct inflows *inflows, uv_loop_t *loop)
{
        list_init(&inflows->all);
        (void)uv_idle_init(loop, &inflows->idle); /* cannot fail on an open loop */
}

void inflows_close(struct inflows *inflows)
{
        uv_close((uv_handle_t *)&inflows->idle, NULL);
}

/* --- One ---------------------------------------------------------------------------------------------------------- */

int inflow_new(struct inflows *inflows, const struct coding *coding, const struct inflow_options *options,
               struct inflow **out, struct err *err)
{
        struct inflow *inflow = calloc(1, sizeof(*inflow));
        if (!inflow)
                return err_set(err, ERR_NOMEM, "out of memory");
        inflow->inflows = inflows;
        inflow->options = *options;
        inflow->coding = coding;
        list_init(&inflow->link);
        buf_init(&inflow->rest, 0);
        int rc = coding->open(on_decoded, inflow, &inflow->decoder, err);
        if (rc < 0)
                destroy(inflow);
        else
                *out = inflow;
        return rc;
}

void inflow_pass_on(struct inflow *inflow, const struct inflow_options *options)
{
        inflow->options = *options;
}

void inflow_take(struct inflow *inflow, const char *bytes, size_t length)
{
        struct err err;
        inflow->is_behind = true;
        if (buf_append(&inflow->rest, bytes, length) == 0) {
                run(inflow);
        } else if (!inflow->is_over) {
                (void)err_set(&err, ERR_NOMEM, "out of memory");
                fail(inflow, &err);
        }
}

void inflow_go_on(struct inflow *inflow)
{
        inflow->is_full = false;
        run(inflow);
}

void inflow_end(struct inflow *inflow)
{
        inflow->is_whole = true;
        if (!inflow->is_full && list_is_empty(&inflow->link)) /* otherwise it continues later */
                run(inflow);
}
