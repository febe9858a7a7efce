/* file: maps the keys of the YAML file to options. Each key must name an option, or begin an option's name if a mapping
 * follows, and occur once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/file.h"
#include "config/finding.h"
#include "config/limits.h"
#include "config/report.h"
#include "config/suggest.h"
#include "config/yaml.h"

struct section {
        char name[NAME_SIZE];
        int line;
};

struct file {
        struct reading *reading;
        const char *path;
        int *lines; /* line of each option's key; 0: not seen */
        struct section *sections;
        size_t section_count;
};

static int refuse(const struct file *file, const struct yaml_node *node, const char *what, struct err *err)
{
        return err_set(err, ERR_INVALID, "%s:%d: %s: %s", file->path, node->line, node->key, what);
}

static int refuse_twice(const struct file *file, const struct yaml_node *node, int line, struct err *err)
{
        return err_set(err, ERR_INVALID, "%s:%d: %s: given twice, first in line %d", file->path, node->line, node->key,
                       line);
}

static int refuse_unknown(const struct file *file, const struct yaml_node *node, struct err *err)
{
        char near[SUGGESTION_SIZE];
        return err_set(err, ERR_INVALID, "%s:%d: %s: unknown setting%s", file->path, node->line, node->key,
                       config_suggest(file->reading->program, node->name, "", false, near));
}

static bool is_section(const struct config_program *program, const char *name)
{
        size_t length = strlen(name);
        for (size_t i = 0; i < program->option_count; i++) {
                const struct config_option *option = &program->options[i];
                bool begins = strncmp(option->name, name, length) == 0;
                if (begins &&
                    (option->name[length] == '-' || (option->name[length] == '\0' && option->type == CONFIG_SECRET)))
                        return true;
        }
        return false;
}

static int on_section(void *context, const struct yaml_node *node, struct err *err)
{
        struct file *file = context;
        bool is_path;
        if (!is_section(file->reading->program, node->name)) {
                if (config_find(file->reading->program, node->name, &is_path))
                        return refuse(file, node, "expected a value, got a mapping", err);
                return refuse_unknown(file, node, err);
        }
        for (size_t i = 0; i < file->section_count; i++) {
                if (strcmp(file->sections[i].name, node->name) == 0)
                        return refuse_twice(file, node, file->sections[i].line, err);
        }
        struct section *sections = realloc(file->sections, (file->section_count + 1) * sizeof(*sections));
        if (!sections)
                return err_set(err, ERR_NOMEM, "out of memory");
        file->sections = sections;
        struct section *fresh = &sections[file->section_count++];
        fresh->line = node->line;
        (void)snprintf(fresh->name, sizeof(fresh->name), "%s", node->name); /* node names are shorter than NAME_SIZE */
        return 0;
}

/* The option to which a value belongs, if it is allowed here. */
static int find_option(struct file *file, const struct yaml_node *node, const struct config_option **out, bool *is_path,
                       struct err *err)
{
        const struct config_program *program = file->reading->program;
        const struct config_option *option = config_find(program, node->name, is_path);
        if (!option && is_section(program, node->name))
                return refuse(file, node, "expected a mapping", err);
        if (!option)
                return refuse_unknown(file, node, err);
        if ((option->flags & CONFIG_NOT_IN_FILE) != 0)
                return refuse(file, node, "can't be set in a file", err);
        if (option->type == CONFIG_SECRET && !*is_path)
                return err_set(err, ERR_INVALID,
                               "%s:%d: %s: secrets are not read from this file; name a separate file with %s-file",
                               file->path, node->line, node->key, node->name);
        if (node->opens_list && option->type != CONFIG_LIST)
                return refuse(file, node, "expected one value, got a list", err);
        if (node->is_null)
                return refuse(file, node, "missing value", err);
        int *line = &file->lines[option - program->options];
        if (*line != 0 && !node->in_list)
                return refuse_twice(file, node, *line, err);
        *line = *line ? *line : node->line;
        *out = option;
        return 0;
}

static int on_value(void *context, const struct yaml_node *node, struct err *err)
{
        struct file *file = context;
        struct finding finding = {
                .kind = CONFIG_FROM_FILE, .key = node->key, .text = node->text, .length = node->length
        };
        int rc = find_option(file, node, &finding.option, &finding.is_path, err);
        if (rc < 0)
                return rc;
        char *place;
        if (asprintf(&place, "%s:%d", file->path, node->line) < 0)
                return err_set(err, ERR_NOMEM, "out of memory");
        finding.place = place;
        rc = config_apply(file->reading, &finding, err);
        free(place);
        return rc;
}

int config_file_parse(struct reading *reading, const char *path, const char *bytes, size_t length, struct err *err)
{
        struct file file = { .reading = reading, .path = path };
        const struct yaml_handler handler = { &file, on_section, on_value };
        file.lines = calloc(reading->program->option_count + 1, sizeof(*file.lines));
        if (!file.lines)
                return err_set(err, ERR_NOMEM, "out of memory");
        int rc = config_yaml_walk(path, bytes, length, &handler, err);
        free(file.lines);
        free(file.sections);
        return rc;
}
