/* collector_watch: follows the binding of a Collector. There is no probe: undelivered records are kept and sent again,
 * so a change takes effect at once. */
#include <stdlib.h>

#include "backing/collector.h"
#include "backing/collector_resolved.h"
#include "backing/follow.h"

struct backing_collector_watch {
        struct follower follower; /* first */
        struct backing_collector_input input;
        void (*on_change)(struct backing_collector *now, void *data);
        void *data;
};

static struct backing_collector_watch *watch_of(struct follower *follower)
{
        return CONTAINER_OF(follower, struct backing_collector_watch, follower);
}

static struct backing_collector *collector_of(struct backed *backed)
{
        return CONTAINER_OF(backed, struct backing_collector, backed);
}

static const struct backing_collector *const_collector_of(const struct backed *backed)
{
        return (const struct backing_collector *)backed; /* its first member */
}

static int resolve(struct follower *follower, const struct servicebinding_set *bindings, struct backed **out,
                   struct err *err)
{
        struct backing_collector_input input = watch_of(follower)->input;
        struct backing_collector *collector;
        input.bindings = bindings;
        int rc = backing_collector_resolve(&input, &collector, err);
        if (rc == 0)
                *out = &collector->backed;
        return rc;
}

/* The service while the Collector that was requested by name is missing: its address is unknown. */
static int resolve_nowhere(struct follower *follower UNUSED, struct backed **out, struct err *err)
{
        struct backing_collector *collector;
        int rc = backing_collector_resolve(&(struct backing_collector_input){ 0 }, &collector, err);
        if (rc == 0)
                *out = &collector->backed;
        return rc;
}

static bool equal(const struct backed *a, const struct backed *b)
{
        return backing_collector_equal(const_collector_of(a), const_collector_of(b));
}

static const char *address(const struct backed *backed)
{
        return backing_collector_url(const_collector_of(backed));
}

static void announce(struct follower *follower, struct backed *now)
{
        struct backing_collector_watch *watch = watch_of(follower);
        if (watch->on_change)
                watch->on_change(collector_of(now), watch->data);
}

static const struct follow_ops ops = {
        .resolve = resolve,
        .resolve_nowhere = resolve_nowhere,
        .equal = equal,
        .address = address,
        .announce = announce,
};

int backing_collector_watch_open(struct backing_root *root, const struct backing_collector_watch_options *options,
                                 struct backing_collector_watch **out, struct err *err)
{
        struct backing_collector_watch *watch = calloc(1, sizeof(*watch));
        if (!watch)
                return err_set(err, ERR_NOMEM, "Collector");
        watch->input = options->input;
        watch->on_change = options->on_change;
        watch->data = options->data;
        const struct follow_options follow = { .names = options->metric_names,
                                               .on_state = options->on_state,
                                               .data = options->data };
        int rc = follower_open(&watch->follower, &ops, root, &follow, err);
        if (rc < 0)
                free(watch);
        else
                *out = watch;
        return rc;
}

struct backing_collector *backing_collector_watch_get(const struct backing_collector_watch *watch)
{
        return collector_of(watch->follower.now);
}

int backing_collector_watch_reload(struct backing_collector_watch *watch, const struct backing_collector_input *input,
                                   struct err *err)
{
        struct backing_collector_input old = watch->input;
        if (input)
                watch->input = *input;
        int rc = follower_reload(&watch->follower, err);
        if (rc < 0)
                watch->input = old;
        return rc;
}

void backing_collector_watch_close(struct backing_collector_watch *watch)
{
        if (!watch)
                return;
        follower_close(&watch->follower);
        free(watch);
}
