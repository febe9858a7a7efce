/* value: sets an option's field from text. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/config.h"

/* Appends the entries to a list; replaces any other value. */
int config_value_set(const struct config_option *option, void *values, const char *text, size_t length,
                     struct err *err) NODISCARD;
void config_value_clear(const struct config_option *option, void *values);
/* The limits of a number: the option's, or the type's if the option has none. */
void config_value_range(const struct config_option *option, int64_t *min, int64_t *max);
bool config_is_number(const struct config_option *option);

#endif
