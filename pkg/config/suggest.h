/* suggest: options by name, and near misses. */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include "config/config.h"
#include "config/limits.h"

/* The option of that name, or NULL. `is_path` says that the name is a secret's with "-file" appended. */
const struct config_option *config_find(const struct config_program *program, const char *name, bool *is_path);
/* Writes PREFIX_NAME. */
void config_variable(const struct config_program *program, const char *name, char out[NAME_SIZE]);
/* `; did you mean <lead>name?` for the nearest name, "" if none is near. For a flag the candidates include --config,
 * --help and --version; for a key, only options allowed in a file. */
const char *config_suggest(const struct config_program *program, const char *name, const char *lead, bool is_flag,
                           char out[SUGGESTION_SIZE]);

#endif
