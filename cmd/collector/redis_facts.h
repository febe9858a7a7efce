/* redis_facts: what is known of the server that was reached last: its address, version, role and mode. Workers tell which
 * one they have reached; what kind of server it is comes from INFO, which goes out in the background while somebody
 * looks.
 *
 * Threads: any; redis_facts_ask: that of the client. */
#ifndef COLLECTOR_REDIS_FACTS_H
#define COLLECTOR_REDIS_FACTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "redis/redis.h"

/* The server that was reached last. */
struct redis_fact {
        unsigned generation;     /* of the target; 0: none yet */
        char address[280];       /* with Sentinel, the primary's address */
        char version[64];        /* "redis 7.0.15"; "": not known */
        char role[16], mode[16]; /* "master", "standalone"; "": not known */
        int64_t since_ms;        /* of this address and generation, Unix */
        int64_t asked_ms;        /* when INFO was sent last, monotonic; 0: not yet */
        bool is_asked;           /* the answer is to come */
        bool is_refused;         /* the user may not send INFO */
};

struct redis_facts {
        pthread_mutex_t lock; /* held for a copy */
        struct redis_fact server;
};

void redis_facts_init(struct redis_facts *facts);
void redis_facts_fini(struct redis_facts *facts);

/* A worker has reached this server. */
void redis_facts_reached(struct redis_facts *facts, unsigned generation, const char *address);
/* Sends INFO unless an answer is young or to come, or the user may not send it. `facts` outlive the client. */
void redis_facts_ask(struct redis_facts *facts, struct redis *client);
struct redis_fact redis_facts_get(struct redis_facts *facts);

#endif
