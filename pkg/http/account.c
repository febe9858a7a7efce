/* account: counts each answered request and fills in its access log record. Each worker has its own cells, indexed by
 * route and status, so counting a request takes a few nanoseconds. A route's cells are created with its first
 * response. */
#include "http/account.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

enum { STATUS_FIRST = 100, STATUS_COUNT = 500 };

struct route_cells {
        struct metric *by_status[STATUS_COUNT];
        struct metric *duration;
};

static const double duration_bounds[] = {
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
};

static int open_metrics(struct account *account, struct metrics *all, struct err *err)
{
        int rc = metrics_gauge(all, "http_connections", "Open connections.", NULL, &account->open_connections, err);
        if (rc == 0)
                rc = metrics_counter(all, "http_connections_refused_total",
                                     "Connections rejected because too many were open.", NULL,
                                     &account->refused_connections, err);
        if (rc == 0)
                rc = metrics_counter(all, "http_transfers_refused_total",
                                     "Requests answered with 503 because the transfer memory was used up "
                                     "(--transfer-max).",
                                     NULL, &account->refused_transfers, err);
        if (rc == 0)
                rc = metrics_counter(all, "http_answers_broken_total",
                                     "Streamed responses aborted before their end, by the server or by the client.",
                                     NULL, &account->broken_answers, err);
        return rc;
}

int account_open(struct account *account, const struct http_options *options, void *context, struct err *err)
{
        *account = (struct account){ .options = options, .context = context };
        account->cells = calloc(options->route_count + 1, sizeof(struct route_cells *));
        if (!account->cells)
                return err_set(err, ERR_NOMEM, "metrics of a worker");
        return options->metrics ? open_metrics(account, options->metrics, err) : 0;
}

void account_close(struct account *account)
{
        for (size_t i = 0; account->cells && i <= account->options->route_count; i++)
                free(account->cells[i]);
        free(account->cells);
        account->cells = NULL;
}

/* Prints the labels of a route and, unless it is 0, of a status. NULL when out of memory. */
static char *labels(const char *route, int status)
{
        struct buf text;
        char number[16];
        buf_init(&text, 1024);
        (void)snprintf(number, sizeof(number), "%d", status);
        if (metrics_label(&text, "route", route) < 0 || (status && metrics_label(&text, "status", number) < 0))
                buf_fini(&text);
        return buf_take(&text, &(size_t){ 0 });
}

static struct route_cells *cells_of(struct account *account, unsigned index, const char *route)
{
        if (account->cells[index])
                return account->cells[index];
        struct route_cells *cells = calloc(1, sizeof(*cells));
        char *text = cells ? labels(route, 0) : NULL;
        if (!text || metrics_histogram(account->options->metrics, "http_request_duration_seconds",
                                       "From the end of a request's head to its response.", text, duration_bounds,
                                       COUNT_OF(duration_bounds), &cells->duration, NULL) < 0) {
                free(cells);
                cells = NULL;
        }
        free(text);
        account->cells[index] = cells;
        return cells;
}

static struct metric *status_cell(struct account *account, struct route_cells *cells, const char *route, int status)
{
        struct metric **cell = &cells->by_status[status - STATUS_FIRST];
        if (*cell)
                return *cell;
        char *text = labels(route, status);
        if (text && metrics_counter(account->options->metrics, "http_requests_total", "Requests answered.", text, cell,
                                    NULL) < 0)
                *cell = NULL; /* out of memory: this response is not counted, and the next one tries again */
        free(text);
        return *cell;
}

static void count(struct account *account, unsigned route_index, const struct http_record *record)
{
        int status = record->status;
        struct route_cells *cells = cells_of(account, route_index, record->route);
        if (!cells || status < STATUS_FIRST || status >= STATUS_FIRST + STATUS_COUNT)
                return;
        struct metric *cell = status_cell(account, cells, record->route, status);
        if (cell)
                metric_add(cell, 1);
        metric_observe(cells->duration, (double)record->duration_us / 1e6);
}

bool account_is_wanted(const struct account *account)
{
        return account->options->metrics || account->options->on_answered;
}

void account_answer(struct account *account, unsigned route_index, const struct http_record *record)
{
        if (account->options->metrics)
                count(account, route_index, record);
        if (account->options->on_answered)
                account->options->on_answered(record, account->context);
}

void account_connections(struct account *account, size_t open)
{
        if (account->open_connections)
                metric_set(account->open_connections, (double)open);
}

void account_refused_connection(struct account *account)
{
        if (account->refused_connections)
                metric_add(account->refused_connections, 1);
}

void account_refused_transfer(struct account *account)
{
        if (account->refused_transfers)
                metric_add(account->refused_transfers, 1);
}

void account_broken_answer(struct account *account)
{
        if (account->broken_answers)
                metric_add(account->broken_answers, 1);
}
