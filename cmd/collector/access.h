/* access: who may write and read: whoever sends a token that is bound, or everybody where none is. The tokens of the
 * binding are handed to the listener, and again whenever they change.
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

/* To be called with collector->server open and before a worker takes requests, so that none comes in by the gap. Errors
 * of backing_tokens_watch_open. `access` stays where it is until access_close. */
int access_open(struct access *access, struct backing_root *bindings, struct collector *collector,
                struct err *err) NODISCARD;
void access_close(struct access *access);

#endif
