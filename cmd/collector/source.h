/* source: the settings of Redis's address, in the form that pkg/backing takes.
 *
 * Threads: any. */
#ifndef COLLECTOR_SOURCE_H
#define COLLECTOR_SOURCE_H

#include "backing/redis.h"
#include "settings.h"

enum { SOURCE_VALUES_MAX = 10 };

struct source {
        struct backing_value values[SOURCE_VALUES_MAX];
        char port[8], database[24];
        struct secret ca;                 /* the content of --redis-ca-file              */
        struct backing_redis_input input; /* points into this struct, the settings and the report */
};

/* Reads --redis-ca-file: its errors, with the file's name. To be given to source_fini also on failure. */
int source_init(struct source *source, const struct settings *settings, const struct config_report *report,
                char *const *environment, struct err *err) NODISCARD;
/* Of a binding by its name and nothing else, but for the option key-prefix, which goes with any place. */
struct backing_redis_input source_previous(const struct source *source, const char *binding);
void source_fini(struct source *source); /* one that is all zero is fine */

#endif
