/* quote: a text of somebody else's, for a message. */
#ifndef CONFIG_QUOTE_H
#define CONFIG_QUOTE_H

#include <stddef.h>

enum { QUOTE_SIZE = 64 };
/* Quoted, cut, without control characters; one with an "@" is not shown. */
const char *config_quote(const char *text, size_t length, char out[QUOTE_SIZE]);

#endif
