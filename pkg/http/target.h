/* target: decodes request targets.
 *
 * Threads: any. */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes %XX (and '+' as a space if `plus`) into `out`, which has room for length + 1 bytes; `out` may be `text`.
 * False if a '%' is not followed by two hexadecimal digits or encodes NUL; `out` is then undefined. */
bool target_decode(const char *text, size_t length, bool plus, char *out, size_t *out_length);
/* Finds the path, not terminated, in a request target in origin-form, absolute-form or asterisk-form (RFC 9112, section
 * 3.2). False for any other form. */
bool target_path(const char *target, const char **path, size_t *length);
/* True if the text is empty or has the form uri-host [":" port] (RFC 9110, section 7.2). */
bool target_is_host(const char *text, size_t length);

#endif
