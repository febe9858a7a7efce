/* backing/collector: finds Pinger's Collector. backing/watch.h follows changes to its address.
 *
 *     const struct backing_collector_input input = { .values = values, .value_count = 2, .environment = environ };
 *     struct backing_watch *watch;
 *     backing_watch_open(root, &backing_collector_kind, &(struct backing_watch_options){
 *             .input = &input, .on_change = on_change }, &watch, &err);
 *     const struct backing_collector *now = backing_collector_of(backing_watch_get(watch));
 *     const char *url = backing_collector_url(now);         // NULL: the address is unknown, so nothing is delivered
 *
 * Settings: `host port uri token certificates tls`, in a binding of type `collector`, or as options of the program
 * ("url" is the same as "uri"). A separate setting overrides the same part of the uri, which is http:// or https://.
 * Environment: one complete family of variables is used, the first of these: the program's own options (values of kind
 * ENVIRONMENT); COLLECTOR_HOSTNAME with COLLECTOR_PORT; COLLECTOR_URL with COLLECTOR_TOKEN. Kubernetes' own
 * COLLECTOR_PORT=tcp://10.96.0.7:4001 is skipped with a warning. There is no default address. The default port is 4001
 * for a host, and the scheme's port for a uri.
 *
 * Threads: any thread may use a struct backing_collector, which is immutable and counted. */
#ifndef BACKING_COLLECTOR_H
#define BACKING_COLLECTOR_H

#include <stdint.h>

#include "backing/source.h"
#include "backing/watch.h"
#include "base/secret.h"
#include "binding/servicebinding.h"

struct backing_collector_input {
        const struct backing_value *values; /* of the program's options                                       */
        size_t value_count;
        const char *binding;                       /* name of the wanted binding; NULL or "": by type         */
        const char *provider;                      /* NULL or "": any                                         */
        const struct servicebinding_set *bindings; /* NULL: none. A watch uses its own                        */
        char *const *environment;                  /* NULL-terminated "NAME=value"; NULL: empty               */
};

struct backing_collector; /* opaque: a resolved Collector, possibly without an address; immutable, counted */

/* Pure, like backing_redis_resolve, with the same errors. If no source sets an address, the result has no URL. */
int backing_collector_resolve(const struct backing_collector_input *input, struct backing_collector **out,
                              struct err *err) NODISCARD;
struct backing_collector *backing_collector_ref(struct backing_collector *collector);
/* NULL is fine; releasing the last reference wipes the token. */
void backing_collector_unref(struct backing_collector *collector);

/* Borrowed until the last reference is released. */

/* "http://collector:4001" or "https://[::1]:8443/base": never with a user part, a query or a trailing slash. */
const char *backing_collector_url(const struct backing_collector *collector);
const struct secret *backing_collector_token(const struct backing_collector *collector); /* empty: none        */
/* PEM, one or more certificates to trust; empty: the system's. */
const struct secret *backing_collector_certificates(const struct backing_collector *collector);
const struct backing_report *backing_collector_report(const struct backing_collector *collector);

/* To follow the binding of a Collector. A change takes effect at once, without a probe, since undelivered records are
 * sent again. If the binding disappears, the Collector stays in use. */
extern const struct backed_kind backing_collector_kind;
struct backing_collector *backing_collector_of(struct backed *backed); /* of this kind */

#endif
