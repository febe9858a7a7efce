/* check: `collector --check` reads everything, tries to reach Redis, says what it found.
 *
 * Threads: the main thread. */
#ifndef COLLECTOR_CHECK_H
#define COLLECTOR_CHECK_H

#include "settings.h"

/* The exit status: 0 sound, 1 Redis can't be used, 2 the settings are wrong. */
int check_run(const struct settings *settings, const struct config_report *report, char *const *environment);

#endif
