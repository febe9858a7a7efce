/* entry: one entry, and the rules for names and values, without file access.
 *
 * Threads: any; a sealed entry never changes. */
#ifndef BINDING_ENTRY_H
#define BINDING_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "binding/secret_pages.h"

enum {
        SB_NAME_MAX = 253,          /* bytes of a binding's or an entry's name */
        SB_ENTRY_MAX = 1024 * 1024, /* bytes of an entry                       */
        SB_ENTRIES_MAX = 256,       /* entries of a binding                    */
};

struct sb_entry {
        char *name;           /* owned                                                               */
        unsigned char *bytes; /* in the binding's pages; length bytes and a NUL, then room for `text` */
        size_t length;
        const char *text; /* in `bytes`; NULL if the entry contains a NUL byte */
};

bool sb_binding_name_valid(const char *name); /* [a-z0-9.-]{1,253}, not beginning with ".." */
bool sb_entry_name_valid(const char *name);   /* [A-Za-z0-9._-]{1,253}, the same            */
/* True for a value that points to another system, such as vault://path. */
bool sb_is_reference(const struct sb_entry *entry);
/* Reserves room in `pages` for `length` bytes, all zero. Returns 0 or NOMEM. */
int sb_entry_init(struct sb_entry *entry, struct sb_pages *pages, const char *name, size_t length);
/* Sets `text`. Call this once, after filling the bytes. */
void sb_entry_seal(struct sb_entry *entry);
void sb_entry_fini(struct sb_entry *entry); /* the pages own the bytes; all zero is fine */
bool sb_entry_equal(const struct sb_entry *a, const struct sb_entry *b);
/* A copy of `text` without trailing white space; NULL: out of memory. */
char *sb_trimmed(const char *text);
/* Compares words; ASCII letters match in either case, regardless of the locale. */
bool sb_same_word(const char *a, const char *b);
/* Copies `name` into `out` so that it is safe to print: '?' replaces everything except printable ASCII. Returns
 * `out`. */
const char *sb_printable(const char *name, char *out, size_t size);

#endif
