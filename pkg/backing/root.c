/* root: one servicebinding_watch, polled by a timer, and the list of members that follow a binding in it.
 *
 * A member may leave while it is notified of a change, so the walk over the list keeps its position in the root. Other
 * threads get the bindings from a snapshot, since the watch belongs to the loop. */
#include "backing/root.h"

#include <stdlib.h>
#include <string.h>

#include "backing/root_members.h"
#include "base/snapshot.h"

enum { POLL_DEFAULT_MS = 1000 };

struct bindings {
        struct snapshot snapshot;
        struct servicebinding_set *set;
};

struct backing_root {
        uv_timer_t poll;
        struct servicebinding_watch *watch;
        struct log *log;
        struct metrics *metrics;
        struct list members;
        struct list *next;               /* of the walk in progress; NULL: none */
        char problem[256];               /* why the last check failed; "": it did not */
        struct snapshot_holder bindings; /* struct bindings: the result of the last successful check */
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

void root_join(struct backing_root *root, struct root_member *member)
{
        member->root = root;
        list_append(&root->members, &member->link);
}

void root_leave(struct root_member *member)
{
        struct backing_root *root = member->root;
        if (root->next == &member->link)
                root->next = list_next(&root->members, &member->link);
        list_remove(&member->link);
}

/* --- Looking ------------------------------------------------------------------------------------------------- */

static void log_warnings(const struct backing_root *root)
{
        const struct servicebinding_set *set = root_set(root);
        for (size_t i = 0; i < servicebinding_warning_count(set); i++)
                log_warn(root->log, "binding.warned", "Problem below SERVICE_BINDING_ROOT",
                         log_str("reason", servicebinding_warning_at(set, i)));
}

static void bindings_destroy(struct snapshot *snapshot)
{
        struct bindings *bindings = CONTAINER_OF(snapshot, struct bindings, snapshot);
        servicebinding_set_unref(bindings->set);
        free(bindings);
}

/* If memory runs out, other threads see the old bindings until the next change. */
static int publish(struct backing_root *root, struct err *err)
{
        struct bindings *fresh = calloc(1, sizeof(*fresh));
        if (!fresh)
                return err_set(err, ERR_NOMEM, "bindings");
        snapshot_init(&fresh->snapshot, bindings_destroy);
        fresh->set = servicebinding_set_ref(root_set(root));
        snapshot_holder_set(&root->bindings, &fresh->snapshot);
        return 0;
}

/* 1: the members must check again; 0: they need not; < 0: the bindings can't be read. Sets *is_news if this is the
 * first failure, or if its reason differs from that of the last failure. */
static int poll_watch(struct backing_root *root, bool *is_news, struct err *err)
{
        struct servicebinding_error problem;
        int rc = servicebinding_watch_poll(root->watch, &problem);
        if (rc < 0) {
                *is_news = strcmp(root->problem, problem.text) != 0;
                memcpy(root->problem, problem.text, sizeof(root->problem));
                return err_set(err, rc == SERVICEBINDING_NOMEM ? ERR_NOMEM : ERR_UNAVAILABLE, "%s", problem.text);
        }
        bool can_again = root->problem[0] != '\0'; /* then all members check again, even unchanged bindings */
        root->problem[0] = '\0';
        if (rc > 0) {
                log_warnings(root);
                (void)publish(root, NULL); /* the members don't need the snapshot */
        }
        return can_again ? 1 : rc;
}

int root_look(struct backing_root *root, const struct root_member *except, struct err *err)
{
        bool is_news = false;
        int rc = poll_watch(root, &is_news, err);
        struct err why = rc < 0 ? *err : (struct err){ 0 };
        for (struct list *at = list_first(&root->members); at; at = root->next) {
                struct root_member *member = CONTAINER_OF(at, struct root_member, link);
                root->next = list_next(&root->members, at);
                if (rc < 0 && is_news)
                        member->on_unreadable(member, &why);
                else if (rc > 0 && member != except)
                        member->on_change(member);
        }
        return rc;
}

void backing_root_look(struct backing_root *root)
{
        struct err err;
        (void)root_look(root, NULL, &err); /* the members log it */
}

static void on_poll(uv_timer_t *timer)
{
        struct backing_root *root = CONTAINER_OF(timer, struct backing_root, poll);
        for (struct list *at = list_first(&root->members); at; at = root->next) {
                struct root_member *member = CONTAINER_OF(at, struct root_member, link);
                root->next = list_next(&root->members, at);
                member->on_second(member);
        }
        backing_root_look(root);
}

/* --- Life cycle ---------------------------------------------------------------------------------------------- */

static void root_free(struct backing_root *root)
{
        snapshot_holder_fini(&root->bindings);
        servicebinding_watch_close(root->watch);
        free(root);
}

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
        list_init(&root->members);
        snapshot_holder_init(&root->bindings);
        rc = publish(root, err);
        if (rc < 0) {
                root_free(root);
                return rc;
        }
        log_warnings(root);
        uint64_t every = (uint64_t)(options->poll_ms > 0 ? options->poll_ms : POLL_DEFAULT_MS);
        (void)uv_timer_init(loop, &root->poll); /* these two can't fail */
        (void)uv_timer_start(&root->poll, on_poll, every, every);
        uv_unref((uv_handle_t *)&root->poll);
        *out = root;
        return 0;
}

struct servicebinding_set *backing_root_bindings(struct backing_root *root)
{
        struct snapshot *now = snapshot_holder_get(&root->bindings);
        struct servicebinding_set *set = servicebinding_set_ref(CONTAINER_OF(now, struct bindings, snapshot)->set);
        snapshot_unref(now);
        return set;
}

static void on_closed(uv_handle_t *handle)
{
        root_free(CONTAINER_OF((uv_timer_t *)handle, struct backing_root, poll));
}

void backing_root_close(struct backing_root *root)
{
        if (root && !uv_is_closing((uv_handle_t *)&root->poll))
                uv_close((uv_handle_t *)&root->poll, on_closed);
}
