/* service/options: the options that every program shares, as fields and as rows of its table.
 *
 *     struct settings { struct service_settings service; char *greeting; };
 *     static const struct config_option options[] = {
 *             SERVICE_LISTENING(struct settings, service, "4001"),
 *             { "greeting", CONFIG_STRING_AT(struct settings, greeting), .help = "What to say." },
 *             SERVICE_RUNNING(struct settings, service),
 *     };
 *
 * Threads: a filled struct never changes. */
#ifndef SERVICE_OPTIONS_H
#define SERVICE_OPTIONS_H

#include "config/config.h"

enum access_log { ACCESS_LOG_OFF, ACCESS_LOG_ERRORS, ACCESS_LOG_ON };

struct service_settings {
        /* Listening */
        struct config_address listen;
        uint16_t port;
        int64_t workers;         /* 0: from the CPUs that this process may use */
        int64_t connections_max; /* 0: by the memory limit                   */
        int64_t body_max_bytes;
        int64_t transfer_max_bytes; /* 0: by the memory limit */
        int64_t header_max_bytes;
        int64_t header_timeout_ms;
        int64_t body_timeout_ms;
        int64_t idle_timeout_ms;

        /* Running */
        int log_level;  /* enum log_level  */
        int access_log; /* enum access_log */
        int64_t drain_delay_ms;
        int64_t grace_ms;
        bool core_dumps;
};

extern const char *const service_access_log_words[];
extern const char *const service_log_level_words[];

#define SERVICE_HOUR_MS (60 * 60 * 1000)

/* A row per option. The member is a name after a dot, so it cannot be in parentheses.
 * NOLINTBEGIN(bugprone-macro-parentheses) */
/* clang-format off */
#define SERVICE_LISTENING(type_, member_, default_port_)                                                               \
        { "listen", CONFIG_ADDRESS_AT(type_, member_.listen), .group = "Listening",                                    \
          .fallback_note = "all addresses, --port",                                                                    \
          .help = "Address and port to listen on, such as 127.0.0.1:" default_port_ " or [::1]:" default_port_         \
                  ". Overrides --port." },                                                                             \
        { "port", CONFIG_PORT_AT(type_, member_.port), .group = "Listening", .fallback = default_port_,                \
          .max = 65535, .help = "Port to listen on, on all addresses, IPv6 and IPv4; 0 lets the system choose." },     \
        { "workers", CONFIG_INT_AT(type_, member_.workers), .group = "Listening", .fallback = "0", .max = 64,          \
          .fallback_note = "one for every two CPUs that affinity and cgroup quota allow, at most 4",                   \
          .unit = "threads", .help = "Threads that serve requests." },                                                 \
        { "connections-max", CONFIG_INT_AT(type_, member_.connections_max), .group = "Listening", .fallback = "0",     \
          .max = 1000000,                                                                                              \
          .fallback_note = "16384, or as many as fit into a quarter of the cgroup's memory limit",                 \
          .unit = "connections", .help = "Client connections at a time; further ones get 503." },                                   \
        { "body-max", CONFIG_BYTES_AT(type_, member_.body_max_bytes), .group = "Listening", .fallback = "1MiB",        \
          .min = 1024, .max = 512 << 20, .help = "Largest request body; a larger one gets 413." },                     \
        { "transfer-max", CONFIG_BYTES_AT(type_, member_.transfer_max_bytes), .group = "Listening", .fallback = "0",   \
          .max = (int64_t)1 << 40, .fallback_note = "a sixth of the cgroup's memory limit, 256MiB without one",        \
          .help = "Memory for data in transit from and to clients: bodies, long targets, responses. A request "          \
                  "that does not fit gets 503 at once; one of up to 1 KiB always fits." },                             \
        { "header-max", CONFIG_BYTES_AT(type_, member_.header_max_bytes), .group = "Listening", .fallback = "8KiB",    \
          .min = 2048, .max = 64 << 10, .help = "Largest request head: request line and header fields together." },    \
        { "header-timeout", CONFIG_DURATION_AT(type_, member_.header_timeout_ms), .group = "Listening",                \
          .fallback = "10s", .min = 10, .max = SERVICE_HOUR_MS,                                                        \
          .help = "Time limit for a request head, from its first byte to its last." },                      \
        { "body-timeout", CONFIG_DURATION_AT(type_, member_.body_timeout_ms), .group = "Listening",                    \
          .fallback = "30s", .min = 10, .max = SERVICE_HOUR_MS,                                                        \
          .help = "Time limit for a request body, from the end of the head." },                             \
        { "idle-timeout", CONFIG_DURATION_AT(type_, member_.idle_timeout_ms), .group = "Listening",                    \
          .fallback = "75s", .min = 1000, .max = SERVICE_HOUR_MS,                                                      \
          .help = "Close a connection after this time without a request. Load balancers that keep connections "        \
                  "longer than their backends cause 502s: keep it above theirs." }

#define SERVICE_RUNNING(type_, member_)                                                                                \
        { "log-level", CONFIG_ENUM_AT(type_, member_.log_level), .group = "Running",                                   \
          .words = service_log_level_words, .fallback = "info", .help = "Lines below this level are not written." },   \
        { "access-log", CONFIG_ENUM_AT(type_, member_.access_log), .group = "Running",                                 \
          .words = service_access_log_words, .fallback = "errors",                                                     \
          .help = "One line per request: never, for statuses of 500 and above, or always." },                      \
        { "drain-delay", CONFIG_DURATION_AT(type_, member_.drain_delay_ms), .group = "Running", .fallback = "0",       \
          .max = 10 * 60 * 1000,                                                                                       \
          .help = "After SIGTERM the program still accepts connections for this long, so that load balancers "         \
                  "can notice. Use 5s on Kubernetes." },                                                               \
        { "grace", CONFIG_DURATION_AT(type_, member_.grace_ms), .group = "Running", .fallback = "25s", .min = 100,     \
          .max = SERVICE_HOUR_MS,                                                                                      \
          .help = "After SIGTERM the program exits within this time. Keep it shorter than "                            \
                  "terminationGracePeriodSeconds." },                                                                  \
        { "core-dumps", CONFIG_BOOL_AT(type_, member_.core_dumps), .group = "Running", .fallback = "false",            \
          .help = "Allow a crash to write a core dump, up to the hard limit, and debuggers of the same user attach. "       \
                  "Both expose passwords, tokens and documents." }
/* clang-format on */
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
