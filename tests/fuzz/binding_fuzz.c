/* binding_fuzz: builds a folder of bindings from the input, and loads, searches and watches it. The input is a list of
 * records that end with byte 0x1e:
 *     fPATH=CONTENT   a file     lPATH=TARGET   a link     dPATH   a folder
 * The tree is built step by step below a folder in memory and never through a link, so no input can reach other files. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "binding/entry.h"
#include "binding/servicebinding.h"

enum { RECORDS_MAX = 64, RECORD_END = 0x1e };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Opens the parent folder of `path`, creates it if missing, and cuts `path` to its last component. Returns -1 if that
 * fails. */
static int open_parent(int root, char **path)
{
        int dir = dup(root);
        for (char *slash; dir >= 0 && (slash = strchr(*path, '/')); *path = slash + 1) {
                *slash = '\0';
                int next = -1;
                if ((mkdirat(dir, *path, 0755) == 0 || errno == EEXIST) && strcmp(*path, "..") != 0)
                        next = openat(dir, *path, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                (void)close(dir);
                dir = next;
        }
        return dir;
}

static void make_file(int dir, const char *name, const char *content, size_t length)
{
        int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return;
        ssize_t written = write(fd, content, length);
        assert(written == (ssize_t)length);
        (void)close(fd);
}

static void make_record(int root, const uint8_t *record, size_t length)
{
        char *text = malloc(length + 1);
        assert(text);
        memcpy(text, record, length);
        text[length] = '\0';
        char *equals = memchr(text, '=', length);
        char *content = equals ? equals + 1 : text + length;
        if (equals)
                *equals = '\0';
        char *path = text + 1;
        int dir = length > 1 ? open_parent(root, &path) : -1;
        if (dir >= 0 && text[0] == 'f')
                make_file(dir, path, content, (size_t)(text + length - content));
        else if (dir >= 0 && text[0] == 'l')
                (void)!symlinkat(content, dir, path);
        else if (dir >= 0 && text[0] == 'd')
                (void)mkdirat(dir, path, 0755);
        if (dir >= 0)
                (void)close(dir);
        free(text);
}

static void make_tree(const char *path, const uint8_t *data, size_t size)
{
        int root = open(path, O_DIRECTORY | O_CLOEXEC);
        assert(root >= 0);
        for (int i = 0; i < RECORDS_MAX && size > 0; i++) {
                const uint8_t *end = memchr(data, RECORD_END, size);
                size_t length = end ? (size_t)(end - data) : size;
                make_record(root, data, length);
                data += length + (end ? 1 : 0);
                size -= length + (end ? 1 : 0);
        }
        (void)close(root);
}

static void check_binding(const struct servicebinding *b)
{
        assert(sb_binding_name_valid(servicebinding_name(b)));
        assert(servicebinding_problem(b) || servicebinding_type(b)[0] != '\0');
        assert(!servicebinding_problem(b) || servicebinding_entry_count(b) == 0);
        for (size_t i = 0; i < servicebinding_entry_count(b); i++) {
                size_t length;
                const char *name = servicebinding_entry_name(b, i);
                const char *bytes = servicebinding_bytes(b, name, &length);
                const char *text = servicebinding_text(b, name);
                assert(sb_entry_name_valid(name) && bytes && bytes[length] == '\0');
                assert(!text == !!memchr(bytes, '\0', length));
                assert(!text || (strlen(text) <= length && strlen(text) + 2 >= length));
        }
}

static void check_set(const struct servicebinding_set *set)
{
        for (size_t i = 0; i < servicebinding_count(set); i++) {
                struct servicebinding_error err;
                const struct servicebinding *b = servicebinding_at(set, i);
                const struct servicebinding *found = NULL;
                check_binding(b);
                if (i > 0)
                        assert(strcmp(servicebinding_name(servicebinding_at(set, i - 1)), servicebinding_name(b)) < 0);
                int rc = servicebinding_find(set, servicebinding_name(b), NULL, NULL, &found, &err);
                assert(servicebinding_problem(b) ? rc < 0 : rc == 0 && found == b);
                rc = servicebinding_find(set, NULL, servicebinding_type(b), servicebinding_provider(b), &found, &err);
                assert(rc <= 0);
        }
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
        (void)st;
        (void)kind;
        (void)where;
        return remove(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char path[] = "/dev/shm/binding-fuzz-XXXXXX";
        char fallback[] = "/tmp/binding-fuzz-XXXXXX";
        const char *root = mkdtemp(path);
        if (!root)
                root = mkdtemp(fallback);
        assert(root);
        make_tree(root, data, size);
        struct servicebinding_error err;
        struct servicebinding_set *set;
        struct servicebinding_watch *watch;
        if (servicebinding_load(root, &set, &err) == 0) {
                check_set(set);
                int rc = servicebinding_watch_open(root, &watch, &err);
                assert(rc == 0);
                assert(servicebinding_set_equal(set, servicebinding_watch_set(watch)));
                rc = servicebinding_watch_poll(watch, &err);
                assert(rc == 0);
                servicebinding_watch_close(watch);
                servicebinding_set_unref(set);
        }
        (void)nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        return 0;
}
