/* handshake: sends the first commands of a connection and evaluates the replies.
 *
 * Threads: one at a time. */
#ifndef REDIS_HANDSHAKE_H
#define REDIS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "redis/failure.h"

struct redis_slots;
struct redis_target;

enum { HANDSHAKE_STEPS_MAX = 8 };

struct redis_handshake {
        const struct redis_target *target; /* borrowed */
        struct redis_slots *slots;         /* the map of the Cluster, once received; NULL: not a Cluster */
        struct buf out;                    /* wiped once written */
        size_t written;
        unsigned char steps[HANDSHAKE_STEPS_MAX];
        size_t count, next;
        bool uses_second; /* the password sent is password_secondary               */
        bool has_other;   /* the other password can still be tried                 */
        bool is_fallback; /* Redis refused the other password                      */
        bool is_refused;  /* AUTH was refused: ignore the remaining replies        */
};

enum { HANDSHAKE_AGAIN = 2 };

/* Starts with the second password if there is one and `second_first` says that it worked last time. */
int redis_handshake_init(struct redis_handshake *handshake, const struct redis_target *target, bool second_first,
                         struct err *err) NODISCARD;
/* Starts again with the other password, after HANDSHAKE_AGAIN. */
int redis_handshake_again(struct redis_handshake *handshake, const struct redis_target *target,
                          struct err *err) NODISCARD;
void redis_handshake_fini(struct redis_handshake *handshake);
void redis_handshake_wipe(struct redis_handshake *handshake); /* forgets what was written; keeps the map */
/* Evaluates the next reply. If *failure is FAILURE_NONE, returns 1 (done), 0 (more replies are expected) or
 * HANDSHAKE_AGAIN. Otherwise returns the code of `err`, which names what was refused and contains nothing that we
 * sent. */
int redis_handshake_reply(struct redis_handshake *handshake, const struct redis_reply *reply,
                          enum redis_failure *failure, struct err *err) NODISCARD;

#endif
