/* backing_collector_fuzz: parses COLLECTOR_URL, Collector's address. The code must not crash, it must accept only URLs
 * without a user part, a query or blanks, and the result must contain the host and port of the input. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backing/collector_resolved.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct backing_collector *collector)
{
        const char *url = backing_collector_url(collector);
        const char *host = collector->host;
        if (!url)
                return;
        assert(strncmp(url, collector->tls ? "https://" : "http://", 7) == 0);
        assert(host && strstr(url, host) && collector->port > 0);
        size_t authority = strcspn(strstr(url, "://") + 3, "/");
        assert(!memchr(strstr(url, "://") + 3, '@', authority));
        assert(!url[strcspn(url, "?# \t\r\n")]);
        assert(url[strlen(url) - 1] != '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char name[] = "COLLECTOR_URL=";
        struct backing_collector *collector;
        struct err err;
        char *variable = calloc(1, sizeof(name) + size);
        if (!variable)
                return 0;
        memcpy(variable, name, sizeof(name) - 1);
        memcpy(variable + sizeof(name) - 1, data, size);
        struct backing_collector_input input = { .environment = (char *const[]){ variable, NULL } };
        if (backing_collector_resolve(&input, &collector, &err) == 0) {
                check(collector);
                backing_collector_unref(collector);
        } else {
                assert(strstr(err.text, "COLLECTOR_URL"));
        }
        free(variable);
        return 0;
}
