/* source: an option with only its default does not say where Collector is, and is left out. */
#include "source.h"

#include <stdio.h>
#include <string.h>

static void add(struct source *source, const struct config_report *report, const char *option, const char *name,
                const char *text, size_t length)
{
        struct backing_value *value = &source->values[source->input.value_count];
        if (backing_value_of(report, option, name, text, length, value))
                source->input.value_count++;
}

void source_init(struct source *source, const struct settings *settings, const struct config_report *report,
                 char *const *environment)
{
        const char *host = settings->collector_host;
        *source = (struct source){ 0 };
        source->input = (struct backing_collector_input){ .values = source->values,
                                                          .binding = settings->binding,
                                                          .provider = settings->binding_provider,
                                                          .environment = environment };
        (void)snprintf(source->port, sizeof(source->port), "%u", settings->collector_port); /* fits */
        add(source, report, "collector-url", "url", settings->collector_url.bytes, settings->collector_url.length);
        add(source, report, "collector-host", "host", host, host ? strlen(host) : 0);
        add(source, report, "collector-port", "port", source->port, strlen(source->port));
        add(source, report, "collector-token", "token", settings->collector_token.bytes,
            settings->collector_token.length);
}
