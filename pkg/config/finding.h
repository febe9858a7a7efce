/* finding: the value of an option, as found in one of the sources. */
#ifndef CONFIG_FINDING_H
#define CONFIG_FINDING_H

#include "config/report.h"

/* The state of one config_read call. */
struct reading {
        const struct config_program *program;
        void *values;
        struct config_report *report;
};

/* The value of an option, as text, and where it was found. */
struct finding {
        const struct config_option *option;
        enum config_origin_kind kind;
        const char *place; /* "--hold-time", "COLLECTOR_HOLD_TIME", "collector.yaml:7" */
        const char *key;   /* file: "redis.host", which follows the place in errors; NULL elsewhere */
        const char *text;
        size_t length;
        bool is_path; /* of a file that holds the secret */
};

/* Appends to a list as long as its entries come from the same source, and otherwise replaces the value. Errors name the
 * origin. */
int config_apply(struct reading *reading, const struct finding *finding, struct err *err) NODISCARD;

#endif
