/* gather: chooses the source of a service's settings and collects these as strings.
 *
 * Threads: any. */
#ifndef BACKING_GATHER_H
#define BACKING_GATHER_H

#include "backing/draft.h"
#include "backing/names.h"
#include "backing/notes.h"
#include "backing/source.h"
#include "binding/servicebinding.h"

/* All borrowed; as in struct backing_redis_input. */
struct gather_input {
        const struct backing_value *values;
        size_t value_count;
        const char *binding, *except, *provider;
        const struct servicebinding_set *bindings;
        char *const *environment;
};

/* Fills draft and notes from the source that gives the service's address; if several sources do, from the one with the
 * highest precedence. *binding is the binding that was used, or NULL. */
int gather(const struct service *service, const struct gather_input *input, struct draft *draft, struct notes *notes,
           const struct servicebinding **binding, struct err *err) NODISCARD;
/* The code of base/err.h that corresponds to a code of libservicebinding. */
int binding_code(int code);

#endif
