/* check: the first part of the output of every program's `--check`: the settings with their warnings, and the bindings.
 *
 * Threads: the main thread. */
#ifndef SERVICE_CHECK_H
#define SERVICE_CHECK_H

#include "base/attr.h"
#include "binding/servicebinding.h"
#include "config/config.h"

/* Prints to standard output, errors to standard error. 0, or the exit status; after 0 the caller releases *bindings. */
int service_check(const struct config_program *program, const void *settings, const struct config_report *report,
                  struct servicebinding_set **bindings) NODISCARD;

#endif
