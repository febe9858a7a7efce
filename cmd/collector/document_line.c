/* document_line: a document is stored as it was sent, perhaps indented. JSON strings cannot contain line breaks, so
 * those in a document are white space between values, and spaces are equivalent. */
#include "document_line.h"

#include <string.h>

int document_line_append(struct buf *out, const char *key, const char *document, size_t length)
{
        int rc = buf_printf(out, "{\"key\":\"%s\",\"document\":", key);
        if (rc == 0)
                rc = buf_append(out, document, length);
        if (rc < 0)
                return rc;
        char *copy = out->data + out->len - length, *end = out->data + out->len;
        for (char *at = copy; (at = memchr(at, '\n', (size_t)(end - at))); at++)
                *at = ' ';
        for (char *at = copy; (at = memchr(at, '\r', (size_t)(end - at))); at++)
                *at = ' ';
        return 0;
}
