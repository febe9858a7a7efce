/* Tests of the spellings of a Redis's settings: each row of the table is tested. */
#include "backing/redis_names.h"
#include "backing/test_redis.h"

/* Resolves a host and one more entry, and returns the setting's place and value. */
static const struct backing_setting *read_entry(struct world *w, const char *entry, const char *value,
                                                const char *setting)
{
        struct test_folder folder;
        test_folder_make(&folder);
        test_folder_write(&folder, "db", "type", "redis");
        if (strcmp(setting, "host") != 0)
                test_folder_write(&folder, "db", "host", "h");
        if (strcmp(setting, "tls.crt") == 0)
                test_folder_write(&folder, "db", "tls.key", MARK);
        if (strcmp(setting, "tls.key") == 0)
                test_folder_write(&folder, "db", "tls.crt", MARK);
        test_folder_write(&folder, "db", entry, value);
        open_world(w, folder.path, (struct backing_redis_input){ 0 });
        test_folder_remove(&folder);
        if (w->rc < 0)
                fail_msg("%s: %s", entry, w->err.text);
        for (size_t i = 0; i < w->notes.report.setting_count; i++) {
                const struct backing_setting *s = &w->notes.settings[i];
                if (strcmp(s->name, setting) == 0 && strstr(s->place, entry))
                        return s;
        }
        fail_msg("%s does not set %s", entry, setting);
        return NULL;
}

static void booleans_have_many_spellings(void **state UNUSED)
{
        static const char *const yes[] = { "true", "1", "YES", "On", "required", "Enabled" };
        static const char *const no[] = { "false", "0", "no", "off", "disabled" };
        for (size_t i = 0; i < COUNT_OF(yes); i++) {
                struct world w;
                assert_string_equal(read_entry(&w, "ssl", yes[i], "tls")->value, "true");
                assert_true(w.settings.tls);
                close_world(&w);
        }
        for (size_t i = 0; i < COUNT_OF(no); i++) {
                struct world w;
                assert_string_equal(read_entry(&w, "ssl", no[i], "tls")->value, "false");
                assert_false(w.settings.tls);
                close_world(&w);
        }
}

static const struct {
        const char *setting, *value, *shown;
        const char *entries[16];
} spellings[] = {
        { "host",
          "x.example",
          "x.example",
          { "host", "hostname", "address", "endpoint", "primary-endpoint-address", "endpoint-0-address",
            "cluster-endpoint-0-address", "configuration-endpoint-address", "discovery-endpoints-0-address",
            "service-names", "REDIS_HOST", "valkey-host", "attribute.redis_host", "hostName" } },
        { "port",
          "7000",
          "7000",
          { "ssl-port", "sslport", "tls-port", "port", "endpoint-0-port", "cluster-endpoint-0-port",
            "discovery-endpoints-0-port", "sslPort", "REDIS_PORT" } },
        { "username", "u", "u", { "username", "user", "VALKEY_USER" } },
        { "password",
          MARK,
          "(set)",
          { "password", "pass", "auth", "auth-token", "auth-string", "primary-key", "primarykey", "primary-access-key",
            "default-password", "redis-password", "attribute.auth_token", "primaryKey" } },
        { "password-secondary",
          MARK,
          "(set)",
          { "password-secondary", "secondary-key", "secondarykey", "secondary-access-key" } },
        { "database", "3", "3", { "database", "db", "default-database", "REDIS_DATABASE" } },
        { "tls", "Required", "true", { "ssl", "tls", "ssl-enabled", "VALKEY_SSL" } },
        { "tls.server-name", "n.example", "n.example", { "tls.server-name" } },
        { "tls.verify", "ca", "ca", { "tls.verify" } },
        { "certificates",
          MARK,
          "(set)",
          { "certificates", "ca.crt", "ca-cert", "ca", "ca-pem", "server-ca-certs-0-cert", "server_ca_certs_0_cert" } },
        { "tls.crt", MARK, "(set)", { "tls.crt", "client-certificate", "certificate" } },
        { "tls.key", MARK, "(set)", { "tls.key", "private-key" } },
        { "username",
          "redis://me:" MARK "@h",
          "me",
          { "uri", "url", "redis-url", "connection-string", "primary-connection-string", "REDIS_URL" } },
        { "sentinel.master", "m", "m", { "sentinel.master" } },
        { "sentinel.nodes", "a:1 b", "(set)", { "sentinel.nodes", "sentinel-hosts", "SENTINEL_HOSTS" } },
        { "sentinel.username", "u", "u", { "sentinel.username" } },
        { "sentinel.password", MARK, "(set)", { "sentinel.password", "sentinel-password" } },
        { "cluster.nodes", "a:1,b:2", "(set)", { "cluster.nodes" } },
        { "tls", "rediss://h", "true", { "tls-url", "REDIS_TLS_URL" } },
        { "client-name", "c", "c", { "client-name" } },
        { "key-prefix", "k:", "k:", { "key-prefix" } },
};

static void every_spelling_of_a_setting_is_recognised(void **state UNUSED)
{
        for (size_t i = 0; i < COUNT_OF(spellings); i++)
                for (size_t j = 0; j < COUNT_OF(spellings[i].entries) && spellings[i].entries[j]; j++) {
                        struct world w;
                        const struct backing_setting *s =
                                read_entry(&w, spellings[i].entries[j], spellings[i].value, spellings[i].setting);
                        assert_text(spellings[i].entries[j], s->value, spellings[i].shown);
                        close_world(&w);
                }
}

static bool is_tried(const char *normalised)
{
        for (size_t i = 0; i < COUNT_OF(spellings); i++)
                for (size_t j = 0; j < COUNT_OF(spellings[i].entries) && spellings[i].entries[j]; j++) {
                        char name[NAME_SIZE];
                        name_normalise(&redis_service, spellings[i].entries[j], name);
                        if (strcmp(name, normalised) == 0)
                                return true;
                }
        return false;
}

/* Makes sure that new spellings are added here as well. A socket excludes a host. */
static void every_spelling_is_tested(void **state UNUSED)
{
        for (size_t i = 0; i < redis_service.name_count; i++) {
                const char *name = redis_service.names[i].text;
                if (!is_tried(name) && strcmp(name, "socket") != 0)
                        fail_msg("%s is in no row of the table", name);
        }
        struct world w;
        open_entries(&w, &(struct entries){ { "socket" }, { "/run/redis.sock" } });
        assert_text("socket", w.settings.socket_path, "/run/redis.sock");
        close_world(&w);
}

static void a_tls_port_turns_on_tls_and_is_preferred(void **state UNUSED)
{
        static const char *const names[] = { "ssl-port", "sslport", "tls-port", "sslPort" };
        for (size_t i = 0; i < COUNT_OF(names); i++) {
                struct world w;
                open_entries(&w, &(struct entries){ { "host", "port", names[i] }, { "h", "6379", "6380" } });
                assert_int_equal(w.rc, 0);
                assert_true(w.settings.tls);
                assert_int_equal(w.settings.port, 6380);
                close_world(&w);
        }
}

static void an_entry_name_that_only_clusters_have_implies_a_cluster(void **state UNUSED)
{
        static const char *const names[] = { "cluster-endpoint-0-address", "configuration-endpoint-address",
                                             "discovery-endpoints-0-address", "cluster.nodes" };
        for (size_t i = 0; i < COUNT_OF(names); i++) {
                struct world w;
                open_entries(&w, &(struct entries){ { names[i] }, { "h" } });
                assert_int_equal(w.rc, 0);
                assert_true(w.settings.is_cluster);
                close_world(&w);
        }
}

static void the_first_of_several_service_names_is_the_host(void **state UNUSED)
{
        struct world w;
        open_entries(&w, &(struct entries){ { "service_names", "port" }, { "redb,redb-headless", "1" } });
        assert_text("service_names", w.settings.host, "redb");
        close_world(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(booleans_have_many_spellings),
                cmocka_unit_test(every_spelling_of_a_setting_is_recognised),
                cmocka_unit_test(every_spelling_is_tested),
                cmocka_unit_test(a_tls_port_turns_on_tls_and_is_preferred),
                cmocka_unit_test(an_entry_name_that_only_clusters_have_implies_a_cluster),
                cmocka_unit_test(the_first_of_several_service_names_is_the_host),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
