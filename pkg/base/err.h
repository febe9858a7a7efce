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
 * Every function takes NULL for `err` and then only returns the code. A text never holds a secret.
 *
 * Threads: any; an err belongs to one thread at a time. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

/* Each code names a reaction. All are negative, so that `rc < 0` is the test for failure. */
enum err_code {
        ERR_OK = 0,
        ERR_INVALID = -1,     /* the input is wrong: tell who sent it, do not try again            */
        ERR_NOT_FOUND = -2,   /* the thing named is not there                                      */
        ERR_DENIED = -3,      /* there, but not for us: credentials or permissions                 */
        ERR_LIMIT = -4,       /* a maximum was reached: a body, a queue, a memory limit            */
        ERR_UNAVAILABLE = -5, /* not now: hold, or try again later; it was not done                */
        ERR_TIMEOUT = -6,     /* no answer in time: it may or may not have been done               */
        ERR_PROTOCOL = -7,    /* the other side broke its protocol: give the connection up         */
        ERR_NOMEM = -8,       /* out of memory                                                     */
        ERR_CONFLICT = -9,    /* contradicts what is stored already                                */
        ERR_BUG = -10,        /* our own mistake                                                   */
};

struct err {
        int code;       /* enum err_code; ERR_OK when nothing has failed */
        char text[256]; /* no line end; cut with "..." when longer        */
};

/* Fills `err` and returns `code`. */
int err_set(struct err *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Fills `err` from errno: the formatted text, ": ", and the system's words. Returns the code that
 * fits errno (ENOENT is ERR_NOT_FOUND, EACCES ERR_DENIED, ENOMEM ERR_NOMEM, ...). */
int err_errno(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* The same for an error number that is not in errno. */
int err_errnum(struct err *err, int errnum, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts the formatted text and ": " before the text that is there. Returns err->code (ERR_BUG for
 * NULL, so pass the code on yourself where err may be NULL). */
int err_wrap(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* The code as a short static word, for metric labels and logs: "invalid", "not_found", ... */
const char *err_label(int code);

/* The HTTP status (RFC 9110, section 15) that tells a client of this code. */
int err_http_status(int code);

#endif
