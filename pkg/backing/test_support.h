/* Helpers of this folder's tests: a temporary folder with bindings in it. */
#ifndef BACKING_TEST_SUPPORT_H
#define BACKING_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every secret in a test contains this word, which therefore must not appear in any text. */
#define MARK "S3CR3T"

struct test_folder {
        char path[64];
};

static inline void test_folder_make(struct test_folder *folder)
{
        *folder = (struct test_folder){ "/tmp/backing-test-XXXXXX" };
        assert_non_null(mkdtemp(folder->path));
}

/* Writes <folder>/<binding>/<entry> under a temporary name and renames it, so that no one reads half of it. */
static inline void test_folder_write(const struct test_folder *folder, const char *binding, const char *entry,
                                     const char *text)
{
        char path[512], beside[512];
        (void)snprintf(path, sizeof(path), "%s/%s", folder->path, binding);
        assert_true(mkdir(path, 0700) == 0 || access(path, X_OK) == 0);
        (void)snprintf(path, sizeof(path), "%s/%s/%s", folder->path, binding, entry);
        (void)snprintf(beside, sizeof(beside), "%s/..new", folder->path);
        FILE *file = fopen(beside, "w");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(rename(beside, path), 0);
}

static inline int test_remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
        (void)status;
        (void)kind;
        (void)walk;
        return remove(path);
}

static inline void test_folder_drop(const struct test_folder *folder, const char *binding)
{
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/%s", folder->path, binding);
        assert_int_equal(nftw(path, test_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void test_folder_remove(const struct test_folder *folder)
{
        (void)nftw(folder->path, test_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
