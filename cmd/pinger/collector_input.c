/* collector_input: an option that has only its default does not say where Collector is, and is omitted. */
#include "collector_input.h"

#include <stdio.h>
#include <string.h>

static void add(struct collector_input *out, const struct config_report *report, const char *option, const char *name,
                const char *text, size_t length)
{
        struct backing_value *value = &out->values[out->input.value_count];
        if (backing_value_of(report, option, name, text, length, value))
                out->input.value_count++;
}

void collector_input_init(struct collector_input *out, const struct settings *settings,
                          const struct config_report *report, char *const *environment)
{
        const char *host = settings->collector_host;
        *out = (struct collector_input){ 0 };
        out->input = (struct backing_collector_input){ .values = out->values,
                                                       .binding = settings->binding,
                                                       .provider = settings->binding_provider,
                                                       .environment = environment };
        (void)snprintf(out->port, sizeof(out->port), "%u", settings->collector_port); /* fits */
        add(out, report, "collector-url", "url", settings->collector_url.bytes, settings->collector_url.length);
        add(out, report, "collector-host", "host", host, host ? strlen(host) : 0);
        add(out, report, "collector-port", "port", out->port, strlen(out->port));
        add(out, report, "collector-token", "token", settings->collector_token.bytes, settings->collector_token.length);
}
