/* notes: the origins, redacted values and warnings of a resolved service. They are collected while it is resolved, in
 * arrays of fixed size with owned strings. Running out of memory sets a flag instead of returning an error, which keeps
 * the resolving code readable; resolve checks the flag once. */
#include "backing/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *copy(struct notes *notes, const char *text)
{
        char *result = strdup(text);
        if (!result)
                notes->is_short = true;
        return result;
}

/* The report's strings are const for readers; they are owned here. */
static void release(const char *text)
{
        free((char *)(uintptr_t)text);
}

void notes_setting(struct notes *notes, const char *name, const char *value, const char *place)
{
        if (notes->report.setting_count == SETTINGS_MAX)
                return;
        struct backing_setting setting = { .name = name, .value = copy(notes, value), .place = copy(notes, place) };
        notes->settings[notes->report.setting_count++] = setting;
        notes->report.settings = notes->settings;
}

void notes_warn(struct notes *notes, const char *format, ...)
{
        if (notes->report.warning_count == WARNINGS_MAX)
                return;
        char *text = NULL;
        va_list args;
        va_start(args, format);
        int length = vasprintf(&text, format, args);
        va_end(args);
        if (length < 0) {
                notes->is_short = true;
                return;
        }
        notes->warnings[notes->report.warning_count++] = text;
        notes->report.warnings = notes->warnings;
}

static void replace(struct notes *notes, const char **slot, const char *text)
{
        release(*slot);
        *slot = text ? copy(notes, text) : NULL;
}

void notes_source(struct notes *notes, enum backing_source source, const char *place)
{
        notes->report.source = source;
        replace(notes, &notes->report.place, place);
}

void notes_binding(struct notes *notes, const struct servicebinding *binding)
{
        notes_source(notes, BACKING_FROM_BINDING, servicebinding_path(binding));
        replace(notes, &notes->report.binding, servicebinding_name(binding));
        replace(notes, &notes->report.type, servicebinding_type(binding));
        replace(notes, &notes->report.provider, servicebinding_provider(binding));
}

const char *notes_place(const struct notes *notes, const char *name)
{
        for (size_t i = 0; i < notes->report.setting_count; i++)
                if (strcmp(notes->settings[i].name, name) == 0)
                        return notes->settings[i].place;
        return NULL;
}

void notes_fini(struct notes *notes)
{
        for (size_t i = 0; i < notes->report.setting_count; i++) {
                release(notes->settings[i].value);
                release(notes->settings[i].place);
        }
        for (size_t i = 0; i < notes->report.warning_count; i++)
                release(notes->warnings[i]);
        release(notes->report.place);
        release(notes->report.binding);
        release(notes->report.type);
        release(notes->report.provider);
        *notes = (struct notes){ 0 };
}
