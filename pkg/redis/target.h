/* target: the address of a Redis and how to log in to it.
 *
 *     struct redis_target *target = redis_target_new(&(struct redis_target_options){ .host = "localhost" }, &err);
 *     ...
 *     redis_target_unref(target);
 *
 * Threads: any. A target never changes and has a reference count. */
#ifndef REDIS_TARGET_H
#define REDIS_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"

struct redis_target; /* opaque, immutable, counted */

/* The address of a Sentinel or of a Cluster node. */
struct redis_node {
        const char *host; /* name or numeric; borrowed */
        uint16_t port;    /* 0 = the default port      */
};

enum redis_tls_verify {
        REDIS_TLS_VERIFY_FULL, /* the certificate chain and the name                               */
        REDIS_TLS_VERIFY_CA,   /* the chain only                                                   */
        REDIS_TLS_VERIFY_NONE, /* nothing: any server gets the password, so the caller should warn */
};

/* The struct has many members because each property that a binding can set for a Redis is one option. */
struct redis_target_options {
        const char *host;        /* name or numeric; NULL: "localhost". Excludes socket_path */
        uint16_t port;           /* 0 = 6379                                                 */
        const char *socket_path; /* a unix socket                                            */
        bool is_nowhere;         /* the address is not known yet: commands are held until redis_set_target, and all
                                  * other options must be unset */
        const char *username;    /* NULL: AUTH with only the password                       */
        struct secret password;  /* copied; empty: no AUTH                                   */
        unsigned database;       /* SELECT unless 0                                          */
        const char *client_name; /* CLIENT SETNAME; NULL: none. Redis may refuse it          */
        const char *key_prefix;  /* of the caller's keys; NULL: "". redis_place and redis_probe pass it on */
        struct secret password_secondary; /* tried when Redis refuses `password`; the one that worked is tried first
                                           * next time. Copied */

        /* TLS 1.2 or 1.3. Certificates and keys are PEM; they are parsed here and not kept. */
        bool tls;
        const char *tls_server_name; /* expected in the certificate, and sent as SNI unless numeric; NULL: host */
        enum redis_tls_verify tls_verify;
        struct secret ca;          /* one or more certificates; empty: the CAs that the system trusts */
        struct secret certificate; /* the client certificate with its chain; empty: none                     */
        struct secret private_key; /* of that certificate, without a passphrase                     */

        /* Sentinel, instead of host and socket_path. Each new connection queries the Sentinels for the primary. It
         * starts with the Sentinel that was right last time, and goes on to the next one after a failure or 250 ms. The
         * server that they name must confirm its role. The client subscribes to the Sentinels before it sends the first
         * command (and waits at most 0.5 s for a Sentinel that hangs). While a replica is being promoted, the client
         * holds commands, for 5 s at most, and then sends them to the new primary. It leaves a primary that has been
         * silent for 1 s if the Sentinels name another primary. `username`, `password` and `database` are for the
         * primary. TLS applies to both. Each certificate must match the host that was dialled (the Sentinel's host
         * below, or the address that it names, which is a host name if Sentinel has `resolve-hostnames` and
         * `announce-hostnames`), or all of them must match tls_server_name. */
        const char *sentinel_master;             /* the master name that the Sentinels know; NULL: no Sentinel */
        const struct redis_node *sentinel_nodes; /* 1 to 64; port 0 = 26379                                    */
        size_t sentinel_count;
        const char *sentinel_username;   /* for the Sentinels; NULL: only the password */
        struct secret sentinel_password; /* copied; empty: no AUTH                      */

        /* Cluster. The client detects a Cluster even without this. The options above apply to every node; a Cluster has
         * only database 0. */
        bool cluster;                           /* fail to connect if the server is not part of a Cluster */
        const struct redis_node *cluster_nodes; /* seed nodes, instead of host; at most 64; port 0 = 6379 */
        size_t cluster_node_count;
};

/* NULL with `err` set: ERR_INVALID for options that contradict each other, and for invalid PEM, whose kind the error
 * names ("CA", "client certificate", "client key"); ERR_NOMEM. */
struct redis_target *redis_target_new(const struct redis_target_options *options, struct err *err);
struct redis_target *redis_target_ref(struct redis_target *target); /* adds a reference, returns the same target */
/* NULL is fine; releasing the last reference wipes the secrets. */
void redis_target_unref(struct redis_target *target);
/* True if both have the same address and login. */
bool redis_target_equal(const struct redis_target *a, const struct redis_target *b);
/* "10.0.0.9:6379", "[::1]:6379", "unix:/path" or "sentinel:mymaster@10.0.0.1:26379,10.0.0.2:26379": meant for logs and
 * pages, never contains a secret. Borrowed; NULL if the address is not known yet. */
const char *redis_target_address(const struct redis_target *target);
bool redis_target_has_password(const struct redis_target *target);

#endif
