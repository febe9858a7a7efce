/* standing: the state of a followed backing service, for /v1/status: which service is in use and since when, and the
 * outcome of the latest change. It never contains a secret.
 *
 *     standing_use(&standing, backing_redis_report(now), address, tls, backing_redis_generation(now));
 *     options.on_state = standing_on_change, options.data = &standing;
 *     rc = standing_print(&standing, &body);
 *     // "source":"binding","binding":"cache","type":"redis","provider":null,"address":"10.0.0.9:6379","tls":false,
 *     // "generation":2,"since":"2026-11-24T08:15:30.123Z","change":{"state":"refused","since":...,"error":...}
 *
 * Threads: any. */
#ifndef PAGE_STANDING_H
#define PAGE_STANDING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "backing/source.h"
#include "base/attr.h"
#include "base/buf.h"

enum { STANDING_TEXT_SIZE = 256, STANDING_ADDRESS_SIZE = 1024 };

struct standing {
        pthread_mutex_t lock; /* guards the members below */
        enum backing_source source;
        char binding[STANDING_TEXT_SIZE], type[STANDING_TEXT_SIZE], provider[STANDING_TEXT_SIZE]; /* "": none */
        char address[STANDING_ADDRESS_SIZE];                                                      /* "": none */
        bool tls;
        unsigned generation;
        int64_t since_ms; /* when it came into use, Unix time */
        struct {
                enum backing_state state;
                int64_t since_ms;                    /* start of that state, Unix time */
                char address[STANDING_ADDRESS_SIZE]; /* of the attempted change; "": unknown */
                char error[STANDING_TEXT_SIZE];      /* "": none */
                int64_t retry_ms;
        } change;
};

void standing_init(struct standing *standing);
void standing_fini(struct standing *standing);
/* Records the service now in use. `address` may be NULL. Long strings are truncated. */
void standing_use(struct standing *standing, const struct backing_report *report, const char *address, bool tls,
                  unsigned generation);
/* A backing_on_change callback; `standing` is a struct standing. */
void standing_on_change(const struct backing_change *change, void *standing);
/* Appends the members of a JSON object, without the braces. ERR_LIMIT, ERR_NOMEM. */
int standing_print(struct standing *standing, struct buf *out) NODISCARD;

/* Opens an object and appends the members that identify the process: "program", "version", "hostname" (null if
 * unknown), "processId", "startedAt", "now", and a comma. `started_ms` is Unix time. ERR_LIMIT, ERR_NOMEM. */
int standing_print_program(struct buf *out, const char *program, const char *version, int64_t started_ms) NODISCARD;

/* Appends `"name":"text"`, with null if `text` is NULL or empty. ERR_LIMIT, ERR_NOMEM. */
int standing_text(struct buf *out, const char *name, const char *text) NODISCARD;

#endif
