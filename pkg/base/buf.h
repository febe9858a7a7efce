/* buf: a byte buffer that grows up to a maximum.
 *
 *     struct buf b;
 *     buf_init(&b, 1 << 20);                       // never more than 1 MiB
 *     if (buf_append(&b, "GET ", 4) < 0 || buf_printf(&b, "%s", path) < 0)
 *             ...                                  // ERR_LIMIT or ERR_NOMEM; b is unchanged
 *     write(fd, b.data, b.len);
 *     buf_fini(&b);
 *
 * After the first append, `data` is followed by a NUL that `len` does not count; before that `data` may be NULL.
 * Callers may read the fields, but only these functions change them.
 *
 * Threads: one at a time. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

#include "base/attr.h"

struct buf {
        char *data; /* owned by the buf; moves when it grows      */
        size_t len; /* bytes in use                               */
        size_t cap; /* bytes allocated, without the trailing NUL */
        size_t max; /* len never exceeds it; 0: no maximum        */
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b); /* frees the bytes; the buf can be used again */

/* Empties the buf and keeps its memory, unless that exceeds keep_bytes. */
void buf_clear(struct buf *b, size_t keep_bytes);

/* Makes room for `more` bytes at data + len. Returns 0, ERR_LIMIT or ERR_NOMEM. */
int buf_reserve(struct buf *b, size_t more) NODISCARD;

/* These return 0, ERR_LIMIT or ERR_NOMEM; on failure nothing was appended. */
int buf_append(struct buf *b, const void *bytes, size_t count) NODISCARD;
int buf_puts(struct buf *b, const char *text) NODISCARD;
int buf_putc(struct buf *b, char c) NODISCARD;
int buf_printf(struct buf *b, const char *format, ...) NODISCARD PRINTF_LIKE(2, 3);

/* Hands over the bytes, which the caller frees with free(). NULL if nothing was ever appended. */
char *buf_take(struct buf *b, size_t *len);

#endif
