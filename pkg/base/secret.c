/* secret: a compiler must not optimise explicit_bzero away. Each secret has its own pages, because the kernel excludes
 * memory from core dumps by the page; there are a few hundred secrets at most. */
#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

/* The bytes and a NUL, in whole pages. */
static size_t size_of_pages(size_t length)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        return (length / page + 1) * page;
}

int secret_init(struct secret *s, const void *bytes, size_t length)
{
        char *copy = mmap(NULL, size_of_pages(length), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (copy == MAP_FAILED)
                return ERR_NOMEM;
        (void)madvise(copy, size_of_pages(length), MADV_DONTDUMP); /* cannot fail on a supported kernel */
        if (length > 0)
                memcpy(copy, bytes, length);
        copy[length] = '\0';
        *s = (struct secret){ .bytes = copy, .length = length };
        return 0;
}

void secret_fini(struct secret *s)
{
        if (s->bytes) {
                explicit_bzero(s->bytes, s->length);
                (void)munmap(s->bytes, size_of_pages(s->length)); /* never fails for the range that was mapped */
        }
        *s = (struct secret){ 0 };
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
        if (!a->bytes || !b->bytes)
                return a->bytes == b->bytes;
        if (a->length != b->length)
                return false;
        unsigned char difference = 0;
        for (size_t i = 0; i < a->length; i++)
                difference |= (unsigned char)(a->bytes[i] ^ b->bytes[i]);
        return difference == 0;
}
