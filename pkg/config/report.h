/* report: origins and warnings of one config_read. */
#ifndef CONFIG_REPORT_H
#define CONFIG_REPORT_H

#include "config/config.h"

struct config_report {
        const struct config_program *program;
        struct config_origin *origins; /* one per option, in the table's order; places are owned */
        char *file;
        char **warnings;
        size_t warning_count;
};

int config_report_new(const struct config_program *program, struct config_report **out) NODISCARD;
int config_warn(struct config_report *report, const char *format, ...) NODISCARD PRINTF_LIKE(2, 3);

#endif
