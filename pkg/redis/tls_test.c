/* Tests of TLS: a real redis-server with certificates made for the occasion, and listeners that speak no TLS. */
#include "redis/fake_redis_test.h"

static struct rig rig;
static struct real_server server;
static char port_text[8], folder[64];
static uint16_t port;

/* --- Certificates ---------------------------------------------------------------------------------------- */

static int make_certificates(void **state UNUSED)
{
        char command[160];
        (void)snprintf(folder, sizeof(folder), "/tmp/redis_tls.XXXXXX");
        assert_non_null(mkdtemp(folder));
        (void)snprintf(command, sizeof(command), "tests/support/make-certificates %s", folder);
        return system(command);
}

static int remove_certificates(void **state UNUSED)
{
        return nftw(folder, server_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *name)
{
        static char paths[4][128];
        static unsigned next;
        char *path = paths[next++ % COUNT_OF(paths)];
        (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
        return path;
}

/* The bytes of a file; they live as long as the test runs. */
static struct secret pem(const char *name)
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

static void find_port(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t length = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
        (void)close(fd); /* was only asked for its port */
        port = ntohs(address.sin_port);
        (void)snprintf(port_text, sizeof(port_text), "%u", port);
}

static void start_server(const char *certificate, const char *key, const char *clients, const char *protocols)
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

static void restart_server(const char *certificate, const char *key, const char *clients, const char *protocols)
{
        if (server.pid > 0)
                server_stop(&server, SIGKILL);
        start_server(certificate, key, clients, protocols);
}

#define BOTH "TLSv1.2 TLSv1.3"

static struct redis_target *target_of(struct redis_target_options options)
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

static void on_probed(const struct redis_probe_result *result, int rc, const struct err *err, void *data UNUSED)
{
        probed.is_done = true;
        probed.rc = rc;
        probed.result = *result;
        (void)snprintf(probed.text, sizeof(probed.text), "%s", err ? err->text : "");
}

static void probe(struct redis_target *target, int64_t timeout_ms)
{
        memset(&probed, 0, sizeof(probed));
        assert_int_equal(redis_probe(&rig.loop, target, NULL, timeout_ms, on_probed, NULL, NULL, NULL), 0);
        redis_target_unref(target);
        RUN_UNTIL(&rig, probed.is_done);
}

static void assert_refused(const char *words)
{
        if (probed.rc >= 0 || !strstr(probed.text, words))
                fail_msg("%d %s, not %s", probed.rc, probed.text, words);
}

static void assert_entered(void)
{
        if (probed.rc < 0)
                fail_msg("%s", probed.text);
}

static int set_up(void **state UNUSED)
{
        server_make_folder(&server);
        rig_init(&rig);
        rig.is_closed = true; /* where no client is opened */
        return 0;
}

static int tear_down(void **state UNUSED)
{
        if (rig.client)
                rig.is_closed = false;
        rig_fini(&rig);
        if (server.pid > 0)
                server_stop(&server, SIGKILL);
        server_remove(&server);
        return 0;
}

/* --- Who is let in --------------------------------------------------------------------------------------- */

static void the_issuer_and_the_name_are_verified(void **state UNUSED)
{
        const struct {
                const char *host, *name, *ca;
                enum redis_tls_verify verify;
                const char *refusal; /* NULL: it is let in */
        } cases[] = {
                { .host = "127.0.0.1", .ca = "ca.crt" },
                { .host = "localhost", .ca = "ca.crt" },
                { .name = "redis.test.", .ca = "ca.crt" },
                { .ca = "bundle.crt" },
                { .name = "redis.test", .ca = "ca.crt" },
                { .name = "::1", .ca = "ca.crt" },
                { .name = "wrong.test",
                  .ca = "ca.crt",
                  .refusal =
                          "TLS: certificate: it does not have the name wrong.test (it has localhost, redis.test, 127.0.0.1" },
                { .name = "127.0.0.2", .ca = "ca.crt", .refusal = "it does not have the name 127.0.0.2" },
                { .ca = "other-ca.crt", .refusal = "TLS: certificate: unknown issuer (CN=Test CA)" },
                { .refusal = "TLS: certificate: unknown issuer (CN=Test CA)" },
                { .name = "wrong.test", .ca = "ca.crt", .verify = REDIS_TLS_VERIFY_CA },
                { .ca = "other-ca.crt", .verify = REDIS_TLS_VERIFY_CA, .refusal = "unknown issuer" },
                { .name = "wrong.test", .ca = "other-ca.crt", .verify = REDIS_TLS_VERIFY_NONE },
        };
        start_server("server.crt", "server.key", "no", BOTH);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                probe(target_of((struct redis_target_options){ .host = cases[i].host,
                                                               .tls_server_name = cases[i].name,
                                                               .tls_verify = cases[i].verify,
                                                               .ca = pem(cases[i].ca) }),
                      5000);
                if (cases[i].refusal)
                        assert_refused(cases[i].refusal);
                else
                        assert_entered();
        }
}

static void a_certificate_that_is_old_or_of_another_is_refused(void **state UNUSED)
{
        start_server("expired.crt", "expired.key", "no", BOTH);
        probe(target_of((struct redis_target_options){ .ca = pem("ca.crt") }), 5000);
        assert_refused("TLS: certificate: expired on 2024-12-31");
        restart_server("elsewhere.crt", "elsewhere.key", "no", BOTH);
        probe(target_of((struct redis_target_options){ .ca = pem("ca.crt") }), 5000);
        assert_refused("it does not have the name 127.0.0.1 (it has elsewhere.test)");
        probe(target_of((struct redis_target_options){ .ca = pem("ca.crt"), .tls_server_name = "elsewhere" }), 5000);
        assert_refused("it has elsewhere as its common name, expected it as a DNS name");
        restart_server("unnamed.crt", "unnamed.key", "no", BOTH);
        probe(target_of((struct redis_target_options){ .ca = pem("ca.crt") }), 5000);
        assert_refused("TLS: certificate: it has 127.0.0.1 as a DNS name, expected it as an IP address");
        restart_server("client.crt", "client.key", "no", BOTH);
        probe(target_of((struct redis_target_options){ .ca = pem("ca.crt"), .tls_server_name = "client.test" }), 5000);
        assert_refused("TLS: certificate: it is not a server certificate");
}

static void a_client_certificate_is_shown_where_it_is_wanted(void **state UNUSED)
{
        static const char *const protocols[] = { "TLSv1.3", "TLSv1.2" };
        static const char *const names[] = { "TLS 1.3", "TLS 1.2" };
        for (size_t i = 0; i < COUNT_OF(protocols); i++) {
                restart_server("server.crt", "server.key", "yes", protocols[i]);
                probe(target_of((struct redis_target_options){ .ca = pem("ca.crt") }), 5000);
                assert_refused("TLS: the server requires a client certificate");
                probe(target_of((struct redis_target_options){ .ca = pem("ca.crt"),
                                                               .certificate = pem("other-ca.crt"),
                                                               .private_key = pem("other-ca.key") }),
                      5000);
                assert_refused("TLS: the server refuses the client certificate (");
                probe(target_of((struct redis_target_options){ .ca = pem("ca.crt"),
                                                               .certificate = pem("client.crt"),
                                                               .private_key = pem("client.key") }),
                      5000);
                assert_entered();
                assert_string_equal(probed.result.tls_version, names[i]);
                assert_string_equal(probed.result.peer_name, "localhost");
                assert_int_equal(probed.result.peer_not_after_ms, 2524607999000); /* 2049-12-31T23:59:59Z */
        }
}

static void a_server_with_old_versions_alone_is_refused(void **state UNUSED)
{
        start_server("server.crt", "server.key", "no", "TLSv1.1");
        probe(target_of((struct redis_target_options){ .ca = pem("ca.crt") }), 5000);
        assert_refused("TLS: ");
}

static void a_plain_client_at_a_port_with_tls_is_told(void **state UNUSED)
{
        start_server("server.crt", "server.key", "no", BOTH);
        probe(target_at(port), 5000);
        assert_refused("perhaps this port expects TLS");
}

/* --- No TLS on the other side ---------------------------------------------------------------------------- */

struct listener {
        uv_tcp_t tcp, accepted[8];
        size_t count;
        const char *says; /* NULL: closes at once */
};

static void on_connection(uv_stream_t *stream, int status)
{
        struct listener *l = CONTAINER_OF((uv_tcp_t *)stream, struct listener, tcp);
        assert_int_equal(status, 0);
        assert_true(l->count < COUNT_OF(l->accepted));
        uv_tcp_t *tcp = &l->accepted[l->count++];
        assert_int_equal(uv_tcp_init(stream->loop, tcp), 0);
        assert_int_equal(uv_accept(stream, (uv_stream_t *)tcp), 0);
        if (!l->says) {
                uv_close((uv_handle_t *)tcp, NULL);
                l->count--;
                return;
        }
        uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)l->says, (unsigned)strlen(l->says));
        if (bytes.len > 0)
                assert_int_equal(uv_try_write((uv_stream_t *)tcp, &bytes, 1), bytes.len);
}

static void listen_and_say(struct listener *l, const char *says)
{
        struct sockaddr_in address;
        memset(l, 0, sizeof(*l));
        l->says = says;
        find_port();
        assert_int_equal(uv_ip4_addr("127.0.0.1", port, &address), 0);
        assert_int_equal(uv_tcp_init(&rig.loop, &l->tcp), 0);
        assert_int_equal(uv_tcp_bind(&l->tcp, (struct sockaddr *)&address, 0), 0);
        assert_int_equal(uv_listen((uv_stream_t *)&l->tcp, 8, on_connection), 0);
}

static void stop_listening(struct listener *l)
{
        uv_close((uv_handle_t *)&l->tcp, NULL);
        for (size_t i = 0; i < l->count; i++)
                uv_close((uv_handle_t *)&l->accepted[i], NULL);
        (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
}

static void a_side_without_tls_is_named_and_a_silent_one_given_up(void **state UNUSED)
{
        struct listener listener;
        const struct redis_target_options options = { .ca = pem("ca.crt") };
        listen_and_say(&listener, "-ERR unknown command\r\n");
        probe(target_of(options), 5000);
        assert_refused("TLS: the server does not speak TLS");
        stop_listening(&listener);
        listen_and_say(&listener, "");
        int64_t before_ms = clock_monotonic_ms();
        probe(target_of(options), 300);
        assert_refused("TLS handshake: no answer within 300 ms (perhaps this port does not speak TLS)");
        assert_true(clock_monotonic_ms() - before_ms < 2000);
        stop_listening(&listener);
}

static void a_server_that_goes_away_in_the_handshake_is_tried_again(void **state UNUSED)
{
        struct listener listener;
        struct job job;
        listen_and_say(&listener, NULL);
        rig_open_target(&rig, (struct redis_options){ 0 },
                        target_of((struct redis_target_options){ .ca = pem("ca.crt") }));
        job_send(&job, &rig, "GET", "k", NULL);
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECT_FAILED] >= 3);
        assert_non_null(strstr(rig.last_error.text, "TLS handshake: "));
        listener.says = "\x16\x03\x03\x7f"; /* the beginning of a record that never ends */
        RUN_UNTIL(&rig, listener.count == 1);
        assert_false(job.is_done);
        rig_close_client(&rig);
        RUN_UNTIL(&rig, rig.is_closed);
        assert_int_equal(job.code, ERR_UNAVAILABLE);
        stop_listening(&listener);
}

/* --- Bytes ----------------------------------------------------------------------------------------------- */

static void batches_and_large_values_travel_whole(void **state UNUSED)
{
        enum { SMALL = 64, LARGE = 12, LARGE_BYTES = 1 << 20, ROUNDS = 20 };
        static struct job jobs[SMALL + LARGE];
        char *value = malloc(LARGE_BYTES + 1), small[221], key[12];
        assert_non_null(value);
        for (size_t i = 0; i < LARGE_BYTES; i++)
                value[i] = (char)('a' + i % 23);
        value[LARGE_BYTES] = '\0';
        (void)snprintf(small, sizeof(small), "%.220s", value);
        start_server("server.crt", "server.key", "no", BOTH);
        rig_open_target(&rig, (struct redis_options){ 0 },
                        target_of((struct redis_target_options){ .ca = pem("ca.crt") }));
        for (int round = 0; round < ROUNDS; round++) {
                rig.answered = 0;
                for (int i = 0; i < SMALL + LARGE; i++) {
                        bool is_large = i < LARGE && round == 0;
                        (void)snprintf(key, sizeof(key), "%d", i);
                        job_send(&jobs[i], &rig, "SET", key, is_large ? value : small);
                }
                RUN_UNTIL(&rig, rig.answered == SMALL + LARGE);
                for (int i = 0; i < SMALL + LARGE; i++)
                        assert_answer(&jobs[i], "OK");
                if (round > 0)
                        continue;
                for (int i = 0; i < LARGE; i++) {
                        (void)snprintf(key, sizeof(key), "%d", i);
                        job_send(&jobs[i], &rig, "GET", key, NULL);
                }
                RUN_UNTIL(&rig, rig.answered == SMALL + LARGE + LARGE);
                for (int i = 0; i < LARGE; i++)
                        assert_memory_equal(jobs[i].text, value, 100);
                for (int i = 0; i < LARGE; i++) {
                        (void)snprintf(key, sizeof(key), "%d", i);
                        job_send(&jobs[i], &rig, "EVAL", "return redis.sha1hex(redis.call('get','3'))", "0");
                }
                RUN_UNTIL(&rig, rig.answered == SMALL + 3 * LARGE);
                for (int i = 1; i < LARGE; i++)
                        assert_string_equal(jobs[i].text, jobs[0].text);
        }
        assert_true(redis_counters(rig.client).bytes_out > LARGE * LARGE_BYTES);
        assert_int_equal(redis_counters(rig.client).resent, 0);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        free(value);
}

static void a_server_that_stops_reading_only_delays(void **state UNUSED)
{
        enum { COUNT = 40, BYTES = 512 << 10 };
        static struct job jobs[COUNT];
        char *value = malloc(BYTES + 1);
        assert_non_null(value);
        memset(value, 'x', BYTES);
        value[BYTES] = '\0';
        start_server("server.crt", "server.key", "no", BOTH);
        rig_open_target(&rig, (struct redis_options){ .stall_ms = 5000 },
                        target_of((struct redis_target_options){ .ca = pem("ca.crt") }));
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        (void)kill(server.pid, SIGSTOP);
        for (int i = 0; i < COUNT; i++)
                job_send(&jobs[i], &rig, "SET", "k", value);
        rig_run_for(&rig, 300);
        assert_int_equal(rig.answered, 0);
        assert_true(redis_held(rig.client) > 0); /* the socket was full */
        (void)kill(server.pid, SIGCONT);
        RUN_UNTIL(&rig, rig.answered == COUNT);
        for (int i = 0; i < COUNT; i++)
                assert_int_equal(jobs[i].command.attempts, 1);
        free(value);
}

static void servers_killed_under_traffic_lose_no_command(void **state UNUSED)
{
        enum { COUNT = 300 };
        static struct job jobs[COUNT];
        char key[12];
        unsigned sent = 0;
        start_server("server.crt", "server.key", "no", BOTH);
        rig_open_target(&rig, (struct redis_options){ 0 },
                        target_of((struct redis_target_options){ .ca = pem("ca.crt") }));
        const char *const options[] = { "--bind",
                                        "127.0.0.1",
                                        "--tls-port",
                                        port_text,
                                        "--tls-cert-file",
                                        path_of("server.crt"),
                                        "--tls-key-file",
                                        path_of("server.key"),
                                        "--tls-ca-cert-file",
                                        path_of("ca.crt"),
                                        "--tls-auth-clients",
                                        "no",
                                        NULL };
        for (int i = 0; i < 3; i++) {
                for (unsigned until = sent + COUNT / 3; sent < until; sent++) {
                        (void)snprintf(key, sizeof(key), "%u", sent);
                        job_send(&jobs[sent], &rig, "SET", key, "v");
                        if (sent == until - 20)
                                (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
                }
                server_stop(&server, SIGKILL);
                server_start(&server, options);
                RUN_UNTIL(&rig, rig.answered == sent);
        }
        for (unsigned i = 0; i < COUNT; i++)
                assert_answer(&jobs[i], "OK");
}

static void new_certificates_are_used_under_traffic_and_nothing_is_lost(void **state UNUSED)
{
        enum { COUNT = 5000 };
        static struct job jobs[COUNT];
        const struct redis_target_options before = { .ca = pem("ca.crt"),
                                                     .certificate = pem("client.crt"),
                                                     .private_key = pem("client.key") };
        struct redis_target_options after = before;
        unsigned sent = 0;
        start_server("server.crt", "server.key", "yes", BOTH);
        rig_open_target(&rig, (struct redis_options){ 0 }, target_of(before));
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        after.ca = pem("bundle.crt");
        struct redis_target *target = target_of(after);
        redis_set_target(rig.client, target, 2);
        redis_target_unref(target);
        for (; sent < COUNT && rig.events[REDIS_EVENT_DRAINED] == 0; sent++) {
                job_send(&jobs[sent], &rig, "SET", "k", "v");
                (void)uv_run(&rig.loop, UV_RUN_ONCE);
        }
        RUN_UNTIL(&rig, rig.answered == sent);
        for (unsigned i = 0; i < sent; i++) {
                assert_answer(&jobs[i], "OK");
                assert_int_equal(jobs[i].command.attempts, 1);
        }
        assert_int_equal(rig.events[REDIS_EVENT_DRAINED], 1);
        assert_int_equal(redis_generation(rig.client), 2);
}

/* --- Targets --------------------------------------------------------------------------------------------- */

static void texts_that_are_no_pem_are_told_by_their_part(void **state UNUSED)
{
        static const char cut[] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        const struct secret garbage = { (char[]){ "garbage" }, 7 }, half = { (char *)(uintptr_t)cut, sizeof(cut) - 1 };
        const struct {
                struct secret ca, certificate, key;
                const char *words;
        } cases[] = {
                { garbage, { 0 }, { 0 }, "CA: no certificate in the PEM text" },
                { pem("ca.key"), { 0 }, { 0 }, "CA: no certificate in the PEM text" },
                { half, { 0 }, { 0 }, "CA: invalid PEM" },
                { pem("ca.crt"), garbage, pem("client.key"), "client certificate: no certificate in the PEM text" },
                { pem("ca.crt"), pem("client.crt"), garbage, "client key: no private key in the PEM text" },
                { pem("ca.crt"), pem("client.crt"), pem("ca.key"),
                  "client key: it does not belong to the client certificate" },
                { pem("ca.crt"), pem("client.crt"), { 0 }, "a client certificate without its key" },
                { pem("ca.crt"), { 0 }, pem("client.key"), "a client key without its certificate" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct redis_target_options options = { .tls = true };
                struct err err = { 0 };
                options.ca = cases[i].ca;
                options.certificate = cases[i].certificate;
                options.private_key = cases[i].key;
                assert_null(redis_target_new(&options, &err));
                assert_int_equal(err.code, ERR_INVALID);
                if (!strstr(err.text, cases[i].words))
                        fail_msg("%s, not %s", err.text, cases[i].words);
        }
}

static void targets_differ_by_every_part_of_tls(void **state UNUSED)
{
        const struct redis_target_options base = { .ca = pem("ca.crt") };
        struct redis_target_options others[] = { base, base, base, base };
        struct redis_target *a = target_of(base), *same = target_of(base);
        others[0].ca = pem("bundle.crt");
        others[1].tls_server_name = "redis.test";
        others[2].tls_verify = REDIS_TLS_VERIFY_CA;
        others[3].certificate = pem("client.crt");
        others[3].private_key = pem("client.key");
        assert_true(redis_target_equal(a, same));
        assert_non_null(a->tls);
        for (size_t i = 0; i < COUNT_OF(others); i++) {
                struct redis_target *b = target_of(others[i]);
                assert_false(redis_target_equal(a, b));
                redis_target_unref(b);
        }
        redis_target_unref(a);
        redis_target_unref(same);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_issuer_and_the_name_are_verified),
                TEST(a_certificate_that_is_old_or_of_another_is_refused),
                TEST(a_client_certificate_is_shown_where_it_is_wanted),
                TEST(a_server_with_old_versions_alone_is_refused),
                TEST(a_plain_client_at_a_port_with_tls_is_told),
                TEST(a_side_without_tls_is_named_and_a_silent_one_given_up),
                TEST(a_server_that_goes_away_in_the_handshake_is_tried_again),
                TEST(batches_and_large_values_travel_whole),
                TEST(a_server_that_stops_reading_only_delays),
                TEST(servers_killed_under_traffic_lose_no_command),
                TEST(new_certificates_are_used_under_traffic_and_nothing_is_lost),
                cmocka_unit_test(texts_that_are_no_pem_are_told_by_their_part),
                cmocka_unit_test(targets_differ_by_every_part_of_tls),
        };
        return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
