/* standing: strings are copied, so that readers need no reference to a target that may be replaced. */
#include "page/standing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "json/json.h"

void standing_init(struct standing *standing)
{
        *standing = (struct standing){ .source = BACKING_FROM_NOWHERE };
        (void)pthread_mutex_init(&standing->lock, NULL); /* cannot fail with default attributes on Linux */
}

void standing_fini(struct standing *standing)
{
        (void)pthread_mutex_destroy(&standing->lock);
}

static void copy(char *out, size_t size, const char *text)
{
        (void)snprintf(out, size, "%s", text ? text : ""); /* a long text is truncated */
}

void standing_use(struct standing *standing, const struct backing_report *report, const char *address, bool tls,
                  unsigned generation)
{
        (void)pthread_mutex_lock(&standing->lock);
        if (standing->generation != generation)
                standing->since_ms = clock_realtime_ms();
        if (standing->change.since_ms == 0)
                standing->change.since_ms = standing->since_ms;
        standing->generation = generation;
        standing->source = report->source;
        standing->tls = tls;
        copy(standing->binding, sizeof(standing->binding), report->binding);
        copy(standing->type, sizeof(standing->type), report->type);
        copy(standing->provider, sizeof(standing->provider), report->provider);
        copy(standing->address, sizeof(standing->address), address);
        (void)pthread_mutex_unlock(&standing->lock);
}

void standing_on_change(const struct backing_change *change, void *data)
{
        struct standing *standing = data;
        (void)pthread_mutex_lock(&standing->lock);
        if (standing->change.state != change->state)
                standing->change.since_ms = clock_realtime_ms();
        standing->change.state = change->state;
        standing->change.retry_ms = change->retry_ms;
        copy(standing->change.address, sizeof(standing->change.address), change->address);
        copy(standing->change.error, sizeof(standing->change.error), change->err ? change->err->text : NULL);
        (void)pthread_mutex_unlock(&standing->lock);
}

int standing_text(struct buf *out, const char *name, const char *text)
{
        int rc = buf_printf(out, "\"%s\":", name);
        if (rc < 0)
                return rc;
        return text && *text ? json_escape(out, text, strlen(text)) : buf_puts(out, "null");
}

static int print_texts(const struct standing *standing, struct buf *out)
{
        const struct {
                const char *name, *text;
        } rows[] = {
                { "source", backing_source_name(standing->source) },
                { "binding", standing->binding },
                { "type", standing->type },
                { "provider", standing->provider },
                { "address", standing->address },
        };
        int rc = 0;
        for (size_t i = 0; i < COUNT_OF(rows) && rc == 0; i++) {
                rc = standing_text(out, rows[i].name, rows[i].text);
                if (rc == 0)
                        rc = buf_putc(out, ',');
        }
        return rc;
}

static int print_change(const struct standing *standing, struct buf *out)
{
        static const char *const states[] = { [BACKING_IN_USE] = "in use",
                                              [BACKING_TRYING] = "trying",
                                              [BACKING_REFUSED] = "refused",
                                              [BACKING_VANISHED] = "vanished" };
        char since[CLOCK_ISO8601_SIZE];
        int rc = buf_printf(out, "\"change\":{\"state\":\"%s\",\"since\":\"%s\",", states[standing->change.state],
                            clock_iso8601(standing->change.since_ms, since));
        if (rc == 0)
                rc = standing_text(out, "address", standing->change.address);
        if (rc == 0)
                rc = buf_putc(out, ',');
        if (rc == 0)
                rc = standing_text(out, "error", standing->change.error);
        return rc < 0 ? rc : buf_printf(out, ",\"retryMs\":%" PRId64 "}", standing->change.retry_ms);
}

int standing_print(struct standing *standing, struct buf *out)
{
        char since[CLOCK_ISO8601_SIZE];
        (void)pthread_mutex_lock(&standing->lock);
        int rc = print_texts(standing, out);
        if (rc == 0)
                rc = buf_printf(out, "\"tls\":%s,\"generation\":%u,\"since\":\"%s\",", standing->tls ? "true" : "false",
                                standing->generation, clock_iso8601(standing->since_ms, since));
        if (rc == 0)
                rc = print_change(standing, out);
        (void)pthread_mutex_unlock(&standing->lock);
        return rc;
}

int standing_print_program(struct buf *out, const char *program, const char *version, int64_t started_ms)
{
        char host[256] = "", started[CLOCK_ISO8601_SIZE], now[CLOCK_ISO8601_SIZE];
        (void)gethostname(host, sizeof(host) - 1); /* if it fails, the member is null */
        int rc = buf_printf(out, "{\"program\":\"%s\",\"version\":\"%s\",", program, version);
        if (rc == 0)
                rc = standing_text(out, "hostname", host);
        return rc < 0 ? rc
                      : buf_printf(out, ",\"processId\":%d,\"startedAt\":\"%s\",\"now\":\"%s\",", (int)getpid(),
                                   clock_iso8601(started_ms, started), clock_iso8601(clock_realtime_ms(), now));
}
