/* tail: a timer checks every few milliseconds whether this process has added an entry, which costs no system call, and
 * reads if so. Other processes add entries too, so it also reads regularly: soon after entries arrived, less often when
 * there are none. */
#include "tail.h"

#include "base/attr.h"

enum {
        LOOK_MS = 5,
        PAUSE_MIN_MS = 10,
        PAUSE_MAX_MS = 100,
        PAUSE_FAILED_MS = 1000, /* pkg/redis has already waited */
};

static void read_next(struct tail *tail)
{
        tail->is_reading = true;
        tail->before = tail->cursor;
        tail->begun++;
        tail->seen = atomic_load(tail->entries);
        tail->read_at_ms = uv_now(tail->timer.loop);
        follow_read_start(&tail->read, &tail->cursor, tail->since_ms);
}

static bool is_idle(const struct tail *tail)
{
        return tail->is_following && !tail->is_reading && !tail->is_handing &&
               uv_now(tail->timer.loop) - tail->read_at_ms >= tail->gap_ms;
}

static void on_timer(uv_timer_t *timer)
{
        struct tail *tail = CONTAINER_OF(timer, struct tail, timer);
        bool has_news = atomic_load_explicit(tail->entries, memory_order_relaxed) != tail->seen;
        if (is_idle(tail) && (has_news || uv_now(timer->loop) - tail->read_at_ms >= tail->pause_ms))
                read_next(tail);
}

void tail_look(struct tail *tail)
{
        if (is_idle(tail))
                read_next(tail);
}

static void set_pause(struct tail *tail, enum store_outcome outcome)
{
        uint64_t longer_ms = tail->pause_ms * 2 < PAUSE_MAX_MS ? tail->pause_ms * 2 : PAUSE_MAX_MS;
        if (outcome == STORE_MOVED || (outcome == STORE_DONE && tail->read.count > 0))
                tail->pause_ms = PAUSE_MIN_MS;
        else
                tail->pause_ms = outcome == STORE_DONE ? longer_ms : PAUSE_FAILED_MS;
}

/* Delivering the events to many followers takes time, so the tail then waits just as long before the next read. */
static void set_gap(struct tail *tail)
{
        uint64_t took_ms = uv_now(tail->timer.loop) - tail->handing_at_ms;
        tail->gap_ms = took_ms > LOOK_MS ? took_ms : LOOK_MS;
}

void tail_go_on(struct tail *tail)
{
        if (tail->is_handing)
                set_gap(tail);
        tail->is_handing = false;
        if (!tail->read.more) {
                tail->ended = tail->begun;
                tail->on_end(tail);
        } else if (tail->is_following) {
                read_next(tail);
        }
}

static void take(struct tail *tail)
{
        tail->cursor = tail->read.cursor;
        if (tail->read.count > 0) {
                tail->handed++;
                tail->is_handing = true;
                tail->handing_at_ms = uv_now(tail->timer.loop);
                tail->on_events(tail);
        } else {
                tail_go_on(tail);
        }
}

static void on_done(struct follow_read *read, enum store_outcome outcome, const struct err *err UNUSED)
{
        struct tail *tail = CONTAINER_OF(read, struct tail, read);
        bool is_stale = tail->is_stale;
        tail->is_reading = tail->is_stale = false;
        if (is_stale || !tail->is_following)
                return;
        set_pause(tail, outcome);
        if (outcome == STORE_DONE) {
                take(tail);
        } else if (outcome == STORE_FOREIGN) {
                tail_stop(tail);
                tail->on_foreign(tail);
        }
}

void tail_init(struct tail *tail, uv_loop_t *loop, struct store *store, const atomic_uint *entries)
{
        *tail = (struct tail){ .entries = entries };
        tail->read.store = store;
        tail->read.on_done = on_done;
        (void)uv_timer_init(loop, &tail->timer); /* never fails */
}

void tail_begin(struct tail *tail, const struct cursor *cursor, uint64_t since_ms)
{
        tail->cursor = *cursor;
        tail->since_ms = since_ms;
        tail->handed++;
        tail->is_following = true;
        tail->pause_ms = 0;
        tail->seen = atomic_load(tail->entries);
        (void)uv_timer_start(&tail->timer, on_timer, 0, LOOK_MS); /* fails only while it closes */
}

void tail_stop(struct tail *tail)
{
        tail->is_following = tail->is_handing = false;
        tail->is_stale = tail->is_reading;
        (void)uv_timer_stop(&tail->timer); /* never fails */
}

void tail_close(struct tail *tail)
{
        tail_stop(tail);
        uv_close((uv_handle_t *)&tail->timer, NULL);
}

void tail_fini(struct tail *tail)
{
        follow_read_fini(&tail->read);
}
