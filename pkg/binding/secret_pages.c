/* secret_pages: pieces are cut from the newest mapping one after the other; a remainder that is too small stays unused.
 * A mapping begins with its own bookkeeping. The kernel excludes memory from core dumps only by whole pages, so these
 * come from mmap and contain nothing else. */
#include "binding/secret_pages.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAPPING_MIN = 16 * 1024 };

struct sb_mapping {
        struct sb_mapping *older;
        size_t size, used;
        unsigned char bytes[];
};

static struct sb_mapping *map(size_t wanted)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE), size = sizeof(struct sb_mapping) + wanted;
        if (size < MAPPING_MIN)
                size = MAPPING_MIN;
        size = (size + page - 1) / page * page;
        struct sb_mapping *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapping == MAP_FAILED)
                return NULL;
        (void)madvise(mapping, size, MADV_DONTDUMP); /* works on every supported kernel */
        mapping->size = size - sizeof(*mapping);
        return mapping;
}

void *sb_pages_take(struct sb_pages *pages, size_t size)
{
        struct sb_mapping *mapping = pages->newest;
        if (!mapping || mapping->size - mapping->used < size) {
                mapping = map(size);
                if (!mapping)
                        return NULL;
                mapping->older = pages->newest;
                pages->newest = mapping;
        }
        void *piece = mapping->bytes + mapping->used;
        mapping->used += size;
        return piece;
}

void sb_pages_fini(struct sb_pages *pages)
{
        while (pages->newest) {
                struct sb_mapping *mapping = pages->newest;
                pages->newest = mapping->older;
                explicit_bzero(mapping->bytes, mapping->used);
                (void)munmap(mapping, sizeof(*mapping) + mapping->size); /* never fails for the range that was mapped */
        }
}
