/* backing/root: checks the folder of bindings once a second, on behalf of everything that follows a binding in it.
 *
 *     struct backing_root *root;
 *     backing_root_open(loop, &(struct backing_root_options){ .log = log, .metrics = metrics }, &root, &err);
 *     backing_redis_watch_open(root, &(struct backing_redis_watch_options){ ... }, &redis, &err);
 *     backing_watch_open(root, &backing_tokens_kind, &(struct backing_watch_options){ ... }, &tokens, &err);
 *     ...
 *     backing_watch_close(tokens);
 *     backing_redis_watch_close(redis);
 *     backing_root_close(root);                    // after all followers
 *
 * Each check reads the folder once. After a change, the followers are notified in the order in which they were opened.
 * Warnings about the folder itself are logged once.
 *
 * Threads: loop only; backing_root_bindings: any. */
#ifndef BACKING_ROOT_H
#define BACKING_ROOT_H

#include <stdint.h>

#include <uv.h>

#include "base/attr.h"
#include "base/err.h"
#include "binding/servicebinding.h"
#include "log/log.h"
#include "metrics/metrics.h"

struct backing_root; /* opaque */

struct backing_root_options {
        const char *path;        /* NULL: $SERVICE_BINDING_ROOT       */
        int64_t poll_ms;         /* between two checks; 0 = 1000      */
        struct log *log;         /* for the followers too; NULL: none */
        struct metrics *metrics; /* for the followers; NULL: none     */
};

/* Reads the bindings. ERR_INVALID if the folder cannot be read as a folder; ERR_NOMEM. The result is owned: pass it to
 * backing_root_close. Its handle does not keep the loop alive. */
int backing_root_open(uv_loop_t *loop, const struct backing_root_options *options, struct backing_root **out,
                      struct err *err) NODISCARD;
/* Checks now instead of waiting for the timer. */
void backing_root_look(struct backing_root *root);
/* The bindings found by the last check. Owned: pass them to servicebinding_set_unref. */
struct servicebinding_set *backing_root_bindings(struct backing_root *root);
/* Close every follower first. The loop must run until the handle is closed. NULL is fine. */
void backing_root_close(struct backing_root *root);

#endif
