/* libservicebinding: reads Service Binding directories and notices when they change.
 *
 * The Service Binding Specification for Kubernetes 1.1 (servicebinding.io, section "Workload
 * Projection") hands a service to a program as a folder of files:
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
 * What is read: folders of the root, through links, whose names match [a-z0-9.-]{1,253} and which
 * hold an entry `type`. Their entries are regular files named of letters, digits, `-`, `_` and `.`
 * (the keys of a Secret). A name that begins with `..` is never one. Where there is a link `..data`,
 * in the folder or in the root, entries are read from the one folder it points to, so all of them
 * are of one generation. A link is followed while it stays inside the root; one that leads outside
 * is refused, or whoever may write there could have a privileged reader send off any file.
 *
 * A binding that cannot be read whole (a file without permission, a link that leads outside or nowhere,
 * a FIFO, a limit, a reference such as vault://) stays in the set with a problem: it lends no entries,
 * choosing it returns the error that names the file, and the other bindings are not affected. Only what
 * is not there is absent: a name that the system does not know, a folder without a `type`, a regular
 * file in the root. What ..data no longer holds is not there either, though its visible link may stand
 * for a moment. A root that is a link to nothing is an error, too.
 *
 * Limits: 1 MiB an entry, 256 entries a binding, 128 bindings and 16 MiB a set. Sizes and lengths are
 * in bytes.
 *
 * Ownership: what is called owned is yours to give back, what is borrowed lives as long as is said
 * there, and arguments are never kept: a path or a name may go as soon as the call returns.
 *
 * Sources, as [SB] and [K8s] below: the Service Binding Specification for Kubernetes 1.1.0, section
 * "Workload Projection" (names, `type`, `provider`, entries as bytes, references such as vault://);
 * Kubernetes, "Secrets" (keys, 1 MiB) and pkg/volume/util/atomic_writer.go (..data, and the order in
 * which links are made and removed). That specification says nothing of trimming, case, choosing and
 * watching; there this library does what is written here.
 *
 * Threads: a set never changes, so any thread may read it, and references are counted atomically.
 * A watch belongs to one thread at a time. The environment is read in _load and _watch_open. */
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

/* Each code names a reaction. All are negative, so that `rc < 0` is the test for failure. */
enum servicebinding_code {
        SERVICEBINDING_OK = 0,
        SERVICEBINDING_INVALID = -1,     /* wrong as it is: not a folder, not a file, another type    */
        SERVICEBINDING_NOT_FOUND = -2,   /* no such binding; it may come later                        */
        SERVICEBINDING_AMBIGUOUS = -3,   /* several fit: the text lists them, name one                */
        SERVICEBINDING_UNREADABLE = -4,  /* there, but not to be read: permissions, I/O, links  */
        SERVICEBINDING_UNSUPPORTED = -5, /* an entry refers to another system instead of its value    */
        SERVICEBINDING_LIMIT = -6,       /* larger or more than the limits above                      */
        SERVICEBINDING_UNAVAILABLE = -7, /* not now, try again: it kept changing, or no descriptors   */
        SERVICEBINDING_NOMEM = -8        /* out of memory                                             */
};

/* On the caller's stack. A text never holds a value of an entry. */
struct servicebinding_error {
        int code;       /* enum servicebinding_code                         */
        char text[256]; /* no line end; truncated with "..." if longer */
};

struct servicebinding_set;   /* opaque: all bindings of a root at one moment     */
struct servicebinding;       /* opaque: one of them, borrowed from its set       */
struct servicebinding_watch; /* opaque: a root, its current set and what changed */

/* Life cycle. Functions that take `err` also take NULL for it, and change outputs only on success. */

/* [SB][K8s] Reads all bindings below `root`; NULL: $SERVICE_BINDING_ROOT. Without a root the set is empty; where the
 * folder is missing it is empty, too, with a warning. INVALID if the root is not a folder, UNREADABLE, LIMIT,
 * UNAVAILABLE, NOMEM. The set is owned: give it to servicebinding_set_unref. */
SERVICEBINDING_API int servicebinding_load(const char *root, struct servicebinding_set **out,
                                           struct servicebinding_error *err) SERVICEBINDING_NODISCARD;
/* One more reference to the set, to keep it longer than its lender does. Returns the same set. */
SERVICEBINDING_API struct servicebinding_set *servicebinding_set_ref(const struct servicebinding_set *set);
/* Gives a reference back. The last one wipes and frees all that was lent. NULL is fine. */
SERVICEBINDING_API void servicebinding_set_unref(struct servicebinding_set *set);

/* Sets. What they return is borrowed until the last reference to the set is given back. */

/* The root as it was given; NULL where there was none. */
SERVICEBINDING_API const char *servicebinding_set_root(const struct servicebinding_set *set);
/* How many bindings the set holds, those with a problem among them. */
SERVICEBINDING_API size_t servicebinding_count(const struct servicebinding_set *set);
/* The binding at `index`, from 0 on, in the order of names, byte by byte; NULL from servicebinding_count on. */
SERVICEBINDING_API const struct servicebinding *servicebinding_at(const struct servicebinding_set *set, size_t index);
/* What somebody should hear of and what is no error: a missing root, an odd name, a binding with a
 * problem. At most 64; the sets of a watch hold those that the watch has not told before. */
SERVICEBINDING_API size_t servicebinding_warning_count(const struct servicebinding_set *set);
/* The warning at `index`, from 0 on, without a line end and without a value of an entry; NULL from
 * servicebinding_warning_count on. */
SERVICEBINDING_API const char *servicebinding_warning_at(const struct servicebinding_set *set, size_t index);

/* [SB] Chooses one binding: by name, else by type and provider, else by type; NULL means any. Types and
 * providers are compared without case. NOT_FOUND; AMBIGUOUS where several fit; INVALID where the one
 * of that name has another type or provider; the binding's own problem where it has one. */
SERVICEBINDING_API int servicebinding_find(const struct servicebinding_set *set, const char *name, const char *type,
                                           const char *provider, const struct servicebinding **out,
                                           struct servicebinding_error *err) SERVICEBINDING_NODISCARD;
/* The same with several types that will do: an array that ends with NULL; NULL means any. */
SERVICEBINDING_API int servicebinding_find_types(const struct servicebinding_set *set, const char *name,
                                                 const char *const *types, const char *provider,
                                                 const struct servicebinding **out,
                                                 struct servicebinding_error *err) SERVICEBINDING_NODISCARD;
/* True where both hold equal bindings under the same names. NULL equals only NULL. */
SERVICEBINDING_API bool servicebinding_set_equal(const struct servicebinding_set *a,
                                                 const struct servicebinding_set *b);

/* Bindings. What they return is borrowed as above. */

/* [SB] The name, which is that of its folder: it matches [a-z0-9.-]{1,253}. */
SERVICEBINDING_API const char *servicebinding_name(const struct servicebinding *binding);
/* [SB] The entry `type` without white space at its end, as it is written; "" where the problem is that
 * it cannot be read. */
SERVICEBINDING_API const char *servicebinding_type(const struct servicebinding *binding);
/* [SB] The entry `provider`, likewise; NULL if it is absent or empty after trimming. */
SERVICEBINDING_API const char *servicebinding_provider(const struct servicebinding *binding);
/* The folder, for messages: "<root>/<name>". */
SERVICEBINDING_API const char *servicebinding_path(const struct servicebinding *binding);
/* Why the binding cannot be used; NULL where it can. One with a problem has no entries. */
SERVICEBINDING_API const char *servicebinding_problem(const struct servicebinding *binding);
/* How many entries it lends, `type` and `provider` among them; 0 where it has a problem. */
SERVICEBINDING_API size_t servicebinding_entry_count(const struct servicebinding *binding);
/* [SB][K8s] The name of the entry at `index`, from 0 on, in the order of names, byte by byte; NULL from
 * servicebinding_entry_count on. */
SERVICEBINDING_API const char *servicebinding_entry_name(const struct servicebinding *binding, size_t index);
/* [SB] The entry without one line end (\n or \r\n) and otherwise as it is: a password may end in a blank.
 * NULL where it is absent or holds a NUL byte. */
SERVICEBINDING_API const char *servicebinding_text(const struct servicebinding *binding, const char *entry);
/* [SB] The entry as it is in the file, and its length where `length` is not NULL; a NUL byte that is not
 * counted follows. NULL, and length 0, where it is absent. */
SERVICEBINDING_API const void *servicebinding_bytes(const struct servicebinding *binding, const char *entry,
                                                    size_t *length);
/* True where name, type, provider, problem and all entries are the same. NULL equals only NULL. */
SERVICEBINDING_API bool servicebinding_equal(const struct servicebinding *a, const struct servicebinding *b);

/* Watches */

/* Reads the first set; root and errors as in servicebinding_load. A root that is missing now may
 * come later. The watch is owned: give it to servicebinding_watch_close. It holds no descriptor. */
SERVICEBINDING_API int servicebinding_watch_open(const char *root, struct servicebinding_watch **out,
                                                 struct servicebinding_error *err) SERVICEBINDING_NODISCARD;
/* The current set, borrowed until a poll returns 1 or the watch is closed; never NULL. */
SERVICEBINDING_API const struct servicebinding_set *servicebinding_watch_set(const struct servicebinding_watch *watch);
/* [K8s] Looks for changes; to be called about once a second. While nothing changes this reads links and
 * times of files, not the files. 1: there is a new set, with other bindings or with new warnings;
 * 0: nothing changed; < 0, as servicebinding_load: the new state cannot be read, the old set stays
 * and the next poll tries again. A binding with a problem is no such error: it comes in the set. */
SERVICEBINDING_API int servicebinding_watch_poll(struct servicebinding_watch *watch,
                                                 struct servicebinding_error *err) SERVICEBINDING_NODISCARD;
/* Closes the watch and gives back its set. NULL is fine. Sets that were kept with servicebinding_set_ref stay. */
SERVICEBINDING_API void servicebinding_watch_close(struct servicebinding_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
