/* follow: decides what a change to the bindings, reported by root.c, means. The code is the same for all kinds of
 * services (struct backed_kind).
 *
 * On any failure (an unreadable set; a broken, ambiguous or missing binding; a failed candidate) the current service
 * stays in use. The only state of a change is the candidate. The next poll starts from the bindings at that time, so
 * rapid changes cannot get out of order. */
#include "backing/follow.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

enum { LABELS_MAX_BYTES = 16 * 1024 };

/* --- Metrics --------------------------------------------------------------------------------------------- */

static int open_metrics(struct follower *f, struct err *err)
{
        static const char *const results[FOLLOW_RESULTS] = { "result=\"switched\"", "result=\"unchanged\"",
                                                             "result=\"failed\"", "result=\"vanished\"" };
        if (!f->metrics)
                return 0;
        int rc = metrics_gauge(f->metrics, f->names.generation, "Number of the backing service in use, from 1.", NULL,
                               &f->generation, err);
        if (rc == 0)
                rc = metrics_gauge(f->metrics, f->names.age, "How long the backing service has been in use.", NULL,
                                   &f->age, err);
        if (rc == 0)
                rc = metrics_gauge(
                        f->metrics, f->names.current,
                        "1: the service in use matches the bindings; 0: they are gone, unreadable or unusable.", NULL,
                        &f->is_current, err);
        for (size_t i = 0; i < FOLLOW_RESULTS && rc == 0; i++)
                rc = metrics_counter(f->metrics, f->names.reloads, "Evaluations of changed bindings, by result.",
                                     results[i], &f->reloads[i], err);
        return rc;
}

void follower_count(struct follower *f, enum follow_result result)
{
        f->is_wrong = result == FOLLOW_FAILED || result == FOLLOW_VANISHED;
        if (!f->metrics)
                return;
        metric_add(f->reloads[result], 1);
        metric_set(f->is_current, f->is_wrong ? 0 : 1);
}

static int info_labels(const struct follower *f, struct buf *labels)
{
        const struct backing_report *report = &f->now->notes.report;
        const char *address = backed_address(f->now);
        const struct {
                const char *name, *value;
        } pairs[] = {
                { "binding", report->binding },
                { "type", report->type },
                { "provider", report->provider },
                { "address", address },
                { "source", backing_source_name(report->source) },
        };
        for (size_t i = 0; i < COUNT_OF(pairs); i++) {
                int rc = metrics_label(labels, pairs[i].name, pairs[i].value ? pairs[i].value : "");
                if (rc < 0)
                        return rc;
        }
        return 0;
}

/* If memory runs out, the metric is missing until the next change. */
static void show(struct follower *f)
{
        struct buf labels;
        struct metric *info;
        if (!f->metrics)
                return;
        metric_set(f->generation, f->now->generation);
        metric_set(f->is_current, f->is_wrong ? 0 : 1);
        buf_init(&labels, LABELS_MAX_BYTES);
        metrics_drop(f->metrics, f->names.info);
        if (info_labels(f, &labels) == 0 &&
            metrics_gauge(f->metrics, f->names.info, "The backing service in use.", labels.data, &info, NULL) == 0)
                metric_set(info, 1);
        buf_fini(&labels);
}

static void show_age(struct follower *f)
{
        if (f->metrics)
                metric_set(f->age, (double)(clock_monotonic_ms() - f->since_ms) / 1000);
}

/* --- Log --------------------------------------------------------------------------------------------------- */

static void log_warnings(struct follower *f, const struct backing_report *report)
{
        for (size_t i = 0; i < report->warning_count; i++)
                log_warn(f->log, "binding.warned", "A setting is not used as written",
                         log_str("reason", report->warnings[i]));
}

static void log_found(struct follower *f)
{
        const struct backing_report *report = &f->now->notes.report;
        const char *address = backed_address(f->now);
        if (report->source == BACKING_FROM_NOWHERE && f->is_optional)
                return;
        if (report->source == BACKING_FROM_NOWHERE)
                log_warn(f->log, "binding.awaited", "No binding yet: waiting for it to appear",
                         log_str("binding", report->place));
        else
                log_info(f->log, "binding.found", "Using this service, and following its binding",
                         log_str("address", address), log_str("source", report->place),
                         log_str("binding", report->binding), log_int("generation", f->now->generation));
}

void follower_tell(const struct follower *f, const struct backing_change *change)
{
        if (f->on_state)
                f->on_state(change, f->state_data);
}

static void log_failed(struct follower *f, const char *message, const struct err *err)
{
        follower_count(f, FOLLOW_FAILED);
        log_error(f->log, "binding.reload_failed", message, log_err(err), log_code(err),
                  log_str("address", backed_address(f->now)), log_int("generation", f->now->generation));
        follower_tell(f, &(struct backing_change){ .state = BACKING_REFUSED, .err = err });
}

/* --- A change ---------------------------------------------------------------------------------------------- */

static void put_now(struct follower *f, struct backed *next)
{
        backed_unref(f->now);
        f->now = next;
        f->vanished[0] = '\0';
        show(f);
}

void follower_adopt(struct follower *f, struct backed *candidate, const char *version)
{
        candidate->generation = f->now->generation + 1;
        f->since_ms = clock_monotonic_ms();
        put_now(f, candidate);
        show_age(f);
        follower_count(f, FOLLOW_SWITCHED);
        const struct backing_report *report = &candidate->notes.report;
        log_info(f->log, "binding.switched", "Switched to another service",
                 log_str("address", backed_address(candidate)), log_str("source", report->place),
                 log_str("binding", report->binding), log_int("generation", candidate->generation),
                 log_str("version", version));
        follower_tell(f, &(struct backing_change){ .state = BACKING_IN_USE });
        f->ops->announce(f, candidate); /* must be the last call, since it may close the watch */
}

static void give_up(struct follower *f)
{
        if (f->ops->give_up)
                f->ops->give_up(f);
}

/* Logged once per reason: a binding may disappear, and then come back without a host. */
static void on_vanished(struct follower *f, const struct err *why)
{
        give_up(f);
        if (strcmp(f->vanished, why->text) == 0)
                return;
        memcpy(f->vanished, why->text, sizeof(f->vanished));
        follower_count(f, FOLLOW_VANISHED);
        log_warn(f->log, "binding.vanished",
                 "The binding has disappeared: its last settings stay in use until it "
                 "returns",
                 log_err(why), log_str("binding", f->now->notes.report.binding),
                 log_str("address", backed_address(f->now)), log_int("generation", f->now->generation));
        follower_tell(f, &(struct backing_change){ .state = BACKING_VANISHED, .err = why });
}

static void on_weaker(struct follower *f, const struct backed *candidate)
{
        struct err why;
        const struct backing_report *now = &f->now->notes.report, *weaker = &candidate->notes.report;
        (void)err_set(&why, ERR_NOT_FOUND, "%s: the binding is gone and no other has its type; %s is not used instead",
                      now->place,
                      weaker->source == BACKING_FROM_DEFAULT ? "the default" : weaker->place); /* reported */
        on_vanished(f, &why);
}

/* The same service, perhaps from another source: the generation stays the same, and no callback runs. */
static void on_equal(struct follower *f, struct backed *candidate)
{
        give_up(f);
        if (f->vanished[0])
                log_info(f->log, "binding.returned", "The binding has returned unchanged",
                         log_str("binding", candidate->notes.report.binding),
                         log_int("generation", f->now->generation));
        else if (f->is_wrong)
                log_info(f->log, "binding.recovered", "The binding is valid again and names the service in use",
                         log_str("binding", candidate->notes.report.binding),
                         log_str("address", backed_address(f->now)), log_int("generation", f->now->generation));
        follower_count(f, FOLLOW_UNCHANGED);
        candidate->generation = f->now->generation;
        put_now(f, candidate);
        follower_tell(f, &(struct backing_change){ .state = BACKING_IN_USE });
}

static bool is_weaker(const struct backed *candidate, const struct backed *now)
{
        return now->notes.report.source == BACKING_FROM_BINDING &&
               candidate->notes.report.source > BACKING_FROM_BINDING;
}

/* 0: the bindings were read, with any result; < 0: the bindings or settings are invalid, which has been logged. */
static int consider(struct follower *f, bool has_changed, struct err *err)
{
        struct backed *candidate;
        int rc = backed_new(f->kind, f->input, root_set(f->root), &candidate, err);
        if (rc == ERR_NOT_FOUND) {
                if (f->now->notes.report.source == BACKING_FROM_BINDING)
                        on_vanished(f, err);
                return 0;
        }
        if (rc < 0) {
                if (has_changed) /* the candidate is out of date */
                        give_up(f);
                log_failed(f, "The changed settings can't be used: keeping the current service until they change", err);
                return rc;
        }
        log_warnings(f, &candidate->notes.report);
        if (is_weaker(candidate, f->now)) {
                on_weaker(f, candidate);
                backed_unref(candidate);
                return 0;
        }
        if (f->kind->equal(candidate, f->now)) {
                on_equal(f, candidate);
                return 0;
        }
        give_up(f);
        log_info(f->log, "binding.changed", "The binding has changed", log_str("address", backed_address(candidate)),
                 log_str("source", candidate->notes.report.place), log_str("binding", candidate->notes.report.binding));
        follower_tell(f, &(struct backing_change){ .state = BACKING_TRYING, .address = backed_address(candidate) });
        if (f->ops->attempt)
                f->ops->attempt(f, candidate);
        else
                follower_adopt(f, candidate, NULL);
        return 0;
}

static struct follower *follower_of(struct root_member *member)
{
        return CONTAINER_OF(member, struct follower, member);
}

static void on_change(struct root_member *member)
{
        struct err err;
        (void)consider(follower_of(member), true, &err); /* logged there */
}

static void on_unreadable(struct root_member *member, const struct err *why)
{
        log_failed(follower_of(member), "The bindings can't be read: keeping the current service and trying again",
                   why);
}

static void on_second(struct root_member *member)
{
        show_age(follower_of(member));
}

/* --- Life cycle -------------------------------------------------------------------------------------------- */

static int resolve_first(struct follower *f, struct err *err)
{
        int rc = backed_new(f->kind, f->input, root_set(f->root), &f->now, err);
        if (rc == ERR_NOT_FOUND) {
                log_warn(f->log, "binding.warned", "Waiting for a binding", log_err(err));
                rc = backed_new_nowhere(f->kind, f->input, &f->now, err);
        }
        /* A binding that exists but cannot be read is as invalid as a binding that makes no sense. */
        if (rc == ERR_DENIED || rc == ERR_LIMIT)
                err->code = rc = ERR_INVALID;
        if (rc < 0)
                return rc;
        f->now->generation = 1;
        f->since_ms = clock_monotonic_ms();
        return open_metrics(f, err);
}

int follower_open(struct follower *f, const struct follow_ops *ops, struct backing_root *root,
                  const struct follow_options *options, struct err *err)
{
        f->ops = ops;
        f->kind = options->kind;
        f->input = options->input;
        f->root = root;
        f->log = root_log(root);
        f->metrics = root_metrics(root);
        f->names = options->names;
        f->is_optional = options->is_optional;
        f->on_state = options->on_state;
        f->state_data = options->data;
        int rc = resolve_first(f, err);
        if (rc < 0) {
                backed_unref(f->now);
                return rc;
        }
        log_warnings(f, &f->now->notes.report);
        log_found(f);
        show(f);
        f->member.on_change = on_change;
        f->member.on_unreadable = on_unreadable;
        f->member.on_second = on_second;
        root_join(root, &f->member);
        return 0;
}

int follower_reload(struct follower *f, const void *input, struct err *err)
{
        struct err local;
        const void *old = f->input;
        err = err ? err : &local;
        f->input = input ? input : old;
        int rc = root_look(f->root, &f->member, err);
        if (rc >= 0)
                rc = consider(f, rc > 0, err);
        if (rc < 0)
                f->input = old;
        return rc;
}

void follower_close(struct follower *f)
{
        give_up(f);
        root_leave(&f->member);
        backed_unref(f->now);
}
