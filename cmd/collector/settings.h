/* settings: what an operator can set, as one struct, and the table that fills it.
 *
 * The table is the only list of options: flags, environment variables, keys of the YAML file and `--help` all come from
 * it (pkg/config). The `redis-*` options are only one of the sources that say where Redis is: redis_input.c passes them
 * to pkg/backing, which chooses among all sources.
 *
 * Threads: a filled struct never changes. */
#ifndef COLLECTOR_SETTINGS_H
#define COLLECTOR_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "config/config.h"
#include "service/options.h"

enum readiness { READINESS_REQUIRED, READINESS_DEGRADED };

/* One member for each option: grouping them would only lengthen their names. */
struct settings {
        struct service_settings service; /* listening and running */

        /* Redis */
        struct secret redis_url;
        char *redis_host;
        uint16_t redis_port;
        char *redis_username;
        struct secret redis_password;
        int64_t redis_database;
        bool redis_tls;
        char *redis_ca_file;
        int64_t redis_max_age_ms; /* 0: forever */
        char *binding;
        char *binding_provider;
        char *previous_binding; /* NULL: none */

        /* Access */
        bool require_token;
        char *tokens_binding; /* NULL: found by its type */

        /* Waiting for Redis */
        int64_t hold_time_ms;
        int64_t held_max;
        int64_t held_bytes_max;
        int64_t connect_timeout_ms;
        int64_t stall_timeout_ms;
        int readiness; /* enum readiness */

        /* Documents */
        int64_t bulk_max_bytes; /* 0: no limit */
        char *key_prefix;
        int64_t retention_ms; /* 0: kept until deleted */
        bool feed;
        char *ack; /* ack_parse accepts it */
        int64_t followers_max;

        bool check;
};

extern const struct config_program settings_program;

#endif
