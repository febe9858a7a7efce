/* buf: doubles when it is full, so appending n bytes costs O(n) in total. The maximum is checked before memory is
 * allocated, and reaching it is an ordinary error. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { FIRST_CAPACITY = 128 };

void buf_init(struct buf *b, size_t max_bytes)
{
        *b = (struct buf){ .max = max_bytes };
}

void buf_fini(struct buf *b)
{
        free(b->data);
        *b = (struct buf){ .max = b->max };
}

void buf_clear(struct buf *b, size_t keep_bytes)
{
        b->len = 0;
        if (b->cap > keep_bytes)
                buf_fini(b);
        else if (b->data)
                b->data[0] = '\0';
}

int buf_reserve(struct buf *b, size_t more)
{
        size_t limit = b->max ? b->max : SIZE_MAX / 4;
        if (more > limit || b->len > limit - more)
                return ERR_LIMIT;
        size_t need = b->len + more;
        if (b->data && need <= b->cap)
                return 0;
        size_t cap = b->cap ? b->cap : FIRST_CAPACITY;
        while (cap < need)
                cap *= 2;
        if (cap > limit)
                cap = limit;
        char *data = realloc(b->data, cap + 1);
        if (!data)
                return ERR_NOMEM;
        b->data = data;
        b->cap = cap;
        b->data[b->len] = '\0';
        return 0;
}

int buf_append(struct buf *b, const void *bytes, size_t count)
{
        int rc = buf_reserve(b, count);
        if (rc < 0)
                return rc;
        if (count > 0)
                memcpy(b->data + b->len, bytes, count);
        b->len += count;
        b->data[b->len] = '\0';
        return 0;
}

int buf_puts(struct buf *b, const char *text)
{
        return buf_append(b, text, strlen(text));
}

int buf_putc(struct buf *b, char c)
{
        return buf_append(b, &c, 1);
}

int buf_printf(struct buf *b, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        int wanted = vsnprintf(NULL, 0, format, args);
        va_end(args);
        if (wanted < 0)
                return ERR_BUG;
        int rc = buf_reserve(b, (size_t)wanted);
        if (rc < 0)
                return rc;
        va_start(args, format);
        (void)vsnprintf(b->data + b->len, (size_t)wanted + 1, format, args); /* measured above */
        va_end(args);
        b->len += (size_t)wanted;
        return 0;
}

char *buf_take(struct buf *b, size_t *len)
{
        char *data = b->data;
        if (len)
                *len = b->len;
        *b = (struct buf){ .max = b->max };
        return data;
}
