/* print: prints the report of `--check` on bindings and on a resolved service. It never contains a secret.
 *
 * Threads: any. */
#ifndef BACKING_PRINT_H
#define BACKING_PRINT_H

#include <stdio.h>

#include "backing/source.h"
#include "binding/servicebinding.h"

/* Prints the root, a line for each binding with type and provider, and the warnings of the set. */
void backing_print_bindings(const struct servicebinding_set *bindings, FILE *out);
/* Prints `service` ("Redis"), its source, each setting with its value and origin, and the warnings. */
void backing_print_report(const char *service, const struct backing_report *report, FILE *out);

#endif
