/* feed_name: the format of a name. feed_naming.c reads it from Redis. */
#include "feed_name.h"

#include <stdio.h>

char *feed_name_key(const char *prefix, char out[FEED_STREAM_SIZE])
{
        (void)snprintf(out, FEED_STREAM_SIZE, "%.*scollector:feed:id", FEED_PREFIX_MAX, prefix); /* always fits */
        return out;
}

bool feed_name_is_sound(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++)
                if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
                        return false;
        return length == FEED_NAME_LENGTH;
}
