/* account: what is counted of each answered request, and the record for the access log. Each worker
 * has its own cells, found by route and status without a search, so that a request costs a few
 * nanoseconds; a route's cells are made when it is first answered. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "http/internal.h"

enum { STATUS_FIRST = 100, STATUS_COUNT = 500 };

static const double duration_bounds[] = {
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
};

int account_open(struct http_worker *worker, struct err *err)
{
        struct metrics *all = worker->server->options.metrics;
        worker->cells = calloc(worker->server->options.route_count + 1, sizeof(struct route_cells *));
        if (!worker->cells)
                return err_set(err, ERR_NOMEM, "metrics of a worker");
        if (!all)
                return 0;
        int rc = metrics_gauge(all, "http_connections", "Open connections.", NULL, &worker->open_connections, err);
        if (rc == 0)
                rc = metrics_counter(all, "http_connections_refused_total",
                                     "Connections rejected because too many were open.", NULL,
                                     &worker->refused_connections, err);
        if (rc == 0)
                rc = metrics_counter(all, "http_transfers_refused_total",
                                     "Requests answered with 503 because the transfer memory was used up "
                                     "(--transfer-max).",
                                     NULL, &worker->refused_transfers, err);
        return rc;
}

void account_close(struct http_worker *worker)
{
        for (size_t i = 0; worker->cells && i <= worker->server->options.route_count; i++)
                free(worker->cells[i]);
        free(worker->cells);
        worker->cells = NULL;
}

/* Prints the label of a route, and of a status unless that is 0. NULL when memory is short. */
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

static struct route_cells *cells_of(struct http_worker *worker, unsigned index, const char *route)
{
        if (worker->cells[index])
                return worker->cells[index];
        struct route_cells *cells = calloc(1, sizeof(*cells));
        char *text = cells ? labels(route, 0) : NULL;
        if (!text || metrics_histogram(worker->server->options.metrics, "http_request_duration_seconds",
                                       "From the end of a request's head to its answer.", text, duration_bounds,
                                       COUNT_OF(duration_bounds), &cells->duration, NULL) < 0) {
                free(cells);
                cells = NULL;
        }
        free(text);
        worker->cells[index] = cells;
        return cells;
}

static struct metric *status_cell(struct http_worker *worker, struct route_cells *cells, const char *route, int status)
{
        struct metric **cell = &cells->by_status[status - STATUS_FIRST];
        if (*cell)
                return *cell;
        char *text = labels(route, status);
        if (text && metrics_counter(worker->server->options.metrics, "http_requests_total", "Requests answered.", text,
                                    cell, NULL) < 0)
                *cell = NULL; /* memory is short: this answer stays uncounted, the next one tries again */
        free(text);
        return *cell;
}

static void count(struct http_request *request, int status, int64_t duration_us)
{
        struct http_worker *worker = request->worker;
        const char *route = http_request_route(request);
        struct route_cells *cells = cells_of(worker, request->match.index, route);
        if (!cells || status < STATUS_FIRST || status >= STATUS_FIRST + STATUS_COUNT)
                return;
        struct metric *cell = status_cell(worker, cells, route, status);
        if (cell)
                metric_add(cell, 1);
        metric_observe(cells->duration, (double)duration_us / 1e6);
}

void account_request(struct http_request *request, int status, size_t response_bytes)
{
        const struct http_options *options = &request->worker->server->options;
        if (!options->metrics && !options->on_answered)
                return;
        int64_t duration_us = clock_monotonic_us() - request->started_us;
        if (options->metrics)
                count(request, status, duration_us);
        if (!options->on_answered)
                return;
        const struct http_record record = { .method = request->method,
                                            .target = request->target,
                                            .route = http_request_route(request),
                                            .correlation_id = request->correlation_id,
                                            .status = status,
                                            .request_bytes = request->request_bytes,
                                            .response_bytes = response_bytes,
                                            .request = request,
                                            .duration_us = duration_us };
        options->on_answered(&record, request->worker->context);
}
