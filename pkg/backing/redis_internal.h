/* What the files that know Redis share, beside internal.h. Apart from it so that Pinger, which knows no
 * Redis, links none of this. */
#ifndef BACKING_REDIS_INTERNAL_H
#define BACKING_REDIS_INTERNAL_H

#include "backing/internal.h"
#include "backing/redis.h"

enum redis_field {
        FIELD_HOST,
        FIELD_PORT,
        FIELD_TLS_PORT, /* wins over port, and turns TLS on */
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
        FIELD_TLS_URI, /* wins over uri as a whole, and turns TLS on; before it, so that the source is named by it */
        FIELD_URI,
        FIELD_SENTINEL_MASTER,
        FIELD_SENTINEL_NODES,
        FIELD_SENTINEL_USERNAME,
        FIELD_SENTINEL_PASSWORD,
        FIELD_CLUSTER, /* "true" where a name is that of a cluster */
        FIELD_CLUSTER_NODES,
        FIELD_CLIENT_NAME,
        FIELD_KEY_PREFIX,
        FIELD_COUNT
};

extern const struct service redis_service;

/* Cuts redis://, rediss://, valkey://, valkeys://, tcp://, unix:// or a connection string into parts. `place` is where
 * the text came from, and the place of each part. Lenient; ERR_INVALID with the place, never the text, for what no
 * reading makes sense of. */
int redis_uri_parse(const char *text, size_t length, const char *place, struct draft *parts, struct notes *notes,
                    struct err *err) NODISCARD;

/* Types a draft, after filling it with the parts of its uri where it has one. `out` is all zero, and is to be given to
 * _fini also on failure. */
int redis_settings_read(struct draft *draft, struct backing_redis_settings *out, struct notes *notes,
                        struct err *err) NODISCARD;
/* Gathers the strongest source and reads its settings; nothing is refused yet. */
int redis_settings_gather(const struct backing_redis_input *input, struct backing_redis_settings *out,
                          struct notes *notes, struct err *err) NODISCARD;
void redis_settings_fini(struct backing_redis_settings *settings);

/* The target while waiting for a binding: it is nowhere. */
int backing_redis_nowhere(const struct backing_redis_input *input, struct backing_redis **out,
                          struct err *err) NODISCARD;

#endif
