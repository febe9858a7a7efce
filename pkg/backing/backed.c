/* backed: allocates a service, lets its kind fill it, and frees it if that fails. */
#include "backing/backed.h"

#include <stdlib.h>

static void destroy(struct snapshot *snapshot)
{
        struct backed *backed = CONTAINER_OF(snapshot, struct backed, snapshot);
        backed->kind->fini(backed);
        notes_fini(&backed->notes);
        free(backed);
}

static struct backed *allocate(const struct backed_kind *kind)
{
        struct backed *backed = calloc(1, kind->size);
        if (!backed)
                return NULL;
        snapshot_init(&backed->snapshot, destroy);
        backed->kind = kind;
        return backed;
}

static int finish(struct backed *backed, int rc, struct backed **out, struct err *err)
{
        if (rc == 0 && backed->notes.is_short)
                rc = err_set(err, ERR_NOMEM, "%s", backed->kind->noun);
        if (rc < 0)
                backed_unref(backed);
        else
                *out = backed;
        return rc;
}

int backed_new(const struct backed_kind *kind, const void *input, const struct servicebinding_set *bindings,
               struct backed **out, struct err *err)
{
        struct backed *backed = allocate(kind);
        if (!backed)
                return err_set(err, ERR_NOMEM, "%s", kind->noun);
        return finish(backed, kind->fill(backed, input, bindings, err), out, err);
}

int backed_new_nowhere(const struct backed_kind *kind, const void *input, struct backed **out, struct err *err)
{
        struct backed *backed = allocate(kind);
        if (!backed)
                return err_set(err, ERR_NOMEM, "%s", kind->noun);
        notes_source(&backed->notes, BACKING_FROM_NOWHERE, backing_source_name(BACKING_FROM_NOWHERE));
        return finish(backed, kind->fill_nowhere ? kind->fill_nowhere(backed, input, err) : 0, out, err);
}
