/* report: records where each value came from and what was skipped, and prints both for --check. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "config/config.h"
#include "config/format.h"
#include "config/report.h"

static const char default_place[] = "default";

int config_report_new(const struct config_program *program, struct config_report **out)
{
        struct config_report *report = calloc(1, sizeof(*report));
        if (!report)
                return ERR_NOMEM;
        report->program = program;
        report->origins = calloc(program->option_count + 1, sizeof(*report->origins));
        if (!report->origins) {
                config_report_free(report);
                return ERR_NOMEM;
        }
        *out = report;
        return 0;
}

void config_report_free(struct config_report *report)
{
        if (!report)
                return;
        for (size_t i = 0; report->origins && i < report->program->option_count; i++)
                free((char *)(uintptr_t)report->origins[i].place);
        for (size_t i = 0; i < report->warning_count; i++)
                free(report->warnings[i]);
        free(report->warnings);
        free(report->origins);
        free(report->file);
        free(report);
}

int config_warn(struct config_report *report, const char *format, ...)
{
        char **warnings = realloc(report->warnings, (report->warning_count + 1) * sizeof(*warnings));
        if (!warnings)
                return ERR_NOMEM;
        report->warnings = warnings;
        va_list args;
        va_start(args, format);
        int length = vasprintf(&warnings[report->warning_count], format, args);
        va_end(args);
        if (length < 0)
                return ERR_NOMEM;
        report->warning_count++;
        return 0;
}

const struct config_origin *config_origin(const struct config_report *report, const char *name)
{
        static const struct config_origin from_default = { CONFIG_FROM_DEFAULT, default_place };
        for (size_t i = 0; i < report->program->option_count; i++) {
                if (strcmp(report->program->options[i].name, name) == 0)
                        return report->origins[i].place ? &report->origins[i] : &from_default;
        }
        return NULL;
}

size_t config_warning_count(const struct config_report *report)
{
        return report->warning_count;
}

const char *config_warning(const struct config_report *report, size_t index)
{
        return index < report->warning_count ? report->warnings[index] : NULL;
}

static int print_option(const struct config_option *option, int width, const void *values,
                        const struct config_report *report, struct buf *out)
{
        int rc = buf_printf(out, "%-*s  ", width, option->name);
        if (rc == 0)
                rc = config_value_format(option, values, out);
        if (rc == 0)
                rc = buf_printf(out, "  [%s]\n", config_origin(report, option->name)->place);
        return rc;
}

static bool is_default(const struct config_report *report, const struct config_option *option)
{
        return config_origin(report, option->name)->kind == CONFIG_FROM_DEFAULT;
}

int config_print(const struct config_program *program, const void *values, const struct config_report *report,
                 FILE *out)
{
        int width = 0;
        size_t defaults = 0;
        for (size_t i = 0; i < program->option_count; i++) {
                int length = (int)strlen(program->options[i].name);
                width = length > width ? length : width;
                defaults += is_default(report, &program->options[i]);
        }
        for (size_t i = 0; i < program->option_count; i++) {
                struct buf line;
                if (is_default(report, &program->options[i]))
                        continue;
                buf_init(&line, 0);
                int rc = print_option(&program->options[i], width, values, report, &line);
                if (rc == 0 && fwrite(line.data, 1, line.len, out) != line.len)
                        rc = ERR_UNAVAILABLE;
                buf_fini(&line);
                if (rc < 0)
                        return rc;
        }
        if (fprintf(out, "%zu other settings have their defaults, see --help\n", defaults) < 0)
                return ERR_UNAVAILABLE;
        return fflush(out) == 0 ? 0 : ERR_UNAVAILABLE;
}
