/* record: the text is written directly into a buffer, because every request produces two records. Strings go through
 * json_escape, so a record is valid JSON no matter what a client sent. Level 30 is "info" in the loggers bunyan and
 * pino. */
#include "record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/redact.h"
#include "json/json.h"

void record_source_init(struct record_source *source)
{
        source->pid = (int)getpid();
        if (gethostname(source->hostname, sizeof(source->hostname)) < 0)
                (void)snprintf(source->hostname, sizeof(source->hostname), "unknown"); /* it fits */
        source->hostname[sizeof(source->hostname) - 1] = '\0';
}

static int put_text(struct buf *out, const char *text)
{
        return json_escape(out, text, strlen(text));
}

static bool seen_before(const struct http_header *headers, size_t index)
{
        for (size_t i = 0; i < index; i++) {
                if (strcasecmp(headers[i].name, headers[index].name) == 0)
                        return true;
        }
        return false;
}

/* The value of the field at `index`, joined with the values of later fields of the same name. */
static int join_values(struct buf *value, const struct http_header *headers, size_t count, size_t index)
{
        int rc = buf_puts(value, headers[index].value);
        for (size_t i = index + 1; i < count && rc == 0; i++) {
                if (strcasecmp(headers[i].name, headers[index].name) == 0)
                        rc = buf_printf(value, ", %s", headers[i].value);
        }
        return rc;
}

static int put_field(struct buf *out, const struct http_header *headers, size_t count, size_t index)
{
        struct buf scratch;
        struct buf shown;
        buf_init(&scratch, out->max);
        buf_init(&shown, out->max);
        int rc = buf_puts(&scratch, headers[index].name);
        for (size_t i = 0; i < scratch.len; i++) {
                if (scratch.data[i] >= 'A' && scratch.data[i] <= 'Z')
                        scratch.data[i] = (char)(scratch.data[i] + ('a' - 'A'));
        }
        if (rc == 0)
                rc = json_escape(out, scratch.data, scratch.len);
        if (rc == 0)
                rc = buf_putc(out, ':');
        buf_clear(&scratch, scratch.cap);
        if (rc == 0)
                rc = join_values(&scratch, headers, count, index);
        if (rc == 0)
                rc = redact_field(&shown, headers[index].name, scratch.data);
        if (rc == 0)
                rc = put_text(out, shown.data ? shown.data : "");
        buf_fini(&shown);
        buf_fini(&scratch);
        return rc;
}

static int put_headers(struct buf *out, const struct http_header *headers, size_t count)
{
        int rc = buf_puts(out, "\"headers\":{");
        bool is_first = true;
        for (size_t i = 0; i < count && rc == 0; i++) {
                if (seen_before(headers, i))
                        continue;
                if (!is_first)
                        rc = buf_putc(out, ',');
                is_first = false;
                if (rc == 0)
                        rc = put_field(out, headers, count, i);
        }
        return rc == 0 ? buf_putc(out, '}') : rc;
}

static int put_start(struct buf *out, const struct record_source *source, int64_t time_ms)
{
        int rc = buf_printf(out, "{\"level\":30,\"time\":%" PRId64 ",\"pid\":%d,\"hostname\":", time_ms, source->pid);
        return rc == 0 ? put_text(out, source->hostname) : rc;
}

/* The target goes through a separate buffer, to be redacted before it is escaped. */
static int put_target(struct buf *out, const char *target)
{
        struct buf plain;
        buf_init(&plain, out->max);
        int rc = redact_target(&plain, target);
        if (rc == 0)
                rc = json_escape(out, plain.data ? plain.data : "", plain.len);
        buf_fini(&plain);
        return rc;
}

int record_request(const struct record_source *source, int64_t time_ms, const struct record_request *request,
                   struct buf *out)
{
        int rc = put_start(out, source, time_ms);
        if (rc == 0)
                rc = buf_puts(out, ",\"req\":{\"method\":");
        if (rc == 0)
                rc = put_text(out, request->method);
        if (rc == 0)
                rc = buf_puts(out, ",\"url\":");
        if (rc == 0)
                rc = put_target(out, request->target);
        if (rc == 0)
                rc = buf_putc(out, ',');
        if (rc == 0)
                rc = put_headers(out, request->headers, request->header_count);
        if (rc == 0)
                rc = buf_puts(out, ",\"remoteAddress\":");
        if (rc == 0)
                rc = put_text(out, request->remote_address);
        return rc == 0 ? buf_printf(out, ",\"remotePort\":%u}}", (unsigned)request->remote_port) : rc;
}

int record_response(const struct record_source *source, int64_t time_ms, int status, const struct http_header *headers,
                    size_t header_count, struct buf *out)
{
        int rc = put_start(out, source, time_ms);
        if (rc == 0)
                rc = buf_printf(out, ",\"res\":{\"statusCode\":%d,", status);
        if (rc == 0)
                rc = put_headers(out, headers, header_count);
        return rc == 0 ? buf_puts(out, "}}") : rc;
}
