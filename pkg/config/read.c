/* read: fills a program's struct from its four sources.
 *
 * Values are set from the lowest precedence to the highest, each replacing the last: fallback, file, environment,
 * flags. So a mistake in the file is found even if a flag overrides it. A variable is ignored if its flag is given:
 * other programs use names such as REDIS_PORT too, and a flag must be able to override them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "config/config.h"
#include "config/file.h"
#include "config/finding.h"
#include "config/flags.h"
#include "config/limits.h"
#include "config/quote.h"
#include "config/report.h"
#include "config/slurp.h"
#include "config/suggest.h"
#include "config/value.h"

static int out_of_memory(struct err *err)
{
        return err_set(err, ERR_NOMEM, "out of memory");
}

static int apply_fallbacks(struct reading *reading, struct err *err)
{
        for (size_t i = 0; i < reading->program->option_count; i++) {
                const struct config_option *option = &reading->program->options[i];
                if (!option->fallback) {
                        int none = -1;
                        if (option->type == CONFIG_ENUM)
                                memcpy((char *)reading->values + option->offset, &none, sizeof(none));
                        continue;
                }
                struct finding finding = { .option = option,
                                           .place = "default",
                                           .key = option->name,
                                           .text = option->fallback,
                                           .length = strlen(option->fallback) };
                int rc = config_apply(reading, &finding, err);
                if (rc < 0)
                        return rc == ERR_INVALID ? err_wrap(err, "the program's table") : rc;
        }
        return 0;
}

static const char *find_variable(char *const *environment, const char *name)
{
        size_t length = strlen(name);
        for (size_t i = 0; environment && environment[i]; i++) {
                if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=')
                        return environment[i][length + 1] ? environment[i] + length + 1 : NULL;
        }
        return NULL;
}

/* The form that Kubernetes gives to the ports of a Service: "tcp://10.96.0.7:4001" (also udp and sctp). */
static bool is_service_link(const struct config_option *option, const char *text)
{
        bool is_text = option->type == CONFIG_STRING || option->type == CONFIG_SECRET || option->type == CONFIG_URL ||
                       option->type == CONFIG_LIST;
        return !is_text &&
               (strncmp(text, "tcp://", 6) == 0 || strncmp(text, "udp://", 6) == 0 || strncmp(text, "sctp://", 7) == 0);
}

/* Returns 1 if the variable had a value, which was used, or 0 if it had none. */
static int try_variable(struct reading *reading, char *const *environment, const struct config_option *option,
                        const char *name, bool is_path, struct err *err)
{
        char quoted[QUOTE_SIZE];
        const char *text = find_variable(environment, name);
        if (!text)
                return 0;
        if (is_service_link(option, text)) {
                int rc = config_warn(reading->report, "%s: skipped %s, which Kubernetes sets for a Service", name,
                                     config_quote(text, strlen(text), quoted));
                return rc < 0 ? out_of_memory(err) : 0;
        }
        struct finding finding = { .option = option,
                                   .kind = CONFIG_FROM_ENVIRONMENT,
                                   .place = name,
                                   .text = text,
                                   .length = strlen(text),
                                   .is_path = is_path };
        int rc = config_apply(reading, &finding, err);
        return rc < 0 ? rc : 1;
}

/* For a secret, NAME holds the value and NAME_FILE the path. */
static int try_variables(struct reading *reading, char *const *environment, const struct config_option *option,
                         const char *name, struct err *err)
{
        char path_name[NAME_SIZE + 8];
        int rc = try_variable(reading, environment, option, name, false, err);
        if (rc != 0 || option->type != CONFIG_SECRET)
                return rc;
        (void)snprintf(path_name, sizeof(path_name), "%s_FILE", name); /* the table's names are short */
        return try_variable(reading, environment, option, path_name, true, err);
}

static int apply_variables(struct reading *reading, char *const *environment, const bool *has_flag, struct err *err)
{
        for (size_t i = 0; i < reading->program->option_count; i++) {
                const struct config_option *option = &reading->program->options[i];
                char name[NAME_SIZE];
                if (has_flag[i] || (option->flags & CONFIG_NOT_IN_ENVIRONMENT) != 0)
                        continue;
                config_variable(reading->program, option->name, name);
                int rc = try_variables(reading, environment, option, name, err);
                for (size_t n = 0; rc == 0 && option->also && option->also[n]; n++)
                        rc = try_variables(reading, environment, option, option->also[n], err);
                if (rc < 0)
                        return rc;
        }
        return 0;
}

/* The first pass: finds misspelled names, the file's path, and requests for help or the version. */
static int scan_flags(const struct config_program *program, const struct config_source *source, bool *has_flag,
                      const char **path, struct err *err)
{
        struct flag_walk walk = { .argc = source->argc, .argv = source->argv, .next = 1 };
        struct finding finding;
        for (;;) {
                int rc = config_flag_next(program, &walk, &finding, err);
                if (rc <= 0)
                        return rc;
                if (walk.builtin == FLAG_HELP)
                        return CONFIG_HELP;
                if (walk.builtin == FLAG_VERSION)
                        return CONFIG_VERSION;
                if (walk.builtin == FLAG_CONFIG)
                        *path = finding.text;
                else
                        has_flag[finding.option - program->options] = true;
        }
}

static int apply_flags(struct reading *reading, const struct config_source *source, struct err *err)
{
        struct flag_walk walk = { .argc = source->argc, .argv = source->argv, .next = 1 };
        struct finding finding;
        int rc;
        while ((rc = config_flag_next(reading->program, &walk, &finding, err)) > 0) {
                if (!finding.option)
                        continue;
                rc = config_apply(reading, &finding, err);
                if (rc < 0)
                        return rc;
                if (finding.option->type == CONFIG_URL && strchr(finding.text, '@') &&
                    config_warn(reading->report, "%s: others can read a password on the command line", walk.place) < 0)
                        return out_of_memory(err);
        }
        return rc;
}

static int read_file(struct reading *reading, const char *path, struct err *err)
{
        struct buf bytes;
        reading->report->file = strdup(path);
        if (!reading->report->file)
                return err_set(err, ERR_NOMEM, "out of memory");
        buf_init(&bytes, 0);
        int rc = config_slurp(path, FILE_MAX, &bytes, err);
        if (rc < 0)
                (void)err_wrap(err, "configuration file"); /* the return code is still rc */
        else
                rc = config_file_parse(reading, path, bytes.data, bytes.len, err);
        if (bytes.data)
                explicit_bzero(bytes.data, bytes.len); /* a URL may hold a password */
        buf_fini(&bytes);
        return rc;
}

static int apply_all(struct reading *reading, const struct config_source *source, const bool *has_flag,
                     const char *path, struct err *err)
{
        int rc = apply_fallbacks(reading, err);
        if (rc == 0 && path)
                rc = read_file(reading, path, err);
        if (rc == 0)
                rc = apply_variables(reading, source->environment, has_flag, err);
        return rc == 0 ? apply_flags(reading, source, err) : rc;
}

/* Reads the sources that the flags select into `reading`. */
static int read_sources(struct reading *reading, const struct config_source *source, struct err *err)
{
        char variable[NAME_SIZE];
        const char *path = NULL;
        bool *has_flag = calloc(reading->program->option_count + 1, sizeof(*has_flag));
        if (!has_flag)
                return out_of_memory(err);
        int rc = scan_flags(reading->program, source, has_flag, &path, err);
        if (rc == CONFIG_READY) {
                config_variable(reading->program, "config", variable);
                if (!path)
                        path = find_variable(source->environment, variable);
                rc = apply_all(reading, source, has_flag, path, err);
        }
        free(has_flag);
        return rc;
}

int config_read(const struct config_program *program, const struct config_source *source, void *values,
                struct config_report **report, struct err *err)
{
        struct reading reading = { .program = program, .values = values };
        if (config_report_new(program, &reading.report) < 0)
                return out_of_memory(err);
        int rc = read_sources(&reading, source, err);
        if (rc != CONFIG_READY)
                config_free(program, values);
        if (rc == CONFIG_READY && report)
                *report = reading.report;
        else
                config_report_free(reading.report);
        return rc;
}

void config_free(const struct config_program *program, void *values)
{
        for (size_t i = 0; i < program->option_count; i++)
                config_value_clear(&program->options[i], values);
}
