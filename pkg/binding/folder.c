/* folder: opens and lists files and folders below the root. Each step opens one name in one open folder, so nobody can
 * replace a folder of the path in between. To check that a link stays inside the root, the path of the opened
 * descriptor in /proc is compared with the root's; the text of the link does not matter. A link to a neighbour such as
 * ..data needs no such check, so everything that the kubelet writes can be read even in a chroot without /proc; other
 * links are refused there. */
#include "binding/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "binding/error.h"

static const char data_link[] = "..data";

static bool path_of(int fd, char *out, size_t size)
{
        char link[32];
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd); /* always fits */
        ssize_t length = readlink(link, out, size);
        if (length < 0 || (size_t)length >= size)
                return false;
        out[length] = '\0';
        return true;
}

static bool is_inside(const struct sb_root *root, int fd)
{
        char path[PATH_MAX];
        size_t length = strlen(root->real);
        if (length == 0 || !path_of(fd, path, sizeof(path)) || strncmp(path, root->real, length) != 0)
                return false;
        return root->real[length - 1] == '/' || path[length] == '/' || path[length] == '\0';
}

static void close_keeping_errno(int fd)
{
        int saved = errno;
        (void)close(fd); /* nothing was written */
        errno = saved;
}

/* Opens the link's target if that is a name in the same folder and not a link; -1: it is something else. */
static int open_neighbour(int dir, const char *name, int flags)
{
        struct stat st;
        char target[NAME_MAX + 1];
        ssize_t length = readlinkat(dir, name, target, sizeof(target));
        if (length <= 0 || (size_t)length == sizeof(target))
                return -1;
        target[length] = '\0';
        if (strchr(target, '/') || strcmp(target, "..") == 0)
                return -1;
        if (fstatat(dir, target, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(st.st_mode))
                return -1;
        return openat(dir, target, flags | O_NOFOLLOW);
}

int sb_open(const struct sb_root *root, int dir, const char *name, int flags)
{
        struct stat st;
        flags |= O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -1;
        if (!S_ISLNK(st.st_mode))
                return openat(dir, name, flags | O_NOFOLLOW);
        int fd = open_neighbour(dir, name, flags);
        if (fd >= 0)
                return fd;
        fd = openat(dir, name, flags);
        if (fd >= 0 && !is_inside(root, fd)) {
                errno = root->real[0] ? EXDEV : EOPNOTSUPP;
                close_keeping_errno(fd);
                return -1;
        }
        return fd;
}

/* True if the link's text differs from *target, which is set to the current text. */
static bool data_has_moved(int folder, char target[PATH_MAX])
{
        char now[PATH_MAX];
        ssize_t length = readlinkat(folder, data_link, now, sizeof(now) - 1);
        now[length > 0 ? length : 0] = '\0';
        bool has_moved = strcmp(now, target) != 0;
        memcpy(target, now, strlen(now) + 1);
        return has_moved;
}

int sb_open_data(const struct sb_root *root, int folder)
{
        struct stat st;
        char target[PATH_MAX] = "";
        if (fstatat(folder, data_link, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? -1 : -2;
        if (!S_ISLNK(st.st_mode))
                return -1;
        int fd, failed;
        do {
                fd = sb_open(root, folder, data_link, O_DIRECTORY);
                failed = errno;
                /* The folder may disappear after the link was read; then the link has moved. */
        } while (fd < 0 && failed == ENOENT && data_has_moved(folder, target));
        errno = failed;
        return fd < 0 ? -2 : fd;
}

/* True if the path, or a folder on the way to it, is a link whose target is missing. */
static bool leads_nowhere(const char *path)
{
        struct stat st;
        char part[PATH_MAX];
        if (strlen(path) >= sizeof(part))
                return false;
        (void)snprintf(part, sizeof(part), "%s", path); /* fits */
        for (char *end = part + 1; part[0]; end++) {
                bool is_last = *end == '\0';
                if (*end != '/' && !is_last)
                        continue;
                *end = '\0';
                if (lstat(part, &st) == 0 && S_ISLNK(st.st_mode) && stat(part, &st) < 0 && errno == ENOENT)
                        return true;
                if (is_last)
                        return false;
                *end = '/';
        }
        return false;
}

int sb_root_open(const char *path, struct sb_root *root, struct servicebinding_error *err)
{
        *root = (struct sb_root){ .path = path, .fd = -1, .data_fd = -1 };
        root->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
        if (root->fd < 0) {
                int failed = errno;
                return failed == ENOENT && !leads_nowhere(path) ? 0 : sb_error_errno(err, failed, "%s", path);
        }
        if (!path_of(root->fd, root->real, sizeof(root->real)))
                root->real[0] = '\0';
        root->data_fd = sb_open_data(root, root->fd);
        if (root->data_fd == -2) {
                int rc = sb_error_errno(err, errno, "%s/%s", path, data_link);
                root->data_fd = -1;
                sb_root_close(root);
                return rc;
        }
        return 0;
}

void sb_root_close(struct sb_root *root)
{
        if (root->fd >= 0)
                close_keeping_errno(root->fd);
        if (root->data_fd >= 0)
                close_keeping_errno(root->data_fd);
        root->fd = root->data_fd = -1;
}

static int names_add(struct sb_names *names, const char *name)
{
        char **larger = realloc(names->items, (names->count + 1) * sizeof(*larger));
        if (!larger)
                return -1;
        names->items = larger;
        larger[names->count] = strdup(name);
        if (!larger[names->count])
                return -1;
        names->count++;
        return 0;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

void sb_names_fini(struct sb_names *names)
{
        for (size_t i = 0; i < names->count; i++)
                free(names->items[i]);
        free(names->items);
        *names = (struct sb_names){ 0 };
}

static int read_names(DIR *dir, size_t max, struct sb_names *out, const char *path, struct servicebinding_error *err)
{
        for (;;) {
                errno = 0;
                const struct dirent *item = readdir(dir);
                if (!item)
                        return errno ? sb_error_errno(err, errno, "%s", path) : 0;
                if (strcmp(item->d_name, ".") == 0 || strncmp(item->d_name, "..", 2) == 0)
                        continue;
                if (out->count == max)
                        return sb_error(err, SERVICEBINDING_LIMIT, "%s: more than %zu names", path, max);
                if (names_add(out, item->d_name) < 0)
                        return sb_error(err, SERVICEBINDING_NOMEM, "out of memory");
        }
}

int sb_list(int folder, size_t max, struct sb_names *out, const char *path, struct servicebinding_error *err)
{
        *out = (struct sb_names){ 0 };
        /* Opens a separate descriptor, because a shared one would share the position in the listing. */
        int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir) {
                int rc = sb_error_errno(err, errno, "%s", path);
                if (fd >= 0)
                        close_keeping_errno(fd);
                return rc;
        }
        int rc = read_names(dir, max, out, path, err);
        (void)closedir(dir); /* nothing was written */
        if (rc < 0)
                sb_names_fini(out);
        else if (out->count > 0)
                qsort(out->items, out->count, sizeof(*out->items), compare_names);
        return rc;
}

/* Adds copies of the names in `more` that are missing. */
static int names_merge(struct sb_names *names, struct sb_names *more)
{
        size_t known = names->count;
        for (size_t i = 0; i < more->count; i++) {
                const char *const *name = (const char *const *)&more->items[i];
                if (known > 0 && bsearch(name, names->items, known, sizeof(*names->items), compare_names))
                        continue;
                if (names_add(names, *name) < 0)
                        return -1;
        }
        if (names->count > 0)
                qsort(names->items, names->count, sizeof(*names->items), compare_names);
        return 0;
}

int sb_root_names(const struct sb_root *root, struct sb_names *out, struct servicebinding_error *err)
{
        struct sb_names more = { 0 };
        *out = (struct sb_names){ 0 };
        if (root->fd < 0)
                return 0;
        int rc = sb_list(root->fd, SB_ROOT_NAMES_MAX, out, root->path, err);
        if (rc == 0 && root->data_fd >= 0)
                rc = sb_list(root->data_fd, SB_ROOT_NAMES_MAX, &more, root->path, err);
        /* The kubelet creates the visible link of a new folder only after swapping ..data, so names in the data are
         * taken from there, with or without a link. */
        if (rc == 0 && names_merge(out, &more) < 0)
                rc = sb_error(err, SERVICEBINDING_NOMEM, "out of memory");
        sb_names_fini(&more);
        if (rc < 0)
                sb_names_fini(out);
        return rc;
}

static bool leads_into_data(const struct sb_root *root, const char *name)
{
        char target[sizeof(data_link)];
        ssize_t length = readlinkat(root->fd, name, target, sizeof(target));
        return length == (ssize_t)sizeof(target) && memcmp(target, "..data/", sizeof(target)) == 0;
}

enum sb_place sb_root_place(const struct sb_root *root, const char *name)
{
        struct stat top, st;
        bool is_there = fstatat(root->fd, name, &top, AT_SYMLINK_NOFOLLOW) == 0;
        bool is_absent = !is_there && errno == ENOENT;
        bool is_link = is_there && S_ISLNK(top.st_mode);
        if (root->data_fd >= 0 && (is_absent || is_link)) {
                bool is_in_data = fstatat(root->data_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
                if (is_in_data ? S_ISDIR(st.st_mode) : errno != ENOENT)
                        return SB_IN_DATA;
                /* A link whose folder is no longer in the data is about to be removed. */
                if (is_absent || leads_into_data(root, name))
                        return SB_NOWHERE;
        }
        if (is_absent)
                return SB_NOWHERE;
        if (is_there && fstatat(root->fd, name, &st, 0) == 0 && S_ISREG(st.st_mode))
                return SB_NOWHERE;
        return SB_IN_ROOT; /* a folder, or something that fails to open later, with a useful error */
}
