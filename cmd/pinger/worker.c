/* worker: answers delayed requests at the deadline of a stop. */
#include "worker.h"

#include "delay.h"

enum { RECORD_MAX_BYTES = 512 * 1024 };

static struct worker *worker_of(struct service_worker *base)
{
        return CONTAINER_OF(base, struct worker, base);
}

static int open_worker(struct service_worker *base, struct err *err UNUSED)
{
        delay_init(worker_of(base));
        return 0;
}

static void on_deadline(struct service_worker *base)
{
        delay_cancel_all(worker_of(base));
}

static void close_worker(struct service_worker *base)
{
        uv_close((uv_handle_t *)&worker_of(base)->delay_look, NULL);
}

static const struct service_worker_ops ops = { .open = open_worker, .on_deadline = on_deadline, .close = close_worker };

static int start(void *data, struct service *service, unsigned index, struct err *err)
{
        struct worker *worker = data;
        worker->pinger = service->data;
        uuid_source_init(&worker->uuids);
        buf_init(&worker->scratch, RECORD_MAX_BYTES);
        return service_worker_start(&worker->base, &ops, service, index, err);
}

static void stop(void *data, int64_t deadline_ms)
{
        service_worker_stop(&((struct worker *)data)->base, deadline_ms);
}

static void join(void *data)
{
        struct worker *worker = data;
        service_worker_join(&worker->base);
        buf_fini(&worker->scratch);
}

const struct service_crew pinger_crew = {
        .worker_size = sizeof(struct worker), .start = start, .stop = stop, .join = join
};
