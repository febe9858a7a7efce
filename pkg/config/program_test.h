/* A program with an option of each kind, for the tests: its table, and helpers that read it. */
#ifndef CONFIG_PROGRAM_TEST_H
#define CONFIG_PROGRAM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "config/config.h"
#include "config/format.h"
#include "config/limits.h"
#include "config/suggest.h"

enum access_log { ACCESS_OFF, ACCESS_ERRORS, ACCESS_ON };

struct settings {
        uint16_t port;
        struct config_address listen;
        int64_t workers;
        int64_t body_max;
        int64_t hold_time_ms;
        char *redis_host;
        uint16_t redis_port;
        struct secret redis_password;
        struct secret redis_url;
        enum access_log access_log;
        bool check;
        struct config_list nodes;
        char *ack;
        bool debug_crash;
};

static inline int check_ack(const char *text, struct err *err)
{
        if (strcmp(text, "memory") == 0 || strncmp(text, "replica", 7) == 0)
                return 0;
        return err_set(err, ERR_INVALID, "expected memory or replica[:N]");
}

static const char *const access_words[] = { "off", "errors", "on", NULL };
static const char *const host_also[] = { "COLLECTOR_DELEGATE_HOSTNAME", "REDIS_HOST", NULL };
static const char *const port_also[] = { "COLLECTOR_DELEGATE_PORT", "REDIS_PORT", NULL };
static const char *const password_also[] = { "REDIS_PASSWORD", NULL };

static const struct config_option options[] = {
        { "port", CONFIG_PORT_AT(struct settings, port), .fallback = "4001", .help = "Port." },
        { "listen", CONFIG_ADDRESS_AT(struct settings, listen), .fallback = ":4001", .value = "ADDRESS:PORT" },
        { "workers", CONFIG_INT_AT(struct settings, workers), .fallback = "0",
          .fallback_note = "the CPU quota, at most 4", .max = 64, .unit = "threads", .help = "Threads." },
        { "body-max", CONFIG_BYTES_AT(struct settings, body_max), .fallback = "1MiB", .min = 1, .help = "Body." },
        { "hold-time", CONFIG_DURATION_AT(struct settings, hold_time_ms), .fallback = "30s", .min = 1000,
          .max = 3600000, .group = "Redis", .help = "How long a request waits while Redis is unreachable." },
        { "redis-host", CONFIG_STRING_AT(struct settings, redis_host), .fallback = "localhost", .also = host_also,
          .group = "Redis" },
        { "redis-port", CONFIG_PORT_AT(struct settings, redis_port), .fallback = "6379", .also = port_also,
          .group = "Redis" },
        { "redis-password", CONFIG_SECRET_AT(struct settings, redis_password), .also = password_also, .group = "Redis",
          .help = "Password." },
        { "redis-url", CONFIG_URL_AT(struct settings, redis_url), .group = "Redis" },
        { "redis-sentinel-nodes", CONFIG_LIST_AT(struct settings, nodes), .group = "Redis" },
        { "access-log", CONFIG_ENUM_AT(struct settings, access_log), .fallback = "errors", .words = access_words },
        { "ack", CONFIG_STRING_AT(struct settings, ack), .fallback = "memory", .check = check_ack },
        { "check", CONFIG_BOOL_AT(struct settings, check), .flags = CONFIG_NOT_IN_FILE | CONFIG_NOT_IN_ENVIRONMENT },
        { "debug-crash", CONFIG_BOOL_AT(struct settings, debug_crash), .flags = CONFIG_HIDDEN },
};

static const struct config_program program = {
        .name = "collector",
        .prefix = "COLLECTOR",
        .version = "1.2.3",
        .summary = "stores JSON documents in Redis",
        .closing = "Examples:\n  collector --port 4001\n",
        .options = options,
        .option_count = COUNT_OF(options),
};

struct fixture {
        char folder[32];
        char yaml[64];
        char other[64];
        struct settings s;
        struct config_report *report;
        struct err err;
};

static inline int set_up(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        assert_non_null(f);
        memcpy(f->folder, "/tmp/config-XXXXXX", 19);
        assert_non_null(mkdtemp(f->folder));
        (void)snprintf(f->yaml, sizeof(f->yaml), "%s/c.yaml", f->folder);
        (void)snprintf(f->other, sizeof(f->other), "%s/other", f->folder);
        *state = f;
        return 0;
}

static inline void forget(struct fixture *f)
{
        config_free(&program, &f->s);
        config_report_free(f->report);
        f->report = NULL;
}

static inline int tear_down(void **state)
{
        struct fixture *f = *state;
        forget(f);
        (void)unlink(f->yaml);  /* may be NULL */
        (void)unlink(f->other); /* may be NULL */
        assert_int_equal(rmdir(f->folder), 0);
        free(f);
        return 0;
}

static inline void put_file(const char *path, const char *text)
{
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
        assert_int_equal(fclose(file), 0);
}

/* Reads flags and variables, each NULL or a list with NULL at the end, and a YAML text or NULL. */
static inline int read_all(struct fixture *f, const char *const *flags, const char *const *variables, const char *yaml)
{
        char *argv[16] = { (char *)(uintptr_t) "collector" };
        int argc = 1;
        char with_file[80];
        (void)snprintf(with_file, sizeof(with_file), "--config=%s", f->yaml);
        if (yaml) {
                put_file(f->yaml, yaml);
                argv[argc++] = with_file;
        }
        for (; flags && *flags; flags++)
                argv[argc++] = (char *)(uintptr_t)*flags;
        forget(f);
        const struct config_source source = { argc, argv, (char *const *)(uintptr_t)variables };
        return config_read(&program, &source, &f->s, &f->report, &f->err);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static inline void assert_zero(const struct settings *s)
{
        static const struct settings zero;
        assert_memory_equal(s, &zero, sizeof(zero));
}

static inline void assert_refused(struct fixture *f, int rc, const char *expected)
{
        assert_int_equal(rc, ERR_INVALID);
        const char *text = f->err.text;
        if (strncmp(text, f->folder, strlen(f->folder)) == 0)
                text += strlen(f->folder) + 1;
        assert_string_equal(text, expected);
        assert_zero(&f->s);
        assert_null(f->report);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
