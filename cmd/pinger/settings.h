/* settings: what an operator can set, as one struct, and the table that fills it.
 *
 * The table is the only list of options: flags, environment variables, keys of the YAML file and `--help`
 * all come from it (pkg/config). Where Collector is has more sources than these, a binding among them:
 * pkg/backing reads those.
 *
 * Threads: a filled struct never changes. */
#ifndef PINGER_SETTINGS_H
#define PINGER_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "config/config.h"

enum access_log { ACCESS_LOG_OFF, ACCESS_LOG_ERRORS, ACCESS_LOG_ON };

struct settings {
        /* Listening */
        struct config_address listen;
        uint16_t port;
        int64_t workers;         /* 0: by the CPUs that this process may use */
        int64_t connections_max; /* 0: by the memory limit */
        int64_t body_max_bytes;
        int64_t transfer_max_bytes; /* 0: by the memory limit */
        int64_t header_max_bytes;
        int64_t header_timeout_ms;
        int64_t body_timeout_ms;
        int64_t idle_timeout_ms;

        /* The report and the pages */
        bool admin;
        char *api_version;
        char *podinfo;
        int64_t delay_max_ms;
        int64_t delays_max;

        /* Collector */
        struct secret collector_url;
        char *collector_host;
        uint16_t collector_port;
        struct secret collector_token;
        int64_t collector_max_age_ms; /* 0: for ever */
        char *binding;
        char *binding_provider;

        /* Delivery */
        int64_t batch_records;
        int64_t batch_time_ms;
        int64_t queue_records;
        int64_t queue_bytes;
        int64_t delivery_timeout_ms;
        int64_t retry_max_ms;
        int64_t flush_time_ms;
        bool log_probes;

        /* Running */
        int log_level;  /* enum log_level */
        int access_log; /* enum access_log */
        int64_t drain_delay_ms;
        int64_t grace_ms;
        bool core_dumps;
        bool check;
        bool check_delivery;
};

extern const struct config_program settings_program;

#endif
