/* redis_facts: facts about the last server that was reached: its address, version, role and mode. Workers report which
 * server they have reached. The other facts come from INFO, which is sent in the background while GET /v1/status is
 * used.
 *
 * Threads: any; redis_facts_ask: the client's thread. */
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
        char version[64];        /* "redis 7.0.15"; "": unknown */
        char role[16], mode[16]; /* "master", "standalone"; "": unknown */
        int64_t since_ms;        /* the facts are for this address and generation; Unix time */
        int64_t asked_ms;        /* when INFO was last sent, monotonic; 0: not yet */
        bool is_asked;           /* waiting for the reply */
        bool is_refused;         /* the user has no right to INFO */
};

struct redis_facts {
        pthread_mutex_t lock; /* held only while copying */
        struct redis_fact server;
};

void redis_facts_init(struct redis_facts *facts);
void redis_facts_fini(struct redis_facts *facts);

/* A worker has reached this server. */
void redis_facts_reached(struct redis_facts *facts, unsigned generation, const char *address);
/* Sends INFO unless the last reply is recent, a reply is pending, or the user is not allowed to send it. `facts` must
 * outlive the client. */
void redis_facts_ask(struct redis_facts *facts, struct redis *client);
struct redis_fact redis_facts_get(struct redis_facts *facts);

#endif
