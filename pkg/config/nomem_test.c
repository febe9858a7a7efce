/* Reading options when memory runs out; `make torture` makes each allocation fail in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"

struct settings {
        uint16_t port;
        struct config_address listen;
        char *host;
        struct secret password;
        struct config_list nodes;
};

static const char *const host_also[] = { "REDIS_HOST", NULL };

static const struct config_option options[] = {
        { "port", CONFIG_PORT_AT(struct settings, port), .fallback = "4001", .help = "Port." },
        { "listen", CONFIG_ADDRESS_AT(struct settings, listen), .fallback = ":4001" },
        { "host", CONFIG_STRING_AT(struct settings, host), .fallback = "localhost", .also = host_also },
        { "password", CONFIG_SECRET_AT(struct settings, password) },
        { "nodes", CONFIG_LIST_AT(struct settings, nodes), .fallback = "a,b" },
};

static const struct config_program program = {
        .name = "example", .prefix = "EXAMPLE", .options = options, .option_count = COUNT_OF(options)
};

static char file[] = "/tmp/config-nomem-XXXXXX";

static int set_up(void **state UNUSED)
{
        static const char yaml[] = "port: 77\nnodes:\n- x\n- y\n";
        memcpy(file + sizeof(file) - 7, "XXXXXX", 6);
        int fd = mkstemp(file);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
        assert_int_equal(close(fd), 0);
        return 0;
}

static int tear_down(void **state UNUSED)
{
        return unlink(file);
}

static void settings_are_complete_or_rejected_whichever_allocation_fails(void **state UNUSED)
{
        char config[64];
        char *argv[] = { (char[]){ "example" }, config, (char[]){ "--listen" }, (char[]){ "127.0.0.1:80" } };
        char *variables[] = { (char[]){ "REDIS_HOST=h" }, (char[]){ "EXAMPLE_PASSWORD=p" }, NULL };
        struct settings s = { 0 };
        struct config_report *report = NULL;
        struct err err;
        (void)snprintf(config, sizeof(config), "--config=%s", file);
        int rc = config_read(&program, &(struct config_source){ COUNT_OF(argv), argv, variables }, &s, &report, &err);
        if (rc < 0) {
                assert_int_equal(rc, ERR_NOMEM);
        } else {
                assert_int_equal(rc, CONFIG_READY);
                assert_int_equal(s.port, 77);
                assert_string_equal(s.host, "h");
                assert_string_equal(s.password.bytes, "p");
                assert_int_equal(s.nodes.count, 2);
                assert_string_equal(s.nodes.items[1], "y");
        }
        config_free(&program, &s);
        config_report_free(report);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(settings_are_complete_or_rejected_whichever_allocation_fails),
        };
        return cmocka_run_group_tests_name("config without memory", tests, set_up, tear_down);
}
