/* check: `collector --check` reads all settings and bindings, tries to reach Redis, and prints what it finds.
 *
 * Threads: the main thread. */
#ifndef COLLECTOR_CHECK_H
#define COLLECTOR_CHECK_H

#include "settings.h"

/* Returns the exit status: 0: success; 1: Redis cannot be used; 2: the settings are wrong. */
int check_run(const struct settings *settings, const struct config_report *report, char *const *environment);

#endif
