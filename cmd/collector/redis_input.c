/* redis_input: passes on only options that were set, because a default must not select a Redis. */
#include "redis_input.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CA_MAX_BYTES = 1 << 20 };

static void add(struct redis_input *source, const struct config_report *report, const char *option, const char *name,
                const char *text, size_t length)
{
        struct backing_value *value = &source->values[source->input.value_count];
        if (backing_value_of(report, option, name, text, length, value))
                source->input.value_count++;
}

static void add_text(struct redis_input *source, const struct config_report *report, const char *option,
                     const char *name, const char *text)
{
        add(source, report, option, name, text, text ? strlen(text) : 0);
}

/* `place` is the origin of the path, for errors. */
static int read_all(int fd, const char *place, const char *path, char *bytes, size_t size, size_t *length,
                    struct err *err)
{
        ssize_t n;
        *length = 0;
        while ((n = read(fd, bytes + *length, size - *length)) > 0)
                *length += (size_t)n;
        if (n < 0)
                return err_errno(err, "%s: read %s", place, path);
        if (*length == size)
                return err_set(err, ERR_LIMIT, "%s: %s has more than %d bytes", place, path, CA_MAX_BYTES);
        return 0;
}

static int read_ca(struct redis_input *source, const char *place, const char *path, struct err *err)
{
        size_t length = 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return err_errno(err, "%s: open %s", place, path);
        char *bytes = malloc(CA_MAX_BYTES + 1);
        int rc = bytes ? read_all(fd, place, path, bytes, CA_MAX_BYTES + 1, &length, err)
                       : err_set(err, ERR_NOMEM, "%s", place);
        if (rc == 0 && secret_init(&source->ca, bytes, length) < 0)
                rc = err_set(err, ERR_NOMEM, "%s", place);
        free(bytes);
        (void)close(fd); /* nothing was written */
        return rc;
}

int redis_input_init(struct redis_input *source, const struct settings *settings, const struct config_report *report,
                     char *const *environment, struct err *err)
{
        *source = (struct redis_input){ 0 };
        source->input = (struct backing_redis_input){ .values = source->values,
                                                      .binding = settings->binding,
                                                      .except = settings->previous_binding,
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
        add_text(source, report, "redis-tls", "tls", settings->redis_tls ? "true" : "false");
        add_text(source, report, "key-prefix", "key-prefix", settings->key_prefix);
        if (!settings->redis_ca_file || !*settings->redis_ca_file)
                return 0;
        int rc = read_ca(source, config_origin(report, "redis-ca-file")->place, settings->redis_ca_file, err);
        if (rc == 0)
                add(source, report, "redis-ca-file", "certificates", source->ca.bytes, source->ca.length);
        return rc;
}

struct backing_redis_input redis_input_previous(const struct redis_input *source, const char *binding)
{
        struct backing_redis_input input = { .binding = binding };
        for (size_t i = 0; i < source->input.value_count; i++) {
                if (strcmp(source->values[i].name, "key-prefix") != 0)
                        continue;
                input.values = &source->values[i];
                input.value_count = 1;
        }
        return input;
}

void redis_input_fini(struct redis_input *source)
{
        secret_fini(&source->ca);
}
