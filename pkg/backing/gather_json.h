/* gather_json: the settings in an entry that holds a JSON object.
 *
 * Threads: any. */
#ifndef BACKING_GATHER_JSON_H
#define BACKING_GATHER_JSON_H

#include "backing/draft.h"
#include "backing/names.h"
#include "backing/notes.h"

/* Reads each member as if it were an entry. Text that is not a JSON object is skipped with a warning. */
int gather_json(const struct service *service, const char *text, const char *place, struct draft *draft,
                struct notes *notes, struct err *err) NODISCARD;

#endif
