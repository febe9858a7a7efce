/* report: the environment report, what `GET /` has answered since the Node.js Pinger.
 *
 *     json_t *value = report_full(&source, &visit);            // or report_piece(&source, &visit, piece)
 *     char *text = report_print(value);                        // as JSON.stringify(value, null, 4) prints it
 *
 * Members, in this order: appName, currentTime, PINGER_PORT, randomMessage, correlationId; for an admin also
 * APIVersion, processId, memoryUsage, networkInfo. A piece is an object with its one member.
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
        char port[8]; /* as text, for that is what the variable was */
        bool is_admin;
        const char *api_version;
        char *const *environment; /* NULL-terminated */
};

/* What a report says of the request that it answers. */
struct report_visit {
        int64_t now_ms; /* Unix time */
        const char *correlation_id, *target, *remote_address;
        const struct http_header *headers;
        size_t header_count;
        unsigned char random[5]; /* chooses the words */
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

/* By the value of `?type=`; NULL and unknown words give REPORT_NONE. */
enum report_piece report_piece_named(const char *type);
/* True for a piece that shows the inside of the machine: networkInfo, envVars, memoryUsage. */
bool report_piece_needs_admin(enum report_piece piece);

/* New values; NULL: out of memory. */
json_t *report_full(const struct report_source *source, const struct report_visit *visit);
json_t *report_piece_value(const struct report_source *source, const struct report_visit *visit,
                           enum report_piece piece);

/* Owned text, indented by 4. Takes the value; NULL for NULL and when memory is short. */
char *report_print(json_t *value);

/* Five words of lorem ipsum, with blanks between. Returns `out`. */
enum { REPORT_WORDS = 5, REPORT_MESSAGE_SIZE = REPORT_WORDS * 16 };
char *report_message(const unsigned char random[REPORT_WORDS], char out[REPORT_MESSAGE_SIZE]);

#endif
