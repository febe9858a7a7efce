/* service: the part that all our programs share: it reads settings, opens log, metrics, bindings and listener, starts
 * workers, follows bindings, reloads on SIGHUP, drains and stops on SIGTERM.
 *
 *     struct settings { struct service_settings service; };              // options.h
 *     static const struct service_program program = {
 *             .config = &settings_program, .settings_size = sizeof(struct settings), .title = "Greeter",
 *             .settings_at = offsetof(struct settings, service),
 *             .routes = routes, .route_count = COUNT_OF(routes), .crew = &service_plain_crew,
 *     };
 *     int main(int argc, char **argv)
 *     {
 *             static struct service service;
 *             return service_main(&service, &program, argc, argv);
 *     }
 *
 * Handlers get the worker as their context. service_test.c has a whole program in some 70 lines.
 *
 * Order of a run: settings; log, metrics; signals and loop; bindings; .open; listener; .listening; workers; .ready; the
 * loop; .drain; .close; workers stop; .stopped; the rest. If a step fails, the program ends with its message, and with
 * DAEMON_USAGE if the settings are wrong. A second after --grace the process ends in any case.
 *
 * Threads: the program's callbacks run in the main thread. */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "backing/root.h"
#include "backing/source.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "http/http.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "service/options.h"

struct service;

/* Inputs derived from the settings, for the code that follows bindings. SIGHUP reads them again, into separate memory
 * that lives as long as they are in use. */
struct service_inputs {
        size_t size;
        /* `inputs` is all zero at first. Its pointers may lead to its own members, to the settings and to the report.
         * `fini` is called after a failure as well. */
        int (*init)(void *inputs, const void *settings, const struct config_report *report, char *const *environment,
                    struct err *err);
        void (*fini)(void *inputs); /* NULL: nothing to free */
};

/* The worker threads. `worker` is all zero at first and never moves; struct service_worker (worker.h) is a plain
 * worker. */
struct service_crew {
        size_t worker_size;
        int (*start)(void *worker, struct service *service, unsigned index, struct err *err);
        void (*stop)(void *worker, int64_t deadline_ms); /* asks it to end by that time (clock_monotonic_ms) */
        void (*join)(void *worker);
};

/* NULL: nothing to do at that point. */
struct service_program {
        const struct config_program *config;
        size_t settings_size, settings_at; /* size of the program's struct; offset of struct service_settings */
        const char *title;                 /* "Collector", for messages                                        */
        const char *reloaded;              /* names what SIGHUP reloads, for the log */
        const char *const *recent;         /* as in struct log_options                                         */

        const struct http_route *routes;
        size_t route_count;
        bool own_correlation_ids; /* as in struct http_options */
        void (*on_answered)(const struct http_record *record, void *worker);
        struct service_inputs inputs;
        const struct service_crew *crew;

        int (*open)(struct service *service, struct err *err);      /* opens the followers of bindings         */
        int (*listening)(struct service *service, struct err *err); /* no worker accepts yet             */
        void (*ready)(struct service *service);                     /* all workers run                     */
        int (*follow)(struct service *service, const void *inputs, struct err *err); /* on failure the old settings
                                                                                      * stay */
        void (*drain)(struct service *service);                                      /* a stop signal has arrived */
        void (*close)(struct service *service);                        /* closes its handles on the loop */
        void (*stopped)(struct service *service, int64_t deadline_ms); /* all workers have ended */
        /* Logs the address found in a binding or another source. */
        const struct backing_report *(*report)(const struct service *service, const char **address);
        /* True if the settings ask for a check instead of a run; *status is its exit status. */
        bool (*check)(const void *settings, const struct config_report *report, char *const *environment, int *status);
};

/* The settings as read, and the inputs derived from them. */
struct service_reading {
        void *settings;
        struct config_report *report;
        void *inputs;
};

struct service {
        const struct service_program *program;
        void *data; /* the program's own */
        const struct service_settings *settings;
        struct log *log;
        struct metrics *metrics;
        struct backing_root *bindings;
        struct http_server *server;
        struct daemon daemon; /* .loop is the main loop */
        unsigned worker_count;
        atomic_bool is_draining; /* not ready any more; any thread */
        int64_t spare_ms; /* how much of the grace period workers reserve for .stopped, at most half; set by .open */

        /* Private. */
        struct config_source arguments;
        bool is_open;                           /* .open has succeeded                          */
        struct service_reading first, followed; /* from the start; from the last SIGHUP, or all zero */
        char *workers;                          /* worker_count of them, each of the crew's size     */
        unsigned running;                       /* how many of them run */
};

/* Runs the program and returns the process's exit status. `service` must be all zero except `data`, and must live as
 * long as the process, since threads may outlive a failed start. */
int service_main(struct service *service, const struct service_program *program, int argc, char **argv);

const void *service_settings(const struct service *service); /* the program's struct, as read at startup */
const void *service_inputs(const struct service *service);   /* as read at startup */
void *service_worker_at(const struct service *service, unsigned index);

/* Logs one response as --access-log requests. A probe's 503 is a regular response, not an error. */
void service_log_answer(const struct service *service, const struct http_record *record);

#endif
