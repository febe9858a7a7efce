/* route: finds a request's route by its path and method. Paths without parameters, which most requests use, are found
 * by binary search; the others are tried in turn, those with fewer parameters first. Each segment is decoded on its
 * own, so that an encoded slash stays inside its segment. */
#include "http/route.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "http/target.h"

struct entry {
        const struct http_route *route;
        unsigned index;
        unsigned params; /* a final "*" counts more than any number of parameters */
};

struct route_table {
        size_t plain, count; /* the first `plain` entries have no parameters and are sorted by path */
        struct entry entries[];
};

enum { REST_WEIGHT = 1000 };

/* Counts the parameters; -1 if the pattern is malformed. */
static int weigh(const char *path)
{
        int params = 0;
        if (*path != '/')
                return -1;
        for (const char *at = strpbrk(path, "{*"); at; at = strpbrk(at + 1, "{*")) {
                if (at[-1] != '/')
                        return -1;
                if (*at == '*')
                        return at[1] ? -1 : params + REST_WEIGHT;
                at = strchr(at, '}');
                if (!at || (at[1] && at[1] != '/') || ++params > ROUTE_PARAMS_MAX)
                        return -1;
        }
        return params;
}

static unsigned segments(const char *path)
{
        unsigned count = 0;
        for (; *path; path++)
                count += *path == '/';
        return count;
}

static int by_weight_and_path(const void *a, const void *b)
{
        const struct entry *left = a;
        const struct entry *right = b;
        unsigned deep = segments(left->route->path);
        unsigned deeper = segments(right->route->path);
        if (left->params >= REST_WEIGHT && right->params >= REST_WEIGHT && deep != deeper)
                return deep > deeper ? -1 : 1; /* the longer prefix is the better match */
        if (left->params != right->params)
                return left->params < right->params ? -1 : 1;
        int order = strcmp(left->route->path, right->route->path);
        return order ? order : (left->index < right->index ? -1 : left->index > right->index);
}

int route_table_new(const struct http_route *routes, size_t count, struct route_table **out, struct err *err)
{
        struct route_table *table = calloc(1, sizeof(*table) + count * sizeof(table->entries[0]));
        if (!table)
                return err_set(err, ERR_NOMEM, "routes");
        table->count = count;
        for (size_t i = 0; i < count; i++) {
                int params = weigh(routes[i].path);
                if (params < 0) {
                        free(table);
                        return err_set(err, ERR_INVALID, "route %s", routes[i].path);
                }
                table->entries[i] = (struct entry){ &routes[i], (unsigned)i, (unsigned)params };
                table->plain += params == 0;
        }
        qsort(table->entries, count, sizeof(table->entries[0]), by_weight_and_path);
        *out = table;
        return 0;
}

void route_table_free(struct route_table *table)
{
        free(table);
}

/* HEAD is GET without the body (RFC 9110, section 9.3.2). */
static bool method_fits(const struct http_route *route, const char *method)
{
        return !route->method || !strcmp(route->method, method) ||
               (!strcmp(method, "HEAD") && !strcmp(route->method, "GET"));
}

/* True if the decoded segment equals the pattern's literal segment. */
static bool segment_is(const char *raw, size_t raw_length, const char *literal, size_t length)
{
        if (!memchr(raw, '%', raw_length))
                return raw_length == length && !memcmp(raw, literal, length);
        char decoded[256];
        size_t n;
        return raw_length < sizeof(decoded) && target_decode(raw, raw_length, false, decoded, &n) && n == length &&
               !memcmp(decoded, literal, length);
}

static size_t segment_length(const char *at, const char *end)
{
        const char *slash = memchr(at, '/', (size_t)(end - at));
        return (size_t)((slash ? slash : end) - at);
}

/* Compares path and pattern segment by segment and decodes the parameters into `scratch` (NULL: only compares). An
 * empty segment does not match a parameter. */
static bool pattern_fits(const char *pattern, const char *raw, size_t length, char *scratch, struct route_match *match)
{
        const char *end = raw + length;
        const char *pattern_end = pattern + strlen(pattern);
        match->param_count = 0;
        for (;;) {
                if (raw == end || *raw != '/' || pattern == pattern_end)
                        return raw == end && pattern == pattern_end;
                raw++;
                pattern++;
                if (*pattern == '*')
                        return true;
                size_t raw_segment = segment_length(raw, end);
                size_t segment = segment_length(pattern, pattern_end);
                if (*pattern != '{') {
                        if (!segment_is(raw, raw_segment, pattern, segment))
                                return false;
                } else if (raw_segment == 0) {
                        return false;
                } else if (scratch) {
                        size_t n;
                        if (!target_decode(raw, raw_segment, false, scratch, &n))
                                return false;
                        match->params[match->param_count++] = (struct route_param){ pattern + 1, segment - 2, scratch };
                        scratch += n + 1;
                }
                raw += raw_segment;
                pattern += segment;
        }
}

/* Compares a plain pattern with an unterminated path. */
static int compare_path(const char *pattern, const char *path, size_t length)
{
        int order = strncmp(pattern, path, length);
        return order ? order : (unsigned char)pattern[length];
}

/* The first entry with that plain path, or `plain` if there is none. */
static size_t find_plain(const struct route_table *table, const char *path, size_t length)
{
        size_t low = 0;
        size_t high = table->plain;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (compare_path(table->entries[middle].route->path, path, length) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static bool take(const struct entry *entry, const char *method, struct route_match *match)
{
        match->path_known = true;
        if (!method_fits(entry->route, method))
                return false;
        match->route = entry->route;
        match->index = entry->index;
        return true;
}

void route_find(const struct route_table *table, const char *method, const char *raw_path, size_t length, char *scratch,
                struct route_match *match)
{
        *match = (struct route_match){ .index = (unsigned)table->count };
        size_t rest = 0;
        if (!memchr(raw_path, '%', length)) {
                rest = table->plain;
                for (size_t i = find_plain(table, raw_path, length); i < table->plain; i++) {
                        const struct entry *entry = &table->entries[i];
                        if (compare_path(entry->route->path, raw_path, length))
                                break;
                        if (take(entry, method, match))
                                return;
                }
        }
        for (size_t i = rest; i < table->count; i++) {
                const struct entry *entry = &table->entries[i];
                bool fits = pattern_fits(entry->route->path, raw_path, length, scratch, match) ||
                            (entry->params >= REST_WEIGHT && !strcmp(entry->route->path, "/*"));
                if (fits && take(entry, method, match))
                        return;
        }
        match->param_count = 0;
}

void route_allow(const struct route_table *table, const char *raw_path, size_t length, char *out, size_t size)
{
        struct route_match match;
        struct buf list;
        bool all = length == 1 && *raw_path == '*';
        out[0] = '\0';
        buf_init(&list, size - 1);
        for (size_t i = 0; i < table->count; i++) {
                const struct http_route *route = table->entries[i].route;
                if (!route->method || (!all && !pattern_fits(route->path, raw_path, length, NULL, &match)))
                        continue;
                const char *names = strcmp(route->method, "GET") ? route->method : "GET, HEAD";
                if (list.data && strstr(list.data, names))
                        continue;
                if (buf_printf(&list, "%s%s", list.len ? ", " : "", names) < 0)
                        break; /* the list is truncated, but every method in it is valid */
        }
        /* Every path supports OPTIONS, see serve.c. */
        if (list.len && !strstr(list.data, "OPTIONS") && buf_puts(&list, ", OPTIONS") < 0)
                list.data[list.len] = '\0'; /* truncated, as above */
        if (list.len)
                memcpy(out, list.data, list.len + 1);
        buf_fini(&list);
}
