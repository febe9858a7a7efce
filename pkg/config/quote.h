/* quote: untrusted text, made safe for a message. */
#ifndef CONFIG_QUOTE_H
#define CONFIG_QUOTE_H

#include <stddef.h>

enum { QUOTE_SIZE = 64 };
/* The text quoted, truncated, and without control characters; text with an "@" is not shown. */
const char *config_quote(const char *text, size_t length, char out[QUOTE_SIZE]);

#endif
