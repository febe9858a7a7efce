/* probe: opens its own client. The handshake checks credentials and role. Then the probe sends INFO and CONFIG GET,
 * which Redis may deny, and then the trial (trial.c). The first failure, reported by an event or a reply, ends the
 * probe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "redis/locate.h"
#include "redis/target_private.h"
#include "redis/tls_words.h"
#include "redis/trial.h"

enum { PROBE_INFO, PROBE_CONFIG, PROBE_COMMANDS };

typedef void redis_probe_fn(const struct redis_probe_result *result, int rc, const struct err *err, void *data);

struct redis_probe {
        struct redis *redis;
        struct redis_command commands[PROBE_COMMANDS];
        const struct redis_trial *trial;
        struct redis_trial_plan plan;
        struct redis_probe_result result;
        int64_t started_ms;
        redis_probe_fn *done;
        void *data;
        struct err err;
        bool has_info, has_config, has_begun, is_over;
};

static void probe_free(struct redis_probe *probe);

static void on_probe_closed(void *data)
{
        struct redis_probe *probe = data;
        int rc = probe->err.code;
        if (probe->done)
                probe->done(&probe->result, rc, rc < 0 ? &probe->err : NULL, probe->data);
        probe_free(probe);
}

/* `why` NULL: success. */
static void finish(struct redis_probe *probe, const struct err *why)
{
        if (probe->is_over)
                return;
        probe->is_over = true;
        if (why)
                probe->err = *why;
        redis_close(probe->redis, on_probe_closed, probe);
}

/* Reads a line of INFO, "name:value". False: there is none. */
static bool info_get(const char *info, const char *name, char *out, size_t size)
{
        size_t length = strlen(name);
        for (const char *at = info; at; at = strchr(at, '\n')) {
                at += *at == '\n';
                if (strncmp(at, name, length) != 0 || at[length] != ':')
                        continue;
                int value = (int)strcspn(at + length + 1, "\r\n");
                (void)snprintf(out, size, "%.*s", value, at + length + 1); /* truncated if it is too long */
                return true;
        }
        return false;
}

/* INFO shows whether the append-only file is enabled, but for snapshots only whether one was made. A server with
 * neither may still be configured to make snapshots, so its persistence is unknown. */
static void read_persistence(struct redis_probe_result *result, const char *info)
{
        char aof[4] = "", seconds[24] = "";
        bool has_aof = info_get(info, "aof_enabled", aof, sizeof(aof)) && aof[0] == '1';
        bool has_snapshot = info_get(info, "rdb_last_bgsave_time_sec", seconds, sizeof(seconds)) && seconds[0] != '-';
        result->persistence = result->persistence_known = has_aof || has_snapshot;
        result->append_only = has_aof;
        result->append_only_known = aof[0] != '\0';
}

static void read_info(struct redis_probe_result *result, const char *info)
{
        char version[32];
        bool is_valkey = info_get(info, "valkey_version", version, sizeof(version));
        if (is_valkey || info_get(info, "redis_version", version, sizeof(version)))
                (void)snprintf(result->server, sizeof(result->server), "%s %s", is_valkey ? "valkey" : "redis",
                               version);
        /* Missing values stay "". */
        (void)info_get(info, "role", result->role, sizeof(result->role));
        if (!info_get(info, "redis_mode", result->mode, sizeof(result->mode)))
                (void)info_get(info, "server_mode", result->mode, sizeof(result->mode));
        (void)info_get(info, "maxmemory_policy", result->maxmemory_policy, sizeof(result->maxmemory_policy));
        read_persistence(result, info);
        char replicas[24];
        uint64_t count;
        if (info_get(info, "connected_slaves", replicas, sizeof(replicas)) &&
            decimal_parse(replicas, strlen(replicas), INT32_MAX, &count) == 0)
                result->replicas = (int64_t)count;
}

static struct redis_probe *probe_of(struct redis_command *command, int index)
{
        return CONTAINER_OF(command - index, struct redis_probe, commands);
}

static void on_tried(const struct err *why, void *data)
{
        struct redis_probe *probe = data;
        memcpy(probe->result.tried, probe->plan.tried, sizeof(probe->result.tried));
        memcpy(probe->result.lacks, probe->plan.lacks, sizeof(probe->result.lacks));
        finish(probe, why);
}

/* In a Cluster, INFO is sent to any one node; all other nodes have to be connected as well. */
static void try_when_all_stand(struct redis_probe *probe)
{
        struct err err;
        if (!probe->has_info || !probe->has_config || probe->has_begun || probe->is_over ||
            redis_state(probe->redis) != REDIS_READY)
                return;
        probe->has_begun = true;
        if (redis_is_cluster(probe->redis)) {
                (void)snprintf(probe->result.mode, sizeof(probe->result.mode), "cluster");
                probe->result.masters = redis_cluster_masters(&probe->redis->cluster);
        }
        if (redis_trial_begin(&probe->plan, probe->redis, probe->trial, &err) < 0)
                finish(probe, &err);
}

static void on_info(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct redis_probe *probe = probe_of(command, PROBE_INFO);
        if (!reply)
                finish(probe, err);
        else if (redis_reply_type(reply) == REDIS_STRING)
                read_info(&probe->result, redis_reply_text(reply, NULL));
        probe->has_info = true;
        try_when_all_stand(probe);
}

/* "save", "3600 1 300 100": when to make snapshots; "": never. Settles what INFO may leave open. */
static void on_config(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct redis_probe *probe = probe_of(command, PROBE_CONFIG);
        struct redis_probe_result *result = &probe->result;
        const char *save =
                reply && redis_reply_count(reply) == 2 ? redis_reply_text(redis_reply_at(reply, 1), NULL) : NULL;
        if (!reply)
                finish(probe, err);
        else if (save && result->append_only_known) {
                result->persistence = result->append_only || save[0] != '\0';
                result->persistence_known = true;
        }
        probe->has_config = true;
        try_when_all_stand(probe);
}

/* Both addresses fit: a host has at most 253 characters. */
static void note_connected(struct redis_probe *probe, const struct redis_event *event)
{
        struct redis_probe_result *result = &probe->result;
        const struct client *client = redis_cluster_any(&probe->redis->cluster);
        result->connect_ms = redis_now_ms(&client->server) - probe->started_ms;
        redis_tls_describe(client->active->flow.channel->tls, result);
        (void)snprintf(result->address, sizeof(result->address), "%s", event->address);
        (void)snprintf(result->sentinel, sizeof(result->sentinel), "%s", event->sentinel ? event->sentinel : "");
}

static void on_event(struct redis *redis UNUSED, const struct redis_event *event, void *data)
{
        struct redis_probe *probe = data;
        if (event->kind == REDIS_EVENT_CONNECTED)
                note_connected(probe, event);
        else if (event->err)
                finish(probe, event->err);
        try_when_all_stand(probe);
}

static int format(struct redis_probe *probe, struct err *err)
{
        redis_command_init(&probe->commands[PROBE_INFO], on_info);
        redis_command_init(&probe->commands[PROBE_CONFIG], on_config);
        int rc = redis_command_args(&probe->commands[PROBE_INFO], 1, (const char *[]){ "INFO" }, (size_t[]){ 4 }, err);
        if (rc == 0)
                rc = redis_command_args(&probe->commands[PROBE_CONFIG], 3, (const char *[]){ "CONFIG", "GET", "save" },
                                        (size_t[]){ 6, 3, 4 }, err);
        return rc;
}

static void probe_free(struct redis_probe *probe)
{
        for (size_t i = 0; i < PROBE_COMMANDS; i++)
                redis_command_fini(&probe->commands[i]);
        redis_trial_fini(&probe->plan);
        free(probe);
}

int redis_probe(uv_loop_t *loop, struct redis_target *target, const struct redis_trial *trial, int64_t timeout_ms,
                redis_probe_fn *done, void *data, struct redis_probe **out, struct err *err)
{
        int rc = redis_target_known(target, err);
        if (rc < 0)
                return rc;
        struct redis_probe *probe = calloc(1, sizeof(*probe));
        if (!probe)
                return err_set(err, ERR_NOMEM, "probe");
        probe->result.replicas = -1;
        probe->trial = trial ? trial : &redis_trial_plain;
        probe->done = done;
        probe->data = data;
        redis_trial_init(&probe->plan, on_tried, probe);
        struct redis_options options = { .hold_ms = timeout_ms + REDIS_PATIENCE_MS,
                                         .connect_timeout_ms = timeout_ms,
                                         .look_up_ms = REDIS_PATIENCE_MS,
                                         .stall_ms = timeout_ms,
                                         .on_event = on_event,
                                         .data = probe };
        rc = format(probe, err);
        if (rc == 0)
                rc = redis_open(loop, &options, target, 0, &probe->redis, err);
        if (rc != 0) {
                probe_free(probe);
                return rc;
        }
        probe->redis->is_brief = true;
        probe->started_ms = (int64_t)uv_now(loop);
        for (size_t i = 0; i < PROBE_COMMANDS; i++)
                redis_send(probe->redis, &probe->commands[i]);
        if (out)
                *out = probe;
        return 0;
}

void redis_probe_cancel(struct redis_probe *probe)
{
        if (!probe)
                return;
        probe->done = NULL;
        finish(probe, NULL);
}
