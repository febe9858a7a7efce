/* rebinding: each Redis has the number of its generation of the binding; a follower knows the number of the Redis that
 * it reads. */
#include "rebinding.h"

#include <string.h>

#include "base/attr.h"
#include "base/clock.h"

/* --- Former servers ---------------------------------------------------------------------------------------------- */

static struct former *former_of(struct rebinding *rebinding, unsigned generation)
{
        for (size_t i = 0; i < REBINDING_FORMERS; i++)
                if (generation > 0 && rebinding->formers[i].generation == generation)
                        return &rebinding->formers[i];
        return NULL;
}

/* The newest former Redis with that feed. There may be several, since a binding may change and still name the same
 * Redis. */
static struct former *former_with_feed(struct rebinding *rebinding, const char *feed)
{
        struct former *found = NULL;
        for (size_t i = 0; i < REBINDING_FORMERS; i++) {
                struct former *former = &rebinding->formers[i];
                if (former_has_feed(former, feed) && (!found || former->generation > found->generation))
                        found = former;
        }
        return found;
}

/* The first former Redis after that generation; NULL: the Redis in use. */
static struct former *former_after(struct rebinding *rebinding, unsigned generation)
{
        struct former *found = NULL;
        for (size_t i = 0; i < REBINDING_FORMERS; i++) {
                struct former *former = &rebinding->formers[i];
                if (former->generation > generation && (!found || former->generation < found->generation))
                        found = former;
        }
        return found;
}

/* A former Redis that is not open, or the oldest one. */
static struct former *former_to_open(struct rebinding *rebinding)
{
        struct former *oldest = &rebinding->formers[0];
        for (size_t i = 1; i < REBINDING_FORMERS; i++)
                if (rebinding->formers[i].generation < oldest->generation)
                        oldest = &rebinding->formers[i];
        return oldest;
}

void rebinding_begin(struct rebinding *rebinding, struct redis_target *target, unsigned generation, bool is_followed)
{
        if (is_followed) {
                struct former *former = former_to_open(rebinding);
                former_open(former, rebinding->loop, rebinding->store, rebinding->budget, rebinding->target,
                            rebinding->generation);
                former->from_ms = rebinding->moves.from_ms;
        }
        redis_target_unref(rebinding->target);
        rebinding->target = redis_target_ref(target);
        rebinding->generation = generation;
        rebinding->has_changed = true;
        moves_begin(&rebinding->moves, generation);
}

bool rebinding_has_changed(const struct rebinding *rebinding)
{
        return rebinding->has_changed;
}

/* --- A follower's way -------------------------------------------------------------------------------------------- */

/* A follower that has yet to read a former Redis gets the late documents there. */
void rebinding_join(struct rebinding *rebinding, struct follower *follower)
{
        if (!former_with_feed(rebinding, follower->cursor.feed))
                late_documents_join(&rebinding->late_documents, follower);
}

struct store *rebinding_store(struct rebinding *rebinding, struct follower *follower)
{
        struct former *former = former_of(rebinding, follower->former);
        if (!former)
                follower->former = 0;
        return former ? &former->store : rebinding->store;
}

bool rebinding_find(struct rebinding *rebinding, struct follower *follower)
{
        struct former *former = follower->former ? NULL : former_with_feed(rebinding, follower->cursor.feed);
        if (!former)
                return false;
        follower->former = former->generation;
        return true;
}

bool rebinding_is_done(struct rebinding *rebinding, const struct follower *follower, const struct follow_read *read,
                       enum store_outcome outcome)
{
        const struct former *former = former_of(rebinding, follower->former);
        return !former || outcome != STORE_DONE || (!read->more && follower->read_ms >= former_settled_ms(former));
}

bool rebinding_go_on(struct rebinding *rebinding, struct follower *follower)
{
        struct former *next = former_after(rebinding, follower->former);
        const struct cursor left = follower->cursor;
        bool was_former = follower->former > 0;
        if (was_former && next) {
                follower_rebind(follower, &next->store, redis_target_address(next->target), next->from_ms);
                follower->former = next->generation;
        } else if (moves_are_known(&rebinding->moves)) {
                follower_rebind(follower, rebinding->store, redis_target_address(rebinding->target),
                                rebinding->moves.from_ms);
                follower->former = 0;
        } else {
                return false;
        }
        if (was_former)
                late_documents_keep(&rebinding->late_documents, follower, &left);
        return true;
}

/* --- Time -------------------------------------------------------------------------------------------------------- */

void rebinding_turn(struct rebinding *rebinding)
{
        for (size_t i = 0; i < REBINDING_FORMERS; i++)
                former_turn(&rebinding->formers[i]);
        moves_turn(&rebinding->moves);
}

void rebinding_second(struct rebinding *rebinding)
{
        int64_t now_ms = clock_monotonic_ms();
        for (size_t i = 0; i < REBINDING_FORMERS; i++)
                if (former_is_open(&rebinding->formers[i]) && former_is_over(&rebinding->formers[i], now_ms))
                        former_close(&rebinding->formers[i]);
        late_documents_second(&rebinding->late_documents);
}

static struct store *store_of_feed(struct late_documents *late_documents, const char *feed)
{
        struct rebinding *rebinding = CONTAINER_OF(late_documents, struct rebinding, late_documents);
        const struct feed_name *name = &rebinding->store->name;
        if (feed_name_is_known(name, rebinding->generation) && strcmp(name->text, feed) == 0)
                return NULL; /* that Redis is in use again */
        struct former *former = former_with_feed(rebinding, feed);
        return former ? &former->store : NULL;
}

void rebinding_init(struct rebinding *rebinding, uv_loop_t *loop, struct store *store, struct redis_budget *budget,
                    struct redis_target *target, unsigned generation)
{
        rebinding->loop = loop;
        rebinding->store = rebinding->moves.store = store;
        rebinding->budget = budget;
        rebinding->target = redis_target_ref(target);
        rebinding->generation = generation;
        rebinding->late_documents.store_of = store_of_feed;
        late_documents_init(&rebinding->late_documents);
}

void rebinding_close(struct rebinding *rebinding)
{
        late_documents_close(&rebinding->late_documents);
        for (size_t i = 0; i < REBINDING_FORMERS; i++)
                former_close(&rebinding->formers[i]);
}

void rebinding_fini(struct rebinding *rebinding)
{
        late_documents_fini(&rebinding->late_documents);
        redis_target_unref(rebinding->target);
}
