/* libservicebinding: reads Service Binding directories and notices when they change.
 *
 * The Service Binding Specification for Kubernetes 1.1 (servicebinding.io, section "Workload Projection") provides a
 * service to a program as a folder of files:
 *     $SERVICE_BINDING_ROOT/<binding>/<entry>        /bindings/orders-db/{type,provider,host,password}
 *
 *     struct servicebinding_error err;
 *     struct servicebinding_set *all;
 *     const struct servicebinding *db;
 *     if (servicebinding_load(NULL, &all, &err) < 0)
 *             die(err.text);
 *     if (servicebinding_find(all, NULL, "postgresql", NULL, &db, &err) < 0)
 *             die(err.text);
 *     const char *host = servicebinding_text(db, "host");  // borrowed from `all`, NULL if absent
 *     ...
 *     servicebinding_set_unref(all);                       // wipes the values
 *
 * To follow changes, open a watch and poll it about once a second; no thread, no inotify:
 *
 *     if (servicebinding_watch_poll(watch, &err) == 1)
 *             rebind(servicebinding_watch_set(watch));
 *
 * A binding is a folder in the root, or a link to one, whose name matches [a-z0-9.-]{1,253} and which contains an entry
 * `type`. Its entries are regular files whose names consist of letters, digits, `-`, `_` and `.` (the keys of a
 * Secret). Names that begin with `..` are ignored. If there is a link `..data` in the folder or in the root, entries
 * are read from the one folder it points to, so all of them belong to one generation. Links are followed inside the
 * root. A link that leads outside is rejected, because otherwise anyone who can write there could make a privileged
 * reader disclose any file.
 *
 * A binding that cannot be read completely (a file without permission, a link that leads outside or nowhere, a FIFO, a
 * limit, a reference such as vault://) stays in the set with a problem: it has no entries, choosing it returns the
 * error that names the file, and the other bindings are not affected. Only these are absent: a name that the system
 * does not know, a folder without a `type`, a regular file in the root, and a name that ..data no longer contains,
 * although its visible link may remain for a moment. A root that is a link to nothing is also an error.
 *
 * Limits: 1 MiB per entry, 256 entries per binding, 128 bindings and 16 MiB per set. Sizes and lengths are in bytes.
 *
 * Ownership: the caller must release owned results. Borrowed results stay valid as long as their description says.
 * Arguments are never kept: a path or a name may be freed as soon as the call returns.
 *
 * Sources, as [SB] and [K8s] below: the Service Binding Specification for Kubernetes 1.1.0, section "Workload
 * Projection" (names, `type`, `provider`, entries as bytes, references such as vault://); Kubernetes, "Secrets" (keys,
 * 1 MiB) and pkg/volume/util/atomic_writer.go (..data, and the order in which links are made and removed). The Service
 * Binding Specification does not cover trimming, case, choosing and watching; this header defines their behaviour.
 *
 * Threads: a set never changes, so any thread may read it, and references are counted atomically. A watch belongs to
 * one thread at a time. The environment is read in _load and _watch_open. */
#ifndef SERVICEBINDING_H
#define SERVICEBINDING_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__) || defined(__clang__)
#define SERVICEBINDING_API __attribute__((visibility("default")))
#define SERVICEBINDING_NODISCARD __attribute__((warn_unused_result))
#else
#define SERVICEBINDING_API
#define SERVICEBINDING_NODISCARD
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The codes differ where callers should react differently. All are negative, so that `rc < 0` is the test for
 * failure. */
enum servicebinding_code {
        SERVICEBINDING_OK = 0,
        SERVICEBINDING_INVALID = -1,     /* invalid: not a folder, not a file, another type         */
        SERVICEBINDING_NOT_FOUND = -2,   /* no such binding; it may appear later                    */
        SERVICEBINDING_AMBIGUOUS = -3,   /* several match: the text lists them; name one of them    */
        SERVICEBINDING_UNREADABLE = -4,  /* exists, but cannot be read: permissions, I/O, links     */
        SERVICEBINDING_UNSUPPORTED = -5, /* an entry refers to another system instead of its value  */
        SERVICEBINDING_LIMIT = -6,       /* one of the limits above is exceeded                     */
        SERVICEBINDING_UNAVAILABLE = -7, /* try again: the root kept changing, or no descriptors    */
        SERVICEBINDING_NOMEM = -8        /* out of memory                                           */
};

/* On the caller's stack. The text never contains the value of an entry. */
struct servicebinding_error {
        int code;       /* enum servicebinding_code                   */
        char text[256]; /* no newline; truncated with "..." if longer */
};

struct servicebinding_set;   /* opaque: all bindings of a root at one moment     */
struct servicebinding;       /* opaque: one of them, borrowed from its set       */
struct servicebinding_watch; /* opaque: a root, its current set and what changed */

/* Life cycle. Functions that take `err` also accept NULL for it, and change outputs only on success. */

/* [SB][K8s] Reads all bindings below `root`; NULL: $SERVICE_BINDING_ROOT. Without a root the set is empty. If the
 * folder is missing, the set is empty and has a warning. INVALID if the root is not a folder, UNREADABLE, LIMIT,
 * UNAVAILABLE, NOMEM. The set is owned: pass it to servicebinding_set_unref. */
SERVICEBINDING_API int servicebinding_load(const char *root, struct servicebinding_set **out,
                                           struct servicebinding_error *err) SERVICEBINDING_NODISCARD;
/* Adds a reference, to keep the set after another holder has released it. Returns the same set. */
SERVICEBINDING_API struct servicebinding_set *servicebinding_set_ref(const struct servicebinding_set *set);
/* Releases a reference. Releasing the last reference wipes and frees everything borrowed from the set. NULL is fine. */
SERVICEBINDING_API void servicebinding_set_unref(struct servicebinding_set *set);

/* Sets. Results are borrowed until the last reference to the set is released. */

/* The root as given; NULL if there was none. */
SERVICEBINDING_API const char *servicebinding_set_root(const struct servicebinding_set *set);
/* The number of bindings in the set, including those with a problem. */
SERVICEBINDING_API size_t servicebinding_count(const struct servicebinding_set *set);
/* The binding at `index`, from 0, sorted by name in byte order; NULL from servicebinding_count on. */
SERVICEBINDING_API const struct servicebinding *servicebinding_at(const struct servicebinding_set *set, size_t index);
/* The number of warnings, which are not errors: a missing root, an invalid name, a binding with a problem. At most 64;
 * the sets of a watch contain only warnings that it has not reported before. */
SERVICEBINDING_API size_t servicebinding_warning_count(const struct servicebinding_set *set);
/* The warning at `index`, from 0, without a newline and without the value of an entry; NULL from
 * servicebinding_warning_count on. */
SERVICEBINDING_API const char *servicebinding_warning_at(const struct servicebinding_set *set, size_t index);

/* [SB] Chooses one binding: by name, otherwise by type and provider, otherwise by type; NULL means any. Types and
 * providers are compared case-insensitively. NOT_FOUND; AMBIGUOUS if several match; INVALID if the binding of that name
 * has another type or provider; the binding's own problem if it has one. */
SERVICEBINDING_API int servicebinding_find(const struct servicebinding_set *set, const char *name, const char *type,
                                           const char *provider, const struct servicebinding **out,
                                           struct servicebinding_error *err) SERVICEBINDING_NODISCARD;
/* The same with several acceptable types, in an array that ends with NULL; NULL means any type. */
SERVICEBINDING_API int servicebinding_find_types(const struct servicebinding_set *set, const char *name,
                                                 const char *const *types, const char *provider,
                                                 const struct servicebinding **out,
                                                 struct servicebinding_error *err) SERVICEBINDING_NODISCARD;
/* True if both contain equal bindings under the same names. NULL equals only NULL. */
SERVICEBINDING_API bool servicebinding_set_equal(const struct servicebinding_set *a,
                                                 const struct servicebinding_set *b);

/* Bindings. Results are borrowed as above. */

/* [SB] The name, which is the name of its folder and matches [a-z0-9.-]{1,253}. */
SERVICEBINDING_API const char *servicebinding_name(const struct servicebinding *binding);
/* [SB] The entry `type` without trailing white space, in its original case; "" if it cannot be read. */
SERVICEBINDING_API const char *servicebinding_type(const struct servicebinding *binding);
/* [SB] The entry `provider`, trimmed the same way; NULL if it is absent or empty after trimming. */
SERVICEBINDING_API const char *servicebinding_provider(const struct servicebinding *binding);
/* The folder, for messages: "<root>/<name>". */
SERVICEBINDING_API const char *servicebinding_path(const struct servicebinding *binding);
/* Why the binding cannot be used; NULL if it can. A binding with a problem has no entries. */
SERVICEBINDING_API const char *servicebinding_problem(const struct servicebinding *binding);
/* The number of entries, including `type` and `provider`; 0 if it has a problem. */
SERVICEBINDING_API size_t servicebinding_entry_count(const struct servicebinding *binding);
/* [SB][K8s] The name of the entry at `index`, from 0, sorted by name in byte order; NULL from
 * servicebinding_entry_count on. */
SERVICEBINDING_API const char *servicebinding_entry_name(const struct servicebinding *binding, size_t index);
/* [SB] The entry without one trailing newline (\n or \r\n) and otherwise unchanged, because a password may end in a
 * space. NULL if the entry is absent or contains a NUL byte. */
SERVICEBINDING_API const char *servicebinding_text(const struct servicebinding *binding, const char *entry);
/* [SB] The entry as it is in the file, followed by a NUL byte that is not counted. Also sets the length if `length` is
 * not NULL. NULL, and length 0, if the entry is absent. */
SERVICEBINDING_API const void *servicebinding_bytes(const struct servicebinding *binding, const char *entry,
                                                    size_t *length);
/* True if name, type, provider, problem and all entries are the same. NULL equals only NULL. */
SERVICEBINDING_API bool servicebinding_equal(const struct servicebinding *a, const struct servicebinding *b);

/* Watches */

/* Reads the first set; root and errors as in servicebinding_load. A root that is missing now may appear later. The
 * watch is owned: pass it to servicebinding_watch_close. It holds no descriptor. */
SERVICEBINDING_API int servicebinding_watch_open(const char *root, struct servicebinding_watch **out,
                                                 struct servicebinding_error *err) SERVICEBINDING_NODISCARD;
/* The current set, borrowed until a poll returns 1 or the watch is closed; never NULL. */
SERVICEBINDING_API const struct servicebinding_set *servicebinding_watch_set(const struct servicebinding_watch *watch);
/* [K8s] Checks for changes; call it about once a second. While nothing changes, it reads only links and file times, not
 * the files. 1: there is a new set, with changed bindings or new warnings; 0: nothing changed; < 0, as
 * servicebinding_load: the new state cannot be read, the old set stays and the next poll tries again. A binding with a
 * problem is not such an error: the set contains it. */
SERVICEBINDING_API int servicebinding_watch_poll(struct servicebinding_watch *watch,
                                                 struct servicebinding_error *err) SERVICEBINDING_NODISCARD;
/* Closes the watch and releases its set. NULL is fine. Sets kept with servicebinding_set_ref stay valid. */
SERVICEBINDING_API void servicebinding_watch_close(struct servicebinding_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
