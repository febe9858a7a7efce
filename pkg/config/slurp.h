/* slurp: a file, read whole. */
#ifndef CONFIG_SLURP_H
#define CONFIG_SLURP_H

#include "base/buf.h"
#include "base/err.h"

/* ERR_LIMIT when it is larger than max_bytes. The memory is taken in one piece, since growing would leave copies of a
 * secret behind. */
int config_slurp(const char *path, size_t max_bytes, struct buf *out, struct err *err) NODISCARD;

#endif
