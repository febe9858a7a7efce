/* help: prints the table by group, in the table's order, wrapped, each option with its default, its variables and its
 * key. The text is built in memory first, so a broken pipe causes just one failed write. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "config/config.h"
#include "config/format.h"
#include "config/limits.h"
#include "config/suggest.h"
#include "config/value.h"

enum { WIDTH = 96, INDENT = 8 };

/* Appends `text` indented and wrapped at WIDTH, breaking lines only at `breaks`. */
static int wrap(struct buf *out, const char *text, const char *breaks)
{
        size_t column = 0;
        int rc = 0;
        while (*text && rc == 0) {
                size_t length = strcspn(text, breaks);
                if (length > 0 && column > 0 && column + 1 + length > WIDTH) {
                        rc = buf_putc(out, '\n');
                        column = 0;
                }
                if (length > 0 && rc == 0)
                        rc = buf_printf(out, "%*s%.*s", column == 0 ? INDENT : 1, "", (int)length, text);
                if (length > 0)
                        column += (column == 0 ? INDENT : 1) + length;
                text += length;
                text += strspn(text, breaks);
        }
        return rc == 0 ? buf_putc(out, '\n') : rc;
}

static int put_value_name(const struct config_option *option, struct buf *out)
{
        static const char *const names[] = {
                [CONFIG_STRING] = "TEXT",       [CONFIG_SECRET] = "FILE",       [CONFIG_URL] = "URL",
                [CONFIG_BOOL] = "[BOOL]",       [CONFIG_INT] = "NUMBER",        [CONFIG_PORT] = "PORT",
                [CONFIG_BYTES] = "SIZE",        [CONFIG_DURATION] = "DURATION", [CONFIG_ENUM] = "",
                [CONFIG_ADDRESS] = "HOST:PORT", [CONFIG_LIST] = "A,B,...",
        };
        if (option->value || option->type != CONFIG_ENUM)
                return buf_puts(out, option->value ? option->value : names[option->type]);
        int rc = 0;
        for (size_t i = 0; option->words[i] && rc == 0; i++)
                rc = buf_printf(out, "%s%s", i > 0 ? "|" : "", option->words[i]);
        return rc;
}

static int put_default(const struct config_option *option, struct buf *out)
{
        const char *text = option->fallback_note ? option->fallback_note : option->fallback;
        if (!text && config_is_number(option))
                text = "0";
        if (!text && option->type == CONFIG_BOOL)
                text = "false";
        const char *unit = option->unit && !option->fallback_note ? option->unit : "";
        return buf_printf(out, "Default: %s%s%s.", text && *text ? text : "none", *unit ? " " : "", unit);
}

static int put_range(const struct config_option *option, struct buf *out)
{
        int64_t min, max;
        if (!config_is_number(option) || (option->min == 0 && option->max == 0))
                return 0;
        config_value_range(option, &min, &max);
        int rc = buf_puts(out, max < INT64_MAX ? "\nFrom " : "\nAt least ");
        if (rc == 0)
                rc = config_number_format(option, min, out);
        if (rc == 0 && max < INT64_MAX)
                rc = buf_puts(out, " to ");
        if (rc == 0 && max < INT64_MAX)
                rc = config_number_format(option, max, out);
        return rc == 0 ? buf_putc(out, '.') : rc;
}

static int put_variables(const struct config_program *program, const struct config_option *option, struct buf *out)
{
        char variable[NAME_SIZE];
        if ((option->flags & CONFIG_NOT_IN_ENVIRONMENT) != 0)
                return 0;
        config_variable(program, option->name, variable);
        int rc = buf_printf(out, "\nVariable: %s", variable);
        for (size_t i = 0; rc == 0 && option->also && option->also[i]; i++)
                rc = buf_printf(out, ",\nelse %s", option->also[i]);
        if (rc == 0 && option->type == CONFIG_SECRET)
                rc = buf_printf(out, " (the secret itself),\nor %s_FILE (a path)", variable);
        return rc == 0 ? buf_putc(out, '.') : rc;
}

/* "Default: 30s. From 1s to 1h. Variable: COLLECTOR_HOLD_TIME. File: hold-time." with a newline wherever a line may
 * break, so that a label and its value stay together. */
static int put_sources(const struct config_program *program, const struct config_option *option, struct buf *out)
{
        const char *ending = option->type == CONFIG_SECRET ? "-file" : "";
        int rc = put_default(option, out);
        if (rc == 0)
                rc = put_range(option, out);
        if (rc == 0)
                rc = put_variables(program, option, out);
        if (rc == 0 && (option->flags & CONFIG_NOT_IN_FILE) == 0)
                rc = buf_printf(out, "\nFile: %s%s.", option->name, ending);
        return rc;
}

static int put_option(const struct config_program *program, const struct config_option *option, struct buf *out)
{
        struct buf sources;
        buf_init(&sources, 0);
        int rc = buf_printf(out, "  --%s%s ", option->name, option->type == CONFIG_SECRET ? "-file" : "");
        if (rc == 0)
                rc = put_value_name(option, out);
        if (rc == 0)
                rc = buf_putc(out, '\n');
        if (rc == 0 && option->help)
                rc = wrap(out, option->help, " \n");
        if (rc == 0)
                rc = put_sources(program, option, &sources);
        if (rc == 0)
                rc = wrap(out, sources.data, "\n");
        buf_fini(&sources);
        return rc;
}

static const char *group_of(const struct config_option *option)
{
        return option->group ? option->group : "General";
}

static bool is_shown(const struct config_option *option)
{
        return (option->flags & CONFIG_HIDDEN) == 0;
}

/* True for the first option shown of its group, which prints the whole group. */
static bool opens_group(const struct config_program *program, size_t index)
{
        for (size_t i = 0; i < index; i++) {
                if (is_shown(&program->options[i]) &&
                    strcmp(group_of(&program->options[i]), group_of(&program->options[index])) == 0)
                        return false;
        }
        return is_shown(&program->options[index]);
}

static int put_groups(const struct config_program *program, struct buf *out)
{
        int rc = 0;
        for (size_t i = 0; i < program->option_count && rc == 0; i++) {
                const char *group = group_of(&program->options[i]);
                if (!opens_group(program, i))
                        continue;
                rc = buf_printf(out, "\n%s\n", group);
                for (size_t j = i; j < program->option_count && rc == 0; j++) {
                        const struct config_option *option = &program->options[j];
                        if (is_shown(option) && strcmp(group_of(option), group) == 0)
                                rc = put_option(program, option, out);
                }
        }
        return rc;
}

static int put_head(const struct config_program *program, struct buf *out)
{
        int rc = buf_printf(out, "%s %s: %s\n\nusage: ", program->name, program->version, program->summary);
        if (rc == 0)
                rc = program->usage ? buf_puts(out, program->usage)
                                    : buf_printf(out, "%s [--option VALUE]...", program->name);
        if (rc == 0)
                rc = buf_printf(
                        out, "\n\nThe first of these sets an option: flag, environment variable, YAML file, default.\n"
                             "--option=VALUE is the same as --option VALUE; omitting [BOOL] means true.\n"
                             "DURATION: 150ms, 30s, 5m, 1h, 1m30s. SIZE: bytes, or 64KiB, 1MiB, 2GiB.\n"
                             "In the file `log-level: warn` and `log: {level: warn}` are the same.\n");
        return rc;
}

static int put_builtin(const struct config_program *program, struct buf *out)
{
        char variable[NAME_SIZE];
        config_variable(program, "config", variable);
        return buf_printf(out,
                          "\nThis program\n"
                          "  --config FILE\n"
                          "        The YAML file to read. Default: none. Variable: %s.\n"
                          "  --help, -h\n"
                          "        Print this text.\n"
                          "  --version\n"
                          "        Print the version.\n",
                          variable);
}

int config_help(const struct config_program *program, FILE *out)
{
        struct buf text;
        buf_init(&text, 0);
        int rc = put_head(program, &text);
        if (rc == 0)
                rc = put_groups(program, &text);
        if (rc == 0)
                rc = put_builtin(program, &text);
        if (rc == 0 && program->closing)
                rc = buf_printf(&text, "\n%s%s", program->closing,
                                *program->closing && program->closing[strlen(program->closing) - 1] == '\n' ? ""
                                                                                                            : "\n");
        if (rc == 0 && (fwrite(text.data, 1, text.len, out) != text.len || fflush(out) != 0))
                rc = ERR_UNAVAILABLE;
        buf_fini(&text);
        return rc;
}
