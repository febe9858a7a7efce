/* check: prints everything to standard output, so that it can be read in a pod's log, and errors to standard error as
 * well. Collector is probed with a GET, which stores nothing. The old Collector has no /healthz and returns 404 or
 * worse, so any response except a rejected token counts as reached. */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backing/collector.h"
#include "backing/print.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "collector_client.h"
#include "collector_input.h"
#include "service/check.h"

enum { TRY_TIMEOUT_MS = 5000, DELIVER_TIMEOUT_MS = 40000 };

/* A record like the one for a request. It names its origin. */
static const char record_body[] = "{\"logs\":[{\"level\":30,\"time\":%" PRId64 ",\"pid\":%d,\"hostname\":\"\","
                                  "\"msg\":\"pinger --check-delivery\"}]}";

static int ask(struct collector_client *client, struct backing_collector *collector, struct collector_reply *reply,
               struct err *err)
{
        return collector_client_send(client, collector,
                                     &(struct collector_request){ .path = "/healthz", .timeout_ms = TRY_TIMEOUT_MS },
                                     reply, err);
}

/* Extracts the key from {"result":"OK","key":"..."}. */
static int read_key(const struct collector_reply *reply, char key[UUID_TEXT_SIZE], struct err *err)
{
        static const char member[] = "\"key\":\"";
        const char *at = reply->status == 200 ? strstr(reply->text, member) : NULL;
        if (!at || strspn(at + strlen(member), "0123456789abcdefABCDEF-") != UUID_TEXT_LENGTH)
                return err_set(err, ERR_PROTOCOL, "the log record was answered with status %d, without a key",
                               reply->status);
        memcpy(key, at + strlen(member), UUID_TEXT_LENGTH);
        key[UUID_TEXT_LENGTH] = '\0';
        return 0;
}

/* Sends a record the way Pinger does, and reads it back. */
static int deliver(struct collector_client *client, struct backing_collector *collector, struct err *err)
{
        char body[sizeof(record_body) + 64], key[UUID_TEXT_SIZE], path[UUID_TEXT_SIZE + sizeof("/?key=")];
        struct collector_reply reply = { 0 };
        int length = snprintf(body, sizeof(body), record_body, clock_realtime_ms(), (int)getpid()); /* fits */
        int rc = collector_client_send(
                client, collector,
                &(struct collector_request){ .body = body, .length = (size_t)length, .timeout_ms = DELIVER_TIMEOUT_MS },
                &reply, err);
        if (rc == 0)
                rc = read_key(&reply, key, err);
        if (rc < 0)
                return rc;
        (void)snprintf(path, sizeof(path), "/?key=%s", key); /* fits */
        rc = collector_client_send(client, collector,
                                   &(struct collector_request){ .path = path, .timeout_ms = TRY_TIMEOUT_MS }, &reply,
                                   err);
        if (rc == 0 && reply.status != 200)
                rc = err_set(err, ERR_NOT_FOUND, "log record %s was accepted but is missing", key);
        if (rc == 0)
                printf("  a log record has arrived: %s\n", key);
        return rc;
}

static int try_with(struct collector_client *client, struct backing_collector *collector, bool delivers,
                    struct err *err)
{
        struct collector_reply reply = { 0 };
        int64_t begun_ms = clock_monotonic_ms();
        int rc = ask(client, collector, &reply, err);
        if (rc < 0)
                return rc;
        printf("  reached in %" PRId64 " ms: GET /healthz answered with status %d\n", clock_monotonic_ms() - begun_ms,
               reply.status);
        if (reply.status == 401 || reply.status == 403)
                return err_set(err, ERR_DENIED, "Collector at %s does not accept the token",
                               backing_collector_url(collector));
        return delivers ? deliver(client, collector, err) : 0;
}

static int try_collector(struct backing_collector *collector, bool delivers)
{
        const char *url = backing_collector_url(collector);
        struct collector_client *client = NULL;
        struct err err;
        if (!url) {
                printf("  no setting says where Collector is: log records would wait for a binding\n");
                if (delivers)
                        fprintf(stderr, "pinger: Collector: no setting says where it is, so no log record can "
                                        "arrive\n");
                return delivers ? 1 : 0;
        }
        printf("\nTrying %s\n", url);
        int rc = collector_client_global_init(&err);
        if (rc == 0) {
                rc = collector_client_open(0, &client, &err);
                if (rc == 0)
                        rc = try_with(client, collector, delivers, &err);
                collector_client_close(client);
                collector_client_global_fini();
        }
        if (rc == 0)
                return 0;
        printf("  failed: %s\n", err.text);
        fprintf(stderr, "pinger: %s%s\n", err.code == ERR_DENIED ? "" : "Collector: ", err.text);
        return 1;
}

int check_run(const struct settings *settings, const struct config_report *report, char *const *environment)
{
        struct servicebinding_set *bindings = NULL;
        struct backing_collector *collector = NULL;
        struct collector_input input;
        struct err err;
        int status = service_check(&settings_program, settings, report, &bindings);
        if (status != 0)
                return status;
        status = 2;
        collector_input_init(&input, settings, report, environment);
        input.input.bindings = bindings;
        if (backing_collector_resolve(&input.input, &collector, &err) < 0) {
                fprintf(stderr, "pinger: %s\n", err.text);
        } else {
                backing_print_report("Collector", backing_collector_report(collector), stdout);
                status = try_collector(collector, settings->check_delivery);
        }
        backing_collector_unref(collector);
        servicebinding_set_unref(bindings);
        return status;
}
