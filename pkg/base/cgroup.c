/* cgroup: /proc/self/cgroup has the group's path for each controller ("4:memory:/a/b" in v1, "0::/a/b" in v2). The
 * files at each level, from that path up to the mount, are read, because a parent's limit applies to its children;
 * missing levels are skipped. Each file contains one short line, so a small buffer is enough. Text that is not a number
 * means no limit. */
#include "base/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/decimal.h"

/* Version 1 has no word for "no limit", and reports the largest number of pages instead. */
static const int64_t V1_UNLIMITED = INT64_MAX / 2;

struct group {
        const char *root;
        char mount[64];      /* below root */
        char path[PATH_MAX]; /* "" or "/a/b"; shortened level by level */
};

/* Reads a whole small file. False if it is missing or empty. */
static bool read_text(const char *path, char *out, size_t size)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        size_t length = 0;
        ssize_t n;
        while (length < size - 1 && (n = read(fd, out + length, size - 1 - length)) > 0)
                length += (size_t)n;
        (void)close(fd); /* only read from */
        out[length] = '\0';
        return length > 0;
}

static bool read_level(const struct group *g, const char *file, char *out, size_t size)
{
        char path[PATH_MAX + 256];
        int length = snprintf(path, sizeof(path), "%s/%s%s/%s", g->root, g->mount, g->path, file);
        return length > 0 && (size_t)length < sizeof(path) && read_text(path, out, size);
}

static int64_t number_or_zero(const char *text)
{
        uint64_t number;
        return decimal_parse(text, decimal_span(text, strlen(text)), INT64_MAX, &number) < 0 ? 0 : (int64_t)number;
}

static int64_t read_number(const struct group *g, const char *file)
{
        char text[64];
        return read_level(g, file, text, sizeof(text)) ? number_or_zero(text) : 0;
}

static bool parent(struct group *g)
{
        char *slash = strrchr(g->path, '/');
        if (!slash)
                return false;
        *slash = '\0';
        return true;
}

/* Thousandths of a CPU; a quota that is not a positive number means no limit. */
static int64_t cpu_millis(int64_t quota_us, int64_t period_us)
{
        return quota_us > 0 && quota_us < INT64_MAX / 1000 && period_us > 0 ? quota_us * 1000 / period_us : 0;
}

/* "max 100000" or "50000 100000" (cpu.max). */
static int64_t v2_cpu(const struct group *g)
{
        char text[64];
        if (!read_level(g, "cpu.max", text, sizeof(text)))
                return 0;
        const char *period = strchr(text, ' ');
        return period ? cpu_millis(number_or_zero(text), number_or_zero(period + 1)) : 0;
}

static int64_t v1_cpu(const struct group *g)
{
        return cpu_millis(read_number(g, "cpu.cfs_quota_us"), read_number(g, "cpu.cfs_period_us"));
}

static int64_t v2_memory(const struct group *g)
{
        return read_number(g, "memory.max"); /* "max" is not a number */
}

static int64_t v1_memory(const struct group *g)
{
        int64_t bytes = read_number(g, "memory.limit_in_bytes");
        return bytes < V1_UNLIMITED ? bytes : 0;
}

/* The smallest limit from the group up to the mount. */
static int64_t smallest(struct group g, int64_t (*limit)(const struct group *))
{
        int64_t least = 0;
        do {
                int64_t here = limit(&g);
                if (here > 0 && (least == 0 || here < least))
                        least = here;
        } while (parent(&g));
        return least;
}

/* The innermost level that has the file. */
static int64_t nearest(struct group g, const char *file)
{
        int64_t number;
        do {
                number = read_number(&g, file);
        } while (number == 0 && parent(&g));
        return number;
}

static bool lists(const char *controllers, size_t length, const char *name)
{
        size_t n = strlen(name);
        for (const char *at = controllers, *end = controllers + length; at < end;) {
                const char *comma = memchr(at, ',', (size_t)(end - at));
                size_t word = comma ? (size_t)(comma - at) : (size_t)(end - at);
                if (word == n && memcmp(at, name, n) == 0)
                        return true;
                at += word + 1;
        }
        return false;
}

/* Finds the group of a controller; "" means version 2. */
static bool find_group(const char *table, const char *root, const char *controller, struct group *out)
{
        for (const char *line = table; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
                const char *names = strchr(line, ':');
                const char *path = names ? strchr(names + 1, ':') : NULL;
                if (!path)
                        return false;
                size_t length = (size_t)(path - names - 1);
                if (*controller ? !lists(names + 1, length, controller) : strncmp(line, "0::", 3) != 0)
                        continue;
                size_t end = strcspn(++path, "\n");
                if (end >= sizeof(out->path))
                        return false;
                out->root = root;
                (void)snprintf(out->mount, sizeof(out->mount), "sys/fs/cgroup%s%s", *controller ? "/" : "",
                               controller); /* the names are ours and short */
                memcpy(out->path, path, end);
                out->path[end == 1 ? 0 : end] = '\0';
                return true;
        }
        return false;
}

void cgroup_read(const char *root, struct cgroup_limits *out)
{
        char file[PATH_MAX], table[8192];
        struct group group;
        *out = (struct cgroup_limits){ 0 };
        int length = snprintf(file, sizeof(file), "%s/proc/self/cgroup", root);
        if (length < 0 || (size_t)length >= sizeof(file) || !read_text(file, table, sizeof(table)))
                return;
        /* Both versions may be mounted side by side; a controller belongs to only one of them. */
        if (find_group(table, root, "cpu", &group)) {
                out->version = 1;
                out->cpu_millis = smallest(group, v1_cpu);
        } else if (find_group(table, root, "", &group)) {
                out->version = 2;
                out->cpu_millis = smallest(group, v2_cpu);
        }
        if (find_group(table, root, "memory", &group)) {
                out->version = 1;
                out->memory_bytes = smallest(group, v1_memory);
                out->memory_used_bytes = nearest(group, "memory.usage_in_bytes");
        } else if (find_group(table, root, "", &group)) {
                out->version = out->version ? out->version : 2;
                out->memory_bytes = smallest(group, v2_memory);
                out->memory_used_bytes = nearest(group, "memory.current");
        }
}
