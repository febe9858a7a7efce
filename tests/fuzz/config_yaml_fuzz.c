/* Feeds bytes to the reader of YAML configuration files. It must neither crash nor leak, and each error must name the
 * line: "fuzz.yaml:<line>". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/file.h"
#include "config/finding.h"
#include "config/limits.h"
#include "config/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct settings {
        char *host;
        uint16_t port;
        int64_t hold_time_ms;
        int64_t body_max;
        int64_t workers;
        struct config_address listen;
        struct config_list nodes;
        struct secret password;
        struct secret url;
        int access_log;
        bool verbose;
};

static const char *const access_words[] = { "off", "errors", "on", NULL };

static const struct config_option options[] = {
        { "redis-host", CONFIG_STRING_AT(struct settings, host) },
        { "redis-port", CONFIG_PORT_AT(struct settings, port) },
        { "redis-sentinel-nodes", CONFIG_LIST_AT(struct settings, nodes) },
        { "redis-url", CONFIG_URL_AT(struct settings, url) },
        { "hold-time", CONFIG_DURATION_AT(struct settings, hold_time_ms), .max = 3600000 },
        { "body-max", CONFIG_BYTES_AT(struct settings, body_max), .min = 1 },
        { "workers", CONFIG_INT_AT(struct settings, workers), .min = -5, .max = 5 },
        { "listen", CONFIG_ADDRESS_AT(struct settings, listen) },
        { "token", CONFIG_SECRET_AT(struct settings, password), .flags = CONFIG_NOT_IN_FILE },
        { "access-log", CONFIG_ENUM_AT(struct settings, access_log), .words = access_words },
        { "verbose", CONFIG_BOOL_AT(struct settings, verbose) },
};

static const struct config_program program = { .name = "fuzz",
                                               .prefix = "FUZZ",
                                               .version = "0",
                                               .summary = "a table with an option of each type",
                                               .options = options,
                                               .option_count = COUNT_OF(options) };

static void print_values(const struct settings *values, const struct config_report *report)
{
        static char sink[1 << 20];
        FILE *out = fmemopen(sink, sizeof(sink), "w");
        if (!out)
                return;
        if (config_print(&program, values, report, out) < 0)
                rewind(out); /* the sink is full: nothing to check */
        (void)fclose(out);   /* memory only */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char place[] = "fuzz.yaml:";
        struct settings values = { 0 };
        struct err err = { 0 };
        struct reading reading = { .program = &program, .values = &values };
        if (size > FILE_MAX || config_report_new(&program, &reading.report) < 0)
                return 0;
        int rc = config_file_parse(&reading, "fuzz.yaml", (const char *)data, size, &err);
        bool has_place = strncmp(err.text, place, sizeof(place) - 1) == 0 && err.text[sizeof(place) - 1] >= '1' &&
                         err.text[sizeof(place) - 1] <= '9';
        if (rc > 0 || (rc < 0 && rc != ERR_INVALID) || (rc < 0 && !has_place))
                abort();
        if (rc == 0)
                print_values(&values, reading.report);
        config_free(&program, &values);
        config_report_free(reading.report);
        return 0;
}
