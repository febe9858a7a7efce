/* source: the settings of Collector's address, in the form that pkg/backing takes.
 *
 * Threads: any. */
#ifndef PINGER_SOURCE_H
#define PINGER_SOURCE_H

#include "backing/collector.h"
#include "settings.h"

enum { SOURCE_VALUES_MAX = 4 };

struct source {
        struct backing_value values[SOURCE_VALUES_MAX];
        char port[8];
        struct backing_collector_input input; /* points into this struct, the settings and the report */
};

void source_init(struct source *source, const struct settings *settings, const struct config_report *report,
                 char *const *environment);

#endif
