/* delay: a timer per request, in a list, so that the requests can be answered when the program stops. A delay's memory
 * lives until its timer is closed. While the list is not empty, a timer of the worker checks twice a second which
 * clients have disconnected, because libmicrohttpd does not look at a connection whose request waits. */
#include "delay.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/decimal.h"
#include "config/config.h"
#include "pinger.h"

struct delay {
        uv_timer_t timer;
        struct worker *worker;
        struct http_request *request;
        int64_t ms;
        struct list link; /* in worker->delays */
};

enum { LOOK_MS = 500 };

/* Parses digits with up to three decimals. */
static bool parse_seconds(const char *text, int64_t *ms)
{
        enum { DIGITS_MAX = 9 };
        uint64_t seconds, thousandths = 0;
        size_t digits = decimal_span(text, strlen(text));
        const char *point = text + digits;
        if (digits > DIGITS_MAX || decimal_parse(text, digits, UINT32_MAX, &seconds) < 0)
                return false;
        if (*point == '.') {
                size_t part = strlen(point + 1);
                if (part > 3 || decimal_parse_thousandths(point + 1, part, &thousandths) < 0)
                        return false;
        } else if (*point) {
                return false;
        }
        *ms = (int64_t)(seconds * 1000 + thousandths);
        return true;
}

bool delay_parse(const char *text, int64_t *ms)
{
        return parse_seconds(text, ms) || config_parse_duration(text, strlen(text), ms);
}

static void on_closed(uv_handle_t *handle)
{
        free(CONTAINER_OF(handle, struct delay, timer));
}

/* Removes the delay from the list; the caller answers the request. */
static struct http_request *finish(struct delay *delay)
{
        list_remove(&delay->link);
        atomic_fetch_sub(&delay->worker->pinger->delays, 1);
        uv_close((uv_handle_t *)&delay->timer, on_closed);
        return delay->request;
}

static void on_look(uv_timer_t *timer)
{
        struct worker *worker = timer->data;
        for (struct list *at = list_first(&worker->delays), *next; at; at = next) {
                struct delay *delay = CONTAINER_OF(at, struct delay, link);
                next = list_next(&worker->delays, at);
                if (http_request_is_abandoned(delay->request))
                        answer_problem(worker, finish(delay), 503, "the client disconnected before the delay was over");
        }
        if (list_is_empty(&worker->delays))
                (void)uv_timer_stop(timer); /* always 0 */
}

void delay_init(struct worker *worker)
{
        (void)uv_timer_init(&worker->base.loop, &worker->delay_look); /* always 0 */
        worker->delay_look.data = worker;
        list_init(&worker->delays);
}

static void on_time(uv_timer_t *timer)
{
        struct delay *delay = CONTAINER_OF(timer, struct delay, timer);
        struct http_request *request = finish(delay);
        answer_json(delay->worker, request, 200, json_pack("{s:f}", "delay", (double)delay->ms / 1000));
}

void delay_start(struct worker *worker, struct http_request *request, int64_t ms)
{
        struct pinger *pinger = worker->pinger;
        bool has_room = atomic_fetch_add(&pinger->delays, 1) < pinger->settings->delays_max;
        struct delay *delay = has_room ? calloc(1, sizeof(*delay)) : NULL;
        if (!delay) {
                atomic_fetch_sub(&pinger->delays, 1);
                answer_later(worker, request,
                             has_room ? "out of memory" : "too many requests are waiting already (--delays-max)");
                return;
        }
        *delay = (struct delay){ .worker = worker, .request = request, .ms = ms };
        list_init(&delay->link);
        list_prepend(&worker->delays, &delay->link);
        if (!uv_is_active((uv_handle_t *)&worker->delay_look))
                (void)uv_timer_start(&worker->delay_look, on_look, LOOK_MS, LOOK_MS); /* never fails for an open
                                                                                       * handle */
        (void)uv_timer_init(&worker->base.loop, &delay->timer);                       /* always 0 */
        uv_update_time(&worker->base.loop); /* otherwise the time since the turn began would count as waiting */
        /* The loop's clock drops fractions of a millisecond, so a timer may fire up to 1 ms early; the delay must not
         * be shorter. */
        (void)uv_timer_start(&delay->timer, on_time, ms > 0 ? (uint64_t)ms + 1 : 0, 0); /* never fails for an open
                                                                                         * handle */
}

void delay_cancel_all(struct worker *worker)
{
        for (struct list *at; (at = list_first(&worker->delays)) != NULL;) {
                struct delay *delay = CONTAINER_OF(at, struct delay, link);
                answer_later(worker, finish(delay), "Pinger is stopping before the delay is over");
        }
}
