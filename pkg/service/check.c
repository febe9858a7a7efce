/* check: the first part of every program's --check. */
#include "service/check.h"

#include <stdio.h>

#include "backing/print.h"
#include "daemon/daemon.h"

int service_check(const struct config_program *program, const void *settings, const struct config_report *report,
                  struct servicebinding_set **bindings)
{
        struct servicebinding_error err;
        printf("Settings\n");
        if (config_print(program, settings, report, stdout) < 0)
                return DAEMON_FAILED;
        for (size_t i = 0; i < config_warning_count(report); i++)
                printf("  warning: %s\n", config_warning(report, i));
        if (servicebinding_load(NULL, bindings, &err) < 0) {
                fprintf(stderr, "%s: %s\n", program->name, err.text);
                return DAEMON_USAGE;
        }
        backing_print_bindings(*bindings, stdout);
        return 0;
}
