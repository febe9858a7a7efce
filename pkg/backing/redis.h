/* backing/redis: what a binding, a variable, a URI or a flag means for Redis, and following its changes.
 *
 *     struct backing_redis_input input = { .values = values, .value_count = 3, .environment = environ };
 *
 *     static void on_target(struct backing_redis *now, void *data)          // on the loop, never for the first
 *     {
 *             redis_set_target(client, backing_redis_target(now), backing_redis_generation(now));
 *     }
 *
 *     backing_redis_watch_open(root, &(struct backing_redis_watch_options){ .input = input, .on_target = on_target },
 *                              &watch, &err);
 *     struct backing_redis *first = backing_redis_watch_get(watch);        // resolved, not probed: generation 1
 *     redis_open(loop, &options, backing_redis_target(first), 1, &client, &err);
 *
 * Settings, with the names that binding entries have (redis_names.c lists all spellings; case, a leading
 * "attribute.", "redis-" or "valkey-", and `_` or `.` for `-` make no difference; empty means absent):
 *   host port uri username password password-secondary database socket
 *   tls tls-server-name tls-verify certificates tls.crt tls.key
 *   sentinel.master sentinel.nodes sentinel.username sentinel.password cluster.nodes client-name key-prefix
 * `uri` is redis:// rediss:// valkey:// valkeys:// tcp:// unix:// or a connection string (`host:6380,password=...,
 * ssl=True`). A separate setting wins over the same part of the uri. Two names for one setting with different values
 * are an error. An entry that holds a JSON object stands for its members. A CA or a client certificate without a word
 * on TLS turns TLS on: such a server was never meant to be spoken to in clear.
 *
 * Environment, one family, whole, strongest first: the program's own options (values of kind ENVIRONMENT);
 * COLLECTOR_DELEGATE_HOSTNAME with _PORT; REDIS_URL (REDIS_TLS_URL before it) REDIS_HOST REDIS_PORT REDIS_USERNAME
 * REDIS_PASSWORD REDIS_DATABASE REDIS_TLS; the same with VALKEY_. Kubernetes' own REDIS_PORT=tcp://10.0.0.9:6379 is
 * skipped with a warning. Default: localhost:6379.
 *
 * Where there are sentinel.nodes, they say where the primary is, and a host beside them is not used; user, password,
 * database and TLS are those of the primary, TLS also that of the Sentinels. sentinel.master is `mymaster` unless set.
 *
 * `client-name` and `key-prefix` do not say where a service is: given as options they are used with any source.
 *
 * Limits: a uri 32 KiB, a password 16 KiB, a key-prefix 128 bytes, other texts 1 KiB, 64 nodes, port 1 to 65535,
 * database to 999999.
 *
 * Threads: a struct backing_redis is immutable and counted, any thread. A watch: loop only. */
#ifndef BACKING_REDIS_H
#define BACKING_REDIS_H

#include <stdint.h>

#include "backing/root.h"
#include "backing/source.h"
#include "base/secret.h"
#include "binding/servicebinding.h"
#include "redis/probe.h"
#include "redis/redis.h"

enum { BACKING_KEY_PREFIX_MAX = 128 }; /* bytes */

/* --- Resolving ------------------------------------------------------------------------------------------ */

struct backing_redis_input {
        const struct backing_value *values; /* of the program's options                                       */
        size_t value_count;
        const char *binding;                       /* name of the wanted binding; NULL or "": by type       */
        const char *except;                        /* name of one that is not chosen by type; NULL or ""    */
        const char *provider;                      /* NULL or "": any                                       */
        const struct servicebinding_set *bindings; /* NULL: none. A watch uses its own                      */
        char *const *environment;                  /* NULL-terminated "NAME=value"; NULL: empty             */
};

enum backing_tls_verify { BACKING_VERIFY_FULL, BACKING_VERIFY_CA, BACKING_VERIFY_NONE };

/* An address of Sentinel or Cluster. */
struct backing_node {
        char *host;
        uint16_t port;
};

struct backing_nodes {
        struct backing_node *items;
        size_t count;
};

/* Everything that a source may say of a Redis, typed; texts are NULL and secrets empty where nothing is said. */
struct backing_redis_settings {
        char *host;        /* a name, or an address without brackets                                          */
        uint16_t port;     /* never 0                                                                         */
        char *socket_path; /* a unix socket; then host is NULL                                                */
        char *username;
        struct secret password;
        struct secret password_secondary; /* to be tried when the first is refused                            */
        unsigned database;

        bool tls;
        char *tls_server_name; /* to verify and to send as SNI; NULL: host                                    */
        enum backing_tls_verify tls_verify;
        struct secret ca;          /* PEM, one or more certificates; empty: the system's                      */
        struct secret certificate; /* PEM, the client's                                                       */
        struct secret private_key; /* PEM                                                                     */

        char *sentinel_master; /* NULL: no Sentinel                                                           */
        struct backing_nodes sentinel_nodes;
        char *sentinel_username;
        struct secret sentinel_password;

        bool is_cluster;
        struct backing_nodes cluster_nodes; /* may be empty: then host                                        */

        char *client_name;
        char *key_prefix; /* never NULL */
};

struct backing_redis; /* opaque: a resolved Redis; immutable, counted */

/* Pure: no file, no socket, no global. ERR_INVALID where a setting is wrong, contradicts another, or cannot be had
 * together with one; ERR_NOT_FOUND where input->binding or input->provider asks for one that is not there; ERR_CONFLICT where
 * several bindings fit; ERR_DENIED, ERR_LIMIT, ERR_NOMEM. The text names the file, variable or flag. */
int backing_redis_resolve(const struct backing_redis_input *input, struct backing_redis **out,
                          struct err *err) NODISCARD;
void backing_redis_unref(struct backing_redis *redis); /* NULL is fine; the last one wipes the secrets */

/* Borrowed until the last reference is given back. */
struct redis_target *backing_redis_target(const struct backing_redis *redis); /* never NULL */
const struct backing_redis_settings *backing_redis_settings(const struct backing_redis *redis);
const struct backing_report *backing_redis_report(const struct backing_redis *redis);
/* Counts up from 1 with each switch of a watch; 0 for one that was only resolved. */
unsigned backing_redis_generation(const struct backing_redis *redis);
/* The same place, entered the same way, with the same keys. */
bool backing_redis_equal(const struct backing_redis *a, const struct backing_redis *b);

/* --- Following ------------------------------------------------------------------------------------------ */

struct backing_redis_watch; /* opaque */

struct backing_redis_watch_options {
        struct backing_redis_input input; /* what it points to is borrowed until the watch is closed or _reload
                                             replaces it; input.bindings is not used                            */
        int64_t probe_timeout_ms;         /* 0 = 3000                                                           */
        int64_t backoff_min_ms;           /* between probes of a target that fails: 0 = 1000; doubles, jittered */
        int64_t backoff_max_ms;           /* 0 = 30000                                                          */
        struct backing_metric_names metric_names;
        const struct redis_trial
                *trial; /* what is done with a candidate before it is used, as in redis_probe; borrowed */
        /* Another Redis is to be used from now on; it has passed its probe. `now` is borrowed during the call: take a
         * reference to keep it. */
        void (*on_target)(struct backing_redis *now, void *data);
        /* NULL, or a word in it before that: a candidate was reached and found so. A negative result with `err` refuses
         * it, as a failed probe does, and is reported instead of the probe's failure. Not for the first, which is not
         * probed. */
        int (*accept)(const struct redis_probe_result *found, void *data, struct err *err);
        backing_on_change *on_state; /* NULL: not called */
        void *data;
};

/* Resolves at once: errors as in backing_redis_resolve, so that a program that starts with broken settings says so and
 * exits. One exception: if input.binding or input.provider names a missing binding, the watch waits for it, and the
 * first target is nowhere (source BACKING_FROM_NOWHERE): the pod starts, and becomes ready when the Secret appears.
 * Without such a name and without a binding, it uses the weaker sources, and a later binding takes over. The handles
 * are on the loop and keep no loop alive.
 *
 * Once a second: where the bindings have changed, they are resolved again and compared. What equals the Redis in use
 * changes nothing. Another one is probed (redis_probe: connect, authentication, role, the trial) and handed
 * to on_target. Where resolving or the probe fails, or the binding vanishes, the Redis in use stays, and one log line
 * says what happens next; a failed probe is tried again with backoff, and at once when the bindings change again. */
int backing_redis_watch_open(struct backing_root *root, const struct backing_redis_watch_options *options,
                             struct backing_redis_watch **out, struct err *err) NODISCARD;
/* The Redis in use; borrowed until the loop turns. Never NULL. */
struct backing_redis *backing_redis_watch_get(const struct backing_redis_watch *watch);
/* Reads again now (SIGHUP): looks at the bindings, resolves, and starts a probe
 * where something differs, without waiting for a backoff. `input` replaces the one given at open; NULL keeps it.
 * A failure is logged and returned, and the Redis in use stays, with the old input. */
int backing_redis_watch_reload(struct backing_redis_watch *watch, const struct backing_redis_input *input,
                               struct err *err);
/* Redis has refused the credentials, so the bindings are looked at before it is time, and a candidate that waits for its
 * next probe gets it now; one that is being probed is left alone. May be called as often as that happens, at most once
 * a second. */
void backing_redis_watch_look(struct backing_redis_watch *watch);
/* on_target is not called any more. The loop must run until the handles are closed. NULL is fine. */
void backing_redis_watch_close(struct backing_redis_watch *watch);

#endif
