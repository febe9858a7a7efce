/* redis_names: the settings of a Redis, and the table of their names.
 *
 * Threads: any. */
#ifndef BACKING_REDIS_NAMES_H
#define BACKING_REDIS_NAMES_H

#include "backing/names.h"

enum redis_field {
        FIELD_HOST,
        FIELD_PORT,
        FIELD_TLS_PORT, /* overrides `port` and turns TLS on */
        FIELD_SOCKET,
        FIELD_USERNAME,
        FIELD_PASSWORD,
        FIELD_PASSWORD_SECONDARY,
        FIELD_DATABASE,
        FIELD_TLS,
        FIELD_TLS_SERVER_NAME,
        FIELD_TLS_VERIFY,
        FIELD_CA,
        FIELD_CERTIFICATE,
        FIELD_PRIVATE_KEY,
        FIELD_TLS_URI, /* replaces uri and turns TLS on; listed before uri, so that reports name this setting */
        FIELD_URI,
        FIELD_SENTINEL_MASTER,
        FIELD_SENTINEL_NODES,
        FIELD_SENTINEL_USERNAME,
        FIELD_SENTINEL_PASSWORD,
        FIELD_CLUSTER, /* "true" if a name implies a cluster */
        FIELD_CLUSTER_NODES,
        FIELD_CLIENT_NAME,
        FIELD_KEY_PREFIX,
        FIELD_COUNT
};

extern const struct service redis_service;

#endif
