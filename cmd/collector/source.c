/* source: only flags and the file are handed on; a default is no word on where Redis is. */
#include "source.h"

#include <inttypes.h>
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

static void add_text(struct source *source, const struct config_report *report, const char *option, const char *name,
                     const char *text)
{
        add(source, report, option, name, text, text ? strlen(text) : 0);
}

void source_init(struct source *source, const struct settings *settings, const struct config_report *report,
                 char *const *environment)
{
        *source = (struct source){ 0 };
        source->input = (struct backing_redis_input){ .values = source->values,
                                                      .binding = settings->binding,
                                                      .provider = settings->binding_provider,
                                                      .environment = environment };
        (void)snprintf(source->port, sizeof(source->port), "%u", settings->redis_port); /* fits */
        (void)snprintf(source->database, sizeof(source->database), "%" PRId64, settings->redis_database);
        add(source, report, "redis-url", "url", settings->redis_url.bytes, settings->redis_url.length);
        add_text(source, report, "redis-host", "host", settings->redis_host);
        add_text(source, report, "redis-port", "port", source->port);
        add_text(source, report, "redis-username", "username", settings->redis_username);
        add(source, report, "redis-password", "password", settings->redis_password.bytes,
            settings->redis_password.length);
        add_text(source, report, "redis-database", "database", source->database);
        add_text(source, report, "key-prefix", "key-prefix", settings->key_prefix);
}
