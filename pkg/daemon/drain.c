/* drain: during the delay the program still accepts connections, since proxies and kube-proxy take a few seconds to
 * notice that it is no longer ready. The workers finish their requests after that (pkg/service/worker.c). */
#include "daemon/drain.h"

#include <signal.h>

static void on_drained(uv_timer_t *timer)
{
        uv_stop(timer->loop);
}

static int64_t delay_of(const struct daemon_options *options)
{
        return options->drain_delay_ms < options->grace_ms ? options->drain_delay_ms : options->grace_ms / 2;
}

void drain_on_signal(struct daemon *daemon, const struct signals_told *told)
{
        const struct daemon_options *options = &daemon->options;
        if (daemon->deadline_ms > 0) {
                uv_stop(&daemon->loop);
                return;
        }
        daemon->deadline_ms = told->seen_ms + options->grace_ms;
        options->on_stop(options->data);
        log_info(options->log, "server.stopping", "No longer ready; finishing requests",
                 log_str("signal", told->number == SIGTERM ? "SIGTERM" : "SIGINT"),
                 log_int("waited_ms", options->drain_delay_ms));
        /* Never fails for an initialised handle. */
        (void)uv_timer_start(&daemon->drain, on_drained, (uint64_t)delay_of(options), 0);
}
