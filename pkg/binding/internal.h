/* What the files of this folder share. Names begin with sb_, since a program may link them together
 * with its own; the libraries that are installed keep them local.
 *
 *   error.c   texts and codes            folder.c  opening below the root, listing
 *   entry.c   one entry's name and text  read.c    one binding
 *   set.c     sets and what they lend    load.c    all bindings of a root
 *   select.c  choosing one               print.c   fingerprints        watch.c  changes
 *
 * Threads: as servicebinding.h says; a struct sb_root belongs to one thread. */
#ifndef BINDING_INTERNAL_H
#define BINDING_INTERNAL_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "binding/servicebinding.h"

enum {
        SB_NAME_MAX = 253,             /* bytes of a binding's or an entry's name               */
        SB_ENTRY_MAX = 1024 * 1024,    /* bytes of an entry                                     */
        SB_ENTRIES_MAX = 256,          /* entries of a binding                                  */
        SB_BINDINGS_MAX = 128,         /* bindings of a set                                     */
        SB_SET_MAX = 16 * 1024 * 1024, /* bytes of all entries of a set                         */
        SB_ROOT_NAMES_MAX = 1024,      /* names in the root, bindings or not                    */
        SB_WARNINGS_MAX = 64,          /* warnings of a set                                     */
        SB_TOLD_MAX = 512,             /* warnings that a watch remembers                       */
        SB_TRIES = 32,                 /* readings of a root that changes while it is read      */
};

/* error.c */

int sb_error(struct servicebinding_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The text, ": " and the system's words for `errnum`; returns the code that fits it, which is never NOT_FOUND: for
 * names that are there. EXDEV means that a link leads outside of the root (see sb_open), ENOENT that it leads nowhere. */
int sb_error_errno(struct servicebinding_error *err, int errnum, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* True where reading anything more makes no sense: out of memory or descriptors. */
bool sb_is_fatal(int code);

/* entry.c: one entry, and the rules for names and values. Pure: no file is touched. */

struct sb_entry {
        char *name;           /* owned                                                       */
        unsigned char *bytes; /* owned, wiped; length bytes and a NUL, then room for `text`  */
        size_t length;
        size_t room;      /* bytes allocated                                             */
        const char *text; /* in `bytes`; NULL where the entry holds a NUL byte           */
};

bool sb_binding_name_valid(const char *name); /* [a-z0-9.-]{1,253}, not beginning with ".." */
bool sb_entry_name_valid(const char *name);   /* [A-Za-z0-9._-]{1,253}, the same             */
/* Bytes that a line end at the end of the value takes: 2, 1 or 0. */
size_t sb_line_end(const unsigned char *bytes, size_t length);
/* True for a value that names a place in another system, such as vault://path. */
bool sb_is_reference(const struct sb_entry *entry);
/* Room for `length` bytes, all zero. 0 or NOMEM. */
int sb_entry_init(struct sb_entry *entry, const char *name, size_t length);
/* Makes `text`; to be called once, when the bytes are there. */
void sb_entry_seal(struct sb_entry *entry);
void sb_entry_fini(struct sb_entry *entry); /* wipes; all zero is fine */
bool sb_entry_equal(const struct sb_entry *a, const struct sb_entry *b);
/* A copy of `text` without white space at its end; NULL: out of memory. */
char *sb_trimmed(const char *text);
/* ASCII letters are equal in either case, whatever the locale says. */
bool sb_same_word(const char *a, const char *b);
/* Puts `name` into `out` in a form that is safe to print: what is no printable ASCII becomes '?'. */
const char *sb_printable(const char *name, char *out, size_t size);

/* set.c */

struct servicebinding {
        char *name;
        char *path;
        char *type;               /* "" where it is not known     */
        char *provider;           /* NULL where there is none     */
        struct sb_entry *entries; /* in the order of names        */
        size_t count;
        struct servicebinding_error problem; /* code 0: none */
};

struct servicebinding_set {
        atomic_size_t references;
        char *root; /* NULL: none was given */
        struct servicebinding *bindings;
        size_t count;
        char **warnings;
        size_t warning_count;
};

int sb_set_new(const char *root, struct servicebinding_set **out, struct servicebinding_error *err);
/* Adds a copy of the text, or nothing where there are 64 already. 0 or NOMEM. */
int sb_set_warn(struct servicebinding_set *set, const char *text, struct servicebinding_error *err);
/* Takes the binding's content. 0, LIMIT or NOMEM; on failure the content is freed. */
int sb_set_add(struct servicebinding_set *set, struct servicebinding *binding, struct servicebinding_error *err);
void sb_binding_fini(struct servicebinding *binding);
void sb_binding_drop_entries(struct servicebinding *binding);

/* folder.c */

struct sb_names {
        char **items; /* sorted */
        size_t count;
};

/* An open root. */
struct sb_root {
        const char *path;    /* as it was given                                      */
        char real[PATH_MAX]; /* without links; "" where that cannot be told          */
        int fd;              /* -1: the folder is not there                          */
        int data_fd;         /* the folder that the root's own ..data points to, or -1 */
};

/* How a name in the root leads to a folder. */
enum sb_place { SB_NOWHERE, SB_IN_ROOT, SB_IN_DATA };

/* A missing folder is no failure: the root then has fd -1 and no names. A link to a missing one is. */
int sb_root_open(const char *path, struct sb_root *root, struct servicebinding_error *err);
void sb_root_close(struct sb_root *root);
/* The names in the root and in its ..data. */
int sb_root_names(const struct sb_root *root, struct sb_names *out, struct servicebinding_error *err);
enum sb_place sb_root_place(const struct sb_root *root, const char *name);
/* Opens `name` in the folder `dir` for reading, without waiting for anything, through links that stay
 * inside the root. -1 with errno set; EXDEV where a link leads outside. */
int sb_open(const struct sb_root *root, int dir, const char *name, int flags);
/* The folder that ..data in `folder` points to: a descriptor, -1 where there is no such link, -2 with
 * errno set where it cannot be opened. */
int sb_open_data(const struct sb_root *root, int folder);
/* Names in an open folder, sorted, but those that begin with "..". LIMIT where there are more. */
int sb_list(int folder, size_t max, struct sb_names *out, const char *path, struct servicebinding_error *err);
void sb_names_fini(struct sb_names *names);

/* read.c */

/* Reads one binding and adds it to the set, with its problem where it cannot be read whole, and with a
 * warning; adds nothing where the folder has no entry `type`. `budget` is what the set may still
 * hold, in bytes, and is lowered. NOMEM, UNAVAILABLE, LIMIT. */
int sb_read(const struct sb_root *root, enum sb_place place, const char *name, struct servicebinding_set *set,
            size_t *budget, struct servicebinding_error *err);

/* print.c: what a root looks like from outside, without a file being read. */

struct sb_print {
        unsigned char *bytes; /* owned; equal bytes: nothing has changed                 */
        size_t length;
        size_t room;
        bool is_young; /* a file changed so lately that its times may not tell a later change */
};

int sb_print_take(const char *root, struct sb_print *out, struct servicebinding_error *err);
bool sb_print_equal(const struct sb_print *a, const struct sb_print *b);
void sb_print_fini(struct sb_print *print);

/* load.c */

/* servicebinding_load with the root given, and the fingerprint of what was read. */
int sb_load(const char *root, struct servicebinding_set **out, struct sb_print *print,
            struct servicebinding_error *err);
/* $SERVICE_BINDING_ROOT where `root` is NULL; NULL where that is unset or empty. */
const char *sb_root_or_environment(const char *root);

#endif
