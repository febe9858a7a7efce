/* slots: interprets the keys, maps and redirections of a Cluster. redis_slot_of_key is in command.h.
 *
 * Threads: any. */
#ifndef REDIS_SLOTS_H
#define REDIS_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "redis/reply.h"

enum { REDIS_SLOTS = 16384, REDIS_NODES_MAX = 1024, SLOT_NONE = -1, SLOT_UNKNOWN = -2 };

struct redis_slots_node {
        char *host;
        uint16_t port;
};

struct redis_slots {
        struct redis_slots_node *nodes; /* masters and replicas */
        size_t node_count, covered;
        uint16_t owner[REDIS_SLOTS]; /* 1 + the index of its master; 0: no node serves it */
};

struct redis_redirect {
        bool is_ask;
        unsigned slot;
        char host[256]; /* "": unknown */
        uint16_t port;
};

/* Parses the reply to CLUSTER SLOTS; nodes without a host get `asked_host`. ERR_PROTOCOL, ERR_NOMEM. */
int redis_slots_parse(const struct redis_reply *reply, const char *asked_host, struct redis_slots **out,
                      struct err *err) NODISCARD;
void redis_slots_free(struct redis_slots *slots); /* NULL is fine */
/* Parses MOVED and ASK. False: another error, or a redirection without an address. */
bool redis_redirect_parse(const char *text, const char *asked_host, struct redis_redirect *out);

#endif
