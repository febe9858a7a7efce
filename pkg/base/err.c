/* err: messages are printed with vsnprintf into a fixed array, so an error can be reported when memory has run out. A
 * message that does not fit ends in "...", so that readers see that it was truncated. One table gives each code its
 * label and its HTTP status. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
        const char *label;
        int http_status;
} codes[] = {
        [-ERR_OK] = { "ok", 200 },
        [-ERR_INVALID] = { "invalid", 400 },
        [-ERR_NOT_FOUND] = { "not_found", 404 },
        [-ERR_DENIED] = { "denied", 503 },
        [-ERR_LIMIT] = { "limit", 503 },
        [-ERR_UNAVAILABLE] = { "unavailable", 503 },
        [-ERR_TIMEOUT] = { "timeout", 503 },
        [-ERR_PROTOCOL] = { "protocol", 502 },
        [-ERR_NOMEM] = { "nomem", 503 },
        [-ERR_CONFLICT] = { "conflict", 409 },
        [-ERR_BUG] = { "bug", 500 },
};

static void mark_cut(struct err *err, int wanted)
{
        if (wanted >= (int)sizeof(err->text))
                memcpy(err->text + sizeof(err->text) - 4, "...", 4);
}

int err_set(struct err *err, int code, const char *format, ...)
{
        if (err) {
                va_list args;
                va_start(args, format);
                int wanted = vsnprintf(err->text, sizeof(err->text), format, args);
                va_end(args);
                err->code = code;
                mark_cut(err, wanted);
        }
        return code;
}

static int code_of(int errnum)
{
        switch (errnum) {
        case ENOENT:
        case ENOTDIR:
                return ERR_NOT_FOUND;
        case EACCES:
        case EPERM:
                return ERR_DENIED;
        case ENOMEM:
                return ERR_NOMEM;
        case EMFILE:
        case ENFILE:
        case ENOSPC:
        case EFBIG:
                return ERR_LIMIT;
        case ETIMEDOUT:
                return ERR_TIMEOUT;
        case EINVAL:
        case ENAMETOOLONG:
        case EISDIR:
        case ELOOP:
                return ERR_INVALID;
        default:
                return ERR_UNAVAILABLE;
        }
}

PRINTF_LIKE(3, 0)
static int set_errno(struct err *err, int errnum, const char *format, va_list args)
{
        int code = code_of(errnum);
        if (!err)
                return code;
        char what[sizeof(err->text)];
        char words[96];
        (void)vsnprintf(what, sizeof(what), format, args); /* truncation is marked below */
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
        const char *reason = strerror_r(errnum, words, sizeof(words));
#else
        const char *reason = strerror_r(errnum, words, sizeof(words)) == 0 ? words : "unknown error";
#endif
        return err_set(err, code, "%s: %s", what, reason);
}

int err_errno(struct err *err, const char *format, ...)
{
        int errnum = errno;
        va_list args;
        va_start(args, format);
        int code = set_errno(err, errnum, format, args);
        va_end(args);
        return code;
}

int err_errnum(struct err *err, int errnum, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        int code = set_errno(err, errnum, format, args);
        va_end(args);
        return code;
}

int err_wrap(struct err *err, const char *format, ...)
{
        if (!err)
                return ERR_BUG;
        char what[sizeof(err->text)];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(what, sizeof(what), format, args); /* truncation is marked below */
        va_end(args);
        char old[sizeof(err->text)];
        memcpy(old, err->text, sizeof(old));
        int wanted = snprintf(err->text, sizeof(err->text), "%s: %s", what, old);
        mark_cut(err, wanted);
        return err->code;
}

const char *err_label(int code)
{
        if (code > 0 || (size_t)-code >= COUNT_OF(codes))
                return "unknown";
        return codes[-code].label;
}

int err_http_status(int code)
{
        if (code > 0 || (size_t)-code >= COUNT_OF(codes))
                return 500;
        return codes[-code].http_status;
}
