/* history: a ring of rates. Each rate is the growth since the last sample divided by the time that has actually passed,
 * so that a late sample does not look like a dip and a peak. */
#include "page/history.h"

void history_init(struct history *history)
{
        *history = (struct history){ 0 };
        (void)pthread_mutex_init(&history->lock, NULL); /* cannot fail with default attributes on Linux */
}

void history_fini(struct history *history)
{
        (void)pthread_mutex_destroy(&history->lock);
}

void history_add(struct history *history, double total, int64_t now_ms)
{
        (void)pthread_mutex_lock(&history->lock);
        if (history->last_ms > 0 && now_ms > history->last_ms) {
                double grown = total - history->total;
                history->rates[history->next] = grown * 1000 / (double)(now_ms - history->last_ms);
                history->next = (history->next + 1) % HISTORY_SECONDS;
                history->count += history->count < HISTORY_SECONDS;
        }
        history->total = total;
        history->last_ms = now_ms;
        (void)pthread_mutex_unlock(&history->lock);
}

int history_print(struct history *history, struct buf *out)
{
        int rc = buf_putc(out, '[');
        (void)pthread_mutex_lock(&history->lock);
        for (size_t i = 0; i < history->count && rc == 0; i++) {
                size_t place = (history->next + HISTORY_SECONDS - history->count + i) % HISTORY_SECONDS;
                double rate = history->rates[place];
                rc = buf_printf(out, rate < 10 ? "%s%.1f" : "%s%.0f", i > 0 ? "," : "", rate);
        }
        (void)pthread_mutex_unlock(&history->lock);
        return rc < 0 ? rc : buf_putc(out, ']');
}
