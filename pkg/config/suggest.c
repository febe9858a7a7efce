/* suggest: options by name, the names of variables, and the nearest name for an unknown name.
 *
 * A name is near if it differs by at most two typos as Damerau counts them (a wrong, missing or extra letter, or two
 * swapped letters), and by fewer than half of its letters. "_" for "-" and a different case do not count. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "config/limits.h"
#include "config/suggest.h"

static const char path_ending[] = "-file";

const struct config_option *config_find(const struct config_program *program, const char *name, bool *is_path)
{
        *is_path = false;
        for (size_t i = 0; i < program->option_count; i++) {
                const struct config_option *option = &program->options[i];
                size_t length = strlen(option->name);
                if (strcmp(option->name, name) == 0)
                        return option;
                if (option->type == CONFIG_SECRET && strncmp(option->name, name, length) == 0 &&
                    strcmp(name + length, path_ending) == 0) {
                        *is_path = true;
                        return option;
                }
        }
        return NULL;
}

void config_variable(const struct config_program *program, const char *name, char out[NAME_SIZE])
{
        (void)snprintf(out, NAME_SIZE, "%s_%s", program->prefix, name); /* the program's own names are short */
        for (char *c = out; *c; c++)
                *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

static int fold(char c)
{
        return c == '_' || c == '.' ? '-' : tolower((unsigned char)c);
}

static int least(int a, int b)
{
        return a < b ? a : b;
}

/* Optimal string alignment distance over three rows. */
static int distance(const char *a, const char *b)
{
        int rows[3][NAME_SIZE];
        size_t a_length = strlen(a);
        size_t b_length = strlen(b);
        for (size_t j = 0; j <= b_length; j++)
                rows[0][j] = (int)j;
        for (size_t i = 1; i <= a_length; i++) {
                int *row = rows[i % 3];
                const int *above = rows[(i + 2) % 3];
                const int *two_above = rows[(i + 1) % 3];
                row[0] = (int)i;
                for (size_t j = 1; j <= b_length; j++) {
                        bool differs = fold(a[i - 1]) != fold(b[j - 1]);
                        row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + differs);
                        if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
                                row[j] = least(row[j], two_above[j - 2] + 1);
                }
        }
        return rows[a_length % 3][b_length];
}

struct nearest {
        const char *name; /* the name as written */
        int mistakes;
        char found[NAME_SIZE];
};

static void compare(struct nearest *nearest, const char *candidate, const char *ending)
{
        char whole[NAME_SIZE];
        if (snprintf(whole, sizeof(whole), "%s%s", candidate, ending) >= (int)sizeof(whole))
                return;
        int mistakes = distance(nearest->name, whole);
        if (mistakes < nearest->mistakes && mistakes * 2 < (int)strlen(whole)) {
                nearest->mistakes = mistakes;
                memcpy(nearest->found, whole, sizeof(whole));
        }
}

const char *config_suggest(const struct config_program *program, const char *name, const char *lead, bool is_flag,
                           char out[SUGGESTION_SIZE])
{
        static const char *const builtin[] = { "config", "help", "version" };
        struct nearest nearest = { .name = name, .mistakes = 3 };
        unsigned excluded = CONFIG_HIDDEN | (is_flag ? 0u : CONFIG_NOT_IN_FILE);
        out[0] = '\0';
        if (strlen(name) >= NAME_SIZE)
                return out;
        for (size_t i = 0; i < program->option_count; i++) {
                const struct config_option *option = &program->options[i];
                if ((option->flags & excluded) == 0)
                        compare(&nearest, option->name, option->type == CONFIG_SECRET ? path_ending : "");
        }
        for (size_t i = 0; is_flag && i < COUNT_OF(builtin); i++)
                compare(&nearest, builtin[i], "");
        if (nearest.found[0])
                (void)snprintf(out, SUGGESTION_SIZE, "; did you mean %s%s?", lead,
                               nearest.found); /* the leads are short */
        return out;
}
