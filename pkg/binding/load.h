/* load: reads all bindings of a root, for a watch.
 *
 * Threads: any. */
#ifndef BINDING_LOAD_H
#define BINDING_LOAD_H

#include "binding/fingerprint.h"
#include "binding/servicebinding.h"

/* Like servicebinding_load, but takes the resolved root and also returns the fingerprint of the state that was read. */
int sb_load(const char *root, struct servicebinding_set **out, struct sb_fingerprint *print,
            struct servicebinding_error *err);
/* `root`, or $SERVICE_BINDING_ROOT if `root` is NULL; NULL if that variable is unset or empty. */
const char *sb_root_or_environment(const char *root);

#endif
