/* settings: everything an operator can set, as one struct, and the table that fills it.
 *
 * The table is the only list of options: flags, environment variables, keys of the YAML file and `--help` all come from
 * it (pkg/config). Collector's address has further sources, such as a binding, which pkg/backing reads.
 *
 * Threads: a filled struct never changes. */
#ifndef PINGER_SETTINGS_H
#define PINGER_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "config/config.h"
#include "service/options.h"

struct settings {
        struct service_settings service; /* listening and running */

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
        int64_t collector_max_age_ms; /* 0: no limit */
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

        bool check;
        bool check_delivery;
};

extern const struct config_program settings_program;

#endif
