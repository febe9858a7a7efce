/* error: fills a struct servicebinding_error. Every function accepts NULL for the struct and then only returns the
 * code.
 *
 * Names in this folder begin with sb_, since a program may link them together with its own. The installed libraries
 * keep them local.
 *
 * Threads: any. */
#ifndef BINDING_ERROR_H
#define BINDING_ERROR_H

#include <stdbool.h>

#include "binding/servicebinding.h"

int sb_error(struct servicebinding_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Sets the text, ": " and the system's message for `errnum`, for an existing name. Returns the matching code, which is
 * never NOT_FOUND: EXDEV means that a link leads outside the root (see sb_open), ENOENT that it leads nowhere. */
int sb_error_errno(struct servicebinding_error *err, int errnum, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* True if reading cannot continue: out of memory or descriptors. */
bool sb_is_fatal(int code);

#endif
