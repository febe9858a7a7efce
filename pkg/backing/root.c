/* root: one servicebinding_watch, polled by a timer, and the list of those who follow a binding in it.
 *
 * A follower may close itself when it is told of a change, so the walk over the list keeps its place in the root. */
#include "backing/root.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backing/internal.h"

enum { POLL_DEFAULT_MS = 1000 };

struct backing_root {
        uv_timer_t poll;
        struct servicebinding_watch *watch;
        struct log *log;
        struct metrics *metrics;
        struct follower *first, **last; /* the followers, in the order in which they were opened */
        struct follower *next;          /* of the walk that is under way                         */
        char problem[256];              /* why the last look failed; "": it did not              */
        pthread_mutex_t lock;           /* guards the pointer to `bindings`                      */
        struct servicebinding_set *bindings;
};

uv_loop_t *root_loop(const struct backing_root *root)
{
        return root->poll.loop;
}

struct log *root_log(const struct backing_root *root)
{
        return root->log;
}

struct metrics *root_metrics(const struct backing_root *root)
{
        return root->metrics;
}

const struct servicebinding_set *root_set(const struct backing_root *root)
{
        return servicebinding_watch_set(root->watch);
}

void root_join(struct backing_root *root, struct follower *follower)
{
        follower->next = NULL;
        *root->last = follower;
        root->last = &follower->next;
}

void root_leave(struct backing_root *root, struct follower *follower)
{
        struct follower **at = &root->first;
        while (*at != follower)
                at = &(*at)->next;
        *at = follower->next;
        if (root->last == &follower->next)
                root->last = at;
        if (root->next == follower)
                root->next = follower->next;
}

/* --- Looking ------------------------------------------------------------------------------------------------- */

static void log_warnings(const struct backing_root *root)
{
        const struct servicebinding_set *set = root_set(root);
        for (size_t i = 0; i < servicebinding_warning_count(set); i++)
                log_warn(root->log, "binding.warned", "Problem below SERVICE_BINDING_ROOT",
                         log_str("reason", servicebinding_warning_at(set, i)));
}

static void publish(struct backing_root *root)
{
        struct servicebinding_set *fresh = servicebinding_set_ref(root_set(root));
        (void)pthread_mutex_lock(&root->lock); /* cannot fail: not recursive, not checked */
        struct servicebinding_set *old = root->bindings;
        root->bindings = fresh;
        (void)pthread_mutex_unlock(&root->lock);
        servicebinding_set_unref(old);
}

/* 1: there is something new to consider; 0: there is not; < 0: the bindings can't be read. *is_news: for the first
 * time, or for another reason than before. */
static int poll_watch(struct backing_root *root, bool *is_news, struct err *err)
{
        struct servicebinding_error problem;
        int rc = servicebinding_watch_poll(root->watch, &problem);
        if (rc < 0) {
                *is_news = strcmp(root->problem, problem.text) != 0;
                memcpy(root->problem, problem.text, sizeof(root->problem));
                return err_set(err, rc == SERVICEBINDING_NOMEM ? ERR_NOMEM : ERR_UNAVAILABLE, "%s", problem.text);
        }
        bool can_again = root->problem[0] != '\0'; /* then everyone looks again, even at the same bindings */
        root->problem[0] = '\0';
        if (rc > 0) {
                log_warnings(root);
                publish(root);
        }
        return can_again ? 1 : rc;
}

int root_look(struct backing_root *root, const struct follower *except, struct err *err)
{
        bool is_news = false;
        int rc = poll_watch(root, &is_news, err);
        struct err why = rc < 0 ? *err : (struct err){ 0 };
        for (struct follower *f = root->first; f; f = root->next) {
                root->next = f->next;
                if (rc < 0 && is_news)
                        follower_unreadable(f, &why);
                else if (rc > 0 && f != except)
                        follower_consider(f);
        }
        return rc;
}

void backing_root_look(struct backing_root *root)
{
        struct err err;
        (void)root_look(root, NULL, &err); /* the followers log it */
}

static void on_poll(uv_timer_t *timer)
{
        struct backing_root *root = CONTAINER_OF(timer, struct backing_root, poll);
        for (struct follower *f = root->first; f; f = f->next)
                follower_show_age(f);
        backing_root_look(root);
}

/* --- Life cycle ---------------------------------------------------------------------------------------------- */

int backing_root_open(uv_loop_t *loop, const struct backing_root_options *options, struct backing_root **out,
                      struct err *err)
{
        struct servicebinding_error problem;
        struct backing_root *root = calloc(1, sizeof(*root));
        if (!root)
                return err_set(err, ERR_NOMEM, "bindings");
        int rc = servicebinding_watch_open(options->path, &root->watch, &problem);
        if (rc < 0) {
                free(root);
                return err_set(err, rc == SERVICEBINDING_NOMEM ? ERR_NOMEM : ERR_INVALID, "%s", problem.text);
        }
        root->log = options->log;
        root->metrics = options->metrics;
        root->last = &root->first;
        (void)pthread_mutex_init(&root->lock, NULL); /* default attributes: cannot fail on Linux */
        log_warnings(root);
        publish(root);
        uint64_t every = (uint64_t)(options->poll_ms > 0 ? options->poll_ms : POLL_DEFAULT_MS);
        (void)uv_timer_init(loop, &root->poll); /* these two can't fail */
        (void)uv_timer_start(&root->poll, on_poll, every, every);
        uv_unref((uv_handle_t *)&root->poll);
        *out = root;
        return 0;
}

struct servicebinding_set *backing_root_bindings(struct backing_root *root)
{
        (void)pthread_mutex_lock(&root->lock); /* cannot fail: not recursive, not checked */
        struct servicebinding_set *set = servicebinding_set_ref(root->bindings);
        (void)pthread_mutex_unlock(&root->lock);
        return set;
}

static void on_closed(uv_handle_t *handle)
{
        struct backing_root *root = CONTAINER_OF((uv_timer_t *)handle, struct backing_root, poll);
        servicebinding_set_unref(root->bindings);
        servicebinding_watch_close(root->watch);
        (void)pthread_mutex_destroy(&root->lock); /* nobody holds it */
        free(root);
}

void backing_root_close(struct backing_root *root)
{
        if (root && !uv_is_closing((uv_handle_t *)&root->poll))
                uv_close((uv_handle_t *)&root->poll, on_closed);
}
