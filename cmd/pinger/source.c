/* source: an option that has only its default says nothing about where Collector is, and is left out. */
#include "source.h"

#include <stdio.h>
#include <string.h>

static void add(struct source *source, const struct config_report *report, const char *option, const char *name,
                const char *text, size_t length)
{
        const struct config_origin *origin = config_origin(report, option);
        if (!text || !origin || origin->kind == CONFIG_FROM_DEFAULT)
                return;
        source->values[source->input.value_count++] = (struct backing_value){
                .name = name,
                .kind = origin->kind == CONFIG_FROM_FLAG   ? BACKING_FROM_FLAG
                        : origin->kind == CONFIG_FROM_FILE ? BACKING_FROM_FILE
                                                           : BACKING_FROM_ENVIRONMENT,
                .text = text,
                .length = length,
                .place = origin->place,
        };
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
