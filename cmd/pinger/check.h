/* check: `pinger --check` reads the settings and bindings, tries to reach Collector, and reports what it found. With
 * --check-delivery it also sends a log record and reads it back.
 *
 * Threads: the main thread. */
#ifndef PINGER_CHECK_H
#define PINGER_CHECK_H

#include "settings.h"

/* The exit status: 0 success, 1 Collector can't be reached or the record has not arrived, 2 the settings are wrong. */
int check_run(const struct settings *settings, const struct config_report *report, char *const *environment);

#endif
