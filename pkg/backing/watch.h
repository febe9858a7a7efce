/* backing/watch: follows the binding of a service that needs no trial before it is used: a Collector, tokens. The
 * header of the service says what its kind and its input are. A Redis is tried first and has its own watch
 * (backing/redis.h).
 *
 *     struct backing_watch *watch;
 *     backing_watch_open(root, &backing_tokens_kind, &(struct backing_watch_options){
 *             .input = &input, .metric_names = BACKING_METRICS("collector_tokens"), .on_change = on_change }, &watch, &err);
 *     const struct backing_tokens *now = backing_tokens_of(backing_watch_get(watch));
 *
 * Threads: loop only. */
#ifndef BACKING_WATCH_H
#define BACKING_WATCH_H

#include "backing/root.h"
#include "backing/source.h"

struct backed;        /* opaque: a service of some kind; immutable, counted */
struct backed_kind;   /* opaque */
struct backing_watch; /* opaque */

struct backing_watch_options {
        const void *input; /* of the kind; borrowed, with what it points to, until the watch is closed or _reload
                            * replaces it; its `bindings` are not used */
        bool is_optional;  /* do not log a missing binding */
        struct backing_metric_names metric_names;
        /* Another service is now in use; `now` is borrowed during the call. */
        void (*on_change)(struct backed *now, void *data);
        backing_on_change *on_state; /* NULL: not called */
        void *data;
};

/* Resolves at once, with the errors of the kind's _resolve, except that it waits for a missing binding that the input
 * requests. It applies changes at once. If the binding disappears or becomes unusable, the service stays in use. */
int backing_watch_open(struct backing_root *root, const struct backed_kind *kind,
                       const struct backing_watch_options *options, struct backing_watch **out,
                       struct err *err) NODISCARD;
struct backed *backing_watch_get(const struct backing_watch *watch); /* never NULL */
/* Reads again now (SIGHUP). `input` replaces the input given at open; NULL keeps that input. A failure is logged and
 * returned, and the service and the input in use stay. */
int backing_watch_reload(struct backing_watch *watch, const void *input, struct err *err);
void backing_watch_close(struct backing_watch *watch); /* NULL is fine */

#endif
