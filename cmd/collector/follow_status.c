/* follow_status: the latest event in a buffer, and a number that shows which followers already have it. */
#include "follow_status.h"

#include <string.h>

#include "base/clock.h"

enum {
        EVENT_MAX_BYTES = 1 << 20,
        FRESH_MS = 900,           /* shorter than the second between two calls */
        WAITING_BYTES = 16 << 10, /* an event is not written while this much waits for a client */
};

/* The part after the time, which differs in every status. */
static const char *after_time(const struct buf *event)
{
        static const char name[] = "\"now\":\"";
        const char *at = event->data ? strstr(event->data, name) : NULL;
        return at ? strchr(at + strlen(name), '"') : "";
}

static int print(struct follow_status *status, struct buf *event)
{
        int rc = buf_puts(event, "event: status\ndata: ");
        if (rc == 0)
                rc = status->print(event, status->data);
        return rc < 0 ? rc : buf_puts(event, "\n\n");
}

/* If memory runs out, the event stays as it is until the next second. */
static void renew(struct follow_status *status)
{
        struct buf event;
        buf_init(&event, EVENT_MAX_BYTES);
        status->printed_ms = clock_monotonic_ms();
        if (print(status, &event) < 0) {
                buf_fini(&event);
                return;
        }
        if (status->number == 0 || strcmp(after_time(&event), after_time(&status->event)) != 0)
                status->number++;
        buf_fini(&status->event);
        status->event = event;
}

static void renew_if_old(struct follow_status *status)
{
        if (status->number == 0 || clock_monotonic_ms() - status->printed_ms >= FRESH_MS)
                renew(status);
}

static void write_to(const struct follow_status *status, struct follow_status_reader *reader)
{
        if (http_stream_waiting(reader->request) > WAITING_BYTES)
                return;
        if (reader->number == status->number) {
                (void)http_stream_write(reader->request, ":\n\n", 3);
                return;
        }
        reader->number = status->number;
        (void)http_stream_write(reader->request, status->event.data, status->event.len);
}

void follow_status_init(struct follow_status *status, follow_status_print_fn *print_status, void *data)
{
        *status = (struct follow_status){ .print = print_status, .data = data };
        list_init(&status->readers);
        buf_init(&status->event, EVENT_MAX_BYTES);
}

void follow_status_fini(struct follow_status *status)
{
        buf_fini(&status->event);
}

void follow_status_begin(struct follow_status *status, struct follow_status_reader *reader,
                         struct http_request *request)
{
        if (!reader->is_wanted)
                return;
        reader->request = request;
        list_init(&reader->link);
        list_append(&status->readers, &reader->link);
        renew_if_old(status);
        write_to(status, reader);
}

void follow_status_end(struct follow_status_reader *reader)
{
        if (reader->request)
                list_remove(&reader->link);
        reader->request = NULL;
}

void follow_status_second(struct follow_status *status)
{
        if (list_is_empty(&status->readers))
                return;
        renew_if_old(status);
        for (struct list *at = list_first(&status->readers), *next; at; at = next) {
                next = list_next(&status->readers, at);
                write_to(status, CONTAINER_OF(at, struct follow_status_reader, link));
        }
}
