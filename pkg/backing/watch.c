/* watch: a follower that adopts each change at once. */
#include "backing/watch.h"

#include <stdlib.h>

#include "backing/follow.h"

struct backing_watch {
        struct follower follower;
        void (*on_change)(struct backed *now, void *data);
        void *data;
};

static void announce(struct follower *follower, struct backed *now)
{
        struct backing_watch *watch = CONTAINER_OF(follower, struct backing_watch, follower);
        if (watch->on_change)
                watch->on_change(now, watch->data);
}

static const struct follow_ops ops = { .announce = announce };

int backing_watch_open(struct backing_root *root, const struct backed_kind *kind,
                       const struct backing_watch_options *options, struct backing_watch **out, struct err *err)
{
        struct backing_watch *watch = calloc(1, sizeof(*watch));
        if (!watch)
                return err_set(err, ERR_NOMEM, "%s", kind->noun);
        watch->on_change = options->on_change;
        watch->data = options->data;
        const struct follow_options follow = { .kind = kind,
                                               .input = options->input,
                                               .names = options->metric_names,
                                               .is_optional = options->is_optional,
                                               .on_state = options->on_state,
                                               .data = options->data };
        int rc = follower_open(&watch->follower, &ops, root, &follow, err);
        if (rc < 0)
                free(watch);
        else
                *out = watch;
        return rc;
}

struct backed *backing_watch_get(const struct backing_watch *watch)
{
        return watch->follower.now;
}

int backing_watch_reload(struct backing_watch *watch, const void *input, struct err *err)
{
        return follower_reload(&watch->follower, input, err);
}

void backing_watch_close(struct backing_watch *watch)
{
        if (!watch)
                return;
        follower_close(&watch->follower);
        free(watch);
}
