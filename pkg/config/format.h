/* format: an option's field as text. */
#ifndef CONFIG_FORMAT_H
#define CONFIG_FORMAT_H

#include "base/buf.h"
#include "config/config.h"

int config_value_format(const struct config_option *option, const void *values, struct buf *out) NODISCARD;
/* Writes a number in the form that the option accepts: "30s", "1MiB", "4001". */
int config_number_format(const struct config_option *option, int64_t number, struct buf *out) NODISCARD;

#endif
