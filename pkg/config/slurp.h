/* slurp: reads a whole file. */
#ifndef CONFIG_SLURP_H
#define CONFIG_SLURP_H

#include "base/buf.h"
#include "base/err.h"

/* ERR_LIMIT if the file is larger than max_bytes. The memory is allocated at once, since growing it would leave copies
 * of a secret behind. */
int config_slurp(const char *path, size_t max_bytes, struct buf *out, struct err *err) NODISCARD;

#endif
