/* service/reading: the settings and the inputs derived from them, read at startup and again on SIGHUP.
 *
 * Threads: the main thread. */
#ifndef SERVICE_READING_H
#define SERVICE_READING_H

#include "service/service.h"

/* Reads the settings. CONFIG_READY, CONFIG_HELP, CONFIG_VERSION, or the errors of config_read. */
int reading_settings(struct service_reading *reading, const struct service_program *program,
                     const struct config_source *arguments, struct err *err) NODISCARD;
/* Derives the inputs from the settings. */
int reading_inputs(struct service_reading *reading, const struct service_program *program,
                   const struct config_source *arguments, struct err *err) NODISCARD;
const struct service_settings *reading_common(const struct service_reading *reading,
                                              const struct service_program *program);
void reading_fini(struct service_reading *reading, const struct service_program *program); /* all zero is fine */

#endif
