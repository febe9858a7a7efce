/* followers: the lists, and the events that move a follower from one list to another. */
#include "followers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "collector.h"
#include "event_stream.h"
#include "instruments.h"

enum {
        HANDED_MAX = 64,          /* followers that get events in one turn of the loop */
        HANDED_BYTES = 2 << 20,   /* and their bytes */
        STALL_MS = 5 * 60 * 1000, /* without progress by the client */
        RETRY_SOON_MS = 100,
        RETRY_SOON_SPREAD_MS = 500,
};

static void start_reads(struct followers *followers);

/* --- States ----------------------------------------------------------------------------------------------------- */

static struct list *list_of(struct followers *followers, enum follower_state state)
{
        struct list *const lists[] = { [FOLLOWER_NEW] = NULL,
                                       [FOLLOWER_BEHIND] = &followers->behind,
                                       [FOLLOWER_FULL] = &followers->full,
                                       [FOLLOWER_LATER] = &followers->later,
                                       [FOLLOWER_UNSURE] = &followers->unsure,
                                       [FOLLOWER_CURRENT] = &followers->current };
        return lists[state];
}

static void set_state(struct followers *followers, struct follower *follower, enum follower_state state)
{
        bool was_current = follower->state == FOLLOWER_CURRENT;
        if (was_current && state != FOLLOWER_CURRENT)
                follower->behind_since_ms = clock_monotonic_ms();
        follower->state = state;
        list_remove(&follower->link);
        list_append(list_of(followers, state), &follower->link);
        if (state == FOLLOWER_FULL)
                http_stream_await(follower->request);
}

/* Lets the followers in that list read again. */
static void move_all(struct followers *followers, struct list *list)
{
        struct list *link;
        while ((link = list_first(list)))
                set_state(followers, CONTAINER_OF(link, struct follower, link), FOLLOWER_BEHIND);
}

static void stop_tail_unless_needed(struct followers *followers)
{
        bool is_needed = !list_is_empty(&followers->current) || !list_is_empty(&followers->next);
        if (!is_needed && followers->tail.is_following)
                tail_stop(&followers->tail);
}

static void count_followers(struct followers *followers, int change)
{
        followers->count += (size_t)change;
        metric_set(followers->instruments->following.followers, (double)followers->count);
}

/* Call this when the follower's request has been answered or has ended. */
static void remove_follower(struct followers *followers, struct follower *follower)
{
        if (follower->read)
                follower->read->owner = NULL;
        (void)large_writes_end(&followers->large, &follower->large);
        list_remove(&follower->link);
        list_remove(&follower->all_link);
        follow_status_end(&follower->status);
        count_followers(followers, -1);
        stop_tail_unless_needed(followers);
        atomic_fetch_sub(&followers->collector->followers, 1);
        follower_ahead_clear(&follower->ahead);
        free(follower->late);
        free(follower);
}

/* --- The stream --------------------------------------------------------------------------------------------------- */

static void on_writable(struct http_request *request UNUSED, void *data)
{
        struct follower *follower = data;
        struct followers *followers = follower->followers;
        bool was_large = large_writes_end(&followers->large, &follower->large);
        struct list *other = was_large ? list_first(&followers->later) : NULL;
        if (other)
                set_state(followers, CONTAINER_OF(other, struct follower, link), FOLLOWER_BEHIND);
        if (follower->state == FOLLOWER_FULL)
                set_state(followers, follower, FOLLOWER_BEHIND);
        start_reads(followers);
}

static void break_off(struct followers *followers, struct follower *follower)
{
        http_stream_abort(follower->request);
        remove_follower(followers, follower);
}

static void on_gone(struct http_request *request UNUSED, void *data)
{
        struct follower *follower = data;
        break_off(follower->followers, follower);
}

static void on_drain(struct http_request *request, void *data)
{
        struct follower *follower = data;
        char text[EVENT_STREAM_RETRY_SIZE];
        size_t length = event_stream_retry(text, RETRY_SOON_MS + follower->random_ms % RETRY_SOON_SPREAD_MS);
        (void)http_stream_write(request, text, length);
        http_stream_end(request, NULL, 0);
        remove_follower(follower->followers, follower);
}

static const struct http_stream_ops stream_ops = {
        .stall_ms = STALL_MS, .is_endless = true, .on_writable = on_writable, .on_gone = on_gone, .on_drain = on_drain
};

/* False: the request got another answer, and the follower has been freed. */
static bool begin_answer(struct followers *followers, struct follower *follower)
{
        char text[EVENT_STREAM_RETRY_SIZE];
        const struct http_answer answer = { .status = 200,
                                            .content_type = event_stream_type,
                                            .headers = event_stream_headers,
                                            .header_count = EVENT_STREAM_HEADERS };
        if (http_respond_stream(follower->request, &answer, &stream_ops, follower) != 0) {
                remove_follower(followers, follower);
                return false;
        }
        size_t length = event_stream_retry(text, follower->random_ms);
        (void)http_stream_write(follower->request, text, length);
        follow_status_begin(&followers->status, &follower->status, follower->request);
        follower->comment_ms = follower->behind_since_ms = clock_monotonic_ms();
        set_state(followers, follower, FOLLOWER_BEHIND);
        return true;
}

/* --- What the tail reads ------------------------------------------------------------------------------------------ */

static void count_events(struct followers *followers, size_t count)
{
        metric_add(followers->instruments->following.documents, (int64_t)count);
}

static void give(struct followers *followers, struct follower *follower)
{
        const struct follow_read *read = &followers->tail.read;
        if (follower_has_room(follower, read->events.len)) {
                count_events(followers, follower_write(follower, read));
                return;
        }
        follower->cursor = followers->tail.before;
        follower_ahead_leave(&follower->ahead);
        set_state(followers, follower, FOLLOWER_FULL);
}

/* Serves some of the followers in each turn of the loop, so that other requests are served in between. */
static void on_handing(uv_idle_t *idle)
{
        struct followers *followers = CONTAINER_OF(idle, struct followers, handing);
        size_t bytes = 0;
        struct list *link;
        for (int i = 0; i < HANDED_MAX && bytes < HANDED_BYTES && (link = list_pop(&followers->next)); i++) {
                list_append(&followers->current, link);
                give(followers, CONTAINER_OF(link, struct follower, link));
                bytes += followers->tail.read.events.len;
        }
        if (!list_is_empty(&followers->next))
                return;
        (void)uv_idle_stop(idle); /* never fails */
        tail_go_on(&followers->tail);
        stop_tail_unless_needed(followers);
        start_reads(followers);
}

static void on_events(struct tail *tail)
{
        struct followers *followers = CONTAINER_OF(tail, struct followers, tail);
        list_append_all(&followers->next, &followers->current);
        (void)uv_idle_start(&followers->handing, on_handing); /* never fails */
        on_handing(&followers->handing);
}

/* The tail has read everything that existed when its last read began. */
static void on_end(struct tail *tail)
{
        struct followers *followers = CONTAINER_OF(tail, struct followers, tail);
        for (struct list *at = list_first(&followers->current); at; at = list_next(&followers->current, at)) {
                struct follower *follower = CONTAINER_OF(at, struct follower, link);
                if (follower->ahead.count > 0)
                        follower_ahead_passed(&follower->ahead, tail->ended);
        }
        newcomers_tail_ended(&followers->newcomers);
        move_all(followers, &followers->unsure);
        start_reads(followers);
}

/* The feed has changed: each follower notices that when it reads on its own. */
static void on_foreign(struct tail *tail)
{
        struct followers *followers = CONTAINER_OF(tail, struct followers, tail);
        struct list *link;
        while ((link = list_first(&followers->current))) {
                struct follower *follower = CONTAINER_OF(link, struct follower, link);
                follower->cursor = tail->cursor;
                follower_ahead_leave(&follower->ahead);
                set_state(followers, follower, FOLLOWER_BEHIND);
        }
        start_reads(followers);
}

/* --- Reads for a single follower ---------------------------------------------------------------------------------- */

static bool same_feed(const struct cursor *a, const struct cursor *b)
{
        return strcmp(a->feed, b->feed) == 0;
}

/* The follower's own read has reached the end of the feed. */
static void try_to_join(struct followers *followers, struct follower *follower)
{
        struct tail *tail = &followers->tail;
        follower_ahead_reached(&follower->ahead, tail->begun);
        follower_ahead_passed(&follower->ahead, tail->ended);
        if (!tail->is_following) {
                tail_begin(tail, &follower->cursor, follower->since_ms);
                follower_ahead_clear(&follower->ahead);
                set_state(followers, follower, FOLLOWER_CURRENT);
        } else if (tail->handed != follower->handed || !same_feed(&tail->cursor, &follower->cursor)) {
                set_state(followers, follower, FOLLOWER_BEHIND);
        } else {
                set_state(followers, follower,
                          follower_ahead_is_known(&follower->ahead) ? FOLLOWER_CURRENT : FOLLOWER_UNSURE);
        }
}

/* The other followers wait until that client has read its large document. */
static void end_stuck(struct followers *followers, int64_t now_ms)
{
        struct large_write *stuck;
        while (!list_is_empty(&followers->later) && (stuck = large_writes_stuck(&followers->large, now_ms)))
                break_off(followers, CONTAINER_OF(stuck, struct follower, large));
}

static void take(struct followers *followers, struct follower *follower, const struct follow_read *read)
{
        if (!large_writes_begin(&followers->large, &follower->large, read->events.len)) {
                set_state(followers, follower, FOLLOWER_LATER);
                return;
        }
        count_events(followers, follower_write(follower, read));
        follower_ahead_add(&follower->ahead, read, followers->tail.begun);
        follower->cursor = read->cursor;
        follower->has_begun = true;
        if (!read->more && follower->former)
                set_state(followers, follower, FOLLOWER_UNSURE);
        else if (!read->more)
                try_to_join(followers, follower);
        else
                set_state(followers, follower,
                          follower_has_room(follower, FOLLOW_READ_BYTES) ? FOLLOWER_BEHIND : FOLLOWER_FULL);
}

/* The follower's cursor is not of the feed that it reads, or a former Redis has no more documents for the follower. */
static void leave_feed(struct followers *followers, struct follower *follower)
{
        struct rebinding *rebinding = &followers->rebinding;
        enum follower_state state = FOLLOWER_BEHIND;
        if (follower->former == 0 && rebinding_find(rebinding, follower)) {
                follower->has_begun = true;
        } else if (!follower->has_begun || !rebinding_has_changed(rebinding)) {
                follower_ahead_clear(&follower->ahead);
                follower_reset(follower, followers->store->name.text, CURSOR_OTHER_REDIS);
                follower->has_begun = true;
        } else if (rebinding_go_on(rebinding, follower)) {
                follower_ahead_begin(&follower->ahead, followers->tail.begun);
        } else {
                state = FOLLOWER_LATER;
        }
        set_state(followers, follower, state);
}

static void on_former_read(struct followers *followers, struct follower *follower, const struct follow_read *read,
                           enum store_outcome outcome)
{
        bool is_done = rebinding_is_done(&followers->rebinding, follower, read, outcome);
        if (outcome == STORE_DONE)
                take(followers, follower, read);
        if (is_done && follower->state != FOLLOWER_LATER)
                leave_feed(followers, follower);
}

/* Writes documents that other replicas have stored in a former Redis. */
static bool give_straggler(struct late_documents *late_documents, struct follower *follower,
                           const struct follow_read *read)
{
        struct followers *followers = late_documents->data;
        bool is_alone = http_stream_waiting(follower->request) == 0;
        if (!follower_has_room(follower, read->events.len) &&
            !(is_alone && large_writes_begin(&followers->large, &follower->large, read->events.len)))
                return false;
        count_events(followers, follower_write(follower, read));
        return true;
}

static void on_read(struct follow_read *read, enum store_outcome outcome, const struct err *err UNUSED)
{
        struct follower *follower = read->owner;
        struct followers *followers = read->data;
        read->owner = NULL;
        if (follower)
                follower->read = NULL;
        if (!follower)
                ; /* its client has disconnected */
        else if (follower->former)
                on_former_read(followers, follower, read, outcome);
        else if (outcome == STORE_DONE)
                take(followers, follower, read);
        else if (outcome == STORE_FOREIGN)
                leave_feed(followers, follower);
        else
                set_state(followers, follower, outcome == STORE_MOVED ? FOLLOWER_BEHIND : FOLLOWER_LATER);
        start_reads(followers);
}

/* --- Turns to read ------------------------------------------------------------------------------------------------ */

static void start_read(struct followers *followers, struct follower *follower, struct follow_read *read)
{
        list_remove(&follower->link);
        read->owner = follower;
        follower->read = read;
        follower->handed = followers->tail.handed;
        follower->read_ms = clock_monotonic_ms();
        read->store = rebinding_store(&followers->rebinding, follower);
        follow_read_start(read, &follower->cursor, follower->since_ms);
}

static struct follow_read *free_read(struct followers *followers)
{
        for (size_t i = 0; i < FOLLOWERS_READS_MAX; i++)
                if (!followers->reads[i].is_running)
                        return &followers->reads[i];
        return NULL;
}

static void start_reads(struct followers *followers)
{
        struct follow_read *read;
        struct list *link;
        if (followers->is_closing || followers->is_starting)
                return;
        followers->is_starting = true; /* if memory has run out, a read ends during this call */
        while ((link = list_first(&followers->behind)) && (read = free_read(followers)))
                start_read(followers, CONTAINER_OF(link, struct follower, link), read);
        followers->is_starting = false;
}

/* --- Adding, time ------------------------------------------------------------------------------------------------- */

static bool is_at_now(const struct follower *follower)
{
        return !follower->cursor.feed[0] && follower->cursor.day == 0;
}

static void on_end_known(struct newcomers *newcomers, struct follower *follower, bool is_current, const struct err *err)
{
        struct followers *followers = CONTAINER_OF(newcomers, struct followers, newcomers);
        follower->has_begun = true;
        if (err) {
                event_stream_refuse(follower->request, follower->random_ms, err->text);
                remove_follower(followers, follower);
        } else if (begin_answer(followers, follower)) {
                set_state(followers, follower, is_current ? FOLLOWER_CURRENT : FOLLOWER_BEHIND);
                start_reads(followers);
        }
}

static void begin_behind(struct followers *followers, struct follower *follower)
{
        if (!begin_answer(followers, follower))
                return;
        follower_ahead_begin(&follower->ahead, followers->tail.begun);
        if (follower_is_too_old(follower, followers->store->retention_ms))
                follower_reset(follower, follower->cursor.feed, CURSOR_TOO_OLD);
        start_reads(followers);
}

void followers_add(struct followers *followers, struct follower *follower)
{
        follower->followers = followers;
        follower->state = FOLLOWER_NEW;
        list_init(&follower->link);
        list_init(&follower->all_link);
        list_init(&follower->large.link);
        follower->large.request = follower->request;
        list_append(&followers->all, &follower->all_link);
        count_followers(followers, 1);
        rebinding_join(&followers->rebinding, follower);
        if (!is_at_now(follower)) {
                begin_behind(followers, follower);
                return;
        }
        newcomers_add(&followers->newcomers, follower);
}

static void update_instruments(const struct followers *followers, size_t behind, int64_t behind_ms)
{
        const struct instruments *in = followers->instruments;
        metric_set(in->following.behind, (double)behind);
        metric_set(in->following.behind_seconds, (double)behind_ms / 1000);
}

void followers_second(struct followers *followers)
{
        int64_t now_ms = clock_monotonic_ms(), behind_ms = 0;
        size_t behind = 0;
        for (struct list *at = list_first(&followers->all), *next; at; at = next) {
                next = list_next(&followers->all, at);
                struct follower *follower = CONTAINER_OF(at, struct follower, all_link);
                bool is_behind = follower->state != FOLLOWER_CURRENT && follower->state != FOLLOWER_NEW;
                behind += is_behind;
                behind_ms += is_behind ? now_ms - follower->behind_since_ms : 0;
                follower_comment(follower, now_ms);
        }
        update_instruments(followers, behind, behind_ms);
        end_stuck(followers, now_ms);
        newcomers_second(&followers->newcomers, now_ms);
        move_all(followers, &followers->later);
        move_all(followers, &followers->unsure);
        rebinding_second(&followers->rebinding);
        start_reads(followers);
}

void followers_swapped(struct followers *followers, struct redis_target *target, unsigned generation)
{
        if (!followers->is_closing)
                rebinding_begin(&followers->rebinding, target, generation, followers->count > 0);
}

/* --- Life --------------------------------------------------------------------------------------------------------- */

void followers_init(struct followers *followers, uv_loop_t *loop, struct collector *collector, struct store *store,
                    struct instruments *instruments, struct redis_target *target, unsigned generation)
{
        struct list *const lists[] = { &followers->all,    &followers->behind,  &followers->full, &followers->later,
                                       &followers->unsure, &followers->current, &followers->next };
        *followers = (struct followers){ .collector = collector, .store = store, .instruments = instruments };
        rebinding_init(&followers->rebinding, loop, store, &collector->budget, target, generation);
        followers->rebinding.late_documents.all = &followers->all;
        followers->rebinding.late_documents.data = followers;
        followers->rebinding.late_documents.give = give_straggler;
        for (size_t i = 0; i < COUNT_OF(lists); i++)
                list_init(lists[i]);
        for (size_t i = 0; i < FOLLOWERS_READS_MAX; i++) {
                followers->reads[i].store = store;
                followers->reads[i].data = followers;
                followers->reads[i].on_done = on_read;
        }
        newcomers_init(&followers->newcomers, store, &followers->tail);
        followers->newcomers.on_known = on_end_known;
        large_writes_init(&followers->large);
        tail_init(&followers->tail, loop, store, &collector->feed_entries);
        followers->tail.on_events = on_events;
        followers->tail.on_end = on_end;
        followers->tail.on_foreign = on_foreign;
        (void)uv_idle_init(loop, &followers->handing); /* never fails */
}

void followers_close(struct followers *followers)
{
        followers->is_closing = true;
        newcomers_close(&followers->newcomers);
        rebinding_close(&followers->rebinding);
        tail_close(&followers->tail);
        uv_close((uv_handle_t *)&followers->handing, NULL);
}

void followers_fini(struct followers *followers)
{
        for (size_t i = 0; i < FOLLOWERS_READS_MAX; i++)
                follow_read_fini(&followers->reads[i]);
        tail_fini(&followers->tail);
        rebinding_fini(&followers->rebinding);
}
