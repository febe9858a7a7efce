/* recent: a ring of copied lines behind a mutex. Lines about bindings and connections are rare, so a copy and a lock
 * for each do not matter. */
#include "log/recent.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"

struct recent {
        const char *const *words;
        pthread_mutex_t lock; /* guards the members below */
        struct {
                char *text; /* owned; NULL: not used yet */
                size_t length;
        } lines[LOG_RECENT_MAX];
        size_t next; /* where the next line goes, replacing the oldest */
};

int recent_new(const char *const *words, struct recent **out, struct err *err)
{
        struct recent *recent = calloc(1, sizeof(*recent));
        if (!recent)
                return err_set(err, ERR_NOMEM, "log");
        recent->words = words;
        (void)pthread_mutex_init(&recent->lock, NULL); /* never fails with default attributes on Linux */
        *out = recent;
        return 0;
}

void recent_free(struct recent *recent)
{
        if (!recent)
                return;
        for (size_t i = 0; i < LOG_RECENT_MAX; i++)
                free(recent->lines[i].text);
        (void)pthread_mutex_destroy(&recent->lock);
        free(recent);
}

bool recent_takes(const struct recent *recent, const char *event)
{
        for (const char *const *word = recent->words; *word; word++)
                if (strncmp(event, *word, strlen(*word)) == 0)
                        return true;
        return false;
}

void recent_put(struct recent *recent, const char *line, size_t length)
{
        char *text = length <= LOG_RECENT_LINE_MAX_BYTES ? malloc(length) : NULL;
        if (!text)
                return;
        memcpy(text, line, length);
        (void)pthread_mutex_lock(&recent->lock);
        free(recent->lines[recent->next].text);
        recent->lines[recent->next].text = text;
        recent->lines[recent->next].length = length;
        recent->next = (recent->next + 1) % LOG_RECENT_MAX;
        (void)pthread_mutex_unlock(&recent->lock);
}

int recent_print(struct recent *recent, struct buf *out)
{
        const char *between = "";
        int rc = buf_putc(out, '[');
        (void)pthread_mutex_lock(&recent->lock);
        for (size_t i = 0; i < LOG_RECENT_MAX && rc == 0; i++) {
                size_t place = (recent->next + i) % LOG_RECENT_MAX;
                if (!recent->lines[place].text)
                        continue;
                rc = buf_puts(out, between);
                between = ",";
                if (rc == 0)
                        rc = buf_append(out, recent->lines[place].text, recent->lines[place].length);
        }
        (void)pthread_mutex_unlock(&recent->lock);
        return rc < 0 ? rc : buf_putc(out, ']');
}
