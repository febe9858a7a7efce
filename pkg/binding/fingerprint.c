/* fingerprint: takes the fingerprint of a root from links and from the times, sizes and inodes of files, without
 * opening a file. Equal fingerprints before and after a read show that everything belongs to one generation; an equal
 * fingerprint a second later shows that nothing has to be read. The fingerprint is kept in full rather than hashed: it
 * takes two kilobytes for an ordinary root, and no change can hide in a collision.
 *
 * File times are only as precise as the kernel's tick, so a file that has just changed may change again without a
 * trace. A fingerprint with such a file is marked as recent, and the watch then compares contents instead. An atomic
 * volume's folder never changes, so its entries are not examined. */
#include "binding/fingerprint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "binding/entry.h"
#include "binding/error.h"
#include "binding/folder.h"

/* Longer than the granularity of file times on any file system likely to be used here (FAT: 2 s). */
static const int64_t young_ns = 2500000000;

struct taker {
        struct sb_fingerprint *print;
        int64_t now_ns;
        bool has_failed; /* out of memory */
};

static int64_t to_ns(const struct timespec *t)
{
        return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static void append(struct taker *t, const void *bytes, size_t length)
{
        struct sb_fingerprint *p = t->print;
        if (p->room - p->length < length) {
                size_t room = 2 * (p->length + length) + 256;
                unsigned char *larger = realloc(p->bytes, room);
                if (!larger) {
                        t->has_failed = true;
                        return;
                }
                p->bytes = larger;
                p->room = room;
        }
        memcpy(p->bytes + p->length, bytes, length);
        p->length += length;
}

static void append_text(struct taker *t, const char *kind, const char *text)
{
        append(t, kind, strlen(kind) + 1);
        append(t, text, strlen(text) + 1);
}

static void append_number(struct taker *t, const char *kind, int64_t number)
{
        append(t, kind, strlen(kind) + 1);
        append(t, &number, sizeof(number));
}

static void append_identity(struct taker *t, const struct stat *st)
{
        append_number(t, "device", (int64_t)st->st_dev);
        append_number(t, "inode", (int64_t)st->st_ino);
}

static void append_file(struct taker *t, int folder, const char *name)
{
        struct stat st;
        append_text(t, "file", name);
        if (fstatat(folder, name, &st, 0) < 0) {
                append_number(t, "error", errno);
                return;
        }
        append_identity(t, &st);
        append_number(t, "mode", st.st_mode);
        append_number(t, "size", st.st_size);
        append_number(t, "modified", to_ns(&st.st_mtim));
        append_number(t, "changed", to_ns(&st.st_ctim));
        if (to_ns(&st.st_ctim) > t->now_ns - young_ns)
                t->print->is_young = true;
}

/* A folder that contains the entries itself. Exceeding the limit does not matter here: the binding then has a problem,
 * and the watch rereads such a set anyway. */
static int append_plain(struct taker *t, int folder, const char *path, struct servicebinding_error *err)
{
        struct sb_names names;
        struct stat st;
        if (fstatat(folder, "type", &st, AT_SYMLINK_NOFOLLOW) < 0) {
                append_number(t, "untyped", errno);
                return 0;
        }
        int rc = sb_list(folder, SB_ENTRIES_MAX, &names, path, err);
        if (rc < 0) {
                append_number(t, "unlisted", rc);
                return sb_is_fatal(rc) ? rc : 0;
        }
        for (size_t i = 0; i < names.count; i++)
                append_file(t, folder, names.items[i]);
        sb_names_fini(&names);
        return 0;
}

/* The folder that a ..data link points to: the link's target, and the identity of that folder. */
static void append_data(struct taker *t, int outer, int data)
{
        struct stat st;
        char target[PATH_MAX];
        ssize_t length = readlinkat(outer, "..data", target, sizeof(target));
        append_number(t, "target", length);
        if (length > 0)
                append(t, target, (size_t)length);
        if (fstat(data, &st) == 0) {
                append_identity(t, &st);
                append_number(t, "modified", to_ns(&st.st_mtim));
        }
}

static int append_folder(struct taker *t, const struct sb_root *root, const char *name,
                         struct servicebinding_error *err)
{
        struct stat st;
        int outer = sb_open(root, root->fd, name, O_DIRECTORY);
        if (outer < 0) {
                append_number(t, "error", errno);
                return errno == ENOMEM || errno == EMFILE || errno == ENFILE
                               ? sb_error_errno(err, errno, "%s/%s", root->path, name)
                               : 0;
        }
        int rc = 0;
        int data = sb_open_data(root, outer);
        if (fstat(outer, &st) == 0)
                append_identity(t, &st);
        if (data >= 0) {
                append_data(t, outer, data);
                (void)close(data); /* nothing was written */
        } else if (data == -1) {
                rc = append_plain(t, outer, root->path, err);
        } else {
                append_number(t, "no data", 0);
        }
        (void)close(outer); /* nothing was written */
        return rc;
}

static int append_root(struct taker *t, const struct sb_root *root, struct servicebinding_error *err)
{
        struct stat st;
        struct sb_names names;
        if (root->fd < 0) {
                append_text(t, "root", "missing");
                return 0;
        }
        if (fstat(root->fd, &st) == 0)
                append_identity(t, &st);
        if (root->data_fd >= 0)
                append_data(t, root->fd, root->data_fd);
        int rc = sb_root_names(root, &names, err);
        for (size_t i = 0; rc == 0 && i < names.count; i++) {
                enum sb_place place = sb_root_place(root, names.items[i]);
                append_text(t, "name", names.items[i]);
                append_number(t, "place", place);
                if (place == SB_IN_ROOT && sb_binding_name_valid(names.items[i]))
                        rc = append_folder(t, root, names.items[i], err);
        }
        sb_names_fini(&names);
        return rc;
}

int sb_fingerprint_take(const char *path, struct sb_fingerprint *out, struct servicebinding_error *err)
{
        struct sb_root root;
        struct timespec now;
        *out = (struct sb_fingerprint){ 0 };
        if (!path)
                return 0;
        int rc = sb_root_open(path, &root, err);
        if (rc < 0)
                return rc;
        (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail: every supported system has this clock */
        struct taker t = { .print = out, .now_ns = to_ns(&now) };
        rc = append_root(&t, &root, err);
        sb_root_close(&root);
        if (rc == 0 && t.has_failed)
                rc = sb_error(err, SERVICEBINDING_NOMEM, "out of memory");
        if (rc < 0)
                sb_fingerprint_fini(out);
        return rc;
}

bool sb_fingerprint_equal(const struct sb_fingerprint *a, const struct sb_fingerprint *b)
{
        return a->length == b->length && (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

void sb_fingerprint_fini(struct sb_fingerprint *print)
{
        free(print->bytes);
        *print = (struct sb_fingerprint){ 0 };
}
