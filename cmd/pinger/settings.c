/* settings: the table of options. `help` explains each option, so that `pinger --help` is the manual. The table also
 * sets limits: a value outside its limits is rejected at startup, and the error names the origin of the value. The
 * classic variables PINGER_PORT and PINGER_ADMIN follow from the names `port` and `admin`. */
#include "settings.h"

#include <stddef.h>

#include "base/attr.h"

static const char *const api_version_variables[] = { "CURRENT_VERSION", NULL };

#define REPORT .group = "Report and pages"
#define COLLECTOR .group = "Collector (otherwise a binding, otherwise COLLECTOR_HOSTNAME and _PORT, COLLECTOR_URL)"
#define DELIVERY .group = "Delivery of log records"
#define RUNNING .group = "Running"

/* clang-format off: one row per option is easier to read */
static const struct config_option options[] = {
        SERVICE_LISTENING(struct settings, service, "3000"),

        { "admin", CONFIG_BOOL_AT(struct settings, admin), REPORT, .fallback = "false",
          .help = "Show internals of the machine: memory, interfaces and process in the report, and ?type=envVars, "
                  "networkInfo and memoryUsage. Values that look secret stay hidden. Not for public servers." },
        { "api-version", CONFIG_STRING_AT(struct settings, api_version), REPORT, .fallback = "UNDEFINED",
          .also = api_version_variables, .help = "Value of APIVersion in the report." },
        { "podinfo", CONFIG_STRING_AT(struct settings, podinfo), REPORT, .fallback = "/etc/podinfo", .value = "FOLDER",
          .help = "Folder where the downward API writes the file `labels`, for /pod. Name, namespace, node and "
                  "address of the pod come from the variables POD_NAME, POD_NAMESPACE, NODE_NAME and POD_IP." },
        { "delay-max", CONFIG_DURATION_AT(struct settings, delay_max_ms), REPORT, .fallback = "30s",
          .max = SERVICE_HOUR_MS, .help = "Longest delay that /delay/{time} accepts; a longer one gets 400." },
        { "delays-max", CONFIG_INT_AT(struct settings, delays_max), REPORT, .fallback = "1000", .min = 1,
          .max = 1000000, .unit = "requests",
          .help = "Maximum number of requests to /delay/{time} that wait at once; further ones get 503." },

        { "collector-url", CONFIG_URL_AT(struct settings, collector_url), COLLECTOR,
          .help = "http://host[:port][/path] or https://..." },
        { "collector-host", CONFIG_STRING_AT(struct settings, collector_host), COLLECTOR,
          .help = "Host name or address, in place of --collector-url." },
        { "collector-port", CONFIG_PORT_AT(struct settings, collector_port), COLLECTOR, .fallback_note = "4001",
          .help = "Port, with --collector-host." },
        { "collector-token", CONFIG_SECRET_AT(struct settings, collector_token), COLLECTOR,
          .help = "Token to send to Collector." },
        { "collector-max-age", CONFIG_DURATION_AT(struct settings, collector_max_age_ms), COLLECTOR, .fallback = "1h",
          .max = (int64_t)365 * 24 * SERVICE_HOUR_MS,
          .help = "Pinger replaces a connection to Collector at this age, give or take a tenth, and looks the name up "
                  "again. In whole seconds. 0: never." },
        { "binding", CONFIG_STRING_AT(struct settings, binding), COLLECTOR, .value = "NAME",
          .fallback_note = "the only one of type collector",
          .help = "Name of the binding below $SERVICE_BINDING_ROOT, if there are several." },
        { "binding-provider", CONFIG_STRING_AT(struct settings, binding_provider), COLLECTOR, .value = "PROVIDER",
          .help = "Use only a binding whose entry `provider` has this value." },

        { "batch-records", CONFIG_INT_AT(struct settings, batch_records), DELIVERY, .fallback = "10", .min = 1,
          .max = 1000, .unit = "records", .help = "Pinger sends a batch at once when it has this many records." },
        { "batch-time", CONFIG_DURATION_AT(struct settings, batch_time_ms), DELIVERY, .fallback = "1s", .min = 1,
          .max = 60 * 1000, .help = "A record waits at most this long for its batch to fill." },
        { "queue-records", CONFIG_INT_AT(struct settings, queue_records), DELIVERY, .fallback = "10000", .min = 1,
          .max = 10000000, .unit = "records",
          .help = "Records that may wait for Collector; beyond that, new ones are dropped and counted." },
        { "queue-bytes", CONFIG_BYTES_AT(struct settings, queue_bytes), DELIVERY, .fallback = "16MiB", .min = 64 << 10,
          .max = (int64_t)16 << 30, .help = "Maximum memory for those records." },
        { "delivery-timeout", CONFIG_DURATION_AT(struct settings, delivery_timeout_ms), DELIVERY, .fallback = "40s",
          .min = 10, .max = SERVICE_HOUR_MS,
          .help = "Time limit of an attempt. Keep it longer than Collector's hold time; otherwise Pinger resends a batch "
                  "that Collector still holds." },
        { "retry-max", CONFIG_DURATION_AT(struct settings, retry_max_ms), DELIVERY, .fallback = "5s", .min = 100,
          .max = SERVICE_HOUR_MS,
          .help = "Longest pause between attempts; the first is 100 ms, and each is twice the last." },
        { "flush-time", CONFIG_DURATION_AT(struct settings, flush_time_ms), DELIVERY, .fallback = "10s",
          .max = SERVICE_HOUR_MS,
          .help = "How long Pinger still sends waiting records after SIGTERM; part of the grace period." },
        { "log-probes", CONFIG_BOOL_AT(struct settings, log_probes), DELIVERY, .fallback = "false",
          .help = "Record requests to /healthz, /readyz and /metrics too." },

        SERVICE_RUNNING(struct settings, service),
        { "check", CONFIG_BOOL_AT(struct settings, check), RUNNING,
          .flags = CONFIG_NOT_IN_FILE | CONFIG_NOT_IN_ENVIRONMENT,
          .help = "Read all settings, try to reach Collector, report the result, and exit." },
        { "check-delivery", CONFIG_BOOL_AT(struct settings, check_delivery), RUNNING,
          .flags = CONFIG_NOT_IN_FILE | CONFIG_NOT_IN_ENVIRONMENT,
          .help = "Like --check, then send a log record and read it back. Fails without a Collector." },
};
/* clang-format on */

const struct config_program settings_program = {
        .name = "pinger",
        .prefix = "PINGER",
        .version = VERSION,
        .summary = "Reports the environment of a web server at run time, and sends its log to Collector.",
        .options = options,
        .option_count = COUNT_OF(options),
        .usage = "pinger [--option VALUE]...\n"
                 "       pinger request METHOD URL [--header 'NAME: VALUE']... [--data TEXT] [--timeout SECONDS]",
        .closing =
                "Pages: every path returns the report (with ?type=currentTime and the like, one piece of it), except\n"
                "/healthz /readyz /version /metrics /headers /echo /status/{code} /delay/{time} /pod /v1/status,\n"
                "and /ui/, which shows the Collector in use and the delivery of the log in a browser.\n"
                "\n"
                "All settings of Collector come from one source, the first that sets any: flags; the file; a binding\n"
                "of type collector below $SERVICE_BINDING_ROOT; PINGER_COLLECTOR_*; COLLECTOR_HOSTNAME with\n"
                "COLLECTOR_PORT; COLLECTOR_URL with COLLECTOR_TOKEN. Pinger watches the binding and\n"
                "switches without a restart. If no source sets any, log records wait for a binding.\n"
                "\n"
                "Examples:\n"
                "  pinger                                            listen on 3000\n"
                "  PINGER_PORT=3040 PINGER_ADMIN=true pinger         the classic way to set it\n"
                "  pinger --listen 127.0.0.1:3040 --collector-url http://127.0.0.1:4001\n"
                "  SERVICE_BINDING_ROOT=/bindings pinger             find Collector by its binding\n"
                "  pinger --check                                    show the settings and try them\n"
                "  curl 'localhost:3000/?type=requestHeaders'\n"
                "  curl localhost:3000/delay/150ms\n",
};
