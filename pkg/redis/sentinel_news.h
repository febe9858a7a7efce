/* sentinel_news: parses the messages that Sentinels publish about a failover, and lists the permissions needed to
 * receive them.
 *
 * Threads: any. */
#ifndef REDIS_SENTINEL_NEWS_H
#define REDIS_SENTINEL_NEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REDIS_SENTINEL_CHANNELS = 4 };
extern const char *const redis_sentinel_channels[REDIS_SENTINEL_CHANNELS]; /* to subscribe to */

enum redis_sentinel_step {
        SENTINEL_SELECTS,  /* it is about to choose a replica    */
        SENTINEL_PROMOTES, /* it is about to promote the replica */
        SENTINEL_NAMES,    /* it now names the new primary       */
};

/* The strings are borrowed from the message and not terminated. */
struct redis_sentinel_news {
        enum redis_sentinel_step step;
        const char *master, *host; /* the name of the master, and the host of its old primary */
        size_t master_length, host_length;
        uint16_t port;
};

/* False: the message has another form. */
bool redis_sentinel_news_read(const char *channel, const char *text, struct redis_sentinel_news *out);

#endif
