/* file: parses the text of the configuration file and maps its keys to options. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "config/finding.h"

/* `path` is for messages. */
int config_file_parse(struct reading *reading, const char *path, const char *bytes, size_t length,
                      struct err *err) NODISCARD;

#endif
