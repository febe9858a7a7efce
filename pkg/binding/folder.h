/* folder: opens and lists files and folders below a root.
 *
 * Threads: a struct sb_root belongs to one thread. */
#ifndef BINDING_FOLDER_H
#define BINDING_FOLDER_H

#include <limits.h>
#include <stddef.h>

#include "binding/servicebinding.h"

enum { SB_ROOT_NAMES_MAX = 1024 }; /* names in the root, bindings or not */

struct sb_names {
        char **items; /* sorted */
        size_t count;
};

/* An open root. */
struct sb_root {
        const char *path;    /* as given                                                       */
        char real[PATH_MAX]; /* with links resolved; "" if unknown                             */
        int fd;              /* -1: there is no such folder                                    */
        int data_fd;         /* the folder that the root's own ..data points to; -1: no ..data */
};

/* The way to open the folder of a name in the root. */
enum sb_place { SB_NOWHERE, SB_IN_ROOT, SB_IN_DATA };

/* A missing folder is not a failure: the root then has fd -1 and no names. A link to a missing folder is a failure. */
int sb_root_open(const char *path, struct sb_root *root, struct servicebinding_error *err);
void sb_root_close(struct sb_root *root);
/* The names in the root and in its ..data. */
int sb_root_names(const struct sb_root *root, struct sb_names *out, struct servicebinding_error *err);
enum sb_place sb_root_place(const struct sb_root *root, const char *name);
/* Opens `name` in the folder `dir` for reading, without blocking, through links that stay inside the root. Returns -1
 * with errno set; EXDEV if a link leads outside. */
int sb_open(const struct sb_root *root, int dir, const char *name, int flags);
/* Opens the folder that ..data in `folder` points to: returns a descriptor, -1 if there is no such link, -2 with errno
 * set if it cannot be opened. */
int sb_open_data(const struct sb_root *root, int folder);
/* The names in an open folder, sorted, except those that begin with "..". LIMIT if there are more than `max`. */
int sb_list(int folder, size_t max, struct sb_names *out, const char *path, struct servicebinding_error *err);
void sb_names_fini(struct sb_names *names);

#endif
