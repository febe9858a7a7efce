/* One program's table, read from all sources: who wins, what errors say, --help and --check. */
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

static int check_ack(const char *text, struct err *err)
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
          .max = 3600000, .group = "Redis", .help = "How long a request waits while Redis is away." },
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

static int set_up(void **state)
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

static void forget(struct fixture *f)
{
        config_free(&program, &f->s);
        config_report_free(f->report);
        f->report = NULL;
}

static int tear_down(void **state)
{
        struct fixture *f = *state;
        forget(f);
        (void)unlink(f->yaml);  /* not every test makes one */
        (void)unlink(f->other); /* the same */
        assert_int_equal(rmdir(f->folder), 0);
        free(f);
        return 0;
}

static void put_file(const char *path, const char *text)
{
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
        assert_int_equal(fclose(file), 0);
}

/* Reads with flags and variables, each a list with NULL at the end or NULL, and a YAML text or NULL. */
static int read_all(struct fixture *f, const char *const *flags, const char *const *variables, const char *yaml)
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

static void assert_zero(const struct settings *s)
{
        static const struct settings zero;
        assert_memory_equal(s, &zero, sizeof(zero));
}

static void assert_refused(struct fixture *f, int rc, const char *expected)
{
        assert_int_equal(rc, ERR_INVALID);
        const char *text = f->err.text;
        if (strncmp(text, f->folder, strlen(f->folder)) == 0)
                text += strlen(f->folder) + 1;
        assert_string_equal(text, expected);
        assert_zero(&f->s);
        assert_null(f->report);
}

static void defaults_pass_through_the_parsers(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, NULL, NULL, NULL), CONFIG_READY);
        assert_int_equal(f->s.port, 4001);
        assert_string_equal(f->s.listen.host, "");
        assert_int_equal(f->s.body_max, 1 << 20);
        assert_int_equal(f->s.hold_time_ms, 30000);
        assert_string_equal(f->s.redis_host, "localhost");
        assert_null(f->s.redis_password.bytes);
        assert_int_equal(f->s.access_log, ACCESS_ERRORS);
        assert_false(f->s.check);
        assert_int_equal(f->s.nodes.count, 0);
        assert_string_equal(config_origin(f->report, "port")->place, "default");
        assert_null(config_origin(f->report, "nothing"));
}

static void flag_beats_environment_beats_file_beats_default(void **state)
{
        struct fixture *f = *state;
        const char *yaml = "# comment\nhold-time: 3s\n";
        const char *const *variables = LIST("HOME=/", "COLLECTOR_HOLD_TIME=2s");
        assert_int_equal(read_all(f, LIST("--hold-time", "1s"), variables, yaml), 0);
        assert_int_equal(f->s.hold_time_ms, 1000);
        assert_int_equal(config_origin(f->report, "hold-time")->kind, CONFIG_FROM_FLAG);
        assert_string_equal(config_origin(f->report, "hold-time")->place, "--hold-time");
        assert_int_equal(read_all(f, NULL, variables, yaml), 0);
        assert_int_equal(f->s.hold_time_ms, 2000);
        assert_string_equal(config_origin(f->report, "hold-time")->place, "COLLECTOR_HOLD_TIME");
        assert_int_equal(read_all(f, NULL, NULL, yaml), 0);
        assert_int_equal(f->s.hold_time_ms, 3000);
        assert_int_equal(config_origin(f->report, "hold-time")->kind, CONFIG_FROM_FILE);
        assert_non_null(strstr(config_origin(f->report, "hold-time")->place, "c.yaml:2: hold-time"));
}

static void other_names_of_a_variable_come_after_its_own(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, NULL, LIST("REDIS_HOST=c", "COLLECTOR_DELEGATE_HOSTNAME=b"), NULL), 0);
        assert_string_equal(f->s.redis_host, "b");
        assert_int_equal(read_all(f, NULL, LIST("REDIS_HOST=c", "COLLECTOR_REDIS_HOST=a"), NULL), 0);
        assert_string_equal(f->s.redis_host, "a");
        assert_int_equal(read_all(f, NULL, LIST("REDIS_HOST=c", "COLLECTOR_REDIS_HOST="), NULL), 0);
        assert_string_equal(f->s.redis_host, "c");
}

static void a_service_link_is_skipped_with_a_warning(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(
                read_all(f, NULL, LIST("COLLECTOR_PORT=tcp://10.96.0.7:4001", "REDIS_PORT=udp://10.96.0.8:1"), NULL),
                0);
        assert_int_equal(f->s.port, 4001);
        assert_int_equal(f->s.redis_port, 6379);
        assert_int_equal(config_warning_count(f->report), 2);
        assert_string_equal(config_warning(f->report, 0),
                            "COLLECTOR_PORT: skipped \"tcp://10.96.0.7:4001\", which Kubernetes sets beside a Service");
        assert_null(config_warning(f->report, 2));
        assert_int_equal(read_all(f, NULL, LIST("COLLECTOR_DELEGATE_PORT=tcp://x:1", "REDIS_PORT=7"), NULL), 0);
        assert_int_equal(f->s.redis_port, 7);
        assert_int_equal(read_all(f, LIST("--port=5"), LIST("COLLECTOR_PORT=tcp://10.96.0.7:4001"), NULL), 0);
        assert_int_equal(f->s.port, 5);
        assert_int_equal(config_warning_count(f->report), 0);
        assert_refused(f, read_all(f, LIST("--port=tcp://10.96.0.7:4001"), NULL, NULL),
                       "--port: expected a port from 1 to 65535, got \"tcp://10.96.0.7:4001\"");
}

static void flags_take_each_form(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f,
                                  LIST("--check", "--workers", "1", "--workers=2", "--redis-sentinel-nodes", "a:1, b:2",
                                       "--redis-sentinel-nodes=c:3", "--debug-crash", "yes", "--access-log=ON"),
                                  LIST("COLLECTOR_REDIS_SENTINEL_NODES=z"), NULL),
                         0);
        assert_true(f->s.check && f->s.debug_crash);
        assert_int_equal(f->s.workers, 2);
        assert_int_equal(f->s.nodes.count, 3);
        assert_string_equal(f->s.nodes.items[1], "b:2");
        assert_string_equal(f->s.nodes.items[2], "c:3");
        assert_int_equal(f->s.access_log, ACCESS_ON);
}

static void wrong_flags_are_named(void **state)
{
        struct fixture *f = *state;
        static const struct {
                const char *first, *second, *expected;
        } cases[] = {
                { "--port", NULL, "--port: missing value" },
                { "--port", "--check", "--port: missing value" },
                { "--port", "0", "--port: expected a port from 1 to 65535, got \"0\"" },
                { "--hold-tme=1s", NULL, "--hold-tme: unknown option; did you mean --hold-time?" },
                { "--hold_time", "1s", "--hold_time: unknown option; did you mean --hold-time?" },
                { "-port", "1", "-port: unknown option; did you mean --port?" },
                { "--hepl", NULL, "--hepl: unknown option; did you mean --help?" },
                { "--nothing-like-it=s3cret", NULL, "--nothing-like-it: unknown option" },
                { "request", NULL, "\"request\": unexpected argument; options start with --, see --help" },
                { "--", NULL, "--: unknown option" },
                { "--redis-password=x", NULL,
                  "--redis-password: others could read a secret on the command line; use "
                  "--redis-password-file "
                  "PATH" },
                { "--access-log=all", NULL, "--access-log: expected off, errors or on, got \"all\"" },
                { "--ack=tape", NULL, "--ack: expected memory or replica[:N]" },
                { "--workers=65", NULL, "--workers: expected a whole number from 0 to 64, got \"65\"" },
                { "--body-max=0", NULL,
                  "--body-max: expected a size such as 65536, 64KiB or 1MiB of at least 1, got \"0\"" },
                { "--check=maybe", NULL, "--check: expected true or false, got \"maybe\"" },
                { "--listen=4001", NULL,
                  "--listen: expected HOST:PORT such as 127.0.0.1:4001, [::1]:4001 or :4001, got \"4001\"" },
                { "--redis-sentinel-nodes=a,,b", NULL, "--redis-sentinel-nodes: an empty entry in the list" },
                { "--version=1", NULL, "--version: takes no value" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_refused(f, read_all(f, LIST(cases[i].first, cases[i].second), NULL, NULL), cases[i].expected);
        assert_refused(f, read_all(f, NULL, LIST("COLLECTOR_PORT=high"), NULL),
                       "COLLECTOR_PORT: expected a port from 1 to 65535, got \"high\"");
}

static void wrong_files_are_named_with_line_and_key(void **state)
{
        struct fixture *f = *state;
        static const struct {
                const char *yaml, *expected;
        } cases[] = {
                { "port: 1\n\nhold-time: soon\n",
                  "c.yaml:3: hold-time: expected a duration such as 500ms or 30s from 1s to 1h, got \"soon\"" },
                { "redis:\n  hots: a\n", "c.yaml:2: redis.hots: unknown setting; did you mean redis-host?" },
                { "hold_time: 1s\n", "c.yaml:1: hold_time: unknown setting; did you mean hold-time?" },
                { "zebra: {a: 1}\n", "c.yaml:1: zebra: unknown setting" },
                { "port: 1\nport: 2\n", "c.yaml:2: port: given twice, first in line 1" },
                { "redis-host: a\nredis: {host: b}\n", "c.yaml:2: redis.host: given twice, first in line 1" },
                { "redis: {host: a}\nredis: {port: 1}\n", "c.yaml:2: redis: given twice, first in line 1" },
                { "port:\n", "c.yaml:1: port: missing value" },
                { "redis: x\n", "c.yaml:1: redis: expected a mapping" },
                { "port: {a: 1}\n", "c.yaml:1: port: expected a value, got a mapping" },
                { "port: [1]\n", "c.yaml:1: port: expected one value, got a list" },
                { "check: true\n", "c.yaml:1: check: can't be set in a file" },
                { "redis-password: x\n",
                  "c.yaml:1: redis-password: secrets are not read from this file; name a file of its own with redis-password-file" },
                { "redis-host: \"a\\0b\"\n", "c.yaml:1: redis-host: a text can't hold a NUL" },
                { "redis-sentinel-nodes:\n  - a\n  - {b: c}\n",
                  "c.yaml:3:5: an entry of a list must be a plain value" },
                { "redis-sentinel-nodes:\n  - a\n  -\n", "c.yaml:3: redis-sentinel-nodes: missing value" },
                { "a: &x 1\n", "c.yaml:1:4: an anchor (&name) is not allowed here" },
                { "port: *x\n", "c.yaml:1:7: an alias (*name) is not allowed here" },
                { "port: !!int 1\n", "c.yaml:1:7: a tag (!name) is not allowed here" },
                { "port: 1\n---\nport: 2\n", "c.yaml:2:1: a second document (---) is not allowed" },
                { "- port\n", "c.yaml:1:1: expected settings of the form `name: value`" },
                { "port\n", "c.yaml:1:1: expected settings of the form `name: value`" },
                { "[a]: 1\n", "c.yaml:1:1: a key must be a plain word" },
                { "port: 1\n\"\": 1\n", "c.yaml:2:1: an empty key" },
                { "port: 1\n? [a]\n: 1\n", "c.yaml:2:3: a key must be a plain word" },
                { "redis-host: a\n  port: 2\n", "c.yaml:2:7: mapping values are not allowed in this context" },
                { "port: 1\nack: \xff\n", "c.yaml:2:6: invalid leading UTF-8 octet" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                int rc = read_all(f, NULL, NULL, cases[i].yaml);
                assert_refused(f, rc, cases[i].expected);
        }
}

static void a_mistake_in_the_file_shows_under_a_flag_too(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, LIST("--port=1"), NULL, "port: high\n"), ERR_INVALID);
}

static void nested_keys_and_lists_are_read(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, NULL, NULL,
                                  "redis:\n  host: h\n  port: 7\n  sentinel:\n    nodes:\n      - a:1\n      - b:2\n"
                                  "access-log: off\nack: \"replica:2\"\n"),
                         0);
        assert_string_equal(f->s.redis_host, "h");
        assert_int_equal(f->s.redis_port, 7);
        assert_int_equal(f->s.nodes.count, 2);
        assert_string_equal(f->s.nodes.items[1], "b:2");
        assert_int_equal(f->s.access_log, ACCESS_OFF);
        assert_string_equal(f->s.ack, "replica:2");
        assert_non_null(strstr(config_origin(f->report, "redis-sentinel-nodes")->place, "c.yaml:5: redis"));
        assert_int_equal(read_all(f, NULL, NULL, ""), 0);
        assert_int_equal(read_all(f, NULL, NULL, "---\n# nothing\n...\n"), 0);
        assert_int_equal(read_all(f, NULL, NULL, "redis-sentinel-nodes: []\n"), 0);
        assert_int_equal(f->s.nodes.count, 0);
}

static void a_file_that_is_missing_or_too_large_is_refused(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, LIST("--config", f->other), NULL, NULL), ERR_NOT_FOUND);
        assert_non_null(strstr(f->err.text, f->other));
        char *large = malloc(FILE_MAX + 2);
        assert_non_null(large);
        memset(large, '\n', FILE_MAX + 1);
        large[FILE_MAX + 1] = '\0';
        assert_int_equal(read_all(f, NULL, NULL, large), ERR_LIMIT);
        large[FILE_MAX] = '\0';
        assert_int_equal(read_all(f, NULL, NULL, large), 0);
        free(large);
}

/* "<start>", then `each` so many times, then "\n". */
static char *repeated(const char *start, const char *each, size_t count)
{
        size_t head = strlen(start), part = strlen(each);
        char *text = malloc(head + count * part + 2);
        assert_non_null(text);
        memcpy(text, start, head);
        for (size_t i = 0; i < count; i++)
                memcpy(text + head + i * part, each, part);
        memcpy(text + head + count * part, "\n", 2);
        return text;
}

static void texts_and_lists_end_at_their_limits(void **state)
{
        struct fixture *f = *state;
        static const struct {
                const char *start, *each, *expected; /* NULL: it fits */
                size_t count;
        } cases[] = {
                { "redis-host: ", "x", NULL, TEXT_MAX },
                { "redis-host: ", "x", "c.yaml:1: redis-host: longer than 65536 bytes", TEXT_MAX + 1 },
                { "redis-sentinel-nodes: a", ",a", NULL, LIST_MAX - 1 },
                { "redis-sentinel-nodes: a", ",a", "c.yaml:1: redis-sentinel-nodes: more than 1000 entries", LIST_MAX },
                { "redis-sentinel-nodes:", "\n- a", NULL, LIST_MAX },
                { "redis-sentinel-nodes:", "\n- a", "c.yaml:1002: redis-sentinel-nodes: more than 1000 entries",
                  LIST_MAX + 1 },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                char *text = repeated(cases[i].start, cases[i].each, cases[i].count);
                int rc = read_all(f, NULL, NULL, text);
                free(text);
                if (cases[i].expected)
                        assert_refused(f, rc, cases[i].expected);
                else
                        assert_int_equal(rc, 0);
        }
        assert_true(f->s.nodes.count == 0); /* the last one was refused */
}

static void the_file_may_be_named_by_the_environment(void **state)
{
        struct fixture *f = *state;
        char variable[96];
        put_file(f->yaml, "port: 77\n");
        (void)snprintf(variable, sizeof(variable), "COLLECTOR_CONFIG=%s", f->yaml);
        assert_int_equal(read_all(f, NULL, LIST(variable), NULL), 0);
        assert_int_equal(f->s.port, 77);
}

static void secrets_come_from_the_environment_or_a_file(void **state)
{
        struct fixture *f = *state;
        char yaml[160];
        char variable[120];
        assert_int_equal(read_all(f, NULL, LIST("REDIS_PASSWORD=hunter2"), NULL), 0);
        assert_string_equal(f->s.redis_password.bytes, "hunter2");
        put_file(f->other, "hunter3\r\n");
        (void)snprintf(variable, sizeof(variable), "COLLECTOR_REDIS_PASSWORD_FILE=%s", f->other);
        assert_int_equal(read_all(f, NULL, LIST("REDIS_PASSWORD=hunter2", variable), NULL), 0);
        assert_string_equal(f->s.redis_password.bytes, "hunter3");
        assert_int_equal(read_all(f, LIST("--redis-password-file", f->other), NULL, NULL), 0);
        assert_int_equal(f->s.redis_password.length, 7);
        (void)snprintf(yaml, sizeof(yaml), "redis: {password: {file: %s}}\n", f->other);
        assert_int_equal(read_all(f, NULL, NULL, yaml), 0);
        assert_int_equal(f->s.redis_password.length, 7);
        put_file(f->other, "\n");
        assert_int_equal(read_all(f, NULL, NULL, yaml), ERR_INVALID);
        assert_non_null(strstr(f->err.text, "is empty"));
}

static void a_password_on_the_command_line_is_warned_of(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, LIST("--redis-url=redis://u:hunter2@h"), NULL, NULL), 0);
        assert_int_equal(config_warning_count(f->report), 1);
        assert_string_equal(config_warning(f->report, 0),
                            "--redis-url: others can read a password on the command line");
        assert_string_equal(f->s.redis_url.bytes, "redis://u:hunter2@h");
}

/* What a function prints to a stream; the caller frees it. */
static char *printed(const struct fixture *f)
{
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        assert_non_null(out);
        assert_int_equal(f ? config_print(&program, &f->s, f->report, out) : config_help(&program, out), 0);
        assert_int_equal(fclose(out), 0);
        return text;
}

static void check_prints_a_url_without_what_may_be_a_password(void **state UNUSED)
{
        bool is_path;
        static const struct {
                const char *url, *shown;
        } cases[] = {
                { "redis://h", "redis://h" },
                { "redis://h:6379/2", "redis://h:6379/2" },
                { "redis://[::1]:6379/2", "redis://[::1]:6379/2" },
                { "redis://[::1]", "redis://[::1]" },
                { "unix:///run/redis.sock", "unix:///run/redis.sock" },
                { "redis://u:hunter2@h:1", "redis://***@h:1" },
                { "redis://u:hunt@er2@h:1", "redis://***@h:1" },
                { "redis://u:hunt/er2@h:1", "redis://***@h:1" },
                { "redis://h:1/0?password=hunter2", "redis://h:1/0?***" },
                { "redis://h:1/0?password=hunt@er2", "redis://***" },
                { "redis://u:hunt?er2@h:1", "redis://***" },
                { "redis://u:hunt#er2@h:1", "redis://***" },
                { "redis://:hunter2", "redis://***" },
                { "redis://:12345", "redis://***" },
                { "redis://u:hunter2", "redis://***" },
                { "redis://u:hunter2/1", "redis://***" },
                { "redis://u:123456", "redis://***" },
                { "redis://[hunter2", "redis://***" },
                { "redis://[hunter/2]:1", "redis://***" },
                { "redis://[::1]:hunter2", "redis://***" },
                { "u:hunter2@h", "(set)" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct buf out;
                struct settings shown = { .redis_url = { (char *)cases[i].url, strlen(cases[i].url) } };
                buf_init(&out, 0);
                assert_int_equal(config_value_format(config_find(&program, "redis-url", &is_path), &shown, &out), 0);
                assert_string_equal(out.data, cases[i].shown);
                buf_fini(&out);
        }
}

static void check_prints_values_and_origins_without_secrets(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, LIST("--hold-time", "90s"),
                                  LIST("REDIS_PASSWORD=hunter2",
                                       "COLLECTOR_REDIS_URL=rediss://u:hunter2@h:1/0?password=hunter2"),
                                  "redis: {host: \"a\\nb\", sentinel-nodes: [x, y]}\nlisten: '[::1]:5'\n"),
                         0);
        char *text = printed(f);
        assert_null(strstr(text, "hunter2"));
        assert_null(strstr(text, "[default]"));
        assert_non_null(strstr(text, " other settings have their defaults, see --help\n"));
        assert_non_null(strstr(text, "hold-time             90s  [--hold-time]\n"));
        assert_non_null(strstr(text, "redis-password        (set)  [REDIS_PASSWORD]\n"));
        assert_non_null(strstr(text, "redis-url             rediss://***@h:1/0?***  [COLLECTOR_REDIS_URL]\n"));
        assert_non_null(strstr(text, "redis-host            a?b  ["));
        assert_non_null(strstr(text, "redis-sentinel-nodes  x,y  ["));
        assert_non_null(strstr(text, "listen                [::1]:5  ["));
        free(text);
}

static void help_and_version_are_asked_for(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, LIST("--port", "1", "--help"), NULL, NULL), CONFIG_HELP);
        assert_int_equal(read_all(f, LIST("-h"), LIST("COLLECTOR_PORT=wrong"), NULL), CONFIG_HELP);
        assert_int_equal(read_all(f, LIST("--version"), NULL, NULL), CONFIG_VERSION);
        assert_zero(&f->s);
        assert_null(f->report);
}

static void help_mentions_every_option_its_variable_and_its_default(void **state UNUSED)
{
        char *text = printed(NULL);
        char wanted[NAME_SIZE + 16];
        char variable[NAME_SIZE];
        for (size_t i = 0; i < COUNT_OF(options); i++) {
                const struct config_option *option = &options[i];
                bool is_hidden = (option->flags & CONFIG_HIDDEN) != 0;
                const char *fallback = option->fallback_note ? option->fallback_note : option->fallback;
                (void)snprintf(wanted, sizeof(wanted), "  --%s", option->name);
                const char *at = strstr(text, wanted);
                assert_int_equal(at == NULL, is_hidden);
                if (is_hidden)
                        continue;
                (void)snprintf(wanted, sizeof(wanted), "Default: %s", fallback ? fallback : "");
                assert_non_null(strstr(at, wanted));
                config_variable(&program, option->name, variable);
                (void)snprintf(wanted, sizeof(wanted), "Variable: %s", variable);
                assert_int_equal(strstr(at, wanted) == NULL, (option->flags & CONFIG_NOT_IN_ENVIRONMENT) != 0);
                (void)snprintf(wanted, sizeof(wanted), "File: %s", option->name);
                assert_int_equal(strstr(at, wanted) == NULL, (option->flags & CONFIG_NOT_IN_FILE) != 0);
        }
        assert_non_null(strstr(text, "From 1s to 1h."));
        assert_non_null(strstr(text, "\nExamples:\n  collector --port 4001\n"));
        for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
                assert_true(strcspn(line, "\n") <= 100);
        free(text);
}

static void a_second_reading_sees_the_new_file_and_a_broken_one_leaves_the_first(void **state)
{
        struct fixture *f = *state;
        struct settings second = { 0 };
        char *const argv[] = { (char *)(uintptr_t) "collector", (char *)(uintptr_t) "--config", f->yaml, NULL };
        const struct config_source source = { 3, argv, NULL };
        assert_int_equal(read_all(f, NULL, NULL, "port: 1\nredis-host: a\n"), 0);
        put_file(f->yaml, "port: 2\nredis-host: b\n");
        assert_int_equal(config_read(&program, &source, &second, NULL, &f->err), 0);
        assert_int_equal(second.port, 2);
        assert_string_equal(f->s.redis_host, "a");
        config_free(&program, &second);
        put_file(f->yaml, "port: 3\nredis-host: [\n");
        assert_int_equal(config_read(&program, &source, &second, NULL, &f->err), ERR_INVALID);
        assert_zero(&second);
        assert_int_equal(f->s.port, 1);
}

static void a_mistake_in_the_table_is_named(void **state UNUSED)
{
        static const struct config_option wrong[] = {
                { "port", CONFIG_PORT_AT(struct settings, port), .fallback = "none" },
        };
        struct config_program copy = program;
        struct settings s = { 0 };
        struct err err;
        copy.options = wrong;
        copy.option_count = 1;
        assert_int_equal(config_read(&copy, &(struct config_source){ 0 }, &s, NULL, &err), ERR_INVALID);
        assert_string_equal(err.text,
                            "the program's table: default: port: expected a port from 1 to 65535, got \"none\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(defaults_pass_through_the_parsers),
                TEST(flag_beats_environment_beats_file_beats_default),
                TEST(other_names_of_a_variable_come_after_its_own),
                TEST(a_service_link_is_skipped_with_a_warning),
                TEST(flags_take_each_form),
                TEST(wrong_flags_are_named),
                TEST(wrong_files_are_named_with_line_and_key),
                TEST(a_mistake_in_the_file_shows_under_a_flag_too),
                TEST(nested_keys_and_lists_are_read),
                TEST(a_file_that_is_missing_or_too_large_is_refused),
                TEST(texts_and_lists_end_at_their_limits),
                TEST(the_file_may_be_named_by_the_environment),
                TEST(secrets_come_from_the_environment_or_a_file),
                TEST(a_password_on_the_command_line_is_warned_of),
                TEST(check_prints_a_url_without_what_may_be_a_password),
                TEST(check_prints_values_and_origins_without_secrets),
                TEST(help_and_version_are_asked_for),
                TEST(help_mentions_every_option_its_variable_and_its_default),
                TEST(a_second_reading_sees_the_new_file_and_a_broken_one_leaves_the_first),
                TEST(a_mistake_in_the_table_is_named),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
