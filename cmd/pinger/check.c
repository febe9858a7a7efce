/* check: everything to standard output, so that it can be read in a pod's log; what is wrong to standard error as
 * well. Collector is tried with a GET, which stores nothing; a Collector of the old program has no /healthz and
 * answers 404 or worse, so every answer but a refusal of the token counts as reached. */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>

#include "backing/collector.h"
#include "backing/print.h"
#include "base/clock.h"
#include "post.h"
#include "source.h"

enum { TRY_TIMEOUT_MS = 5000 };

static int ask(struct backing_collector *collector, struct post_reply *reply, struct err *err)
{
        struct post *post;
        int rc = post_global_init(err);
        if (rc < 0)
                return rc;
        rc = post_open(0, &post, err);
        if (rc == 0) {
                rc = post_send(post, collector,
                               &(struct post_request){ .path = "/healthz", .timeout_ms = TRY_TIMEOUT_MS }, reply, err);
                post_close(post);
        }
        post_global_fini();
        return rc;
}

static int try_collector(struct backing_collector *collector)
{
        const char *url = backing_collector_url(collector);
        struct post_reply reply = { 0 };
        struct err err;
        if (!url) {
                printf("  nobody says where Collector is: log records would wait until a binding comes\n");
                return 0;
        }
        printf("\nTrying %s\n", url);
        int64_t begun_ms = clock_monotonic_ms();
        if (ask(collector, &reply, &err) < 0) {
                printf("  failed: %s\n", err.text);
                fprintf(stderr, "pinger: Collector: %s\n", err.text);
                return 1;
        }
        printf("  reached in %" PRId64 " ms: GET /healthz is answered with status %d\n",
               clock_monotonic_ms() - begun_ms, reply.status);
        if (reply.status != 401 && reply.status != 403)
                return 0;
        fprintf(stderr, "pinger: Collector at %s does not accept the token\n", url);
        return 1;
}

int check_run(const struct settings *settings, const struct config_report *report, char *const *environment)
{
        struct servicebinding_error binding_err;
        struct servicebinding_set *bindings = NULL;
        struct backing_collector *collector = NULL;
        struct source source;
        struct err err;
        int status = 2;

        printf("Settings\n");
        if (config_print(&settings_program, settings, report, stdout) < 0)
                return 1;
        for (size_t i = 0; i < config_warning_count(report); i++)
                printf("  warning: %s\n", config_warning(report, i));
        if (servicebinding_load(NULL, &bindings, &binding_err) < 0) {
                fprintf(stderr, "pinger: %s\n", binding_err.text);
                return 2;
        }
        backing_print_bindings(bindings, stdout);
        source_init(&source, settings, report, environment);
        source.input.bindings = bindings;
        if (backing_collector_resolve(&source.input, &collector, &err) < 0) {
                fprintf(stderr, "pinger: %s\n", err.text);
        } else {
                backing_print_report("Collector", backing_collector_report(collector), stdout);
                status = try_collector(collector);
        }
        backing_collector_unref(collector);
        servicebinding_set_unref(bindings);
        return status;
}
