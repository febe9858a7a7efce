/* follower_ahead: an array, which stays short: few documents arrive while a follower catches up with the tail. */
#include "follower_ahead.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 256 };
#define NOT_YET UINT64_MAX

struct follower_ahead_key {
        uint64_t begun; /* the number of the last read that the tail had begun before; a later read passes the document.
                         * NOT_YET: no read does */
        char key[UUID_TEXT_SIZE];
};

static bool make_room(struct follower_ahead *ahead, size_t count)
{
        size_t needed = ahead->count + count, capacity = needed < KEYS_MAX / 4 ? KEYS_MAX / 4 : KEYS_MAX;
        if (needed <= ahead->capacity)
                return true;
        struct follower_ahead_key *keys = needed > KEYS_MAX ? NULL : realloc(ahead->keys, capacity * sizeof(*keys));
        if (!keys)
                return false;
        ahead->keys = keys;
        ahead->capacity = capacity;
        return true;
}

void follower_ahead_begin(struct follower_ahead *ahead, uint64_t begun)
{
        follower_ahead_clear(ahead);
        ahead->unknown_until = begun + 1;
}

void follower_ahead_add(struct follower_ahead *ahead, const struct follow_read *read, uint64_t begun)
{
        if (read->count == 0 || ahead->unknown_until > begun)
                return;
        if (!make_room(ahead, read->count)) {
                follower_ahead_begin(ahead, begun);
                return;
        }
        for (size_t i = 0; i < read->count; i++) {
                struct follower_ahead_key *key = &ahead->keys[ahead->count++];
                key->begun = begun;
                memcpy(key->key, read->keys[i], sizeof(key->key));
        }
}

bool follower_ahead_has(const struct follower_ahead *ahead, const char *key)
{
        for (size_t i = 0; i < ahead->count; i++)
                if (memcmp(ahead->keys[i].key, key, UUID_TEXT_LENGTH) == 0)
                        return true;
        return false;
}

void follower_ahead_passed(struct follower_ahead *ahead, uint64_t ended)
{
        size_t kept = 0;
        for (size_t i = 0; i < ahead->count; i++)
                if (ahead->keys[i].begun == NOT_YET || ahead->keys[i].begun >= ended)
                        ahead->keys[kept++] = ahead->keys[i];
        ahead->count = kept;
        if (ahead->unknown_until <= ended)
                ahead->unknown_until = 0;
        if (kept == 0) {
                free(ahead->keys);
                ahead->keys = NULL;
                ahead->capacity = 0;
        }
}

void follower_ahead_leave(struct follower_ahead *ahead)
{
        for (size_t i = 0; i < ahead->count; i++)
                ahead->keys[i].begun = NOT_YET;
}

void follower_ahead_reached(struct follower_ahead *ahead, uint64_t begun)
{
        for (size_t i = 0; i < ahead->count; i++)
                if (ahead->keys[i].begun == NOT_YET)
                        ahead->keys[i].begun = begun;
}

bool follower_ahead_is_known(const struct follower_ahead *ahead)
{
        return ahead->unknown_until == 0;
}

void follower_ahead_clear(struct follower_ahead *ahead)
{
        free(ahead->keys);
        *ahead = (struct follower_ahead){ 0 };
}
