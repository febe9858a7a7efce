/* Tests of TLS handshakes, with a real redis-server and with peers that do not speak TLS, and of targets with TLS. */
#include "redis/tls_rig_test.h"

/* --- Certificates --------------------------------------------------------------------------------------- */

static void the_issuer_and_the_name_are_verified(void **state UNUSED)
{
        const struct {
                const char *host, *name, *ca;
                enum redis_tls_verify verify;
                const char *refusal; /* NULL: accepted */
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

static void an_expired_or_foreign_certificate_is_rejected(void **state UNUSED)
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

static void a_client_certificate_is_sent_if_the_server_requires_one(void **state UNUSED)
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
                assert_refused("TLS: the server rejects the client certificate (");
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

static void a_server_with_only_old_tls_versions_is_rejected(void **state UNUSED)
{
        start_server("server.crt", "server.key", "no", "TLSv1.1");
        probe(target_of((struct redis_target_options){ .ca = pem("ca.crt") }), 5000);
        assert_refused("TLS: ");
}

static void a_plain_client_at_a_tls_port_gets_a_hint(void **state UNUSED)
{
        start_server("server.crt", "server.key", "no", BOTH);
        probe(target_at(port), 5000);
        assert_refused("perhaps this port expects TLS");
}

/* --- A peer without TLS ---------------------------------------------------------------------------- */

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

static void a_peer_without_tls_is_reported_and_a_silent_one_times_out(void **state UNUSED)
{
        struct listener listener;
        const struct redis_target_options options = { .ca = pem("ca.crt") };
        listen_and_say(&listener, "-ERR unknown command\r\n");
        probe(target_of(options), 5000);
        assert_refused("TLS: the server does not speak TLS");
        stop_listening(&listener);
        listen_and_say(&listener, "");
        probe(target_of(options), 300);
        assert_refused("TLS handshake: no answer within 300 ms (perhaps this port does not speak TLS)");
        stop_listening(&listener);
}

static void a_server_that_disconnects_during_the_handshake_is_retried(void **state UNUSED)
{
        struct listener listener;
        struct job job;
        listen_and_say(&listener, NULL);
        rig_open_target(&rig, (struct redis_options){ 0 },
                        target_of((struct redis_target_options){ .ca = pem("ca.crt") }));
        job_send(&job, &rig, "GET", "k", NULL);
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECT_FAILED] >= 3);
        assert_non_null(strstr(rig.last_error.text, "TLS handshake: "));
        listener.says = "\x16\x03\x03\x7f"; /* the start of a record that never ends */
        RUN_UNTIL(&rig, listener.count == 1);
        assert_false(job.is_done);
        rig_close_client(&rig);
        RUN_UNTIL(&rig, rig.is_closed);
        assert_int_equal(job.code, ERR_UNAVAILABLE);
        stop_listening(&listener);
}

/* --- Targets --------------------------------------------------------------------------------------------- */

static void errors_name_the_option_with_invalid_pem(void **state UNUSED)
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

static void targets_differ_if_any_tls_option_differs(void **state UNUSED)
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_issuer_and_the_name_are_verified),
                TEST(an_expired_or_foreign_certificate_is_rejected),
                TEST(a_client_certificate_is_sent_if_the_server_requires_one),
                TEST(a_server_with_only_old_tls_versions_is_rejected),
                TEST(a_plain_client_at_a_tls_port_gets_a_hint),
                TEST(a_peer_without_tls_is_reported_and_a_silent_one_times_out),
                TEST(a_server_that_disconnects_during_the_handshake_is_retried),
                cmocka_unit_test(errors_name_the_option_with_invalid_pem),
                cmocka_unit_test(targets_differ_if_any_tls_option_differs),
        };
        return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
