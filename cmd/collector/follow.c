/* follow: checks the request and makes a follower of it (followers.h). */
#include "follow.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "collector.h"
#include "event_stream.h"
#include "flag.h"
#include "followers.h"
#include "listing.h"
#include "worker.h"

enum {
        RETRY_MS = 1000,
        RETRY_SPREAD_MS = 2000, /* clients that lost their server at the same time should not reconnect at the same
                                 * time */
        RETRY_SOON_MS = 500,
        RETRY_FULL_MS = 60 * 1000,
};

/* --- Parameters --------------------------------------------------------------------------------------------------- */

/* The id that a client sends when it reconnects; NULL or "" otherwise. EventSource polyfills can't set the header field
 * in every browser, so they add `lastEventId` to the URL. */
static const char *find_last_event(struct http_request *request)
{
        const char *text = http_request_header(request, "Last-Event-ID");
        if (!text || !*text)
                text = http_request_query(request, "Last-Event-ID");
        return text && *text ? text : http_request_query(request, "lastEventId");
}

/* The id of the last event takes precedence, because it is newer than the other parameters of the URL. False: the
 * request has been answered. */
static bool read_last_event(struct http_request *request, struct cursor *cursor)
{
        const char *text = find_last_event(request);
        if (!text || !*text || (cursor_parse(text, cursor) && !cursor->is_descending))
                return true;
        http_problem(request, 400, NULL, 0, "Last-Event-ID: expected the id of an event");
        return false;
}

static bool has_value(struct http_request *request, const char *name)
{
        const char *text = http_request_query(request, name);
        return text && *text;
}

static bool read_place(struct http_request *request, struct worker *worker, struct follower *follower)
{
        static const char *const known[] = { "Last-Event-ID", "lastEventId", "cursor", "since", "status", NULL };
        struct feed_reader reader = { .store = &worker->store, .until_ms = UINT64_MAX };
        if (!listing_check_names(request, known) || !listing_read_range(request, &reader) ||
            !read_last_event(request, &follower->cursor) || !flag_read(request, "status", &follower->status.is_wanted))
                return false;
        follower->since_ms = reader.since_ms;
        if (!follower->cursor.feed[0] && (has_value(request, "cursor") || has_value(request, "since")))
                follower->cursor = reader.cursor;
        return true;
}

static bool check_accept(struct http_request *request)
{
        if (http_accepts(http_request_header(request, "Accept"), event_stream_type))
                return true;
        http_problem(request, 406, NULL, 0, "Accept: the response is %s", event_stream_type);
        return false;
}

/* --- The request -------------------------------------------------------------------------------------------------- */

static uint64_t random_below(struct worker *worker, uint64_t bound)
{
        struct uuid id;
        uint64_t number;
        uuid_v4(&worker->deposits.uuids, &id);
        memcpy(&number, id.bytes + 8, sizeof(number));
        return (number & 0xffffffff) % bound;
}

/* False: the request has been answered. */
static bool take_place(struct http_request *request, struct worker *worker)
{
        struct collector *collector = worker->collector;
        unsigned max = (unsigned)collector->settings->followers_max;
        if (atomic_load(&collector->draining)) {
                event_stream_refuse(request, RETRY_SOON_MS + random_below(worker, RETRY_SOON_MS),
                                    "the server is stopping");
                return false;
        }
        if (atomic_fetch_add(&collector->followers, 1) < max)
                return true;
        atomic_fetch_sub(&collector->followers, 1);
        event_stream_refuse(request, RETRY_FULL_MS + random_below(worker, RETRY_FULL_MS),
                            "too many clients are following (--followers-max)");
        return false;
}

void follow_get(struct http_request *request, void *context)
{
        struct worker *worker = context;
        struct follower *follower = calloc(1, sizeof(*follower));
        if (!follower) {
                http_problem_no_memory(request);
                return;
        }
        if (!check_accept(request) || !read_place(request, worker, follower) || !take_place(request, worker)) {
                free(follower);
                return;
        }
        follower->request = request;
        follower->random_ms = RETRY_MS + random_below(worker, RETRY_SPREAD_MS);
        followers_add(&worker->followers, follower);
}
