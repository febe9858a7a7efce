/* error: a code and a text on the caller's stack, as in the rest of the project. The library is shipped separately, so
 * it has its own copy. A text that does not fit ends in "...", so that readers see that it was truncated. */
#include "binding/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void mark_cut(char *text, size_t size, int wanted)
{
        if (wanted >= (int)size)
                memcpy(text + size - 4, "...", 4);
}

int sb_error(struct servicebinding_error *err, int code, const char *format, ...)
{
        if (err) {
                va_list args;
                va_start(args, format);
                int wanted = vsnprintf(err->text, sizeof(err->text), format, args);
                va_end(args);
                err->code = code;
                mark_cut(err->text, sizeof(err->text), wanted);
        }
        return code;
}

static int code_of(int errnum)
{
        switch (errnum) {
        case ENOTDIR:
        case EISDIR:
        case ELOOP:
        case ENAMETOOLONG:
        case EXDEV:
                return SERVICEBINDING_INVALID;
        case EMFILE:
        case ENFILE:
                return SERVICEBINDING_UNAVAILABLE;
        case ENOMEM:
                return SERVICEBINDING_NOMEM;
        default:
                return SERVICEBINDING_UNREADABLE;
        }
}

/* The name existed a moment ago, so if the system does not find it, it is a link whose target is missing. */
static const char *reason_of(int errnum, char *words, size_t size)
{
        if (errnum == EXDEV)
                return "a link leads outside the root";
        if (errnum == ENOENT)
                return "a link that leads nowhere";
        return strerror_r(errnum, words, size);
}

int sb_error_errno(struct servicebinding_error *err, int errnum, const char *format, ...)
{
        int code = code_of(errnum);
        if (!err)
                return code;
        char what[sizeof(err->text)];
        va_list args;
        va_start(args, format);
        int wanted = vsnprintf(what, sizeof(what), format, args);
        va_end(args);
        /* The reason is short and more useful than the end of a long path. */
        char words[64];
        const char *reason = reason_of(errnum, words, sizeof(words));
        size_t left = sizeof(what) - 3 - strlen(reason);
        if (wanted >= (int)left)
                memcpy(what + left - 4, "...", 4);
        return sb_error(err, code, "%s: %s", what, reason);
}

bool sb_is_fatal(int code)
{
        return code == SERVICEBINDING_NOMEM || code == SERVICEBINDING_UNAVAILABLE;
}
