/* tokens: passes the binding's tokens to the HTTP server, now and whenever they change. Only clients that send a bound
 * token may write and read; without bound tokens everyone may. http/bearer.h checks each request.
 *
 * Threads: the main thread. */
#ifndef COLLECTOR_TOKENS_H
#define COLLECTOR_TOKENS_H

#include "backing/tokens.h"
#include "collector.h"
#include "settings.h"

struct tokens {
        struct collector *collector;
        struct backing_tokens_input input;
        struct backing_watch *watch; /* NULL: not opened */
};

/* The settings for tokens; the caller sets `bindings`. */
struct backing_tokens_input tokens_input(const struct settings *settings);

/* Call this after opening collector->server and before any worker accepts requests, so that no request is admitted in
 * between. Errors of backing_watch_open. Do not move `tokens` before tokens_close. */
int tokens_open(struct tokens *tokens, struct backing_root *bindings, struct collector *collector,
                struct err *err) NODISCARD;
void tokens_close(struct tokens *tokens);

#endif
