/* redis_input: the `redis-*` options, in the form that pkg/backing compares with bindings and variables.
 *
 * Threads: any. */
#ifndef COLLECTOR_REDIS_INPUT_H
#define COLLECTOR_REDIS_INPUT_H

#include "backing/redis.h"
#include "settings.h"

enum { REDIS_INPUT_VALUES_MAX = 10 };

struct redis_input {
        struct backing_value values[REDIS_INPUT_VALUES_MAX];
        char port[8], database[24];
        struct secret ca;                 /* the content of --redis-ca-file              */
        struct backing_redis_input input; /* points into this struct, the settings and the report */
};

/* Also reads --redis-ca-file; errors name the file. Call redis_input_fini even after a failure. */
int redis_input_init(struct redis_input *source, const struct settings *settings, const struct config_report *report,
                     char *const *environment, struct err *err) NODISCARD;
/* For --previous-binding: the binding of that name, and only the option key-prefix. */
struct backing_redis_input redis_input_previous(const struct redis_input *source, const char *binding);
void redis_input_fini(struct redis_input *source); /* all zero is fine */

#endif
