/* settings: the table of options. A row that needs a comment in the manual has it in `help`, so that
 * `collector --help` is the manual. Limits are here too: a value outside them is refused at start, with
 * the place it came from. */
#include "settings.h"

#include <stddef.h>

#include "ack_level.h"
#include "backing/redis.h"
#include "base/attr.h"
#include "base/err.h"
#include "feed.h"

_Static_assert((int)FEED_PREFIX_MAX == (int)BACKING_KEY_PREFIX_MAX, "no prefix that is accepted is cut");

static const char *const readiness_words[] = { "required", "degraded", NULL };
static const char *const access_log_words[] = { "off", "errors", "on", NULL };
static const char *const log_level_words[] = { "debug", "info", "warn", "error", "off", NULL };

static int check_key_prefix(const char *text, struct err *err)
{
        size_t length = 0;
        for (; text[length]; length++)
                if ((unsigned char)text[length] <= 0x20 || (unsigned char)text[length] >= 0x7f)
                        return err_set(err, ERR_INVALID, "expected visible ASCII characters");
        if (length > BACKING_KEY_PREFIX_MAX)
                return err_set(err, ERR_INVALID, "expected at most %d characters", BACKING_KEY_PREFIX_MAX);
        return 0;
}

static int check_ack(const char *text, struct err *err)
{
        struct ack_level level;
        return ack_parse(text, &level, err);
}

#define LISTENING .group = "Listening"
#define REDIS .group = "Redis (else a binding, else variables, see below)"
#define ACCESS .group = "Access"
#define WAITING .group = "While Redis is away"
#define DOCUMENTS .group = "Documents"
#define RUNNING .group = "Running"

static const struct config_option options[] = {
        { "listen", CONFIG_ADDRESS_AT(struct settings, listen), LISTENING, .fallback_note = "all addresses, --port",
          .help = "Address and port to listen on, such as 127.0.0.1:4001 or [::1]:4001. Overrides --port." },
        { "port", CONFIG_PORT_AT(struct settings, port), LISTENING, .fallback = "4001", .max = 65535,
          .help = "Port to listen on, on all addresses, IPv6 and IPv4; 0 lets the system choose." },
        { "workers", CONFIG_INT_AT(struct settings, workers), LISTENING, .fallback = "0", .max = 64,
          .fallback_note = "one for every two CPUs that affinity and cgroup quota allow, at most 4", .unit = "threads",
          .help = "Threads that serve requests. Each has its own connection to Redis." },
        { "connections-max", CONFIG_INT_AT(struct settings, connections_max), LISTENING, .fallback = "0",
          .max = 1000000, .fallback_note = "16384, or as many as a quarter of the cgroup's memory limit has room for",
          .unit = "connections", .help = "Client connections; one more gets 503." },
        { "body-max", CONFIG_BYTES_AT(struct settings, body_max_bytes), LISTENING, .fallback = "1MiB", .min = 1024,
          .max = 512 << 20, .help = "Largest request body; a larger one gets 413." },
        { "transfer-max", CONFIG_BYTES_AT(struct settings, transfer_max_bytes), LISTENING, .fallback = "0",
          .max = (int64_t)1 << 40, .fallback_note = "a sixth of the cgroup's memory limit, 256MiB without one",
          .help = "Memory for data in transit from and to clients: bodies, long targets, answers. A request that does "
                  "not fit gets 503 at once; one of up to 1 KiB always fits." },
        { "header-max", CONFIG_BYTES_AT(struct settings, header_max_bytes), LISTENING, .fallback = "8KiB", .min = 2048,
          .max = 64 << 10, .help = "Largest request head: request line and header fields together." },
        { "header-timeout", CONFIG_DURATION_AT(struct settings, header_timeout_ms), LISTENING, .fallback = "10s",
          .min = 10, .max = 60 * 60 * 1000,
          .help = "Time in which a request head must arrive, from its first byte to "
                  "its last." },
        { "body-timeout", CONFIG_DURATION_AT(struct settings, body_timeout_ms), LISTENING, .fallback = "30s", .min = 10,
          .max = 60 * 60 * 1000, .help = "Time in which a request body must arrive, from the end of the head." },
        { "idle-timeout", CONFIG_DURATION_AT(struct settings, idle_timeout_ms), LISTENING, .fallback = "75s",
          .min = 1000, .max = 60 * 60 * 1000,
          .help = "Close a connection after this time without a request. Load balancers that keep connections "
                  "longer than their backends cause 502s: keep it above theirs." },

        { "redis-url", CONFIG_URL_AT(struct settings, redis_url), REDIS,
          .help = "redis://[user[:password]@]host[:port][/database] or unix:///path. Everyone on the machine can read "
                  "a password in a flag: prefer a binding." },
        { "redis-host", CONFIG_STRING_AT(struct settings, redis_host), REDIS,
          .help = "Host name or address, in place of --redis-url." },
        { "redis-port", CONFIG_PORT_AT(struct settings, redis_port), REDIS, .fallback_note = "6379",
          .help = "Port, with --redis-host." },
        { "redis-username", CONFIG_STRING_AT(struct settings, redis_username), REDIS,
          .help = "User of Redis's access control list." },
        { "redis-password", CONFIG_SECRET_AT(struct settings, redis_password), REDIS,
          .help = "Password of that user, or of the server." },
        { "redis-database", CONFIG_INT_AT(struct settings, redis_database), REDIS, .max = 65535, .fallback_note = "0",
          .help = "Number of the database." },
        { "redis-tls", CONFIG_BOOL_AT(struct settings, redis_tls), REDIS,
          .help = "Use TLS 1.2 or 1.3 and verify the server's name, like rediss:// in the URL." },
        { "redis-ca-file", CONFIG_STRING_AT(struct settings, redis_ca_file), REDIS, .value = "PATH",
          .fallback_note = "what the system trusts",
          .help = "PEM file with the CA certificates to trust. Turns TLS on." },
        { "redis-max-age", CONFIG_DURATION_AT(struct settings, redis_max_age_ms), REDIS, .fallback = "1h",
          .max = (int64_t)365 * 24 * 60 * 60 * 1000,
          .help = "Collector replaces a connection to Redis at this age, give or take a tenth, so that name look-up, "
                  "certificate and password stay current. No request waits for this. 0: never." },
        { "binding", CONFIG_STRING_AT(struct settings, binding), REDIS, .value = "NAME",
          .fallback_note = "the only one of type redis or valkey",
          .help = "Name of the binding below $SERVICE_BINDING_ROOT, if there are several." },
        { "binding-provider", CONFIG_STRING_AT(struct settings, binding_provider), REDIS, .value = "PROVIDER",
          .help = "Use only a binding whose entry `provider` has this value." },
        { "previous-binding", CONFIG_STRING_AT(struct settings, previous_binding), REDIS, .value = "NAME",
          .help = "Name of the previous binding: Collector asks its Redis for documents that the current one does not "
                  "have. It copies nothing, and lists show only what the current Redis has." },

        { "require-token", CONFIG_BOOL_AT(struct settings, require_token), ACCESS,
          .help = "Reject all requests until a token binding exists, instead of admitting everyone: for tokens that "
                  "are bound after Collector starts." },
        { "tokens-binding", CONFIG_STRING_AT(struct settings, tokens_binding), ACCESS, .value = "NAME",
          .fallback_note = "the only one of type collector-tokens",
          .help = "Name of the binding whose entries are tokens, one for each client: only clients that send one of "
                  "them as `Authorization: Bearer` may write and read. Probes, version and metrics stay open." },

        { "hold-time", CONFIG_DURATION_AT(struct settings, hold_time_ms), WAITING, .fallback = "30s", .min = 1,
          .max = 60 * 60 * 1000,
          .help = "How long a request waits for Redis before it gets 503. Make it longer than a failover takes, and "
                  "shorter than clients wait." },
        { "held-max", CONFIG_INT_AT(struct settings, held_max), WAITING, .fallback = "10000", .min = 1, .max = 1000000,
          .unit = "requests", .help = "Requests that may wait for Redis at once; one more gets 503." },
        { "held-bytes-max", CONFIG_BYTES_AT(struct settings, held_bytes_max), WAITING, .fallback = "64MiB",
          .min = 1 << 20, .max = (int64_t)64 << 30, .help = "Memory for the documents of those requests." },
        { "connect-timeout", CONFIG_DURATION_AT(struct settings, connect_timeout_ms), WAITING, .fallback = "3s",
          .min = 10, .max = 60 * 1000, .help = "Time for one attempt: name look-up, connection and login." },
        { "stall-timeout", CONFIG_DURATION_AT(struct settings, stall_timeout_ms), WAITING, .fallback = "5s", .min = 10,
          .max = 10 * 60 * 1000,
          .help = "When Redis owes a reply and sends no byte for this long, Collector drops the connection and sends "
                  "the commands again." },
        { "readiness", CONFIG_ENUM_AT(struct settings, readiness), WAITING, .words = readiness_words,
          .fallback = "required",
          .help = "required: /readyz answers 503 until Redis is reached, and when it has been away for longer than "
                  "the hold time. degraded: /readyz answers 200 and says so." },

        { "key-prefix", CONFIG_STRING_AT(struct settings, key_prefix), DOCUMENTS, .check = check_key_prefix,
          .fallback_note = "none, or the binding's entry key-prefix",
          .help = "Prefix of each key in Redis, for a Redis shared with others: \"collector:\"." },
        { "retention", CONFIG_DURATION_AT(struct settings, retention_ms), DOCUMENTS, .fallback = "0",
          .fallback_note = "0, kept until deleted", .max = (int64_t)3650 * 24 * 60 * 60 * 1000,
          .help = "Documents expire after this time." },
        { "feed", CONFIG_BOOL_AT(struct settings, feed), DOCUMENTS, .fallback = "true",
          .help = "Write the feed, a stream per day that lists documents in the order Redis took them. Without it "
                  "GET /v1/documents finds nothing new." },
        { "ack", CONFIG_STRING_AT(struct settings, ack), DOCUMENTS, .check = check_ack, .fallback = "memory",
          .value = "LEVEL",
          .help = "When a document is acknowledged. memory: Redis has answered. replica, or replica:N: N replicas have "
                  "it too (WAIT). fsync: it is synced in Redis's append-only file (WAITAOF, Redis 7.2 or Valkey 7.2)." },

        { "log-level", CONFIG_ENUM_AT(struct settings, log_level), RUNNING, .words = log_level_words,
          .fallback = "info", .help = "Lines below this level are not written." },
        { "access-log", CONFIG_ENUM_AT(struct settings, access_log), RUNNING, .words = access_log_words,
          .fallback = "errors", .help = "One line for each request: never, for answers of 500 and above, or always." },
        { "drain-delay", CONFIG_DURATION_AT(struct settings, drain_delay_ms), RUNNING, .fallback = "0",
          .max = 10 * 60 * 1000,
          .help = "After SIGTERM the program still accepts connections for this long, so that load balancers can "
                  "notice. Use 5s on Kubernetes." },
        { "grace", CONFIG_DURATION_AT(struct settings, grace_ms), RUNNING, .fallback = "25s", .min = 100,
          .max = 60 * 60 * 1000,
          .help = "After SIGTERM the program exits within this time. Keep it shorter than "
                  "terminationGracePeriodSeconds." },
        { "core-dumps", CONFIG_BOOL_AT(struct settings, core_dumps), RUNNING, .fallback = "false",
          .help = "Let a crash write a core dump, up to the hard limit, and debuggers of the same user attach. Both show "
                  "passwords, tokens and documents." },
        { "check", CONFIG_BOOL_AT(struct settings, check), RUNNING,
          .flags = CONFIG_NOT_IN_FILE | CONFIG_NOT_IN_ENVIRONMENT,
          .help = "Read all settings, try to reach Redis, report the result, and exit." },
};

const struct config_program settings_program = {
        .name = "collector",
        .prefix = "COLLECTOR",
        .version = VERSION,
        .summary = "Takes JSON by HTTP POST, stores it in Redis, and answers once Redis has.",
        .options = options,
        .option_count = COUNT_OF(options),
        .usage = "collector [--option VALUE]...\n"
                 "       collector request METHOD URL [--header 'NAME: VALUE']... [--data TEXT] [--timeout SECONDS]",
        .closing = "All Redis settings come from one source, the first of these that has any:\n"
                   "  --redis-* flags; the file's redis-* keys; a binding of type redis or valkey below\n"
                   "  $SERVICE_BINDING_ROOT; the variables COLLECTOR_REDIS_*; COLLECTOR_DELEGATE_HOSTNAME and\n"
                   "  _PORT; REDIS_URL, REDIS_TLS_URL, REDIS_HOST and the like; localhost:6379. Collector\n"
                   "  watched: change it, and Collector moves without a restart. Tokens of clients stand in a\n"
                   "  binding of type collector-tokens.\n"
                   "\n"
                   "Examples:\n"
                   "  collector                                         listen on 4001, Redis on localhost:6379\n"
                   "  collector --listen 127.0.0.1:8080 --redis-url redis://10.0.0.9:6379/2\n"
                   "  SERVICE_BINDING_ROOT=/bindings collector --hold-time 1m\n"
                   "  collector --check                                 show the settings and try them\n"
                   "  collector request GET http://localhost:4001/readyz   a small client, for images without curl\n"
                   "  curl -d '{\"hello\":\"world\"}' -H 'Content-Type: application/json' localhost:4001\n",
};
