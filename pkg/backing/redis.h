/* backing/redis: finds Redis by a binding, variables, a URI or flags, and follows changes.
 *
 *     struct backing_redis_input input = { .values = values, .value_count = 3, .environment = environ };
 *
 *     static void on_target(struct backing_redis *now, void *data)          // on the loop, not for the first Redis
 *     {
 *             redis_set_target(client, backing_redis_target(now), backing_redis_generation(now));
 *     }
 *
 *     backing_redis_watch_open(root, &(struct backing_redis_watch_options){ .input = input, .on_target = on_target },
 *                              &watch, &err);
 *     struct backing_redis *first = backing_redis_watch_get(watch);        // resolved but not probed: generation 1
 *     redis_open(loop, &options, backing_redis_target(first), 1, &client, &err);
 *
 * Settings, by the names of binding entries (redis_names.c lists all spellings; case, a leading "attribute.", "redis-"
 * or "valkey-", and `_` or `.` instead of `-` make no difference; empty means absent):
 *   host port uri username password password-secondary database socket
 *   tls tls-server-name tls-verify certificates tls.crt tls.key
 *   sentinel.master sentinel.nodes sentinel.username sentinel.password cluster.nodes client-name key-prefix
 * `uri` is redis:// rediss:// valkey:// valkeys:// tcp:// unix:// or a connection string (`host:6380,password=...,
 * ssl=True`). A separate setting overrides the same part of the uri. Two names for one setting with different values
 * are an error. If an entry contains a JSON object, its members count as entries. A CA or a client certificate turns
 * TLS on unless a setting says otherwise, because a server with certificates is not meant to be used without TLS.
 *
 * Environment: one complete family of variables is used, the first of these: the program's own options (values of kind
 * ENVIRONMENT); COLLECTOR_DELEGATE_HOSTNAME with _PORT; REDIS_URL (REDIS_TLS_URL before it) REDIS_HOST REDIS_PORT
 * REDIS_USERNAME REDIS_PASSWORD REDIS_DATABASE REDIS_TLS; the same with VALKEY_. Kubernetes' own
 * REDIS_PORT=tcp://10.0.0.9:6379 is skipped with a warning. Default: localhost:6379.
 *
 * If sentinel.nodes is set, the Sentinels name the primary, and an additional host is ignored. User, password and
 * database are the primary's; TLS applies to the primary and the Sentinels. sentinel.master is `mymaster` unless set.
 *
 * `client-name` and `key-prefix` do not give an address: as options they apply to any source.
 *
 * Limits: a uri 32 KiB, a password 16 KiB, a key-prefix 128 bytes, other strings 1 KiB, 64 nodes, port 1 to 65535,
 * database to 999999.
 *
 * Threads: any thread may use a struct backing_redis, which is immutable and counted. A watch: loop only. */
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
        const char *binding;                       /* name of the wanted binding; NULL or "": by type         */
        const char *except;                        /* name of a binding that must not be chosen by type; NULL or "" */
        const char *provider;                      /* NULL or "": any                                         */
        const struct servicebinding_set *bindings; /* NULL: none. A watch uses its own                        */
        char *const *environment;                  /* NULL-terminated "NAME=value"; NULL: empty               */
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

/* All settings of a Redis, with types. Unset strings are NULL, unset secrets empty. */
struct backing_redis_settings {
        char *host;        /* a name, or an address without brackets                                          */
        uint16_t port;     /* never 0                                                                         */
        char *socket_path; /* a unix socket; then host is NULL                                                */
        char *username;
        struct secret password;
        struct secret password_secondary; /* tried when the first is refused */
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
        struct backing_nodes cluster_nodes; /* may be empty; then host is used                                        */

        char *client_name;
        char *key_prefix; /* never NULL */
};

struct backing_redis; /* opaque: a resolved Redis; immutable, counted */

/* Pure: uses no file, socket or global. ERR_INVALID if a setting is wrong, contradicts another setting or cannot be
 * combined with it; ERR_NOT_FOUND if input->binding or input->provider requests a missing binding; ERR_CONFLICT if
 * several bindings match; ERR_DENIED, ERR_LIMIT, ERR_NOMEM. The text names the file, variable or flag. */
int backing_redis_resolve(const struct backing_redis_input *input, struct backing_redis **out,
                          struct err *err) NODISCARD;
/* NULL is fine; releasing the last reference wipes the secrets. */
void backing_redis_unref(struct backing_redis *redis);

/* Borrowed until the last reference is released. */
struct redis_target *backing_redis_target(const struct backing_redis *redis); /* never NULL */
const struct backing_redis_settings *backing_redis_settings(const struct backing_redis *redis);
const struct backing_report *backing_redis_report(const struct backing_redis *redis);
/* Starts at 1 and grows with each switch of a watch; 0 for a Redis that was only resolved. */
unsigned backing_redis_generation(const struct backing_redis *redis);

/* --- Following ------------------------------------------------------------------------------------------ */

struct backing_redis_watch; /* opaque */

struct backing_redis_watch_options {
        struct backing_redis_input input; /* what it points to is borrowed until the watch is closed or _reload
                                             replaces it; input.bindings is not used                            */
        int64_t probe_timeout_ms;         /* 0 = 3000                                                           */
        int64_t backoff_min_ms;           /* between probes of a target that fails: 0 = 1000; doubles, jittered */
        int64_t backoff_max_ms;           /* 0 = 30000                                                          */
        struct backing_metric_names metric_names;
        const struct redis_trial *trial; /* the trial of a candidate before it is used, as in redis_probe; borrowed */
        /* Another Redis has passed its probe and must be used from now on. `now` is borrowed during the call: take a
         * reference to keep it. */
        void (*on_target)(struct backing_redis *now, void *data);
        /* An additional check before that, or NULL: a candidate was reached, with these findings. A negative result
         * with `err` rejects the candidate like a failed probe, and is reported instead of the probe's failure. Not
         * called for the first Redis, which is not probed. */
        int (*accept)(const struct redis_probe_result *found, void *data, struct err *err);
        backing_on_change *on_state; /* NULL: not called */
        void *data;
};

/* Resolves at once, with the errors of backing_redis_resolve, so that a program with broken settings reports them and
 * exits. One exception: if input.binding or input.provider names a missing binding, the watch waits for that binding,
 * and the first target has no address (source BACKING_FROM_NOWHERE). So the pod starts, and becomes ready when the
 * Secret appears. If no binding is requested and none exists, the watch uses the sources of lower precedence, and a
 * later binding takes over. The handles do not keep the loop alive.
 *
 * The watch checks the bindings once a second and resolves changed ones. If the result equals the Redis in use, nothing
 * changes. Another Redis is probed (redis_probe: connect, authentication, role, the trial) and passed to on_target. If
 * resolving or the probe fails, or the binding disappears, the Redis in use stays, and one log line says what happens
 * next. A failed probe is repeated with backoff, and at once when the bindings change again. */
int backing_redis_watch_open(struct backing_root *root, const struct backing_redis_watch_options *options,
                             struct backing_redis_watch **out, struct err *err) NODISCARD;
/* The Redis in use; borrowed until the loop turns. Never NULL. */
struct backing_redis *backing_redis_watch_get(const struct backing_redis_watch *watch);
/* Reads again now (SIGHUP): reads the bindings, resolves, and starts a probe if something differs, without waiting for
 * a backoff. `input` replaces the input given at open; NULL keeps that input. A failure is logged and returned, and the
 * Redis and the input in use stay. */
int backing_redis_watch_reload(struct backing_redis_watch *watch, const struct backing_redis_input *input,
                               struct err *err);
/* Call this when Redis has refused the credentials. It reads the bindings at once, and probes a candidate that waits
 * for its next probe; a running probe continues. Call this as often as Redis refuses, but at most once a second. */
void backing_redis_watch_look(struct backing_redis_watch *watch);
/* on_target is not called any more. The loop must run until the handles are closed. NULL is fine. */
void backing_redis_watch_close(struct backing_redis_watch *watch);

#endif
