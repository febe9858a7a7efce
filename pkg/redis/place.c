/* place: where commands of a client go. A place is a target's generation, and whether a Cluster is there: that may
 * turn out only at the first connection. What waits in the queue was made for the place that was in use when it was
 * sent; flow.c and cluster.c have it made anew before it leaves for another one, so that nothing is ever written with
 * the keys of another place. */
#include "redis/internal.h"

void redis_place_set(struct redis *client, struct redis_target *target, unsigned generation, bool is_cluster)
{
        struct redis_target *origin = redis_target_ref(redis_target_origin(target)), *old = client->place_target;
        client->place_target = origin;
        client->place = (struct redis_place){ .key_prefix = origin->key_prefix ? origin->key_prefix : "",
                                              .is_cluster = is_cluster,
                                              .generation = generation,
                                              .number = generation << 1 | is_cluster };
        redis_target_unref(old);
}

const struct redis_place *redis_place(const struct redis *client)
{
        return &client->place;
}
