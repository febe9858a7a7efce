/* draft: the strings of one source, one for each field of a service, before they are converted to typed values.
 *
 * Errors are ERR_INVALID, ERR_LIMIT or ERR_NOMEM. They name the origin of the string, never the string itself, which
 * may be a secret.
 *
 * Threads: one at a time. */
#ifndef BACKING_DRAFT_H
#define BACKING_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backing/names.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"

/* Limits of its contents. */
enum {
        URI_MAX_BYTES = 32 * 1024,
        SECRET_MAX_BYTES = 16 * 1024,
        PEM_MAX_BYTES = 1024 * 1024,
        TEXT_MAX_BYTES = 1024,
};

struct raw {
        struct secret value; /* every string may be a secret until it is converted */
        char *place;         /* NULL: absent                                 */
        char *empty_place;   /* where it was set to an empty string; or NULL */
        const struct name *name;
};

/* All zero: empty. */
struct draft {
        struct raw raw[FIELDS_MAX];
};

void draft_fini(struct draft *draft); /* wipes the strings; the draft is then empty */

static inline bool draft_has(const struct draft *draft, unsigned field)
{
        return draft->raw[field].place != NULL;
}

/* The origin that set the field to an empty string, if no other origin sets it; otherwise NULL. */
static inline const char *draft_empty(const struct draft *draft, unsigned field)
{
        return draft->raw[field].place ? NULL : draft->raw[field].empty_place;
}

/* An empty string counts as absent, and its origin is kept. ERR_INVALID if the field already has another value, or if
 * the field is a boolean and the text is not one. */
int draft_put(struct draft *draft, const struct name *name, const char *text, size_t length, const char *place,
              struct err *err) NODISCARD;
/* Replaces the field's text; used for parts of a URI. */
int draft_set(struct draft *draft, unsigned field, const char *text, size_t length, const char *place,
              struct err *err) NODISCARD;
void draft_drop(struct draft *draft, unsigned field);
/* Moves the fields that `into` lacks from `from` to `into`. */
void draft_fill(struct draft *into, struct draft *from);

/* These convert a field. If it is absent, *out is unchanged. */
int draft_text(const struct draft *draft, unsigned field, size_t max_bytes, char **out, struct err *err) NODISCARD;
int draft_secret(const struct draft *draft, unsigned field, size_t max_bytes, struct secret *out,
                 struct err *err) NODISCARD;
int draft_host(const struct draft *draft, unsigned field, char **out, struct err *err) NODISCARD;
/* As an exception, the error shows a wrong value if the value has its own entry and is short and printable. */
int draft_port(const struct draft *draft, unsigned field, uint16_t *out, struct err *err) NODISCARD;
bool draft_yes(const struct draft *draft, unsigned field); /* false if absent */

#endif
