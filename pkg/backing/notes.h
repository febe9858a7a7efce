/* notes: the report on a resolved service: its source, its settings with their origins, and warnings. They are
 * collected while the service is resolved.
 *
 * Strings are copied. Running out of memory sets is_short instead of returning an error. Notes beyond a maximum are
 * dropped.
 *
 * Threads: one at a time; any once it is filled. */
#ifndef BACKING_NOTES_H
#define BACKING_NOTES_H

#include <stdbool.h>

#include "backing/source.h"
#include "base/attr.h"
#include "binding/servicebinding.h"

enum { WARNINGS_MAX = 32, SETTINGS_MAX = 32 };

/* All zero: empty. */
struct notes {
        struct backing_report report; /* points to the arrays below and to owned strings */
        struct backing_setting settings[SETTINGS_MAX];
        const char *warnings[WARNINGS_MAX];
        bool is_short; /* memory has run out: the service can't be resolved */
};

void notes_setting(struct notes *notes, const char *name, const char *value, const char *place);
void notes_warn(struct notes *notes, const char *format, ...) PRINTF_LIKE(2, 3);
void notes_source(struct notes *notes, enum backing_source source, const char *place);
void notes_binding(struct notes *notes, const struct servicebinding *binding);
/* The origin of a setting; NULL if it is not set. */
const char *notes_place(const struct notes *notes, const char *name);
void notes_fini(struct notes *notes);

#endif
