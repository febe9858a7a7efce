/* ack_level: a level is a word, with a number if it counts replicas. The INFO that the probe has read decides whether a
 * server can keep the promise; a server with an unknown name is accepted. */
#include "ack_level.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/decimal.h"

static int parse_replicas(const char *text, unsigned *out, struct err *err)
{
        uint64_t count;
        if (decimal_parse(text, strlen(text), ACK_REPLICAS_MAX, &count) < 0 || count < 1)
                return err_set(err, ERR_INVALID, "expected replica:N with N from 1 to %d", ACK_REPLICAS_MAX);
        *out = (unsigned)count;
        return 0;
}

int ack_parse(const char *text, struct ack_level *out, struct err *err)
{
        struct ack_level level = { .kind = ACK_REPLICA, .replicas = 1 };
        int rc = 0;
        if (strcmp(text, "memory") == 0)
                level = (struct ack_level){ .kind = ACK_MEMORY };
        else if (strcmp(text, "fsync") == 0)
                level = (struct ack_level){ .kind = ACK_FSYNC };
        else if (strncmp(text, "replica:", 8) == 0)
                rc = parse_replicas(text + 8, &level.replicas, err);
        else if (strcmp(text, "replica") != 0)
                rc = err_set(err, ERR_INVALID, "expected memory, replica, replica:N or fsync");
        if (rc == 0)
                *out = level;
        return rc;
}

/* "redis 7.0.15" is older than 7.2; so is "valkey 7.1.0". */
static bool lacks_waitaof(const char *server)
{
        uint64_t major, minor;
        if (strncmp(server, "redis ", 6) != 0 && strncmp(server, "valkey ", 7) != 0)
                return false;
        const char *version = strchr(server, ' ') + 1;
        size_t digits = decimal_span(version, strlen(version));
        if (version[digits] != '.' || decimal_parse(version, digits, UINT32_MAX, &major) < 0)
                return false;
        const char *rest = version + digits + 1;
        if (decimal_parse(rest, decimal_span(rest, strlen(rest)), UINT32_MAX, &minor) < 0)
                return false;
        return major < 7 || (major == 7 && minor < 2);
}

int ack_fits(const struct ack_level *level, const struct redis_probe_result *found, struct err *err)
{
        if (level->kind != ACK_FSYNC)
                return 0;
        if (lacks_waitaof(found->server))
                return err_set(err, ERR_UNAVAILABLE,
                               "%s is %s, which has no WAITAOF: --ack=fsync needs Redis 7.2 or Valkey 7.2",
                               found->address, found->server);
        if (found->append_only_known && !found->append_only)
                return err_set(err, ERR_UNAVAILABLE,
                               "%s (%s) has its append-only file turned off: --ack=fsync needs appendonly yes",
                               found->address, found->server);
        return 0;
}

bool ack_is_short(const struct ack_level *level, const struct redis_probe_result *found)
{
        return level->kind == ACK_REPLICA && found->replicas >= 0 && found->replicas < (int64_t)level->replicas;
}
