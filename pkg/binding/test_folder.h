/* test_folder: binding folders for the unit tests of this package: plain ones, and atomic volumes as the kubelet writes
 * them (Kubernetes, pkg/volume/util/atomic_writer.go: payload, ..data_tmp, rename, visible links, removal of old
 * files).
 *
 *     struct folder f;
 *     folder_init(&f);                             // a new folder below /tmp
 *     folder_put(&f, "redis/type", "redis");       // creates missing folders
 *     folder_fini(&f);                             // removes everything
 *
 * Threads: one at a time. */
#ifndef BINDING_TEST_FOLDER_H
#define BINDING_TEST_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
        char root[PATH_MAX / 2];
};

/* A path below the root; borrowed until the fourth call after this one. */
static inline const char *folder_path(const struct folder *f, const char *name)
{
        static char paths[4][PATH_MAX];
        static unsigned next;
        char *path = paths[next++ % 4];
        assert_true(snprintf(path, PATH_MAX, "%s/%s", f->root, name) < PATH_MAX);
        return path;
}

static inline void folder_init(struct folder *f)
{
        (void)snprintf(f->root, sizeof(f->root), "/tmp/servicebinding-XXXXXX"); /* fits */
        assert_non_null(mkdtemp(f->root));
        assert_int_equal(chmod(f->root, 0755), 0);
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
        (void)st;
        (void)kind;
        (void)where;
        return remove(path);
}

static inline void folder_remove(const struct folder *f, const char *name)
{
        assert_int_equal(nftw(folder_path(f, name), remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void folder_fini(struct folder *f)
{
        folder_remove(f, "");
}

/* Creates the folders that lead to `name`. */
static inline void folder_lead(const struct folder *f, const char *name)
{
        char path[PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s", folder_path(f, name)); /* same size */
        for (char *slash = strchr(path + strlen(f->root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
                *slash = '/';
        }
}

static inline void folder_put_bytes(const struct folder *f, const char *name, const void *bytes, size_t length)
{
        folder_lead(f, name);
        int fd = open(folder_path(f, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, length), length);
        assert_int_equal(close(fd), 0);
}

static inline void folder_put(const struct folder *f, const char *name, const char *text)
{
        folder_put_bytes(f, name, text, strlen(text));
}

static inline void folder_link(const struct folder *f, const char *name, const char *target)
{
        folder_lead(f, name);
        assert_int_equal(symlink(target, folder_path(f, name)), 0);
}

/* Writes an atomic volume once: `entries` are pairs of path and text, ended by NULL. The first part of each path
 * becomes a visible link. `previous` (NULL: none) is the generation to remove. */
static inline void folder_swap(const struct folder *f, const char *volume, const char *previous, const char *generation,
                               const char *const *entries)
{
        char name[PATH_MAX / 2];
        char target[PATH_MAX / 2];
        for (size_t i = 0; entries[i]; i += 2) {
                (void)snprintf(name, sizeof(name), "%s%s/%s", volume, generation, entries[i]); /* short names */
                folder_put(f, name, entries[i + 1]);
        }
        (void)snprintf(name, sizeof(name), "%s%s/", volume, generation); /* even an empty payload */
        folder_lead(f, name);
        (void)snprintf(name, sizeof(name), "%s..data_tmp", volume);
        folder_link(f, name, generation);
        (void)snprintf(target, sizeof(target), "%s..data", volume);
        assert_int_equal(rename(folder_path(f, name), folder_path(f, target)), 0);
        for (size_t i = 0; entries[i]; i += 2) {
                int length = (int)strcspn(entries[i], "/");
                (void)snprintf(name, sizeof(name), "%s%.*s", volume, length, entries[i]);
                (void)snprintf(target, sizeof(target), "..data/%.*s", length, entries[i]);
                assert_true(symlink(target, folder_path(f, name)) == 0 || errno == EEXIST);
        }
        if (previous) {
                (void)snprintf(name, sizeof(name), "%s%s", volume, previous);
                folder_remove(f, name);
        }
}

/* Drops root's privileges, with which every file would be readable. */
static inline void leave_root(void)
{
        if (getuid() == 0)
                assert_int_equal(seteuid(65534), 0);
}

static inline void become_root(void)
{
        if (getuid() == 0)
                assert_int_equal(seteuid(0), 0);
}

#endif
