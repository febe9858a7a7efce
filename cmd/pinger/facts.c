/* facts: the simple facts (strings, memory, environment variables, header fields, limits, bindings). Facts that need
 * more code have their own files (network.c, downward.c). */
#include "facts.h"

#include <ctype.h>
#include <malloc.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cgroup.h"
#include "base/redact.h"
#include "json/json.h"

json_t *facts_text(const char *text)
{
        if (!text)
                return json_null();
        json_t *plain = json_string(text);
        if (plain)
                return plain;
        /* The text is not UTF-8: pkg/json replaces the invalid bytes. */
        struct buf escaped;
        buf_init(&escaped, 0);
        if (json_escape(&escaped, text, strlen(text)) == 0)
                plain = json_loadb(escaped.data, escaped.len, JSON_DECODE_ANY, NULL);
        buf_fini(&escaped);
        return plain;
}

json_t *facts_memory(void)
{
        size_t rss = 0;
        struct mallinfo2 heap = mallinfo2();
        json_int_t mapped = (json_int_t)heap.hblkhd; /* large blocks, outside the arena */
        (void)uv_resident_set_memory(&rss);          /* 0 if there is no /proc */
        return json_pack("{s:I, s:I, s:I}", "rss", (json_int_t)rss, "heapTotal", (json_int_t)heap.arena + mapped,
                         "heapUsed", (json_int_t)heap.uordblks + mapped);
}

/* True if the value contains the value of a variable with a secret's name. Short values would match anywhere, so they
 * are skipped. */
static bool repeats_a_secret(char *const *environment, const char *value)
{
        enum { SHORTEST = 6 };
        for (; *environment; environment++) {
                const char *equals = strchr(*environment, '=');
                char name[128];
                size_t length = equals ? (size_t)(equals - *environment) : 0;
                if (!equals || length >= sizeof(name) || strlen(equals + 1) < SHORTEST)
                        continue;
                memcpy(name, *environment, length);
                name[length] = '\0';
                if (strstr(value, equals + 1) && redact_name(name))
                        return true;
        }
        return false;
}

static int add_variable(json_t *all, char *const *environment, const char *variable)
{
        const char *equals = strchr(variable, '=');
        char name[256];
        size_t length = equals ? (size_t)(equals - variable) : 0;
        if (!equals || length == 0 || length >= sizeof(name))
                return 0; /* nothing reads a variable with such a name */
        memcpy(name, variable, length);
        name[length] = '\0';
        const char *value = equals + 1;
        bool hide = *value && (redact_name(name) || redact_value(value) || repeats_a_secret(environment, value));
        json_t *shown = facts_text(hide ? REDACTED : value);
        if (!shown)
                return -1;
        (void)json_object_set_new(all, name, shown); /* a name that is not UTF-8 is omitted */
        return 0;
}

json_t *facts_environment(char *const *environment)
{
        json_t *all = json_object();
        for (char *const *variable = environment; all && variable && *variable; variable++) {
                if (add_variable(all, environment, *variable) < 0) {
                        json_decref(all);
                        return NULL;
                }
        }
        return all;
}

static json_t *join(const json_t *earlier, const char *value)
{
        return earlier ? json_sprintf("%s, %s", json_string_value(earlier), value) : json_string(value);
}

json_t *facts_field(const char *name, const char *value)
{
        struct buf shown;
        buf_init(&shown, 0);
        json_t *text = redact_field(&shown, name, value) == 0 ? facts_text(shown.data ? shown.data : "") : NULL;
        buf_fini(&shown);
        return text;
}

json_t *facts_headers(const struct http_header *headers, size_t count)
{
        json_t *all = json_object();
        for (size_t i = 0; all && i < count; i++) {
                char name[256];
                size_t length = strnlen(headers[i].name, sizeof(name) - 1);
                for (size_t k = 0; k < length; k++)
                        name[k] = (char)tolower((unsigned char)headers[i].name[k]);
                name[length] = '\0';
                json_t *value = facts_field(name, headers[i].value);
                if (value) {
                        json_t *joined = join(json_object_get(all, name), json_string_value(value));
                        json_decref(value);
                        value = joined;
                }
                if (!value) {
                        json_decref(all);
                        return NULL;
                }
                (void)json_object_set_new(all, name, value); /* a name that is not UTF-8 is omitted */
        }
        return all;
}

static json_t *limit(int64_t value)
{
        return value > 0 ? json_integer(value) : json_null();
}

json_t *facts_limits(void)
{
        struct cgroup_limits limits;
        cgroup_read("/", &limits);
        json_t *cpus = limits.cpu_millis > 0 ? json_real((double)limits.cpu_millis / 1000) : json_null();
        return json_pack("{s:o, s:o, s:o, s:o}", "cgroup", limit(limits.version), "cpus", cpus, "memoryBytes",
                         limit(limits.memory_bytes), "memoryUsedBytes", limit(limits.memory_used_bytes));
}

json_t *facts_bindings(const struct servicebinding_set *set)
{
        json_t *all = json_array();
        size_t count = set ? servicebinding_count(set) : 0;
        for (size_t i = 0; all && i < count; i++) {
                const struct servicebinding *b = servicebinding_at(set, i);
                const char *problem = servicebinding_problem(b);
                json_t *entry = json_pack("{s:s, s:o, s:o}", "name", servicebinding_name(b), "type",
                                          facts_text(servicebinding_type(b)), "provider",
                                          facts_text(servicebinding_provider(b)));
                if (entry && problem && json_object_set_new(entry, "problem", facts_text(problem)) < 0) {
                        json_decref(entry);
                        entry = NULL;
                }
                if (json_array_append_new(all, entry) < 0) {
                        json_decref(all);
                        return NULL;
                }
        }
        return all;
}
