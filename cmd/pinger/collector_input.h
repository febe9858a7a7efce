/* collector_input: the settings of Collector's address in the form that pkg/backing expects.
 *
 * Threads: any. */
#ifndef PINGER_COLLECTOR_INPUT_H
#define PINGER_COLLECTOR_INPUT_H

#include "backing/collector.h"
#include "settings.h"

enum { COLLECTOR_INPUT_VALUES_MAX = 4 };

struct collector_input {
        struct backing_value values[COLLECTOR_INPUT_VALUES_MAX];
        char port[8];
        struct backing_collector_input input; /* points into this struct, the settings and the report */
};

void collector_input_init(struct collector_input *out, const struct settings *settings,
                          const struct config_report *report, char *const *environment);

#endif
