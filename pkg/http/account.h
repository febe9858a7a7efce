/* account: the metrics of one worker's requests and connections, and the record for the access log.
 *
 * Threads: the worker's. */
#ifndef HTTP_ACCOUNT_H
#define HTTP_ACCOUNT_H

#include "http/http.h"

struct route_cells; /* one route's metrics, created with its first response */

struct account {
        const struct http_options *options;
        void *context;              /* for on_answered */
        struct route_cells **cells; /* route_count + 1 */
        struct metric *open_connections, *refused_connections, *refused_transfers, *broken_answers;
};

int account_open(struct account *account, const struct http_options *options, void *context, struct err *err) NODISCARD;
void account_close(struct account *account); /* all zero is fine */
/* True if responses are counted or logged. */
bool account_is_wanted(const struct account *account);
/* `route_index`: the route's index in the options; route_count if no route matched. */
void account_answer(struct account *account, unsigned route_index, const struct http_record *record);
void account_connections(struct account *account, size_t open); /* the number of open connections */
void account_refused_connection(struct account *account);
void account_refused_transfer(struct account *account);
void account_broken_answer(struct account *account);

#endif
