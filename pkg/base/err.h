/* err: one error, on the caller's stack. The code says what to do, the text says why.
 *
 *     struct err err;
 *     fd = open(path, O_RDONLY | O_CLOEXEC);
 *     if (fd < 0)
 *             return err_errno(err, "open %s", path);
 *     rc = bindings_read(root, &err);
 *     if (rc < 0)
 *             return err_wrap(err, "reload");     // "reload: open /bindings/db: Permission denied"
 *
 * Every function takes NULL for `err` and then only returns the code. The text never contains a secret.
 *
 * Threads: any; an err belongs to one thread at a time. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

/* The codes differ where callers should react differently. All are negative, so that `rc < 0` is the test for
 * failure. */
enum err_code {
        ERR_OK = 0,
        ERR_INVALID = -1,     /* the input is wrong: tell the sender, do not retry */
        ERR_NOT_FOUND = -2,   /* the named thing does not exist */
        ERR_DENIED = -3,      /* exists, but credentials or permissions deny access */
        ERR_LIMIT = -4,       /* a maximum was reached: a body, a queue, a memory limit            */
        ERR_UNAVAILABLE = -5, /* temporarily unavailable: hold or retry later; nothing was done */
        ERR_TIMEOUT = -6,     /* no response in time; the request may or may not have been executed */
        ERR_PROTOCOL = -7,    /* the peer violated the protocol: drop the connection */
        ERR_NOMEM = -8,       /* out of memory                                                     */
        ERR_CONFLICT = -9,    /* contradicts what is already stored */
        ERR_BUG = -10,        /* a bug of ours */
};

struct err {
        int code;       /* enum err_code; ERR_OK if nothing failed */
        char text[256]; /* no newline; truncated with "..." if longer */
};

/* Fills `err` and returns `code`. */
int err_set(struct err *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Fills `err` with the formatted text, ": ", and the system's message for errno. Returns the code that matches errno
 * (ENOENT is ERR_NOT_FOUND, EACCES ERR_DENIED, ENOMEM ERR_NOMEM, ...). */
int err_errno(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Does the same for an error number that is not in errno. */
int err_errnum(struct err *err, int errnum, const char *format, ...) PRINTF_LIKE(3, 4);

/* Prepends the formatted text and ": " to the text. Returns err->code, or ERR_BUG for NULL, so return the code yourself
 * if err may be NULL. */
int err_wrap(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* The code as a short static word, for metric labels and logs: "invalid", "not_found", ... */
const char *err_label(int code);

/* The HTTP status (RFC 9110, section 15) for this code. */
int err_http_status(int code);

#endif
