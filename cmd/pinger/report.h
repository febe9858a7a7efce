/* report: the environment report, which `GET /` has returned since the Node.js Pinger.
 *
 *     json_t *value = report_full(&source, &visit);            // or report_piece(&source, &visit, piece)
 *     char *text = report_print(value);                        // as JSON.stringify(value, null, 4) prints it
 *
 * Members, in this order: appName, currentTime, PINGER_PORT, randomMessage, correlationId; for an admin also
 * APIVersion, processId, memoryUsage, networkInfo. A piece is an object with one member.
 *
 * Threads: any; a source never changes. */
#ifndef PINGER_REPORT_H
#define PINGER_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

struct report_source {
        char port[8]; /* as text, like the variable */
        bool is_admin;
        const char *api_version;
        char *const *environment; /* NULL-terminated */
};

enum { REPORT_WORDS = 5 };

/* The part of a report that depends on its request. */
struct report_visit {
        int64_t now_ms; /* Unix time */
        const char *correlation_id, *target, *remote_address;
        const struct http_header *headers;
        size_t header_count;
        unsigned char random[REPORT_WORDS]; /* chooses the words of randomMessage */
};

enum report_piece {
        REPORT_NONE, /* no such piece */
        REPORT_NETWORK_INFO,
        REPORT_REQUEST_HEADERS,
        REPORT_ENV_VARS,
        REPORT_MEMORY_USAGE,
        REPORT_CURRENT_TIME,
        REPORT_REQUEST_URL,
        REPORT_REMOTE_ADDRESS,
};

/* The piece for a value of `?type=`; REPORT_NONE for NULL and unknown words. */
enum report_piece report_piece_named(const char *type);
/* True for a piece with internal data of the machine: networkInfo, envVars, memoryUsage. */
bool report_piece_needs_admin(enum report_piece piece);

/* New values; NULL: out of memory. */
json_t *report_full(const struct report_source *source, const struct report_visit *visit);
json_t *report_piece_value(const struct report_source *source, const struct report_visit *visit,
                           enum report_piece piece);

/* Returns owned text, indented by 4, and frees the value. NULL for NULL or if memory runs out. */
char *report_print(json_t *value);

#endif
