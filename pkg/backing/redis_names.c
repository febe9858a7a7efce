/* redis_names: lists every spelling of a Redis setting that charts, operators and libraries use, and the variables. To
 * add a spelling, add a row. */
#include "backing/redis_names.h"

#include "base/attr.h"

#define MASK(field) (UINT32_C(1) << (field))

static const struct name names[] = {
        { "host", FIELD_HOST, 0 },
        { "hostname", FIELD_HOST, 0 },
        { "address", FIELD_HOST, 0 },
        { "endpoint", FIELD_HOST, 0 },
        { "primary-endpoint-address", FIELD_HOST, 0 },
        { "endpoint-0-address", FIELD_HOST, 0 },
        { "cluster-endpoint-0-address", FIELD_HOST, NAME_CLUSTER },
        { "configuration-endpoint-address", FIELD_HOST, NAME_CLUSTER },
        { "discovery-endpoints-0-address", FIELD_HOST, NAME_CLUSTER },
        { "service-names", FIELD_HOST, NAME_FIRST },
        { "ssl-port", FIELD_TLS_PORT, 0 },
        { "sslport", FIELD_TLS_PORT, 0 },
        { "tls-port", FIELD_TLS_PORT, 0 },
        { "port", FIELD_PORT, 0 },
        { "endpoint-0-port", FIELD_PORT, 0 },
        { "cluster-endpoint-0-port", FIELD_PORT, 0 },
        { "discovery-endpoints-0-port", FIELD_PORT, 0 },
        { "socket", FIELD_SOCKET, 0 },
        { "username", FIELD_USERNAME, 0 },
        { "user", FIELD_USERNAME, 0 },
        { "password", FIELD_PASSWORD, 0 },
        { "pass", FIELD_PASSWORD, 0 },
        { "auth", FIELD_PASSWORD, 0 },
        { "auth-token", FIELD_PASSWORD, 0 },
        { "auth-string", FIELD_PASSWORD, 0 },
        { "primary-key", FIELD_PASSWORD, 0 },
        { "primarykey", FIELD_PASSWORD, 0 },
        { "primary-access-key", FIELD_PASSWORD, 0 },
        { "default-password", FIELD_PASSWORD, 0 },
        { "password-secondary", FIELD_PASSWORD_SECONDARY, 0 },
        { "secondary-key", FIELD_PASSWORD_SECONDARY, 0 },
        { "secondarykey", FIELD_PASSWORD_SECONDARY, 0 },
        { "secondary-access-key", FIELD_PASSWORD_SECONDARY, 0 },
        { "database", FIELD_DATABASE, 0 },
        { "db", FIELD_DATABASE, 0 },
        { "default-database", FIELD_DATABASE, 0 },
        { "ssl", FIELD_TLS, NAME_BOOL },
        { "tls", FIELD_TLS, NAME_BOOL },
        { "ssl-enabled", FIELD_TLS, NAME_BOOL },
        { "tls-server-name", FIELD_TLS_SERVER_NAME, 0 },
        { "tls-verify", FIELD_TLS_VERIFY, 0 },
        { "certificates", FIELD_CA, 0 },
        { "ca-crt", FIELD_CA, 0 },
        { "ca-cert", FIELD_CA, 0 },
        { "ca", FIELD_CA, 0 },
        { "ca-pem", FIELD_CA, 0 },
        { "server-ca-certs-0-cert", FIELD_CA, 0 },
        { "tls-crt", FIELD_CERTIFICATE, 0 },
        { "certificate", FIELD_CERTIFICATE, 0 },
        { "client-certificate", FIELD_CERTIFICATE, 0 },
        { "tls-key", FIELD_PRIVATE_KEY, 0 },
        { "private-key", FIELD_PRIVATE_KEY, 0 },
        { "uri", FIELD_URI, 0 },
        { "url", FIELD_URI, 0 },
        { "connection-string", FIELD_URI, 0 },
        { "primary-connection-string", FIELD_URI, 0 },
        { "tls-url", FIELD_TLS_URI, 0 },
        { "sentinel-master", FIELD_SENTINEL_MASTER, 0 },
        { "sentinel-nodes", FIELD_SENTINEL_NODES, 0 },
        { "sentinel-hosts", FIELD_SENTINEL_NODES, 0 },
        { "sentinel-username", FIELD_SENTINEL_USERNAME, 0 },
        { "sentinel-password", FIELD_SENTINEL_PASSWORD, 0 },
        { "cluster-nodes", FIELD_CLUSTER_NODES, 0 },
        { "client-name", FIELD_CLIENT_NAME, 0 },
        { "key-prefix", FIELD_KEY_PREFIX, 0 },
};

static const struct variable classic[] = {
        { "COLLECTOR_DELEGATE_HOSTNAME", "host" },
        { "COLLECTOR_DELEGATE_PORT", "port" },
};

#define COMMON(product)                                                                                                \
        {                                                                                                              \
                { product "_TLS_URL", "tls-url" }, { product "_URL", "url" }, { product "_HOST", "host" },             \
                        { product "_PORT", "port" }, { product "_USERNAME", "username" },                              \
                        { product "_PASSWORD", "password" }, { product "_DATABASE", "database" },                      \
                        { product "_TLS", "tls" },                                                                     \
        }

static const struct variable redis[] = COMMON("REDIS");
static const struct variable valkey[] = COMMON("VALKEY");

static const struct family families[] = {
        { classic, COUNT_OF(classic) },
        { redis, COUNT_OF(redis) },
        { valkey, COUNT_OF(valkey) },
};

const struct service redis_service = {
        .noun = "Redis",
        .types = (const char *const[]){ "redis", "valkey", NULL },
        .prefixes = (const char *const[]){ "redis", "valkey", NULL },
        .names = names,
        .name_count = COUNT_OF(names),
        .families = families,
        .family_count = COUNT_OF(families),
        .address_fields = MASK(FIELD_HOST) | MASK(FIELD_SOCKET) | MASK(FIELD_URI) | MASK(FIELD_TLS_URI) |
                          MASK(FIELD_SENTINEL_NODES) | MASK(FIELD_CLUSTER_NODES),
        .option_address_fields = MASK(FIELD_PORT),
        .loose_fields = MASK(FIELD_CLIENT_NAME) | MASK(FIELD_KEY_PREFIX),
};

_Static_assert((int)FIELD_COUNT <= (int)FIELDS_MAX, "a draft has room for every field, and a mask has a bit for it");
