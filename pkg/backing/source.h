/* source: the sources of a backing service's settings, and the report on them. Shared by backing/redis.h and
 * backing/collector.h; a program includes one of those two headers.
 *
 * All settings of a service come from one source, so that one source's password is never sent to another source's host.
 * The first of these sources that has any setting is used:
 *     flags, configuration file, binding directory, environment variables, default
 * A program passes the values of its options with their origins:
 *
 *     struct backing_value values[2];
 *     if (backing_value_of(report, "redis-host", "host", host, strlen(host), &values[count]))
 *             count++;                                  // { "host", BACKING_FROM_FLAG, host, ..., "--redis-host" }
 *
 * The strings (errors, warnings, settings, origins) never contain a secret: a secret setting appears as "(set)".
 *
 * Threads: any; these structs never change once they are filled. */
#ifndef BACKING_SOURCE_H
#define BACKING_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "config/config.h"

/* In order of precedence, highest first. */
enum backing_source {
        BACKING_FROM_FLAG,
        BACKING_FROM_FILE,
        BACKING_FROM_BINDING,
        BACKING_FROM_ENVIRONMENT,
        BACKING_FROM_DEFAULT,
        BACKING_FROM_NOWHERE, /* a binding was requested by name but is missing (so far), or no source gives an
                               * address */
};

/* "flags", "configuration file", "binding", "environment", "default", "nowhere"; static. */
const char *backing_source_name(enum backing_source source);

/* The value of one option of the program. All borrowed. A value without text or of length 0 counts as unset. The kind
 * is FLAG, FILE or ENVIRONMENT (a variable such as COLLECTOR_REDIS_HOST, which overrides the common variables);
 * values of other kinds (a fallback) are ignored. */
struct backing_value {
        const char *name; /* the name of a binding entry: "host", "port", "url", "password", ... */
        enum backing_source kind;
        const char *text;
        size_t length;
        const char *place; /* "--redis-host", "collector.yaml:7: redis-host": for errors and --check */
};

/* The value of an option as read by pkg/config: `name` is the name of a binding entry, `text` is borrowed. Returns
 * false and leaves *out unchanged if the option has only its default, which does not determine a service. */
bool backing_value_of(const struct config_report *report, const char *option, const char *name, const char *text,
                      size_t length, struct backing_value *out);

/* One resolved setting, for --check and pages. All borrowed from the resolved service. */
struct backing_setting {
        const char *name;  /* "host"                                         */
        const char *value; /* redacted: "(set)" for a secret                 */
        const char *place; /* "/bindings/redis/host", "REDIS_URL", "default" */
};

/* Reports how a service was resolved. All borrowed from the resolved service. */
struct backing_report {
        enum backing_source source;
        const char *binding, *type, *provider; /* of the binding in use; NULL if there is none */
        const char *place;                     /* the source in words: "/bindings/redis", "REDIS_URL" */
        const struct backing_setting *settings;
        size_t setting_count;
        const char *const *warnings; /* each a sentence that names an origin */
        size_t warning_count;
};

/* The state of the bindings as a watch sees it, for display. */
enum backing_state {
        BACKING_IN_USE,   /* the bindings name the service in use */
        BACKING_TRYING,   /* they name another service, which is being tried */
        BACKING_REFUSED,  /* the bindings can't be used: err says why; the service in use stays */
        BACKING_VANISHED, /* the binding of the service in use is gone; err says so */
};

/* Borrowed during the call. */
struct backing_change {
        enum backing_state state;
        const char *address;   /* TRYING, REFUSED: of the candidate; NULL: unknown */
        const struct err *err; /* REFUSED, VANISHED                                */
        int64_t retry_ms;      /* REFUSED: until the next attempt; 0: none         */
};
/* Called whenever the state or its reason may have changed, before a new service is announced. */
typedef void backing_on_change(const struct backing_change *change, void *data);

/* Names of the metrics of a watch, static: BACKING_METRICS("collector") gives
 *   collector_binding_generation      gauge    number of the target in use, from 1
 *   collector_binding_reloads_total   counter  {result="switched|unchanged|failed|vanished"}
 *   collector_binding_info            gauge    1 {binding,type,provider,source,address}; no secrets
 *   collector_binding_age_seconds     gauge    how long the target has been in use
 *   collector_binding_current         gauge    1, or 0 while the bindings are gone or can't be used */
struct backing_metric_names {
        const char *generation, *reloads, *info, *age, *current;
};
#define BACKING_METRICS(program)                                                                                       \
        ((struct backing_metric_names){ .generation = program "_binding_generation",                                   \
                                        .reloads = program "_binding_reloads_total",                                   \
                                        .info = program "_binding_info",                                               \
                                        .age = program "_binding_age_seconds",                                         \
                                        .current = program "_binding_current" })

#endif
