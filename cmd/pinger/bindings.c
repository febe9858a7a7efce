/* bindings: libservicebinding's watch is polled by a timer, which reads a few links while nothing changes. The set is
 * immutable; the lock guards only the pointer to the newest. */
#include "bindings.h"

#include <pthread.h>
#include <stdlib.h>

enum { POLL_MS = 1000 };

struct bindings {
        uv_timer_t timer;
        struct servicebinding_watch *watch; /* NULL: the root can't be read, and is tried again */
        pthread_mutex_t lock;
        struct servicebinding_set *set;
};

static void publish(struct bindings *bindings)
{
        struct servicebinding_set *fresh = servicebinding_set_ref(servicebinding_watch_set(bindings->watch));
        (void)pthread_mutex_lock(&bindings->lock); /* cannot fail: not recursive, not checked */
        struct servicebinding_set *old = bindings->set;
        bindings->set = fresh;
        (void)pthread_mutex_unlock(&bindings->lock);
        servicebinding_set_unref(old);
}

/* What goes wrong here is logged by pkg/backing, which reads the same folders. */
static void on_poll(uv_timer_t *timer)
{
        struct bindings *bindings = CONTAINER_OF(timer, struct bindings, timer);
        if (bindings->watch ? servicebinding_watch_poll(bindings->watch, NULL) == 1
                            : servicebinding_watch_open(NULL, &bindings->watch, NULL) == 0)
                publish(bindings);
}

int bindings_open(uv_loop_t *loop, struct bindings **out, struct err *err)
{
        struct bindings *bindings = calloc(1, sizeof(*bindings));
        if (!bindings)
                return err_set(err, ERR_NOMEM, "bindings");
        (void)pthread_mutex_init(&bindings->lock, NULL); /* default attributes: cannot fail on Linux */
        (void)uv_timer_init(loop, &bindings->timer);     /* always 0 */
        (void)uv_timer_start(&bindings->timer, on_poll, POLL_MS, POLL_MS); /* not closing: cannot fail */
        on_poll(&bindings->timer);
        *out = bindings;
        return 0;
}

static void on_closed(uv_handle_t *handle)
{
        struct bindings *bindings = CONTAINER_OF(handle, struct bindings, timer);
        servicebinding_watch_close(bindings->watch);
        servicebinding_set_unref(bindings->set);
        (void)pthread_mutex_destroy(&bindings->lock); /* nobody holds it */
        free(bindings);
}

void bindings_close(struct bindings *bindings)
{
        if (bindings)
                uv_close((uv_handle_t *)&bindings->timer, on_closed);
}

struct servicebinding_set *bindings_copy(struct bindings *bindings)
{
        (void)pthread_mutex_lock(&bindings->lock);
        struct servicebinding_set *set = bindings->set ? servicebinding_set_ref(bindings->set) : NULL;
        (void)pthread_mutex_unlock(&bindings->lock);
        return set;
}
