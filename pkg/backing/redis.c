/* redis: resolves a Redis: it collects the strings of the source, converts them and creates the target. Only the last
 * step knows what pkg/redis supports. That step rejects unsupported settings and names their origin. */
#include "backing/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backing/redis_gather.h"
#include "backing/redis_resolved.h"
#include "backing/redis_settings.h"

/* --- Settings to a target ---------------------------------------------------------------------------------- */

static int check_supported(const struct backing_redis_settings *s, struct notes *notes, struct err *err)
{
        if (s->sentinel_master && s->sentinel_nodes.count == 0)
                return err_set(err, ERR_INVALID, "%s: requires sentinel.nodes", notes_place(notes, "sentinel.master"));
        if (s->sentinel_nodes.count > 0 && s->socket_path)
                return err_set(err, ERR_INVALID, "%s and %s contradict each other",
                               notes_place(notes, "sentinel.nodes"), notes_place(notes, "socket"));
        if (s->is_cluster && (s->sentinel_nodes.count > 0 || s->socket_path))
                return err_set(err, ERR_INVALID, "%s and %s contradict each other", notes_place(notes, "cluster"),
                               notes_place(notes, s->socket_path ? "socket" : "sentinel.nodes"));
        if (s->is_cluster && s->database != 0)
                return err_set(err, ERR_INVALID, "%s: a Cluster (%s) has only database 0",
                               notes_place(notes, "database"), notes_place(notes, "cluster"));
        if (s->tls && s->socket_path)
                return err_set(err, ERR_INVALID, "%s: TLS does not work over a unix socket (%s)",
                               notes_place(notes, "tls"), notes_place(notes, "socket"));
        return 0;
}

/* Certificates given with `tls: false` are neither used nor checked. */
static void add_tls(const struct backing_redis_settings *s, struct notes *notes, struct redis_target_options *options)
{
        static const enum redis_tls_verify verify[] = { [BACKING_VERIFY_FULL] = REDIS_TLS_VERIFY_FULL,
                                                        [BACKING_VERIFY_CA] = REDIS_TLS_VERIFY_CA,
                                                        [BACKING_VERIFY_NONE] = REDIS_TLS_VERIFY_NONE };
        if (!s->tls)
                return;
        options->tls = true;
        options->tls_server_name = s->tls_server_name;
        options->tls_verify = verify[s->tls_verify];
        options->ca = s->ca;
        options->certificate = s->certificate;
        options->private_key = s->private_key;
        if (s->tls_verify == BACKING_VERIFY_NONE)
                notes_warn(notes, "%s: the server's certificate is not verified: any server gets the password",
                           notes_place(notes, "tls.verify"));
}

/* pkg/redis names the invalid part; its origin is known here. */
static const char *place_of_part(const struct notes *notes, const char *problem)
{
        static const struct {
                const char *begins, *setting;
        } parts[] = {
                { "CA: ", "certificates" },
                { "client certificate: ", "tls.crt" },
                { "client key: ", "tls.key" },
        };
        const char *place = NULL;
        for (size_t i = 0; i < COUNT_OF(parts); i++)
                if (strncmp(problem, parts[i].begins, strlen(parts[i].begins)) == 0)
                        place = notes_place(notes, parts[i].setting);
        return place ? place : notes->report.place;
}

/* The Sentinels name the primary. An additional host is often a service in front of all servers, so it is ignored. */
static void add_sentinels(const struct backing_redis_settings *s, struct redis_target_options *options,
                          struct redis_node nodes[NODES_MAX])
{
        if (s->sentinel_nodes.count == 0)
                return;
        for (size_t i = 0; i < s->sentinel_nodes.count; i++)
                nodes[i] = (struct redis_node){ s->sentinel_nodes.items[i].host, s->sentinel_nodes.items[i].port };
        options->host = NULL;
        options->port = 0;
        options->sentinel_master = s->sentinel_master;
        options->sentinel_nodes = nodes;
        options->sentinel_count = s->sentinel_nodes.count;
        options->sentinel_username = s->sentinel_username;
        options->sentinel_password = s->sentinel_password;
}

/* A host in addition to cluster.nodes is ignored, because it may be a service in front of all nodes. */
static void add_cluster(const struct backing_redis_settings *s, struct redis_target_options *options,
                        struct redis_node nodes[NODES_MAX])
{
        options->cluster = s->is_cluster;
        if (s->cluster_nodes.count == 0)
                return;
        for (size_t i = 0; i < s->cluster_nodes.count; i++)
                nodes[i] = (struct redis_node){ s->cluster_nodes.items[i].host, s->cluster_nodes.items[i].port };
        options->host = NULL;
        options->port = 0;
        options->cluster_nodes = nodes;
        options->cluster_node_count = s->cluster_nodes.count;
}

static int make_target(struct backing_redis *redis, struct err *err)
{
        const struct backing_redis_settings *s = &redis->settings;
        int rc = check_supported(s, &redis->backed.notes, err);
        if (rc < 0)
                return rc;
        struct err problem = { .code = ERR_NOMEM };
        struct redis_node nodes[NODES_MAX];
        struct redis_target_options options = { .host = s->host,
                                                .port = s->socket_path ? 0 : s->port,
                                                .socket_path = s->socket_path,
                                                .username = s->username,
                                                .password = s->password,
                                                .database = s->database,
                                                .client_name = s->client_name,
                                                .key_prefix = s->key_prefix,
                                                .password_secondary = s->password_secondary };
        add_tls(s, &redis->backed.notes, &options);
        add_sentinels(s, &options, nodes);
        add_cluster(s, &options, nodes);
        redis->target = redis_target_new(&options, &problem);
        if (!redis->target)
                return err_set(err, problem.code, "%s: %s", place_of_part(&redis->backed.notes, problem.text),
                               problem.text);
        return 0;
}

/* --- Its kind ---------------------------------------------------------------------------------------------- */

struct backing_redis *redis_of(struct backed *backed)
{
        return CONTAINER_OF(backed, struct backing_redis, backed);
}

static const struct backing_redis *const_redis_of(const struct backed *backed)
{
        return (const struct backing_redis *)backed; /* its first member */
}

static int fill(struct backed *backed, const void *wanted, const struct servicebinding_set *bindings, struct err *err)
{
        struct backing_redis *redis = redis_of(backed);
        struct backing_redis_input input = *(const struct backing_redis_input *)wanted;
        input.bindings = bindings;
        int rc = redis_settings_gather(&input, &redis->settings, &backed->notes, err);
        return rc < 0 ? rc : make_target(redis, err);
}

/* Its target has no address. */
static int fill_nowhere(struct backed *backed, const void *wanted, struct err *err)
{
        const struct backing_redis_input *input = wanted;
        const char *name = input->binding && *input->binding ? input->binding : input->provider;
        struct backing_redis *redis = redis_of(backed);
        notes_source(&backed->notes, BACKING_FROM_NOWHERE, name ? name : "");
        redis->settings.key_prefix = strdup("");
        if (!redis->settings.key_prefix)
                return err_set(err, ERR_NOMEM, "Redis");
        redis->target = redis_target_new(&(struct redis_target_options){ .is_nowhere = true }, err);
        return redis->target ? 0 : err_set(err, ERR_NOMEM, "Redis");
}

static void fini(struct backed *backed)
{
        struct backing_redis *redis = redis_of(backed);
        redis_target_unref(redis->target);
        redis_settings_fini(&redis->settings);
}

static bool equal(const struct backed *a, const struct backed *b)
{
        return redis_target_equal(const_redis_of(a)->target, const_redis_of(b)->target);
}

static const char *address(const struct backed *backed)
{
        return redis_target_address(const_redis_of(backed)->target);
}

const struct backed_kind redis_kind = { .noun = "Redis",
                                        .size = sizeof(struct backing_redis),
                                        .fill = fill,
                                        .fill_nowhere = fill_nowhere,
                                        .fini = fini,
                                        .equal = equal,
                                        .address = address };

/* --- The Redis ---------------------------------------------------------------------------------------------- */

int backing_redis_resolve(const struct backing_redis_input *input, struct backing_redis **out, struct err *err)
{
        struct backed *backed;
        int rc = backed_new(&redis_kind, input, input->bindings, &backed, err);
        if (rc == 0)
                *out = redis_of(backed);
        return rc;
}

void backing_redis_unref(struct backing_redis *redis)
{
        if (redis)
                backed_unref(&redis->backed);
}

struct redis_target *backing_redis_target(const struct backing_redis *redis)
{
        return redis->target;
}

const struct backing_redis_settings *backing_redis_settings(const struct backing_redis *redis)
{
        return &redis->settings;
}

const struct backing_report *backing_redis_report(const struct backing_redis *redis)
{
        return &redis->backed.notes.report;
}

unsigned backing_redis_generation(const struct backing_redis *redis)
{
        return redis->backed.generation;
}
