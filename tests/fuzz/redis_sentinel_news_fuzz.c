/* Fuzzes what Sentinels publish: the first byte chooses the channel, the rest is the message. Every part found in a
 * message must lie within it and contain no spaces. */
#include <stdlib.h>
#include <string.h>

#include "redis/sentinel_news.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_word(const char *message, const char *word, size_t length)
{
        const char *end = message + strlen(message);
        if (word < message || word > end || length > (size_t)(end - word) || memchr(word, ' ', length))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct redis_sentinel_news news;
        if (size == 0)
                return 0;
        const char *channel = redis_sentinel_channels[data[0] % REDIS_SENTINEL_CHANNELS];
        char *message = malloc(size); /* allocated at its exact length, so that a read beyond the end is detected */
        if (!message)
                return 0;
        memcpy(message, data + 1, size - 1);
        message[size - 1] = '\0';
        if (redis_sentinel_news_read(channel, message, &news)) {
                check_word(message, news.master, news.master_length);
                check_word(message, news.host, news.host_length);
                if (news.step > SENTINEL_NAMES)
                        abort();
        }
        free(message);
        return 0;
}
