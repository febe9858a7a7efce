/* secret_pages: memory for the values of one binding. It is excluded from core dumps and wiped when it is released,
 * since any value may be a secret.
 *
 *     struct sb_pages pages = { 0 };
 *     unsigned char *bytes = sb_pages_take(&pages, 100);     // NULL: out of memory
 *     sb_pages_fini(&pages);                                 // wipes and frees everything that was taken
 *
 * Pieces share mappings, because the kernel allows a process only about 65,000 of them, and a set may have 32,768
 * entries.
 *
 * Threads: one at a time. */
#ifndef BINDING_SECRET_PAGES_H
#define BINDING_SECRET_PAGES_H

#include <stddef.h>

struct sb_mapping;

/* All zero: empty. May be moved. */
struct sb_pages {
        struct sb_mapping *newest;
};

/* `size` bytes, all zero. */
void *sb_pages_take(struct sb_pages *pages, size_t size);
void sb_pages_fini(struct sb_pages *pages); /* leaves it empty */

#endif
