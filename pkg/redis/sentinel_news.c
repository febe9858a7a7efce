/* sentinel_news: the messages are words in a fixed order (redis.io, "High availability with Redis Sentinel", "Pub/Sub
 * messages"). A word's meaning depends only on its position, because a master may itself be called "master" or
 * "slave". */
#include "redis/sentinel_news.h"

#include <string.h>

#include "base/decimal.h"
#include "redis/sentinel_check.h"

enum { WORDS_MAX = 8 }; /* the rest of a message is ignored */

#define CHANNEL_SELECT "+failover-state-select-slave"
#define CHANNEL_BEGIN "+failover-state-send-slaveof-noone"
#define CHANNEL_NAMED "+failover-state-reconf-slaves"
#define CHANNEL_SWITCH "+switch-master"

const char *const redis_sentinel_channels[REDIS_SENTINEL_CHANNELS] = { CHANNEL_SELECT, CHANNEL_BEGIN, CHANNEL_NAMED,
                                                                       CHANNEL_SWITCH };

const char redis_sentinel_rights[] = "+sentinel|get-master-addr-by-name +sentinel|master +subscribe +ping "
                                     "&" CHANNEL_SELECT " &" CHANNEL_BEGIN " &" CHANNEL_NAMED " &" CHANNEL_SWITCH;

/* The word ends at a space, without a NUL. */
struct word {
        const char *text;
        size_t length;
};

static size_t split(const char *text, struct word words[WORDS_MAX])
{
        size_t count = 0;
        while (count < WORDS_MAX && *text) {
                words[count++] = (struct word){ text, strcspn(text, " ") };
                text += words[count - 1].length;
                text += *text == ' ';
        }
        return count;
}

static bool is_word(const struct word *word, const char *text)
{
        return word->length == strlen(text) && memcmp(word->text, text, word->length) == 0;
}

/* The name of the master, followed by host and port of the current primary. NULL: the message has another form. */
static const struct word *find_master(const char *channel, const struct word words[WORDS_MAX], size_t count)
{
        if (strcmp(channel, CHANNEL_SWITCH) == 0) /* mymaster 10.0.0.5 6379 10.0.0.6 6379 */
                return count >= 3 ? &words[0] : NULL;
        if (count >= 8 && is_word(&words[4], "@")) /* slave 10.0.0.6:6379 10.0.0.6 6379 @ mymaster 10.0.0.5 6379 */
                return &words[5];
        return count >= 4 && is_word(&words[0], "master") ? &words[1] : NULL; /* master mymaster 10.0.0.5 6379 */
}

static enum redis_sentinel_step step_of(const char *channel)
{
        if (strcmp(channel, CHANNEL_SELECT) == 0)
                return SENTINEL_SELECTS;
        return strcmp(channel, CHANNEL_BEGIN) == 0 ? SENTINEL_PROMOTES : SENTINEL_NAMES;
}

bool redis_sentinel_news_read(const char *channel, const char *text, struct redis_sentinel_news *out)
{
        struct word words[WORDS_MAX];
        const struct word *master = find_master(channel, words, split(text, words));
        uint64_t port;
        if (!master || decimal_parse(master[2].text, master[2].length, UINT16_MAX, &port) < 0)
                return false;
        *out = (struct redis_sentinel_news){ .step = step_of(channel),
                                             .master = master[0].text,
                                             .master_length = master[0].length,
                                             .host = master[1].text,
                                             .host_length = master[1].length,
                                             .port = (uint16_t)port };
        return true;
}
