/* collector_resolved: the inside of a resolved Collector, for its tests.
 *
 * Threads: any; immutable and counted. */
#ifndef BACKING_COLLECTOR_RESOLVED_H
#define BACKING_COLLECTOR_RESOLVED_H

#include <stdbool.h>
#include <stdint.h>

#include "backing/backed.h"
#include "backing/collector.h"

struct backing_collector {
        struct backed backed; /* first    */
        char *url;            /* NULL: none */
        char *host;           /* without brackets; NULL: none */
        uint16_t port;        /* of the host, or the default */
        bool tls;
        struct secret token;
        struct secret certificates;
};

#endif
