/* worker: sets up and closes what one loop needs to serve connections: libmicrohttpd's daemon, the acceptor, the
 * connections, the sweeps. libmicrohttpd 0.9.75 aborts if it is stopped with suspended connections, so all held
 * requests are answered first. */
#include "http/worker.h"

#include <stdlib.h>

#include "base/clock.h"
#include "http/deadline.h"
#include "http/request.h"
#include "http/serve.h"
#include "http/stream.h"

enum { CLOSE_ROUNDS_MAX = 64 };

/* --- Running --------------------------------------------------------------------------------------- */

void http_worker_turn(struct http_worker *worker)
{
        if (!list_is_empty(&worker->conns.streams) &&
            atomic_load_explicit(&worker->server->draining, memory_order_relaxed))
                stream_drain(&worker->conns);
        engine_turn(&worker->engine);
        engine_turn(&worker->stream_engine);
}

static bool trim(struct http_worker *worker, int64_t now_ms)
{
        const struct http_server *server = worker->server;
        size_t bytes = atomic_load_explicit(&server->budget.used, memory_order_relaxed) +
                       http_server_connections(server) * (server->options.header_max_bytes + CONNECTION_BYTES);
        return budget_trim(&worker->trim, bytes, now_ms);
}

static bool on_sweep(struct sweep *sweep)
{
        struct http_worker *worker = CONTAINER_OF(sweep, struct http_worker, sweep);
        int64_t now_ms = clock_monotonic_ms();
        refused_sweep(&worker->refused, now_ms, false);
        worker->share.surplus = connection_limit_surplus(&worker->server->limit);
        silent_sweep(&worker->silents, now_ms, false);
        bool flooded = trim(worker, now_ms);
        if (worker->conns.count == 0 && list_is_empty(&worker->silents.list) && worker->refused.count == 0 && !flooded)
                return false;
        deadline_sweep(&worker->conns, now_ms);
        return true;
}

/* --- Opening --------------------------------------------------------------------------------------- */

static struct MHD_Daemon *start_daemon(struct http_worker *worker, unsigned timeout_s)
{
        const struct http_server *server = worker->server;
        const struct http_options *options = &server->options;
        struct conns *conns = &worker->conns;
        return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
                                0, NULL, NULL, serve_request, conns, MHD_OPTION_EXTERNAL_LOGGER,
                                head_overflow_on_message,
                                &worker->head_overflow,                                       // the first option
                                MHD_OPTION_CONNECTION_MEMORY_LIMIT, server->pool_bytes,       //
                                MHD_OPTION_CONNECTION_LIMIT, options->connections_max + 1,    //
                                MHD_OPTION_CONNECTION_TIMEOUT, timeout_s,                     //
                                MHD_OPTION_STRICT_FOR_CLIENT, server->strict_library ? 1 : 0, //
                                MHD_OPTION_URI_LOG_CALLBACK, serve_request_line, conns,       //
                                MHD_OPTION_UNESCAPE_CALLBACK, serve_unescape, NULL,           //
                                MHD_OPTION_NOTIFY_CONNECTION, serve_connection, conns,        //
                                MHD_OPTION_NOTIFY_COMPLETED, serve_request_done, conns,       //
                                MHD_OPTION_END);
}

static void on_all_closed(struct handles *handles)
{
        struct http_worker *worker = CONTAINER_OF(handles, struct http_worker, handles);
        account_close(&worker->account);
        bearer_view_fini(&worker->conns.tokens);
        request_free_spares(&worker->conns);
        free(worker);
}

/* Connects the parts. */
static void wire(struct http_worker *worker, uv_loop_t *loop, void *context)
{
        struct http_server *server = worker->server;
        worker->share.limit = &server->limit;
        worker->share.account = &worker->account;
        worker->conns.server = server;
        worker->conns.context = context;
        worker->conns.engine = &worker->engine;
        worker->conns.stream_engine = &worker->stream_engine;
        worker->conns.sweep = &worker->sweep;
        worker->conns.account = &worker->account;
        worker->conns.share = &worker->share;
        worker->conns.uuids = &worker->uuids;
        worker->silents.loop = loop;
        worker->silents.idle_timeout_ms = server->options.idle_timeout_ms;
        worker->silents.server = server;
        worker->silents.engine = &worker->engine;
        worker->silents.stream_engine = &worker->stream_engine;
        worker->silents.share = &worker->share;
        worker->silents.refused = &worker->refused;
        worker->silents.sweep = &worker->sweep;
        worker->head_overflow.conns = &worker->conns;
        worker->head_overflow.refused = &worker->refused;
        worker->acceptor.server = server;
        worker->acceptor.share = &worker->share;
        worker->acceptor.refused = &worker->refused;
        worker->acceptor.silents = &worker->silents;
}

/* The steps that cannot fail come first, so that after a failure http_worker_close finds complete parts. */
static struct http_worker *worker_new(struct http_server *server, uv_loop_t *loop, void *context)
{
        struct http_worker *worker = calloc(1, sizeof(*worker));
        if (!worker)
                return NULL;
        worker->server = server;
        worker->handles.on_all_closed = on_all_closed;
        wire(worker, loop, context);
        uuid_source_init(&worker->uuids);
        engine_init(&worker->engine, loop, &worker->handles);
        engine_init(&worker->stream_engine, loop, &worker->handles);
        sweep_init(&worker->sweep, loop, &worker->handles, &server->options, on_sweep);
        refused_init(&worker->refused, server->limit.refused_max, &worker->uuids, &worker->sweep);
        list_init(&worker->silents.list);
        accept_init(&worker->acceptor, loop, &worker->handles);
        conns_init(&worker->conns);
        return worker;
}

static int start_engine(struct http_worker *worker, struct engine *engine, unsigned timeout_s, uv_loop_t *loop,
                        struct err *err)
{
        engine->daemon = start_daemon(worker, timeout_s);
        if (!engine->daemon)
                return err_set(err, ERR_UNAVAILABLE, "libmicrohttpd failed to start");
        return engine_watch(engine, loop, &worker->handles, err);
}

int http_worker_open(struct http_server *server, uv_loop_t *loop, void *context, struct http_worker **out,
                     struct err *err)
{
        struct http_worker *worker = worker_new(server, loop, context);
        if (!worker)
                return err_set(err, ERR_NOMEM, "worker");
        int rc = account_open(&worker->account, &server->options, context, err);
        if (rc < 0)
                goto fail;
        unsigned idle_s = (unsigned)((server->options.idle_timeout_ms + 999) / 1000) + IDLE_MARGIN_S;
        rc = start_engine(worker, &worker->engine, idle_s, loop, err);
        if (rc == 0)
                rc = start_engine(worker, &worker->stream_engine, STREAM_TIMEOUT_S, loop, err);
        if (rc < 0)
                goto fail;
        rc = accept_open(&worker->acceptor, loop, &worker->handles, err);
        if (rc < 0)
                goto fail;
        *out = worker;
        return 0;
fail:
        http_worker_close(worker);
        return rc;
}

/* --- Closing --------------------------------------------------------------------------------------- */

void http_worker_stop_accepting(struct http_worker *worker)
{
        accept_all(&worker->acceptor);
        accept_stop(&worker->acceptor);
}

size_t http_worker_busy(const struct http_worker *worker)
{
        return worker->engine.busy + worker->stream_engine.busy;
}

/* Lets libmicrohttpd send the responses, as far as the sockets accept them at once. */
static void stop_daemon(struct http_worker *worker, struct engine *engine)
{
        if (!engine->daemon)
                return;
        serve_stopping(&worker->conns);
        for (int round = 0; round < CLOSE_ROUNDS_MAX && engine_finish(engine); round++)
                serve_stopping(&worker->conns); /* a pipelined request may have become ready */
        engine_stop(engine);
        serve_stopping(&worker->conns); /* a request that became ready in the last round is now an orphan */
}

void http_worker_close(struct http_worker *worker)
{
        if (!worker)
                return;
        worker->engine.closing = worker->stream_engine.closing = true;
        accept_stop(&worker->acceptor);
        silent_sweep(&worker->silents, 0, true);
        stop_daemon(worker, &worker->engine);
        stop_daemon(worker, &worker->stream_engine);
        refused_sweep(&worker->refused, 0, true);
        accept_close(&worker->acceptor);
        engine_close(&worker->engine);
        engine_close(&worker->stream_engine);
        sweep_close(&worker->sweep);
}
