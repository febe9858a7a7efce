/* settings: the table of options. `help` explains each option, so `collector --help` is the manual. The table also sets
 * limits: a value outside its limits is refused at startup, and the error names the source of the value. */
#include "settings.h"

#include <stddef.h>

#include "ack_level.h"
#include "backing/redis.h"
#include "base/attr.h"
#include "base/err.h"
#include "feed.h"

_Static_assert((int)FEED_PREFIX_MAX == (int)BACKING_KEY_PREFIX_MAX,
               "every accepted prefix must fit into the feed's names");

static const char *const readiness_words[] = { "required", "degraded", NULL };

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

#define REDIS .group = "Redis (otherwise a binding, otherwise variables, see below)"
#define ACCESS .group = "Access"
#define WAITING .group = "While Redis is unreachable"
#define DOCUMENTS .group = "Documents"
#define RUNNING .group = "Running"

static const struct config_option options[] = {
        SERVICE_LISTENING(struct settings, service, "4001"),

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
          .fallback_note = "the system's trusted CAs",
          .help = "PEM file with the CA certificates to trust. Turns TLS on." },
        { "redis-max-age", CONFIG_DURATION_AT(struct settings, redis_max_age_ms), REDIS, .fallback = "1h",
          .max = (int64_t)365 * 24 * 60 * 60 * 1000,
          .help = "Collector replaces a connection to Redis at this age, plus or minus a tenth, so that name look-up, "
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
          .help = "Reject all requests until a token binding exists, instead of admitting everyone. Use it for tokens "
                  "that are bound after Collector starts." },
        { "tokens-binding", CONFIG_STRING_AT(struct settings, tokens_binding), ACCESS, .value = "NAME",
          .fallback_note = "the only one of type collector-tokens",
          .help = "Name of the binding whose entries are tokens, one for each client: only clients that send one of "
                  "them as `Authorization: Bearer` may write and read. Probes, version, metrics, /openapi.json and the "
                  "files of the page stay open." },

        { "hold-time", CONFIG_DURATION_AT(struct settings, hold_time_ms), WAITING, .fallback = "30s", .min = 1,
          .max = 60 * 60 * 1000,
          .help = "How long a request waits for Redis before it gets 503. Make it longer than a failover and "
                  "shorter than your clients' timeout." },
        { "held-max", CONFIG_INT_AT(struct settings, held_max), WAITING, .fallback = "10000", .min = 1, .max = 1000000,
          .unit = "requests", .help = "Maximum number of requests that wait for Redis at once; further ones get 503." },
        { "held-bytes-max", CONFIG_BYTES_AT(struct settings, held_bytes_max), WAITING, .fallback = "64MiB",
          .min = 1 << 20, .max = (int64_t)64 << 30, .help = "Maximum memory for the documents of those requests." },
        { "connect-timeout", CONFIG_DURATION_AT(struct settings, connect_timeout_ms), WAITING, .fallback = "3s",
          .min = 10, .max = 60 * 1000, .help = "Time limit for one attempt: name look-up, connection and login." },
        { "stall-timeout", CONFIG_DURATION_AT(struct settings, stall_timeout_ms), WAITING, .fallback = "5s", .min = 10,
          .max = 10 * 60 * 1000,
          .help = "If a reply is due and Redis sends no byte for this long, Collector drops the connection and sends "
                  "the commands again." },
        { "readiness", CONFIG_ENUM_AT(struct settings, readiness), WAITING, .words = readiness_words,
          .fallback = "required",
          .help = "required: /readyz returns 503 until Redis is reached, and when it has been unreachable for longer than "
                  "the hold time. degraded: /readyz returns 200 and reports the failure." },

        { "bulk-max", CONFIG_BYTES_AT(struct settings, bulk_max_bytes), DOCUMENTS, .fallback = "0",
          .fallback_note = "0, no limit", .max = (int64_t)1 << 50,
          .help = "Largest body with many documents (NDJSON or an array); a larger one gets 413. In such a body "
                  "--body-max limits each document." },
        { "key-prefix", CONFIG_STRING_AT(struct settings, key_prefix), DOCUMENTS, .check = check_key_prefix,
          .fallback_note = "none, or the binding's entry key-prefix",
          .help = "Prefix of every key in Redis, for a Redis shared with other programs: \"collector:\"." },
        { "retention", CONFIG_DURATION_AT(struct settings, retention_ms), DOCUMENTS, .fallback = "0",
          .fallback_note = "0, kept until deleted", .max = (int64_t)3650 * 24 * 60 * 60 * 1000,
          .help = "Documents expire after this time." },
        { "feed", CONFIG_BOOL_AT(struct settings, feed), DOCUMENTS, .fallback = "true",
          .help = "Write the feed, a stream per day that lists documents in the order Redis received them. Without it "
                  "GET /v1/documents finds no new documents." },
        { "ack", CONFIG_STRING_AT(struct settings, ack), DOCUMENTS, .check = check_ack, .fallback = "memory",
          .value = "LEVEL",
          .help = "When to acknowledge a document. memory: Redis has answered. replica, or replica:N: N replicas have "
                  "it too (WAIT). fsync: synced to Redis's append-only file (WAITAOF, Redis 7.2 or Valkey 7.2)." },
        { "followers-max", CONFIG_INT_AT(struct settings, followers_max), DOCUMENTS, .fallback = "1000", .max = 100000,
          .unit = "clients",
          .help = "Maximum number of clients that follow GET /v1/documents/stream at once; further ones are told to reconnect "
                  "in a minute or two." },

        SERVICE_RUNNING(struct settings, service),
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
        .closing = "All Redis settings come from one source, the first of these that sets any:\n"
                   "  --redis-* flags; the file's redis-* keys; a binding of type redis or valkey below\n"
                   "  $SERVICE_BINDING_ROOT; the variables COLLECTOR_REDIS_*; COLLECTOR_DELEGATE_HOSTNAME and\n"
                   "  _PORT; REDIS_URL, REDIS_TLS_URL, REDIS_HOST and the like; localhost:6379. Collector\n"
                   "  watches the binding and switches without a restart when it changes. Client tokens are in a\n"
                   "  binding of type collector-tokens.\n"
                   "\n"
                   "In a browser, http://HOST:PORT/ui/ shows the Redis in use, its events, and documents\n"
                   "as they arrive; /v1/status returns the same as JSON.\n"
                   "\n"
                   "Examples:\n"
                   "  collector                                         listen on 4001, Redis on localhost:6379\n"
                   "  collector --listen 127.0.0.1:8080 --redis-url redis://10.0.0.9:6379/2\n"
                   "  SERVICE_BINDING_ROOT=/bindings collector --hold-time 1m\n"
                   "  collector --check                                 show the settings and try them\n"
                   "  collector request GET http://localhost:4001/readyz   a small client, for images without curl\n"
                   "  curl localhost:4001/v1/status\n"
                   "  curl -d '{\"hello\":\"world\"}' -H 'Content-Type: application/json' localhost:4001\n",
};
