/* target: an immutable, counted value (base/snapshot.h). Everything is copied and checked when it is created, so
 * connections on any thread read it without a lock. Two targets are equal if a connection to one could be used for the
 * other. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/buf.h"
#include "redis/target_private.h"
#include "redis/tls_target.h"

enum {
        DEFAULT_PORT = 6379,
        SENTINEL_PORT = 26379,
        HOST_MAX = 253,
        DATABASE_MAX = 999999,
        SENTINELS_MAX = 64,
        NODES_MAX = 64
};

static int check_sentinel(const struct redis_target_options *o, struct err *err)
{
        if (!o->sentinel_master && o->sentinel_count == 0)
                return 0;
        if (!o->sentinel_master || !o->sentinel_master[0])
                return err_set(err, ERR_INVALID, "Redis: Sentinels need the name of a master");
        if (o->sentinel_count == 0 || o->sentinel_count > SENTINELS_MAX)
                return err_set(err, ERR_INVALID, "Redis: expected 1 to %d Sentinels", SENTINELS_MAX);
        if (o->host || o->socket_path)
                return err_set(err, ERR_INVALID, "Redis: both Sentinels and an address");
        if (o->sentinel_username && o->sentinel_password.length == 0)
                return err_set(err, ERR_INVALID, "Redis: a Sentinel user name without a password");
        for (size_t i = 0; i < o->sentinel_count; i++) {
                const char *host = o->sentinel_nodes[i].host;
                if (!host || !host[0] || strlen(host) > HOST_MAX)
                        return err_set(err, ERR_INVALID, "Redis: a Sentinel's host needs 1 to %d characters", HOST_MAX);
        }
        return 0;
}

static int check_tls(const struct redis_target_options *o, struct err *err)
{
        const char *name = o->tls_server_name;
        bool has_files = o->ca.length > 0 || o->certificate.length > 0 || o->private_key.length > 0;
        if (!o->tls && (name || has_files))
                return err_set(err, ERR_INVALID, "Redis: certificates or a server name for TLS, but no TLS");
        if (o->tls && o->socket_path)
                return err_set(err, ERR_INVALID, "Redis: TLS does not work over a unix socket");
        if (name && (!name[0] || strlen(name) > HOST_MAX))
                return err_set(err, ERR_INVALID, "Redis: expected a server name of 1 to %d characters", HOST_MAX);
        if ((o->certificate.length > 0) != (o->private_key.length > 0))
                return err_set(err, ERR_INVALID, "Redis: a client %s",
                               o->certificate.length > 0 ? "certificate without its key"
                                                         : "key without its certificate");
        return 0;
}

static int check_cluster(const struct redis_target_options *o, struct err *err)
{
        if (!o->cluster && o->cluster_node_count == 0)
                return 0;
        if (!o->cluster || o->cluster_node_count > NODES_MAX)
                return err_set(err, ERR_INVALID, "Redis: at most %d nodes, and only of a Cluster", NODES_MAX);
        if (o->socket_path || o->sentinel_master || (o->host && o->cluster_node_count > 0))
                return err_set(err, ERR_INVALID, "Redis: both a Cluster and another address");
        if (o->database != 0)
                return err_set(err, ERR_INVALID, "Redis: a Cluster has only database 0, not %u", o->database);
        for (size_t i = 0; i < o->cluster_node_count; i++) {
                const char *host = o->cluster_nodes[i].host;
                if (!host || !host[0] || strlen(host) > HOST_MAX)
                        return err_set(err, ERR_INVALID, "Redis: a node's host needs 1 to %d characters", HOST_MAX);
        }
        return 0;
}

static int check(const struct redis_target_options *o, struct err *err)
{
        if (o->is_nowhere && (o->host || o->socket_path || o->sentinel_master || o->cluster || o->tls))
                return err_set(err, ERR_INVALID, "Redis: is_nowhere excludes an address");
        if (o->host && o->socket_path)
                return err_set(err, ERR_INVALID, "Redis: both a host and a socket path");
        if (o->host && (!o->host[0] || strlen(o->host) > HOST_MAX))
                return err_set(err, ERR_INVALID, "Redis: expected a host name of 1 to %d characters", HOST_MAX);
        if (o->socket_path &&
            (!o->socket_path[0] || strlen(o->socket_path) >= sizeof(((struct sockaddr_un){ 0 }).sun_path)))
                return err_set(err, ERR_INVALID, "Redis: expected a socket path of 1 to %zu bytes",
                               sizeof(((struct sockaddr_un){ 0 }).sun_path) - 1);
        if ((o->username || o->password_secondary.length > 0) && o->password.length == 0)
                return err_set(err, ERR_INVALID, "Redis: a %s without a password",
                               o->username ? "user name" : "second password");
        if (o->database > DATABASE_MAX)
                return err_set(err, ERR_INVALID, "Redis: database %u is over %d", o->database, DATABASE_MAX);
        int rc = check_tls(o, err);
        if (rc == 0)
                rc = check_sentinel(o, err);
        return rc < 0 ? rc : check_cluster(o, err);
}

static char *address_of(const char *host, uint16_t port)
{
        char *text = NULL;
        struct in6_addr ipv6;
        int wanted = asprintf(&text, inet_pton(AF_INET6, host, &ipv6) == 1 ? "[%s]:%u" : "%s:%u", host, port);
        return wanted < 0 ? NULL : text;
}

/* "sentinel:mymaster@10.0.0.1:26379,10.0.0.2:26379" */
static char *address_of_sentinels(const struct redis_target *t)
{
        struct buf text = { 0 };
        int rc = buf_printf(&text, "sentinel:%s", t->sentinel_master);
        for (size_t i = 0; i < t->sentinel_count && rc == 0; i++)
                rc = buf_printf(&text, "%c%s", i == 0 ? '@' : ',', t->sentinels[i].address);
        if (rc < 0)
                buf_fini(&text);
        return text.data;
}

/* "cluster:10.0.0.1:6379,10.0.0.2:6379" */
static char *address_of_cluster(const struct redis_target *t)
{
        struct buf text = { 0 };
        int rc = 0;
        for (size_t i = 0; i < t->cluster_node_count && rc == 0; i++) {
                char *address = address_of(t->cluster_nodes[i].host, t->cluster_nodes[i].port);
                rc = address ? buf_printf(&text, "%s%s", i == 0 ? "cluster:" : ",", address) : ERR_NOMEM;
                free(address);
        }
        if (rc < 0)
                buf_fini(&text);
        return text.data;
}

static char *address_for_people(const struct redis_target *t)
{
        char *text = NULL;
        if (t->cluster_node_count > 0)
                return address_of_cluster(t);
        if (t->sentinel_master)
                return address_of_sentinels(t);
        if (t->host)
                return address_of(t->host, t->port);
        return asprintf(&text, "unix:%s", t->socket_path) < 0 ? NULL : text;
}

/* True: `from` was copied, or is NULL. */
static bool copy_text(char **to, const char *from)
{
        if (!from)
                return true;
        *to = strdup(from);
        return *to != NULL;
}

static bool copy_secret(struct secret *to, const struct secret *from)
{
        return from->length == 0 || secret_init(to, from->bytes, from->length) == 0;
}

static bool fill_sentinels(struct redis_target *t, const struct redis_target_options *o)
{
        if (!o->sentinel_master)
                return true;
        t->sentinels = calloc(o->sentinel_count, sizeof(*t->sentinels));
        if (!t->sentinels || !copy_text(&t->sentinel_master, o->sentinel_master) ||
            !copy_text(&t->sentinel_username, o->sentinel_username) ||
            !copy_secret(&t->sentinel_password, &o->sentinel_password))
                return false;
        for (; t->sentinel_count < o->sentinel_count; t->sentinel_count++) {
                struct redis_sentinel_node *node = &t->sentinels[t->sentinel_count];
                const struct redis_node *given = &o->sentinel_nodes[t->sentinel_count];
                node->port = given->port ? given->port : SENTINEL_PORT;
                node->address = address_of(given->host, node->port);
                if (!copy_text(&node->host, given->host) || !node->address) {
                        t->sentinel_count++; /* partly filled; redis_target_unref frees it */
                        return false;
                }
        }
        return true;
}

static bool fill_nodes(struct redis_target *t, const struct redis_target_options *o)
{
        t->cluster = o->cluster;
        if (o->cluster_node_count == 0)
                return true;
        t->cluster_nodes = calloc(o->cluster_node_count, sizeof(*t->cluster_nodes));
        while (t->cluster_nodes && t->cluster_node_count < o->cluster_node_count) {
                const struct redis_node *given = &o->cluster_nodes[t->cluster_node_count];
                struct redis_slots_node *node = &t->cluster_nodes[t->cluster_node_count++];
                node->port = given->port ? given->port : DEFAULT_PORT;
                if (!copy_text(&node->host, given->host))
                        return false;
        }
        return t->cluster_nodes != NULL;
}

static bool fill(struct redis_target *t, const struct redis_target_options *o)
{
        const bool is_elsewhere = o->is_nowhere || o->socket_path || o->sentinel_master || o->cluster_node_count > 0;
        const char *host = is_elsewhere ? NULL : o->host ? o->host : "localhost";
        t->port = o->port ? o->port : DEFAULT_PORT;
        t->database = o->database;
        t->is_nowhere = o->is_nowhere;
        if (!copy_text(&t->host, host) || !copy_text(&t->socket_path, o->socket_path) ||
            !copy_text(&t->username, o->username) || !copy_text(&t->client_name, o->client_name) ||
            !copy_text(&t->key_prefix, o->key_prefix))
                return false;
        if (!copy_secret(&t->password, &o->password) || !copy_secret(&t->password_secondary, &o->password_secondary) ||
            !fill_sentinels(t, o) || !fill_nodes(t, o))
                return false;
        if (!t->is_nowhere)
                t->address = address_for_people(t);
        return t->is_nowhere || t->address;
}

static void free_own(struct redis_target *target)
{
        for (size_t i = 0; i < target->cluster_node_count; i++)
                free(target->cluster_nodes[i].host);
        free(target->cluster_nodes);
        free(target->socket_path);
        free(target->username);
        free(target->client_name);
        free(target->key_prefix);
        secret_fini(&target->password);
        secret_fini(&target->password_secondary);
        redis_tls_free(target->tls);
        for (size_t i = 0; i < target->sentinel_count; i++) {
                free(target->sentinels[i].host);
                free(target->sentinels[i].address);
        }
        free(target->sentinels);
        free(target->sentinel_master);
        free(target->sentinel_username);
        secret_fini(&target->sentinel_password);
}

static void destroy(struct snapshot *snapshot)
{
        struct redis_target *target = CONTAINER_OF(snapshot, struct redis_target, snapshot);
        free(target->host);
        free(target->address);
        if (target->origin)
                redis_target_unref(target->origin);
        else
                free_own(target);
        free(target);
}

struct redis_target *redis_target_new(const struct redis_target_options *options, struct err *err)
{
        if (check(options, err) < 0)
                return NULL;
        struct redis_target *t = calloc(1, sizeof(*t));
        if (t)
                snapshot_init(&t->snapshot, destroy);
        if (!t || !fill(t, options)) {
                redis_target_unref(t);
                (void)err_set(err, ERR_NOMEM, "Redis target"); /* the NULL result reports the failure */
                return NULL;
        }
        if (options->tls && redis_tls_new(options, &t->tls, err) < 0) {
                redis_target_unref(t);
                return NULL;
        }
        return t;
}

struct redis_target *redis_target_view(struct redis_target *target, const char *host, uint16_t port)
{
        struct redis_target *origin = redis_target_origin(target);
        struct redis_target *t = calloc(1, sizeof(*t));
        if (!t)
                return NULL;
        /* Copies all but the snapshot, whose counter other threads may change at the same time. */
        const size_t first = offsetof(struct redis_target, origin);
        memcpy((char *)t + first, (const char *)origin + first, sizeof(*t) - first);
        snapshot_init(&t->snapshot, destroy);
        t->origin = redis_target_ref(origin);
        t->socket_path = NULL;
        t->sentinel_master = NULL;
        t->cluster_nodes = NULL;
        t->cluster_node_count = 0;
        t->port = port;
        t->host = strdup(host);
        t->address = address_of(host, port);
        if (t->host && t->address)
                return t;
        redis_target_unref(t);
        return NULL;
}

struct redis_target *redis_target_sentinel(struct redis_target *origin, size_t index)
{
        const struct redis_sentinel_node *node = &origin->sentinels[index];
        struct redis_target *target = redis_target_view(origin, node->host, node->port);
        if (!target)
                return NULL;
        target->is_sentinel = true;
        target->username = origin->sentinel_username; /* borrowed: a view keeps its origin */
        target->password = origin->sentinel_password;
        target->password_secondary = (struct secret){ 0 };
        target->database = 0;
        return target;
}

struct redis_target *redis_target_ref(struct redis_target *target)
{
        (void)snapshot_ref(&target->snapshot);
        return target;
}

void redis_target_unref(struct redis_target *target)
{
        if (target)
                snapshot_unref(&target->snapshot);
}

static bool same_text(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_sentinels(const struct redis_target *a, const struct redis_target *b)
{
        if (!same_text(a->sentinel_master, b->sentinel_master) || a->sentinel_count != b->sentinel_count ||
            !same_text(a->sentinel_username, b->sentinel_username) ||
            !secret_equal(&a->sentinel_password, &b->sentinel_password))
                return false;
        for (size_t i = 0; i < a->sentinel_count; i++)
                if (strcmp(a->sentinels[i].address, b->sentinels[i].address) != 0)
                        return false;
        return true;
}

static bool same_nodes(const struct redis_target *a, const struct redis_target *b)
{
        bool same = a->cluster == b->cluster && a->cluster_node_count == b->cluster_node_count;
        for (size_t i = 0; same && i < a->cluster_node_count; i++)
                same = a->cluster_nodes[i].port == b->cluster_nodes[i].port &&
                       strcmp(a->cluster_nodes[i].host, b->cluster_nodes[i].host) == 0;
        return same;
}

bool redis_target_equal(const struct redis_target *a, const struct redis_target *b)
{
        return a->is_nowhere == b->is_nowhere && same_text(a->host, b->host) && a->port == b->port &&
               same_text(a->socket_path, b->socket_path) && same_text(a->username, b->username) &&
               secret_equal(&a->password, &b->password) &&
               secret_equal(&a->password_secondary, &b->password_secondary) && redis_tls_equal(a->tls, b->tls) &&
               a->database == b->database && same_text(a->client_name, b->client_name) &&
               same_text(a->key_prefix, b->key_prefix) && same_sentinels(a, b) && same_nodes(a, b);
}

const char *redis_target_address(const struct redis_target *target)
{
        return target->address;
}

bool redis_target_has_password(const struct redis_target *target)
{
        return target->password.length > 0;
}

int redis_target_known(const struct redis_target *target, struct err *err)
{
        return target->is_nowhere ? err_set(err, ERR_UNAVAILABLE, "the address of Redis is not known yet") : 0;
}
