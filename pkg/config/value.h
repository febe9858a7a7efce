/* value: a text becomes the value of an option's field. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/config.h"

/* A list grows by the entries; any other value is replaced. */
int config_value_set(const struct config_option *option, void *values, const char *text, size_t length,
                     struct err *err) NODISCARD;
void config_value_clear(const struct config_option *option, void *values);
/* The limits of a number, with the type's own where the option names none. */
void config_value_range(const struct config_option *option, int64_t *min, int64_t *max);
bool config_is_number(const struct config_option *option);

#endif
