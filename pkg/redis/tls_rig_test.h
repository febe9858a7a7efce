/* tls_rig: certificates, a real redis-server with TLS, and probes of it. */
#ifndef REDIS_TLS_RIG_TEST_H
#define REDIS_TLS_RIG_TEST_H

#include "redis/real_redis_test.h"
#include "redis/rig_test.h"

static struct rig rig;
static struct real_server server;
static char port_text[8], folder[64];
static uint16_t port;

/* --- Certificates ---------------------------------------------------------------------------------------- */

static inline int make_certificates(void **state UNUSED)
{
        char command[160];
        (void)snprintf(folder, sizeof(folder), "/tmp/redis_tls.XXXXXX");
        assert_non_null(mkdtemp(folder));
        (void)snprintf(command, sizeof(command), "tests/support/make-certificates %s", folder);
        return system(command);
}

static inline int remove_certificates(void **state UNUSED)
{
        return nftw(folder, server_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *path_of(const char *name)
{
        static char paths[4][128];
        static unsigned next;
        char *path = paths[next++ % COUNT_OF(paths)];
        (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
        return path;
}

/* Returns the contents of a file, valid until the test program ends. */
static inline struct secret pem(const char *name)
{
        static struct {
                char name[32], bytes[8192];
                size_t length;
        } files[16];
        size_t i = 0;
        if (!name)
                return (struct secret){ 0 };
        while (i < COUNT_OF(files) && files[i].name[0] && strcmp(files[i].name, name) != 0)
                i++;
        assert_true(i < COUNT_OF(files));
        if (!files[i].name[0]) {
                FILE *file = fopen(path_of(name), "r");
                assert_non_null(file);
                files[i].length = fread(files[i].bytes, 1, sizeof(files[i].bytes), file);
                (void)fclose(file); /* was only read */
                (void)snprintf(files[i].name, sizeof(files[i].name), "%s", name);
        }
        return (struct secret){ files[i].bytes, files[i].length };
}

/* --- Server and client ----------------------------------------------------------------------------------- */

static inline void find_port(void)
{
        port = dead_port();
        (void)snprintf(port_text, sizeof(port_text), "%u", port);
}

static inline void start_server(const char *certificate, const char *key, const char *clients, const char *protocols)
{
        const char *const options[] = { "--bind",
                                        "127.0.0.1",
                                        "--tls-port",
                                        port_text,
                                        "--tls-cert-file",
                                        path_of(certificate),
                                        "--tls-key-file",
                                        path_of(key),
                                        "--tls-ca-cert-file",
                                        path_of("ca.crt"),
                                        "--tls-auth-clients",
                                        clients,
                                        "--tls-protocols",
                                        protocols,
                                        NULL };
        find_port();
        server_start(&server, options);
}

static inline void restart_server(const char *certificate, const char *key, const char *clients, const char *protocols)
{
        if (server.pid > 0)
                server_stop(&server, SIGKILL);
        start_server(certificate, key, clients, protocols);
}

#define BOTH "TLSv1.2 TLSv1.3"

static inline struct redis_target *target_of(struct redis_target_options options)
{
        struct err err = { 0 };
        options.tls = true;
        options.port = port;
        if (!options.host)
                options.host = "127.0.0.1";
        struct redis_target *target = redis_target_new(&options, &err);
        if (!target)
                fail_msg("%s", err.text);
        return target;
}

static struct {
        bool is_done;
        int rc;
        struct redis_probe_result result;
        char text[256];
} probed;

static inline void on_probed(const struct redis_probe_result *result, int rc, const struct err *err, void *data UNUSED)
{
        probed.is_done = true;
        probed.rc = rc;
        probed.result = *result;
        (void)snprintf(probed.text, sizeof(probed.text), "%s", err ? err->text : "");
}

static inline void probe(struct redis_target *target, int64_t timeout_ms)
{
        memset(&probed, 0, sizeof(probed));
        assert_int_equal(redis_probe(&rig.loop, target, NULL, timeout_ms, on_probed, NULL, NULL, NULL), 0);
        redis_target_unref(target);
        RUN_UNTIL(&rig, probed.is_done);
}

static inline void assert_refused(const char *words)
{
        if (probed.rc >= 0 || !strstr(probed.text, words))
                fail_msg("%d %s, not %s", probed.rc, probed.text, words);
}

static inline void assert_entered(void)
{
        if (probed.rc < 0)
                fail_msg("%s", probed.text);
}

static inline int set_up(void **state UNUSED)
{
        server_make_folder(&server);
        rig_init(&rig);
        rig.is_closed = true; /* unless a client is opened */
        return 0;
}

static inline int tear_down(void **state UNUSED)
{
        if (rig.client)
                rig.is_closed = false;
        rig_fini(&rig);
        if (server.pid > 0)
                server_stop(&server, SIGKILL);
        server_remove(&server);
        return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
