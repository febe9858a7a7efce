/* draft: the raw strings of one source, one for each field of a service. They are converted only when all have been
 * collected, since two names for one setting must be compared, and parts of a URI fill only fields that have no
 * separate setting. Each string is kept as a secret, because a password may be anywhere. Conversion errors name the
 * origin and the fault, but never the string. */
#include "backing/draft.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "backing/text.h"

void draft_drop(struct draft *draft, unsigned field)
{
        secret_fini(&draft->raw[field].value);
        free(draft->raw[field].place);
        free(draft->raw[field].empty_place);
        draft->raw[field] = (struct raw){ 0 };
}

static int note_empty(struct raw *raw, const char *place, struct err *err)
{
        if (raw->place || raw->empty_place)
                return 0;
        raw->empty_place = strdup(place);
        return raw->empty_place ? 0 : err_set(err, ERR_NOMEM, "%s", place);
}

void draft_fini(struct draft *draft)
{
        for (unsigned i = 0; i < FIELDS_MAX; i++)
                draft_drop(draft, i);
}

int draft_set(struct draft *draft, unsigned field, const char *text, size_t length, const char *place, struct err *err)
{
        struct raw raw = { .place = strdup(place) };
        if (!raw.place || secret_init(&raw.value, text, length) < 0) {
                free(raw.place);
                return err_set(err, ERR_NOMEM, "%s", place);
        }
        draft_drop(draft, field);
        draft->raw[field] = raw;
        return 0;
}

/* "a,b", "a b" and ["a","b"] give a. */
static void keep_first(const char **text, size_t *length)
{
        static const char between[] = " \t\r\n,;[]\"'";
        while (*length > 0 && strchr(between, **text)) {
                (*text)++;
                (*length)--;
        }
        size_t end = 0;
        while (end < *length && !strchr(between, (*text)[end]))
                end++;
        *length = end;
}

int draft_put(struct draft *draft, const struct name *name, const char *text, size_t length, const char *place,
              struct err *err)
{
        if (name->flags & NAME_FIRST)
                keep_first(&text, &length);
        if (length == 0)
                return note_empty(&draft->raw[name->field], place, err);
        if (name->flags & NAME_BOOL) {
                bool yes;
                if (!parse_yes_no(text, length, &yes))
                        return err_set(err, ERR_INVALID, "%s: expected true or false", place);
                text = yes ? "true" : "false";
                length = strlen(text);
        }
        struct raw *raw = &draft->raw[name->field];
        if (raw->place) {
                struct secret other = { .bytes = (char *)(uintptr_t)text, .length = length };
                if (secret_equal(&raw->value, &other))
                        return 0;
                return err_set(err, ERR_INVALID, "%s and %s contradict each other", raw->place, place);
        }
        int rc = draft_set(draft, name->field, text, length, place, err);
        if (rc == 0)
                raw->name = name;
        return rc;
}

void draft_fill(struct draft *into, struct draft *from)
{
        for (unsigned i = 0; i < FIELDS_MAX; i++) {
                if (draft_has(into, i) || (!draft_has(from, i) && !draft_empty(from, i)))
                        continue;
                draft_drop(into, i);
                into->raw[i] = from->raw[i];
                from->raw[i] = (struct raw){ 0 };
        }
}

int draft_secret(const struct draft *draft, unsigned field, size_t max_bytes, struct secret *out, struct err *err)
{
        const struct raw *raw = &draft->raw[field];
        if (!raw->place)
                return 0;
        if (raw->value.length > max_bytes)
                return err_set(err, ERR_LIMIT, "%s: longer than %zu bytes", raw->place, max_bytes);
        if (secret_init(out, raw->value.bytes, raw->value.length) < 0)
                return err_set(err, ERR_NOMEM, "%s", raw->place);
        return 0;
}

int draft_text(const struct draft *draft, unsigned field, size_t max_bytes, char **out, struct err *err)
{
        const struct raw *raw = &draft->raw[field];
        if (!raw->place)
                return 0;
        if (raw->value.length > max_bytes)
                return err_set(err, ERR_LIMIT, "%s: longer than %zu bytes", raw->place, max_bytes);
        for (size_t i = 0; i < raw->value.length; i++)
                if (iscntrl((unsigned char)raw->value.bytes[i]))
                        return err_set(err, ERR_INVALID, "%s: contains a control character", raw->place);
        *out = strdup(raw->value.bytes);
        return *out ? 0 : err_set(err, ERR_NOMEM, "%s", raw->place);
}

int draft_host(const struct draft *draft, unsigned field, char **out, struct err *err)
{
        const struct raw *raw = &draft->raw[field];
        if (!raw->place)
                return 0;
        const char *text = raw->value.bytes;
        size_t length = raw->value.length;
        if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
                text++;
                length -= 2;
        }
        if (!host_is_valid(text, length))
                return err_set(err, ERR_INVALID, "%s: expected the name or the address of one host, without a port",
                               raw->place);
        *out = strndup(text, length);
        return *out ? 0 : err_set(err, ERR_NOMEM, "%s", raw->place);
}

/* A separate entry that is short and printable is probably a mistyped number, but a part of a URI may belong to a
 * password. */
static bool may_be_shown(const struct raw *raw)
{
        if (!raw->name || raw->value.length > 8)
                return false;
        for (size_t i = 0; i < raw->value.length; i++)
                if (!isprint((unsigned char)raw->value.bytes[i]))
                        return false;
        return true;
}

int draft_port(const struct draft *draft, unsigned field, uint16_t *out, struct err *err)
{
        const struct raw *raw = &draft->raw[field];
        unsigned number;
        if (!raw->place)
                return 0;
        if (!parse_number(raw->value.bytes, raw->value.length, 1, 65535, &number)) {
                if (may_be_shown(raw))
                        return err_set(err, ERR_INVALID, "%s: expected a port from 1 to 65535, got \"%s\"", raw->place,
                                       raw->value.bytes);
                return err_set(err, ERR_INVALID, "%s: expected a port from 1 to 65535", raw->place);
        }
        *out = (uint16_t)number;
        return 0;
}

bool draft_yes(const struct draft *draft, unsigned field)
{
        return draft_has(draft, field) && strcmp(draft->raw[field].value.bytes, "true") == 0;
}
