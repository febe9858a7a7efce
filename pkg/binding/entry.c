/* entry: the rules for one name and one value, without file access. A value is kept as it is in the file, and its text
 * shares the memory. If a trailing newline has to be removed, a second copy is made next to the first, so that one wipe
 * covers both. */
#include "binding/entry.h"

#include <stdlib.h>
#include <string.h>

#include "binding/servicebinding.h"

static bool all_of(const char *name, const char *allowed)
{
        size_t length = strlen(name);
        return length > 0 && length <= SB_NAME_MAX && strncmp(name, "..", 2) != 0 && strcmp(name, ".") != 0 &&
               strspn(name, allowed) == length;
}

/* Workload Projection: "the name of the binding ... [a-z0-9\-\.]{1,253}". */
bool sb_binding_name_valid(const char *name)
{
        return all_of(name, "abcdefghijklmnopqrstuvwxyz0123456789.-");
}

/* The keys of a Secret, as the Kubernetes API defines them. */
bool sb_entry_name_valid(const char *name)
{
        return all_of(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
}

/* The length of the value's trailing newline: 2, 1 or 0. */
static size_t line_end_length(const unsigned char *bytes, size_t length)
{
        if (length == 0 || bytes[length - 1] != '\n')
                return 0;
        return length > 1 && bytes[length - 2] == '\r' ? 2 : 1;
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool sb_same_word(const char *a, const char *b)
{
        while (*a && lower(*a) == lower(*b)) {
                a++;
                b++;
        }
        return lower(*a) == lower(*b);
}

/* Schemes of values that are "an indirect pointer to another system for value resolution" (Workload Projection). Other
 * schemes are not pointers: `uri` entries contain redis://, amqp://, jdbc:... */
bool sb_is_reference(const struct sb_entry *entry)
{
        static const char *const schemes[] = { "vault://" };
        for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
                size_t length = strlen(schemes[i]);
                if (entry->length < length)
                        continue;
                size_t same = 0;
                while (same < length && lower((char)entry->bytes[same]) == schemes[i][same])
                        same++;
                if (same == length)
                        return true;
        }
        return false;
}

int sb_entry_init(struct sb_entry *entry, struct sb_pages *pages, const char *name, size_t length)
{
        *entry = (struct sb_entry){ .length = length };
        entry->name = strdup(name);
        entry->bytes = sb_pages_take(pages, 2 * (length + 1));
        if (entry->name && entry->bytes)
                return 0;
        sb_entry_fini(entry);
        return SERVICEBINDING_NOMEM;
}

void sb_entry_seal(struct sb_entry *entry)
{
        if (memchr(entry->bytes, '\0', entry->length))
                return;
        size_t line_end = line_end_length(entry->bytes, entry->length);
        if (line_end == 0) {
                entry->text = (const char *)entry->bytes;
                return;
        }
        unsigned char *copy = entry->bytes + entry->length + 1;
        memcpy(copy, entry->bytes, entry->length - line_end);
        entry->text = (const char *)copy;
}

void sb_entry_fini(struct sb_entry *entry)
{
        free(entry->name);
        *entry = (struct sb_entry){ 0 };
}

bool sb_entry_equal(const struct sb_entry *a, const struct sb_entry *b)
{
        return strcmp(a->name, b->name) == 0 && a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

char *sb_trimmed(const char *text)
{
        size_t length = strlen(text);
        while (length > 0 && strchr(" \t\r\n\v\f", text[length - 1]))
                length--;
        return strndup(text, length);
}

const char *sb_printable(const char *name, char *out, size_t size)
{
        size_t length = 0;
        for (; name[length] && length + 1 < size; length++)
                out[length] = name[length] > ' ' && name[length] <= '~' ? name[length] : '?';
        out[length] = '\0';
        return out;
}
