/* read: reads one binding. All entries come from one open folder: the one that ..data points to at this moment, or
 * otherwise the binding's own. Their names also come from there, not from the visible links, which the kubelet creates
 * and removes after the swap. A failure with one entry makes the whole binding unusable and is kept as its problem,
 * because half a binding could send a password to the wrong host. Only failures that affect every binding are returned
 * as errors. */
#include "binding/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "binding/entry.h"
#include "binding/error.h"

struct reader {
        const struct sb_root *root;
        struct servicebinding_set *set;
        struct servicebinding *binding;
        int folder;      /* the folder of the entries */
        bool shows_type; /* ..data is a link, and next to it is a name `type`, which may point to anything */
        size_t budget;
};

static int out_of_memory(struct servicebinding_error *err)
{
        return sb_error(err, SERVICEBINDING_NOMEM, "out of memory");
}

/* Only the first problem is kept, because it is nearest to the cause. */
static void note_problem(struct servicebinding *binding, const struct servicebinding_error *problem)
{
        if (binding->problem.code == 0)
                binding->problem = *problem;
}

/* Reads exactly the entry's number of bytes. A file that grows or shrinks in the meantime is refused here and read
 * again by load.c, which notices its changed times. */
static int read_bytes(int fd, struct sb_entry *entry, const char *path, struct servicebinding_error *err)
{
        size_t done = 0;
        unsigned char extra;
        for (;;) {
                bool is_full = done == entry->length;
                ssize_t n = read(fd, is_full ? &extra : entry->bytes + done, is_full ? 1 : entry->length - done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return sb_error_errno(err, errno, "%s/%s", path, entry->name);
                if (n == 0 && is_full)
                        return 0;
                if (n == 0 || is_full)
                        return sb_error(err, SERVICEBINDING_UNREADABLE, "%s/%s: changed while being read", path,
                                        entry->name);
                done += (size_t)n;
        }
}

static int check_file(const struct stat *st, const struct reader *r, const char *name, struct servicebinding_error *err)
{
        const char *path = r->binding->path;
        if (!S_ISREG(st->st_mode))
                return sb_error(err, SERVICEBINDING_INVALID, "%s/%s: not a regular file", path, name);
        if (st->st_size > SB_ENTRY_MAX)
                return sb_error(err, SERVICEBINDING_LIMIT, "%s/%s: larger than %d bytes", path, name, SB_ENTRY_MAX);
        if ((size_t)st->st_size > r->budget)
                return sb_error(err, SERVICEBINDING_LIMIT,
                                "%s/%s: the bindings below this root hold more than %d "
                                "bytes",
                                path, name, SB_SET_MAX);
        return 0;
}

static int read_file(struct reader *r, int fd, const char *name, struct sb_entry *out, struct servicebinding_error *err)
{
        struct stat st;
        if (fstat(fd, &st) < 0)
                return sb_error_errno(err, errno, "%s/%s", r->binding->path, name);
        int rc = check_file(&st, r, name, err);
        if (rc < 0)
                return rc;
        if (sb_entry_init(out, &r->binding->pages, name, (size_t)st.st_size) < 0)
                return out_of_memory(err);
        rc = read_bytes(fd, out, r->binding->path, err);
        if (rc == 0 && sb_is_reference(out))
                rc = sb_error(err, SERVICEBINDING_UNSUPPORTED,
                              "%s/%s: refers to another system (vault://), which is not supported", r->binding->path,
                              name);
        if (rc < 0) {
                sb_entry_fini(out);
                return rc;
        }
        sb_entry_seal(out);
        r->budget -= out->length;
        return 0;
}

/* 1: an entry; 0: a folder, which is not an entry. Only files are opened, because opening a device may have side
 * effects. */
static int read_entry(struct reader *r, const char *name, struct sb_entry *out, struct servicebinding_error *err)
{
        struct stat st;
        if (fstatat(r->folder, name, &st, 0) < 0)
                return sb_error_errno(err, errno, "%s/%s", r->binding->path, name);
        if (S_ISDIR(st.st_mode))
                return 0;
        int rc = check_file(&st, r, name, err);
        if (rc < 0)
                return rc;
        int fd = sb_open(r->root, r->folder, name, 0);
        if (fd < 0)
                return sb_error_errno(err, errno, "%s/%s", r->binding->path, name);
        rc = read_file(r, fd, name, out, err);
        (void)close(fd); /* nothing was written */
        return rc < 0 ? rc : 1;
}

static int warn_odd_name(struct reader *r, const char *name, struct servicebinding_error *err)
{
        struct servicebinding_error text;
        char printable[SB_NAME_MAX + 4];
        (void)sb_error(&text, 0, "%s: entry '%s' is ignored: a name is 1 to %d of A-Z a-z 0-9 - _ .", r->binding->path,
                       sb_printable(name, printable, sizeof(printable)), SB_NAME_MAX); /* returns the 0 */
        return sb_set_warn(r->set, text.text, err);
}

static int read_entries(struct reader *r, const struct sb_names *names, struct servicebinding_error *err)
{
        struct servicebinding *b = r->binding;
        b->entries = calloc(names->count + 1, sizeof(*b->entries));
        if (!b->entries)
                return out_of_memory(err);
        for (size_t i = 0; i < names->count; i++) {
                struct servicebinding_error problem;
                int rc = 0;
                if (!sb_entry_name_valid(names->items[i]))
                        rc = warn_odd_name(r, names->items[i], &problem);
                else
                        rc = read_entry(r, names->items[i], &b->entries[b->count], &problem);
                if (rc > 0)
                        b->count++;
                if (sb_is_fatal(rc))
                        return sb_error(err, rc, "%s", problem.text);
                if (rc < 0)
                        note_problem(b, &problem);
        }
        return 0;
}

/* `type` and `provider` are words, so a NUL byte in them is refused. *out is unchanged if the entry is absent. */
static int take_word(struct servicebinding *b, const char *name, char **out, struct servicebinding_error *err)
{
        size_t length;
        struct servicebinding_error problem;
        const char *text = servicebinding_text(b, name);
        if (!servicebinding_bytes(b, name, &length))
                return 0;
        if (!text) {
                (void)sb_error(&problem, SERVICEBINDING_INVALID, "%s/%s: contains a NUL byte", b->path, name);
                note_problem(b, &problem);
                return 0;
        }
        char *word = sb_trimmed(text);
        if (!word)
                return out_of_memory(err);
        free(*out);
        *out = word;
        return 0;
}

static int take_words(struct servicebinding *b, struct servicebinding_error *err)
{
        struct servicebinding_error problem;
        if (take_word(b, "type", &b->type, err) < 0 || take_word(b, "provider", &b->provider, err) < 0)
                return SERVICEBINDING_NOMEM;
        if (b->provider && b->provider[0] == '\0') {
                free(b->provider);
                b->provider = NULL;
        }
        if (b->type[0] == '\0') {
                (void)sb_error(&problem, SERVICEBINDING_INVALID, "%s/type: is empty", b->path); /* noted below */
                note_problem(b, &problem);
        }
        return 0;
}

/* 1: a binding, perhaps with a problem; 0: not a binding, since it has no entry `type`. */
static int read_folder(struct reader *r, struct servicebinding_error *err)
{
        struct servicebinding *b = r->binding;
        struct servicebinding_error problem;
        struct sb_names names;
        struct stat st;
        bool has_type = fstatat(r->folder, "type", &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (!has_type && errno != ENOENT) {
                (void)sb_error_errno(&b->problem, errno, "%s/type", b->path); /* kept in the binding */
                return 1;
        }
        if (has_type ? S_ISDIR(st.st_mode) : !r->shows_type)
                return 0;
        int rc = sb_list(r->folder, SB_ENTRIES_MAX, &names, b->path, &problem);
        if (rc == 0 && !has_type) {
                /* A deleted Secret counts as absent, although its visible links have not been removed yet. */
                bool is_empty = names.count == 0;
                sb_names_fini(&names);
                if (is_empty)
                        return 0;
                rc = sb_error_errno(&problem, ENOENT, "%s/type", b->path);
        }
        if (sb_is_fatal(rc))
                return sb_error(err, rc, "%s", problem.text);
        if (rc < 0) {
                note_problem(b, &problem);
                return 1;
        }
        rc = read_entries(r, &names, err);
        sb_names_fini(&names);
        if (rc == 0)
                rc = take_words(b, err);
        return rc < 0 ? rc : 1;
}

/* Opens the folder of the entries. Returns 0 or the error number. */
static int open_folder(struct reader *r, enum sb_place place, const char *name)
{
        int outer = sb_open(r->root, place == SB_IN_DATA ? r->root->data_fd : r->root->fd, name, O_DIRECTORY);
        if (outer < 0)
                return errno;
        int data = sb_open_data(r->root, outer);
        int failed = data == -2 ? errno : 0;
        struct stat st;
        r->shows_type = data >= 0 && fstatat(outer, "type", &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (data >= 0 || failed)
                (void)close(outer); /* nothing was written */
        r->folder = data >= 0 ? data : outer;
        return failed;
}

static int binding_init(struct servicebinding *b, const char *root, const char *name, struct servicebinding_error *err)
{
        size_t length = strlen(root);
        size_t room = length + strlen(name) + 2;
        *b = (struct servicebinding){ .name = strdup(name), .path = calloc(1, room), .type = strdup("") };
        if (!b->name || !b->path || !b->type) {
                sb_binding_fini(b);
                return out_of_memory(err);
        }
        memcpy(b->path, root, length);
        if (length == 0 || root[length - 1] != '/')
                b->path[length++] = '/';
        memcpy(b->path + length, name, strlen(name));
        return 0;
}

int sb_read(const struct sb_root *root, enum sb_place place, const char *name, struct servicebinding_set *set,
            size_t *budget, struct servicebinding_error *err)
{
        struct servicebinding b;
        int rc = binding_init(&b, root->path, name, err);
        if (rc < 0)
                return rc;
        struct reader r = { .root = root, .set = set, .binding = &b, .folder = -1, .budget = *budget };
        int failed = open_folder(&r, place, name);
        if (failed) {
                rc = sb_error_errno(&b.problem, failed, "%s", b.path);
                rc = sb_is_fatal(rc) ? sb_error(err, rc, "%s", b.problem.text) : 1;
        } else {
                rc = read_folder(&r, err);
                (void)close(r.folder); /* nothing was written */
        }
        if (rc > 0 && b.problem.code < 0) {
                sb_binding_drop_entries(&b);
                rc = sb_set_warn(set, b.problem.text, err) < 0 ? SERVICEBINDING_NOMEM : 1;
        } else if (rc > 0) {
                *budget = r.budget;
        }
        if (rc > 0)
                return sb_set_add(set, &b, err);
        sb_binding_fini(&b);
        return rc;
}
