/* probe: checks whether a target is usable before a program moves to it.
 *
 *     redis_probe(&loop, target, &trial, 3000, on_probed, data, NULL, &err);
 *
 * Threads: loop only. */
#ifndef REDIS_PROBE_H
#define REDIS_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/attr.h"
#include "base/err.h"

struct redis_place;
struct redis_target;

struct redis_probe_result {
        char address[280];  /* of the server that was reached, "10.0.0.5:6379"        */
        char sentinel[280]; /* the Sentinel that named it, "10.0.0.1:26379"; "": none */
        char server[64];    /* "redis 7.0.15", "valkey 8.1.1"; "" if INFO is denied   */
        char role[16];      /* "master", "slave", ...; "": unknown                    */
        char mode[16];      /* "standalone", "cluster", "sentinel"; ""                */
        char maxmemory_policy[32];
        bool persistence; /* the append-only file or snapshots are on */
        bool persistence_known;
        size_t masters;   /* of a Cluster, all of them reached; 0: not a Cluster */
        bool append_only; /* the append-only file is on */
        bool append_only_known;
        int64_t replicas;          /* connected; -1: unknown                                 */
        char tls_version[8];       /* "TLS 1.3"; "": plain text, and the next two are unset  */
        char peer_name[256];       /* the first name in the server's certificate             */
        int64_t peer_not_after_ms; /* Unix time at which that certificate expires            */
        int64_t connect_ms;
        char tried[160]; /* the commands of the trial: "SET, GET, XADD" */
        char lacks[64];  /* those optional commands that the user has no right to: "XDEL"   */
};

/* The commands that a program needs, tried on separate keys. */

enum { REDIS_TRIAL_ARGS = 8 };

struct redis_trial_command {
        const char *step;                   /* for errors, "write"; static                                       */
        const char *expects;                /* the expected reply; NULL: anything but an error; static */
        bool is_optional;                   /* if the user has no right to it, the result lists it in `lacks`    */
        bool has_no_key;                    /* is sent to the master of the first command that was added            */
        const char *argv[REDIS_TRIAL_ARGS]; /* the name, the key, ...; NULL after the last one                   */
};

struct redis_trial_plan; /* opaque: the commands added so far */
/* Adds a command; copies everything except `step` and `expects`. ERR_NOMEM. */
int redis_trial_add(struct redis_trial_plan *plan, const struct redis_trial_command *command,
                    struct err *err) NODISCARD;

struct redis_trial {
        const char *key; /* the trial's keys begin with the key prefix and this */
        /* Adds the commands for one master; called for each master of a Cluster. Keys that begin with `key` are on that
         * master and have no other users. Let these keys expire, because the trial may be interrupted at any point. */
        int (*plan)(struct redis_trial_plan *plan, const char *prefix, const char *key, void *data, struct err *err);
        /* Adds the commands on the program's own keys, wherever those keys are; called once, after `plan`. These
         * commands should only read. NULL: there are none. */
        int (*plan_own)(struct redis_trial_plan *plan, const struct redis_place *place, void *data, struct err *err);
        void *data;
};

struct redis_probe; /* opaque: a running probe */

/* Connects to the target and, in a Cluster, to each master; checks that its role allows writes (with ROLE, if the user
 * may call it); sends the commands of `trial` to each master (NULL: a SET that expires, and a GET); then closes. Calls
 * `done` exactly once, with rc 0, or with ERR_* and a message that names the failed step (look-up, connect, TLS,
 * authentication, role, or a step of the trial); for ERR_DENIED it lists all refused commands. Borrows `trial` until
 * then. Returns ERR_UNAVAILABLE at once for a target without an address. *out is for redis_probe_cancel; `out` may be
 * NULL. */
int redis_probe(uv_loop_t *loop, struct redis_target *target, const struct redis_trial *trial, int64_t timeout_ms,
                void (*done)(const struct redis_probe_result *result, int rc, const struct err *err, void *data),
                void *data, struct redis_probe **out, struct err *err) NODISCARD;
/* Cancels the probe before `done` has been called, and `done` will not be called. The loop must run until the handles
 * are closed. NULL is fine. */
void redis_probe_cancel(struct redis_probe *probe);

#endif
