/* metrics: a family is a name with its help and type; it has series, one per set of labels, and a series has cells, one
 * per caller. Writing touches one cell with relaxed atomics and no lock; the lock guards only the lists, when a cell is
 * created or metrics are printed. A value is an integer for counters and the bits of a double for gauges and sums, so
 * that both can be read during a write. */
#include "metrics/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum metric_type { COUNTER, GAUGE, HISTOGRAM };

struct metric {
        struct metric *next;
        const double *bounds;
        size_t bound_count;
        enum metric_type type;
        _Atomic int64_t count;     /* counter's value, histogram's count */
        _Atomic double value;      /* gauge's value, histogram's sum     */
        _Atomic int64_t buckets[]; /* histogram: one per bound           */
};

struct series {
        struct series *next;
        char *labels; /* owned; "" for none */
        struct metric *cells;
};

struct family {
        struct family *next;
        const char *name;
        const char *help;
        enum metric_type type;
        struct series *series;
};

struct metrics {
        pthread_mutex_t lock;
        struct family *families;
};

struct metrics *metrics_new(void)
{
        struct metrics *all = calloc(1, sizeof(*all));
        if (all)
                (void)pthread_mutex_init(&all->lock, NULL); /* default attributes: cannot fail on Linux */
        return all;
}

static void free_series(struct series *s)
{
        while (s) {
                struct series *next = s->next;
                while (s->cells) {
                        struct metric *cell = s->cells;
                        s->cells = cell->next;
                        free(cell);
                }
                free(s->labels);
                free(s);
                s = next;
        }
}

void metrics_free(struct metrics *all)
{
        if (!all)
                return;
        while (all->families) {
                struct family *f = all->families;
                all->families = f->next;
                free_series(f->series);
                free(f);
        }
        (void)pthread_mutex_destroy(&all->lock); /* nothing refers to it any more */
        free(all);
}

/* The link to the family of that name, or the empty link at the end of the list. */
static struct family **family_link(struct metrics *all, const char *name)
{
        struct family **link = &all->families;
        while (*link && strcmp((*link)->name, name) != 0)
                link = &(*link)->next;
        return link;
}

static struct family *family_at(struct metrics *all, const char *name, const char *help, enum metric_type type)
{
        struct family **link = family_link(all, name);
        if (*link)
                return *link;
        struct family *f = calloc(1, sizeof(*f));
        if (!f)
                return NULL;
        f->name = name;
        f->help = help;
        f->type = type;
        *link = f;
        return f;
}

static struct series *series_at(struct family *f, const char *labels)
{
        struct series **link = &f->series;
        while (*link && strcmp((*link)->labels, labels) != 0)
                link = &(*link)->next;
        if (*link)
                return *link;
        struct series *s = calloc(1, sizeof(*s));
        char *copy = strdup(labels);
        if (!s || !copy) {
                free(s);
                free(copy);
                return NULL;
        }
        s->labels = copy;
        *link = s;
        return s;
}

static int add_cell(struct metrics *all, const char *name, const char *help, const char *labels, enum metric_type type,
                    const double *bounds, size_t bound_count, struct metric **out, struct err *err)
{
        if (bound_count > METRICS_BUCKETS_MAX)
                return err_set(err, ERR_BUG, "metric %s: more than %d buckets", name, METRICS_BUCKETS_MAX);
        struct metric *cell = calloc(1, sizeof(*cell) + bound_count * sizeof(cell->buckets[0]));
        if (!cell)
                return err_set(err, ERR_NOMEM, "metric %s", name);
        cell->type = type;
        cell->bounds = bounds;
        cell->bound_count = bound_count;
        (void)pthread_mutex_lock(&all->lock); /* fails only if the lock is misused */
        struct family *f = family_at(all, name, help, type);
        struct series *s = f && f->type == type ? series_at(f, labels ? labels : "") : NULL;
        if (s) {
                cell->next = s->cells;
                s->cells = cell;
        }
        (void)pthread_mutex_unlock(&all->lock);
        if (!s) {
                free(cell);
                if (f && f->type != type)
                        return err_set(err, ERR_BUG, "metric %s: two types", name);
                return err_set(err, ERR_NOMEM, "metric %s", name);
        }
        *out = cell;
        return 0;
}

int metrics_counter(struct metrics *all, const char *name, const char *help, const char *labels, struct metric **out,
                    struct err *err)
{
        return add_cell(all, name, help, labels, COUNTER, NULL, 0, out, err);
}

int metrics_gauge(struct metrics *all, const char *name, const char *help, const char *labels, struct metric **out,
                  struct err *err)
{
        return add_cell(all, name, help, labels, GAUGE, NULL, 0, out, err);
}

int metrics_histogram(struct metrics *all, const char *name, const char *help, const char *labels, const double *bounds,
                      size_t count, struct metric **out, struct err *err)
{
        return add_cell(all, name, help, labels, HISTOGRAM, bounds, count, out, err);
}

static void add_int(_Atomic int64_t *to, int64_t amount)
{
        atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + amount, memory_order_relaxed);
}

static void add_double(_Atomic double *to, double amount)
{
        atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + amount, memory_order_relaxed);
}

void metric_add(struct metric *cell, int64_t amount)
{
        if (cell->type == GAUGE)
                add_double(&cell->value, (double)amount);
        else
                add_int(&cell->count, amount);
}

void metric_set(struct metric *cell, double value)
{
        atomic_store_explicit(&cell->value, value, memory_order_relaxed);
}

void metric_observe(struct metric *cell, double value)
{
        for (size_t i = 0; i < cell->bound_count; i++) {
                if (value <= cell->bounds[i]) {
                        add_int(&cell->buckets[i], 1);
                        break;
                }
        }
        add_double(&cell->value, value);
        add_int(&cell->count, 1);
}

double metric_get(const struct metric *cell)
{
        if (cell->type == GAUGE)
                return atomic_load_explicit(&cell->value, memory_order_relaxed);
        return (double)atomic_load_explicit(&cell->count, memory_order_relaxed);
}

int metrics_label(struct buf *out, const char *name, const char *value)
{
        int rc = buf_printf(out, "%s%s=\"", out->len > 0 ? "," : "", name);
        for (const char *p = value; rc == 0 && *p; p++) {
                if (*p == '\n')
                        rc = buf_puts(out, "\\n");
                else if (*p == '"' || *p == '\\')
                        rc = buf_printf(out, "\\%c", *p);
                else
                        rc = buf_putc(out, *p);
        }
        return rc < 0 ? rc : buf_putc(out, '"');
}

void metrics_drop(struct metrics *all, const char *name)
{
        (void)pthread_mutex_lock(&all->lock);
        struct family **link = family_link(all, name);
        if (*link) {
                free_series((*link)->series);
                (*link)->series = NULL;
        }
        (void)pthread_mutex_unlock(&all->lock);
}

static int print_sample(struct buf *out, const char *name, const char *suffix, const char *labels,
                        const char *more_labels, double value)
{
        const char *comma = *labels && *more_labels ? "," : "";
        const char *open = *labels || *more_labels ? "{" : "";
        const char *close = *labels || *more_labels ? "}" : "";
        int digits = value == (double)(int64_t)value ? 17 : 9; /* exact for counts, and precise enough for times */
        return buf_printf(out, "%s%s%s%s%s%s%s %.*g\n", name, suffix, open, labels, comma, more_labels, close, digits,
                          value);
}

static int print_histogram(struct buf *out, const struct family *f, const struct series *s)
{
        int64_t buckets[METRICS_BUCKETS_MAX] = { 0 };
        int64_t count = 0;
        double sum = 0;
        for (const struct metric *cell = s->cells; cell; cell = cell->next) {
                for (size_t i = 0; i < cell->bound_count; i++)
                        buckets[i] += atomic_load_explicit(&cell->buckets[i], memory_order_relaxed);
                count += atomic_load_explicit(&cell->count, memory_order_relaxed);
                sum += atomic_load_explicit(&cell->value, memory_order_relaxed);
        }
        int rc = 0;
        int64_t cumulated = 0;
        assert(s->cells); /* a series is created with its first cell */
        for (size_t i = 0; rc == 0 && i < s->cells->bound_count; i++) {
                cumulated += buckets[i];
                struct buf label;
                buf_init(&label, 64);
                rc = buf_printf(&label, "le=\"%g\"", s->cells->bounds[i]);
                if (rc == 0)
                        rc = print_sample(out, f->name, "_bucket", s->labels, label.data, (double)cumulated);
                buf_fini(&label);
        }
        /* The buckets of a cell in use may be ahead of its count, so the total is raised to at least their sum. */
        if (count < cumulated)
                count = cumulated;
        if (rc == 0)
                rc = print_sample(out, f->name, "_bucket", s->labels, "le=\"+Inf\"", (double)count);
        if (rc == 0)
                rc = print_sample(out, f->name, "_sum", s->labels, "", sum);
        return rc < 0 ? rc : print_sample(out, f->name, "_count", s->labels, "", (double)count);
}

static int print_series(struct buf *out, const struct family *f, const struct series *s)
{
        if (f->type == HISTOGRAM)
                return print_histogram(out, f, s);
        double value = 0;
        for (const struct metric *cell = s->cells; cell; cell = cell->next)
                value += metric_get(cell);
        return print_sample(out, f->name, "", s->labels, "", value);
}

static int print_family(struct buf *out, const struct family *f)
{
        static const char *const types[] = { [COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram" };
        int rc = buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, types[f->type]);
        for (const struct series *s = f->series; rc == 0 && s; s = s->next)
                rc = print_series(out, f, s);
        return rc;
}

int metrics_print(struct metrics *all, struct buf *out)
{
        int rc = 0;
        (void)pthread_mutex_lock(&all->lock);
        for (const struct family *f = all->families; rc == 0 && f; f = f->next)
                if (f->series)
                        rc = print_family(out, f);
        (void)pthread_mutex_unlock(&all->lock);
        return rc;
}
