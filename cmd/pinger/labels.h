/* labels: parses a pod's labels as the downward API writes them to a file: one line `name="value"` each, the value
 * quoted as by Go's strconv.Quote (kubernetes.io, "Downward API").
 *
 * Threads: any. */
#ifndef PINGER_LABELS_H
#define PINGER_LABELS_H

#include <jansson.h>
#include <stddef.h>

enum { LABELS_MAX_BYTES = 256 * 1024 };

/* An object of strings, owned; values that look secret are replaced. NULL: out of memory. */
json_t *labels_parse(const char *text, size_t length);

#endif
