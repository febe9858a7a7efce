/* suggest: options by name, and near misses. */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include "config/config.h"
#include "config/limits.h"

/* The option of that name, or NULL. `is_path` tells that the name is a secret's with "-file" behind it. */
const struct config_option *config_find(const struct config_program *program, const char *name, bool *is_path);
/* Writes PREFIX_NAME. */
void config_variable(const struct config_program *program, const char *name, char out[NAME_SIZE]);
/* `; did you mean <lead>name?` for the nearest name, "" where none is near. For a flag
 * --config, --help and --version count too, for a key only what a file may hold. */
const char *config_suggest(const struct config_program *program, const char *name, const char *lead, bool is_flag,
                           char out[SUGGESTION_SIZE]);

#endif
