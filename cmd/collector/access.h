/* access: who may write and read: clients that send a bound token, or everyone if no tokens are bound. Hands the
 * binding's tokens to the listener, and again whenever they change.
 *
 * Threads: the main thread. */
#ifndef COLLECTOR_ACCESS_H
#define COLLECTOR_ACCESS_H

#include "backing/tokens.h"
#include "settings.h"
#include "worker.h"

struct access {
        struct collector *collector;
        struct backing_tokens_watch *watch; /* NULL: not opened */
};

/* What the settings say of the tokens; `bindings` is left open. */
struct backing_tokens_input access_input(const struct settings *settings);

/* Call it after opening collector->server and before a worker accepts requests, so that no request slips in between.
 * Errors of backing_tokens_watch_open. `access` stays where it is until access_close. */
int access_open(struct access *access, struct backing_root *bindings, struct collector *collector,
                struct err *err) NODISCARD;
void access_close(struct access *access);

#endif
