/* Tests of resolving a Redis: the Secrets that charts and operators write (tests/support/bindings), contradictions, and
 * the target. */
#include "backing/test_redis.h"

#include "backing/redis_resolved.h"

#define FIXTURES "tests/support/bindings"

/* --- Real-world Secrets ------------------------------------------------------------------------------ */

struct producer {
        const char *name, *host;
        uint16_t port;
        const char *username, *password, *second;
        bool tls, has_ca, has_certificate, is_cluster;
        size_t sentinels;
};

#define PW "pw-" MARK

static const struct producer producers[] = {
        { "bitnami-secret", "redis-master.shop.svc.cluster.local", 6379, .password = PW },
        { "bitnami-binding", "redis-master.shop.svc.cluster.local", 6379, .password = "p@:/#%41-" MARK },
        { "valkey-helm-default", "valkey", 6379, .password = PW },
        { "valkey-helm-user", "valkey", 6379, "app", .password = PW },
        { "redis-ha", "redis-ha-haproxy", 6379, .password = PW },
        { "redis-ha-sentinel", NULL, 6379, .password = PW, .sentinels = 3 },
        { "redis-enterprise", "redb", .port = 13062 },
        { "aiven-valkey", "v-1.aivencloud.com", 12345, "default", PW, .tls = true },
        { "aiven-redis", "r-1.aivencloud.com", 12345, "default", PW, .tls = true },
        { "crossplane-aws", "cache.abc.0001.euw1.cache.amazonaws.com", 6379, .password = PW },
        { "upjet-aws-replication", "master.rg.euw1.cache.amazonaws.com", 6379, .password = PW },
        { "upjet-aws-replication-cluster", "clustercfg.rg.euw1.cache.amazonaws.com", 6379, .password = PW,
          .is_cluster = true },
        { "upjet-aws-serverless", "sl.serverless.euw1.cache.amazonaws.com", .port = 6379 },
        { "upjet-aws-memorydb", "clustercfg.mdb.memorydb.eu-west-1.amazonaws.com", 6379, .is_cluster = true },
        { "upjet-gcp-instance", "10.0.0.3", 6378, .password = PW, .tls = true, .has_ca = true },
        { "upjet-gcp-instance-plain", "10.0.0.3", 6379, .password = PW },
        { "upjet-gcp-cluster", "10.0.0.4", 6379, .is_cluster = true },
        { "upjet-azure", "shop.redis.cache.windows.net", 6380, NULL, PW "=", "second-" MARK "=", .tls = true },
        { "azure-service-operator", "shop.redis.cache.windows.net", 6380, NULL, PW, "second-" MARK, .tls = true },
        { "azure-service-operator-plain", "shop.redis.cache.windows.net", 6379, .password = PW },
        { "digitalocean", "db-1.db.ondigitalocean.com", 25061, "default", PW, .tls = true },
        { "vshn-appcat", "redis-headless.vshn.svc", 6379, "default", PW, .tls = true, .has_ca = true,
          .has_certificate = true },
        { "sap-btp", "master.shop.cache.amazonaws.com", 1234, .password = PW },
        { "sap-btp-root", "master.shop.cache.amazonaws.com", 1234, .password = PW, .tls = true },
        { "platform-variables", "ec2.compute.amazonaws.com", 7240, "h", PW, .tls = true },
};

static void the_secrets_of_charts_and_operators_are_understood(void **state UNUSED)
{
        for (size_t i = 0; i < COUNT_OF(producers); i++) {
                const struct producer *p = &producers[i];
                struct world w;
                open_world(&w, FIXTURES, (struct backing_redis_input){ .binding = p->name });
                if (w.rc < 0)
                        fail_msg("%s: %s", p->name, w.err.text);
                assert_text(p->name, w.settings.host, p->host);
                assert_text(p->name, w.settings.username, p->username);
                assert_text(p->name, w.settings.password.bytes, p->password);
                assert_text(p->name, w.settings.password_secondary.bytes, p->second);
                assert_int_equal(w.settings.port, p->port);
                assert_int_equal(w.settings.tls, p->tls);
                assert_int_equal(w.settings.ca.length > 0, p->has_ca);
                assert_int_equal(w.settings.certificate.length > 0, p->has_certificate);
                assert_int_equal(w.settings.private_key.length > 0, p->has_certificate);
                assert_int_equal(w.settings.is_cluster, p->is_cluster);
                assert_int_equal(w.settings.sentinel_nodes.count, p->sentinels);
                close_world(&w);
        }
}

static void each_of_them_becomes_a_target(void **state UNUSED)
{
        struct servicebinding_set *set;
        assert_int_equal(servicebinding_load(FIXTURES, &set, NULL), 0);
        for (size_t i = 0; i < COUNT_OF(producers); i++) {
                const struct producer *p = &producers[i];
                struct backing_redis *redis;
                struct err err = { 0 };
                struct backing_redis_input input = { .bindings = set, .binding = p->name };
                int rc = backing_redis_resolve(&input, &redis, &err);
                if (rc < 0)
                        fail_msg("%s: %d %s", p->name, rc, err.text);
                const struct redis_target *target = backing_redis_target(redis);
                char address[160];
                (void)snprintf(address, sizeof(address), "%s:%u", p->host ? p->host : "", p->port);
                if (p->sentinels > 0)
                        (void)snprintf(address, sizeof(address),
                                       "sentinel:mymaster@redis-ha-announce-0:26379,redis-ha-announce-1:26380,"
                                       "[fd00::3]:26379");
                assert_text(p->name, redis_target_address(target), address);
                assert_text(p->name, backing_redis_settings(redis)->username, p->username);
                assert_int_equal(redis_target_has_password(target), p->password != NULL);
                assert_int_equal(backing_redis_settings(redis)->tls, p->tls);
                backing_redis_unref(redis);
        }
        servicebinding_set_unref(set);
}

static void sentinel_settings_have_nodes_and_a_default_master(void **state UNUSED)
{
        struct world w;
        open_world(&w, FIXTURES, (struct backing_redis_input){ .binding = "redis-ha-sentinel" });
        assert_string_equal(w.settings.sentinel_master, "mymaster");
        assert_string_equal(w.settings.sentinel_password.bytes, "sentinel-" MARK);
        assert_string_equal(w.settings.sentinel_nodes.items[1].host, "redis-ha-announce-1");
        assert_int_equal(w.settings.sentinel_nodes.items[1].port, 26380);
        assert_string_equal(w.settings.sentinel_nodes.items[2].host, "fd00::3");
        assert_int_equal(w.settings.sentinel_nodes.items[2].port, 26379);
        close_world(&w);
}

static void errors_name_the_place_of_contradictory_and_invalid_settings(void **state UNUSED)
{
        static const struct {
                struct entries entries;
                const char *text[2]; /* parts of the message */
        } table[] = {
                { { { "host", "hostname" }, { "a", "b" } }, { "db/host and ", "db/hostname contradict" } },
                { { { "host", "password", "auth" }, { "h", "1" MARK, "2" MARK } }, { "db/auth and ", "db/password" } },
                { { { "host", "port" }, { "h", "70000" } }, { "db/port: ", "got \"70000\"" } },
                { { { "host", "port" }, { "h", "0" } }, { "db/port: ", "1 to 65535" } },
                { { { "host", "port" }, { "h", "tcp://10.0.0.9:6379" } }, { "db/port: ", "1 to 65535" } },
                { { { "host", "port" }, { "h", MARK MARK } }, { "db/port: ", "65535" } },
                { { { "host", "database" }, { "h", "-1" } }, { "db/database: ", "0 to" } },
                { { { "host", "ssl" }, { "h", "maybe" } }, { "db/ssl: ", "true or false" } },
                { { { "host", "tls.verify" }, { "h", "some" } }, { "db/tls.verify: ", "full, ca or none" } },
                { { { "host" }, { "h:6379" } }, { "db/host: ", "without a port" } },
                { { { "host" }, { "redis://h" } }, { "db/host: ", "without a port" } },
                { { { "host", "tls.crt" }, { "h", MARK } }, { "db/tls.crt: ", "the private key for it is missing" } },
                { { { "host", "tls.key" }, { "h", MARK } }, { "db/tls.key: ", "the certificate for it is missing" } },
                { { { "host", "ssl", "ssl-port" }, { "h", "no", "6380" } }, { "db/ssl and ", "db/ssl-port" } },
                { { { "host", "socket" }, { "h", "/s" } }, { "db/host and ", "db/socket" } },
                { { { "socket" }, { "s" } }, { "db/socket: ", "absolute path" } },
                { { { "password" }, { MARK } }, { "/db: ", "neither host nor uri" } },
                { { { "uri" }, { "redis://:" MARK "@h:port" } }, { "db/uri: ", "1 to 65535" } },
                { { { "uri" }, { "redis://:" MARK "@a,b" } }, { "db/uri: ", "one host" } },
                { { { "sentinel.nodes" }, { "a:b:c" } }, { "db/sentinel.nodes: ", "one host" } },
                { { { "password", "host" }, { "vault://" MARK, "h" } }, { "db/password", "" } },
                { { { "all" }, { "{\"host\":\"h\",\"hostname\":\"i\"}" } }, { "db/all (host)", "(hostname)" } },
        };
        for (size_t i = 0; i < COUNT_OF(table); i++) {
                struct world w;
                open_entries(&w, &table[i].entries);
                if (w.rc >= 0)
                        fail_msg("row %zu was accepted", i);
                if (!strstr(w.err.text, table[i].text[0]) || !strstr(w.err.text, table[i].text[1]))
                        fail_msg("row %zu: %s", i, w.err.text);
                close_world(&w);
        }
}

static void a_key_prefix_is_used_in_full_or_refused(void **state UNUSED)
{
        char prefix[BACKING_KEY_PREFIX_MAX + 2];
        memset(prefix, 'k', sizeof(prefix));
        for (size_t length = BACKING_KEY_PREFIX_MAX; length <= BACKING_KEY_PREFIX_MAX + 1; length++) {
                struct world w;
                prefix[length] = '\0';
                open_entries(&w, &(struct entries){ { "host", "key-prefix" }, { "h", prefix } });
                if (length > BACKING_KEY_PREFIX_MAX)
                        assert_non_null(strstr(w.err.text, "db/key-prefix: longer than 128 bytes"));
                else
                        assert_string_equal(w.settings.key_prefix, prefix);
                assert_int_equal(w.rc, length > BACKING_KEY_PREFIX_MAX ? ERR_LIMIT : 0);
                close_world(&w);
                prefix[length] = 'k';
        }
}

static void a_cluster_excludes_other_addresses_and_has_one_database(void **state UNUSED)
{
        static const struct {
                struct entries entries;
                const char *text[2];
        } table[] = {
                { { { "cluster.nodes", "database" }, { "a", "1" } }, { "db/database: ", "db/cluster.nodes" } },
                { { { "cluster.nodes", "sentinel.nodes" }, { "a", "b" } }, { "db/cluster.nodes and ", "db/sentinel" } },
                { { { "cluster.nodes", "socket" }, { "a", "/s" } }, { "db/cluster.nodes and ", "db/socket" } },
        };
        for (size_t i = 0; i < COUNT_OF(table); i++) {
                struct world w;
                struct backing_redis *redis;
                open_entries(&w, &table[i].entries);
                struct backing_redis_input input = { .bindings = w.bindings };
                assert_int_equal(backing_redis_resolve(&input, &redis, &w.err), ERR_INVALID);
                if (!strstr(w.err.text, table[i].text[0]) || !strstr(w.err.text, table[i].text[1]))
                        fail_msg("row %zu: %s", i, w.err.text);
                close_world(&w);
        }
}

static void the_nodes_of_a_cluster_are_used_and_an_additional_host_is_ignored(void **state UNUSED)
{
        struct world w;
        struct backing_redis *redis;
        open_entries(&w, &(struct entries){ { "host", "cluster.nodes" }, { "h", "a:7000,b" } });
        struct backing_redis_input input = { .bindings = w.bindings };
        assert_int_equal(backing_redis_resolve(&input, &redis, &w.err), 0);
        assert_string_equal(redis_target_address(backing_redis_target(redis)), "cluster:a:7000,b:6379");
        backing_redis_unref(redis);
        close_world(&w);
}

static void separate_entries_override_the_same_part_of_the_uri(void **state UNUSED)
{
        struct world w;
        open_entries(&w, &(struct entries){ { "uri", "host", "password", "ssl" },
                                            { "rediss://u:1" MARK "@a:7/2", "b", "2" MARK, "false" } });
        assert_int_equal(w.rc, 0);
        assert_string_equal(w.settings.host, "b");
        assert_int_equal(w.settings.port, 7);
        assert_string_equal(w.settings.username, "u");
        assert_string_equal(w.settings.password.bytes, "2" MARK);
        assert_int_equal(w.settings.database, 2);
        assert_false(w.settings.tls);
        assert_int_equal(w.notes.report.warning_count, 1);
        close_world(&w);
}

static void two_spellings_with_the_same_value_are_allowed(void **state UNUSED)
{
        struct world w;
        open_entries(
                &w, &(struct entries){ { "host", "hostname", "ssl", "tls", "port" }, { "h", "h\n", "yes", "1", "1" } });
        assert_int_equal(w.rc, 0);
        assert_true(w.settings.tls);
        close_world(&w);
}

static void an_empty_password_is_unset_and_a_trailing_space_is_kept(void **state UNUSED)
{
        struct world w;
        open_entries(&w, &(struct entries){ { "host", "password" }, { "h", "\n" } });
        assert_int_equal(w.settings.password.length, 0);
        close_world(&w);
        open_entries(&w, &(struct entries){ { "host", "password" }, { "h", MARK " \n" } });
        assert_string_equal(w.settings.password.bytes, MARK " ");
        close_world(&w);
}

static void text_that_only_begins_like_json_is_ignored(void **state UNUSED)
{
        struct world w;
        open_entries(&w, &(struct entries){ { "host", "other" }, { "h", "{\"password\":\"" MARK } });
        assert_int_equal(w.rc, 0);
        assert_int_equal(w.notes.report.warning_count, 1);
        close_world(&w);
}

/* --- Sources ------------------------------------------------------------------------------------------------------ */

static void empty_certificates_without_tls_cause_a_warning(void **state UNUSED)
{
        static const struct {
                struct entries entries;
                const char *warning; /* NULL: none */
        } table[] = {
                { { { "host", "ca.crt", "password" }, { "h", "", MARK } },
                  "/ca.crt is empty, and no setting enables TLS: the password and all documents are sent in clear" },
                { { { "host", "ca.crt" }, { "h", "\n" } },
                  "/ca.crt is empty, and no setting enables TLS: all documents are sent in clear" },
                { { { "host", "tls.crt", "tls.key", "password-secondary" }, { "h", "", "", MARK } },
                  "/tls.crt is empty" },
                { { { "host", "ca.crt", "ssl" }, { "h", "", "true" } }, NULL },
                { { { "host", "ca.crt", "ssl" }, { "h", "", "false" } }, NULL },
                { { { "uri", "ca.crt" }, { "rediss://h", "" } }, NULL },
                { { { "host", "ssl-port", "ca.crt" }, { "h", "6380", "" } }, NULL },
                { { { "host", "password" }, { "h", "" } }, NULL },
        };
        for (size_t i = 0; i < COUNT_OF(table); i++) {
                struct world w;
                open_entries(&w, &table[i].entries);
                const char *first = w.notes.report.warning_count > 0 ? w.notes.report.warnings[0] : NULL;
                if (w.rc < 0 || (table[i].warning ? !first || !strstr(first, table[i].warning) : first != NULL))
                        fail_msg("row %zu: %s %s", i, w.err.text, first ? first : "(no warning)");
                close_world(&w);
        }
}

static void the_default_user_without_a_password_is_ignored(void **state UNUSED)
{
        static const struct entries table[] = {
                { { "uri" }, { "redis://default:@h" } },
                { { "uri", "password" }, { "redis://default:@h", "" } },
                { { "host", "username" }, { "h", "default" } },
                { { "host", "sentinel.nodes", "sentinel.username" }, { "h", "s:1", "default" } },
        };
        for (size_t i = 0; i < COUNT_OF(table); i++) {
                struct world w;
                open_entries(&w, &table[i]);
                if (w.rc < 0)
                        fail_msg("row %zu: %s", i, w.err.text);
                assert_null(w.settings.username);
                assert_null(w.settings.sentinel_username);
                assert_int_equal(w.settings.password.length, 0);
                close_world(&w);
        }
        struct world w;
        open_entries(&w, &(struct entries){ { "uri", "password" }, { "redis://default:@h", MARK } });
        assert_string_equal(w.settings.username, "default");
        assert_string_equal(w.settings.password.bytes, MARK);
        close_world(&w);
}

static void a_target_has_the_values_of_the_settings(void **state UNUSED)
{
        static const struct backing_value value = { "url", BACKING_FROM_FLAG, "redis://u:" MARK "@h:1/2", 22,
                                                    "--redis-url" };
        struct backing_redis_input input = { .values = &value, .value_count = 1 };
        struct backing_redis *redis = NULL, *same = NULL;
        struct err err;
        if (backing_redis_resolve(&input, &redis, &err) < 0 || backing_redis_resolve(&input, &same, &err) < 0)
                fail_msg("%s", err.text);
        struct redis_target_options said = { .host = "h", .port = 1, .username = "u", .database = 2, .key_prefix = "" };
        assert_int_equal(secret_init(&said.password, MARK, strlen(MARK)), 0);
        struct redis_target *expected = redis_target_new(&said, &err);
        assert_non_null(expected);
        assert_true(redis_target_equal(backing_redis_target(redis), expected));
        redis_target_unref(expected);
        secret_fini(&said.password);
        assert_string_equal(backing_redis_settings(redis)->key_prefix, "");
        assert_int_equal(backing_redis_generation(redis), 0);
        assert_true(redis_kind.equal(&redis->backed, &same->backed));
        backing_redis_unref(same);
        backing_redis_unref(redis);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_secrets_of_charts_and_operators_are_understood),
                cmocka_unit_test(each_of_them_becomes_a_target),
                cmocka_unit_test(sentinel_settings_have_nodes_and_a_default_master),
                cmocka_unit_test(errors_name_the_place_of_contradictory_and_invalid_settings),
                cmocka_unit_test(a_key_prefix_is_used_in_full_or_refused),
                cmocka_unit_test(a_cluster_excludes_other_addresses_and_has_one_database),
                cmocka_unit_test(the_nodes_of_a_cluster_are_used_and_an_additional_host_is_ignored),
                cmocka_unit_test(separate_entries_override_the_same_part_of_the_uri),
                cmocka_unit_test(two_spellings_with_the_same_value_are_allowed),
                cmocka_unit_test(an_empty_password_is_unset_and_a_trailing_space_is_kept),
                cmocka_unit_test(text_that_only_begins_like_json_is_ignored),
                cmocka_unit_test(empty_certificates_without_tls_cause_a_warning),
                cmocka_unit_test(the_default_user_without_a_password_is_ignored),
                cmocka_unit_test(a_target_has_the_values_of_the_settings),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
