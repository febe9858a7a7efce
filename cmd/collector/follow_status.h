/* follow_status: the event `status` in the streams of followers that ask for it (`?status=true`): it carries what GET
 * /v1/status returns, so that a page needs only one connection.
 *
 *     follow_status_init(&status, print, worker);
 *     follow_status_begin(&status, &follower->status, request);    // the stream has begun: the first event
 *     follow_status_second(&status);                               // once a second: an event, or a comment
 *     follow_status_end(&follower->status);
 *
 *     event: status
 *     data: {"program":"collector",...}
 *
 * The event has no id, so it does not change the client's position. The text is printed at most once a second, for all
 * of a worker's followers together, and only while there are any. If only the time in it has changed, the followers get
 * a comment instead. A client that does not read gets no events; when it reads again, it gets the latest one.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FOLLOW_STATUS_H
#define COLLECTOR_FOLLOW_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/list.h"
#include "http/http.h"

/* Appends the status. Returns 0, ERR_LIMIT or ERR_NOMEM. */
typedef int follow_status_print_fn(struct buf *out, void *data);

struct follow_status {
        /* Private. */
        follow_status_print_fn *print;
        void *data;
        struct list readers;
        struct buf event;   /* the latest */
        uint64_t number;    /* the event's number; 0: none */
        int64_t printed_ms; /* monotonic */
};

struct follow_status_reader {
        bool is_wanted; /* set by the caller; the other members are zero */

        /* Private. */
        struct list link;
        struct http_request *request; /* NULL: not begun */
        uint64_t number;              /* the number of the last event written */
};

void follow_status_init(struct follow_status *status, follow_status_print_fn *print, void *data);
void follow_status_fini(struct follow_status *status);

/* Does nothing if the reader does not want the status. */
void follow_status_begin(struct follow_status *status, struct follow_status_reader *reader,
                         struct http_request *request);
void follow_status_end(struct follow_status_reader *reader); /* may be called before _begin */
void follow_status_second(struct follow_status *status);

#endif
