/* Tests of resolving a Redis: every spelling, the Secrets that charts and operators write (tests/support/bindings),
 * which source wins, what contradicts, and that no text shows a secret. */
#include "backing/test_support.h"

#include "backing/redis_internal.h"

#define FIXTURES "tests/support/bindings"

/* A resolved service with all that a test looks at. */
struct world {
        struct servicebinding_set *bindings;
        struct backing_redis_settings settings;
        struct notes notes;
        struct err err;
        int rc; /* of reading the settings */
};

static void assert_shows_no_secret(const struct backing_report *report, const struct err *err)
{
        assert_null(strstr(err->text, MARK));
        for (size_t i = 0; i < report->setting_count; i++) {
                assert_null(strstr(report->settings[i].value, MARK));
                assert_null(strstr(report->settings[i].place, MARK));
        }
        for (size_t i = 0; i < report->warning_count; i++)
                assert_null(strstr(report->warnings[i], MARK));
}

static void open_world(struct world *w, const char *root, struct backing_redis_input input)
{
        struct servicebinding_error problem;
        *w = (struct world){ 0 };
        if (root && servicebinding_load(root, &w->bindings, &problem) < 0)
                fail_msg("%s", problem.text);
        input.bindings = w->bindings;
        w->rc = redis_settings_gather(&input, &w->settings, &w->notes, &w->err);
        assert_shows_no_secret(&w->notes.report, &w->err);
        assert_false(w->notes.is_short);
}

static void close_world(struct world *w)
{
        redis_settings_fini(&w->settings);
        notes_fini(&w->notes);
        servicebinding_set_unref(w->bindings);
}

static void assert_text(const char *what, const char *got, const char *expected)
{
        if (expected ? !got || strcmp(got, expected) != 0 : got != NULL)
                fail_msg("%s: got %s, expected %s", what, got ? got : "(nothing)", expected ? expected : "(nothing)");
}

/* --- Secrets as they are found ------------------------------------------------------------------------------ */

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

static void sentinel_has_its_nodes_and_its_default_master(void **state UNUSED)
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

/* --- Spellings ------------------------------------------------------------------------------------------------ */

/* Reads one entry beside a host, and gives the setting's place and value back. */
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

static void yes_has_many_words(void **state UNUSED)
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

/* --- One binding of two or three entries ------------------------------------------------------------------------ */

struct entries {
        const char *name[5], *value[5];
};

static void open_entries(struct world *w, const struct entries *entries)
{
        struct test_folder folder;
        test_folder_make(&folder);
        test_folder_write(&folder, "db", "type", "redis");
        for (size_t i = 0; i < COUNT_OF(entries->name) && entries->name[i]; i++)
                test_folder_write(&folder, "db", entries->name[i], entries->value[i]);
        open_world(w, folder.path, (struct backing_redis_input){ 0 });
        test_folder_remove(&folder);
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

static void every_spelling_of_a_setting_is_read(void **state UNUSED)
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

/* So that a spelling which is added later is added here as well. A socket has no host beside it. */
static void no_spelling_is_left_untried(void **state UNUSED)
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

static void a_port_for_tls_turns_it_on_and_is_preferred(void **state UNUSED)
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

static void a_name_that_only_clusters_have_makes_it_one(void **state UNUSED)
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

static void of_several_service_names_the_first_is_the_host(void **state UNUSED)
{
        struct world w;
        open_entries(&w, &(struct entries){ { "service_names", "port" }, { "redb,redb-headless", "1" } });
        assert_text("service_names", w.settings.host, "redb");
        close_world(&w);
}

static void what_contradicts_or_is_wrong_is_refused_with_its_place(void **state UNUSED)
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

static void a_cluster_goes_with_nothing_else_and_has_one_database(void **state UNUSED)
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

static void the_nodes_of_a_cluster_are_asked_and_not_the_host_beside_them(void **state UNUSED)
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

static void separate_entries_win_over_the_same_part_of_the_uri(void **state UNUSED)
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

static void two_spellings_with_one_value_are_no_contradiction(void **state UNUSED)
{
        struct world w;
        open_entries(
                &w, &(struct entries){ { "host", "hostname", "ssl", "tls", "port" }, { "h", "h\n", "yes", "1", "1" } });
        assert_int_equal(w.rc, 0);
        assert_true(w.settings.tls);
        close_world(&w);
}

static void an_empty_password_is_none_and_a_blank_at_its_end_stays(void **state UNUSED)
{
        struct world w;
        open_entries(&w, &(struct entries){ { "host", "password" }, { "h", "\n" } });
        assert_int_equal(w.settings.password.length, 0);
        close_world(&w);
        open_entries(&w, &(struct entries){ { "host", "password" }, { "h", MARK " \n" } });
        assert_string_equal(w.settings.password.bytes, MARK " ");
        close_world(&w);
}

static void a_text_that_only_begins_as_json_is_passed_over(void **state UNUSED)
{
        struct world w;
        open_entries(&w, &(struct entries){ { "host", "other" }, { "h", "{\"password\":\"" MARK } });
        assert_int_equal(w.rc, 0);
        assert_int_equal(w.notes.report.warning_count, 1);
        close_world(&w);
}

/* --- Sources ------------------------------------------------------------------------------------------------------ */

static void the_strongest_source_is_taken_whole(void **state UNUSED)
{
        static const struct backing_value values[] = {
                { "host", BACKING_FROM_FLAG, "flag", 4, "--redis-host" },
                { "host", BACKING_FROM_FILE, "file", 4, "c.yaml:1" },
                { "password", BACKING_FROM_FILE, MARK, sizeof(MARK) - 1, "c.yaml:2" },
                { "key-prefix", BACKING_FROM_FILE, "k", 1, "c.yaml:3" },
                { "database", BACKING_FROM_DEFAULT, "5", 1, "default" },
        };
        char *environment[] = { "REDIS_HOST=env", "REDIS_PASSWORD=" MARK, NULL };
        struct backing_redis_input input = {
                .values = values, .value_count = COUNT_OF(values), .binding = "redis-ha", .environment = environment
        };
        struct world w;
        open_world(&w, FIXTURES, input);
        assert_string_equal(w.settings.host, "flag");
        assert_int_equal(w.settings.password.length, 0);
        assert_string_equal(w.settings.key_prefix, "k");
        assert_int_equal(w.settings.database, 0);
        assert_int_equal(w.notes.report.source, BACKING_FROM_FLAG);
        close_world(&w);

        input.values++;
        input.value_count--;
        open_world(&w, FIXTURES, input);
        assert_string_equal(w.settings.host, "file");
        assert_string_equal(w.settings.password.bytes, MARK);
        assert_int_equal(w.notes.report.source, BACKING_FROM_FILE);
        close_world(&w);

        input.value_count = 0;
        open_world(&w, FIXTURES, input);
        assert_string_equal(w.settings.host, "redis-ha-haproxy");
        assert_string_equal(w.notes.report.binding, "redis-ha");
        assert_string_equal(w.notes.report.type, "redis");
        assert_null(w.notes.report.provider);
        close_world(&w);

        input.binding = NULL;
        open_world(&w, NULL, input);
        assert_string_equal(w.settings.host, "env");
        assert_int_equal(w.notes.report.source, BACKING_FROM_ENVIRONMENT);
        close_world(&w);

        input.environment = NULL;
        open_world(&w, NULL, input);
        assert_string_equal(w.settings.host, "localhost");
        assert_int_equal(w.settings.port, 6379);
        assert_int_equal(w.notes.report.source, BACKING_FROM_DEFAULT);
        assert_string_equal(w.notes.settings[0].place, "default");
        close_world(&w);
}

static void an_option_that_says_no_place_is_refused(void **state UNUSED)
{
        static const struct backing_value value = { "password", BACKING_FROM_FLAG, MARK, sizeof(MARK) - 1,
                                                    "--redis-password-file" };
        struct world w;
        open_world(&w, NULL, (struct backing_redis_input){ .values = &value, .value_count = 1 });
        assert_int_equal(w.rc, ERR_INVALID);
        assert_non_null(strstr(w.err.text, "--redis-password-file"));
        close_world(&w);
}

static void bindings_that_are_asked_for_or_ambiguous_are_reported(void **state UNUSED)
{
        struct world w;
        open_world(&w, FIXTURES, (struct backing_redis_input){ .binding = "absent" });
        assert_int_equal(w.rc, ERR_NOT_FOUND);
        close_world(&w);
        open_world(&w, NULL, (struct backing_redis_input){ .binding = "absent" });
        assert_int_equal(w.rc, ERR_NOT_FOUND);
        close_world(&w);
        open_world(&w, FIXTURES, (struct backing_redis_input){ 0 });
        assert_int_equal(w.rc, ERR_CONFLICT);
        close_world(&w);
        open_world(&w, FIXTURES, (struct backing_redis_input){ .provider = "Bitnami" });
        assert_int_equal(w.rc, 0);
        assert_string_equal(w.notes.report.binding, "bitnami-binding");
        assert_string_equal(w.notes.report.provider, "bitnami");
        close_world(&w);
}

static void empty_certificates_without_tls_are_a_warning(void **state UNUSED)
{
        static const struct {
                struct entries entries;
                const char *warning; /* NULL: none */
        } table[] = {
                { { { "host", "ca.crt", "password" }, { "h", "", MARK } },
                  "/ca.crt is empty, and nothing else asks for TLS: the password and all documents are sent in clear" },
                { { { "host", "ca.crt" }, { "h", "\n" } },
                  "/ca.crt is empty, and nothing else asks for TLS: all documents are sent in clear" },
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

static void the_default_user_without_a_password_is_nobody(void **state UNUSED)
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

static void one_family_of_variables_is_taken_whole(void **state UNUSED)
{
        static const struct {
                char *environment[6];
                const char *host;
                uint16_t port;
                const char *password;
                bool tls;
                size_t warnings;
                enum backing_source source;
                const char *place;
        } table[] = {
                { { "COLLECTOR_DELEGATE_HOSTNAME=c", "COLLECTOR_DELEGATE_PORT=1", "REDIS_HOST=r",
                    "REDIS_PASSWORD=" MARK },
                  .host = "c",
                  .port = 1,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "COLLECTOR_DELEGATE_PORT=7" }, .host = "localhost", .port = 7, .source = BACKING_FROM_ENVIRONMENT },
                { { "COLLECTOR_DELEGATE_HOSTNAME=c", "COLLECTOR_DELEGATE_PORT=tcp://10.0.0.9:1" },
                  .host = "c",
                  .port = 6379,
                  .warnings = 1,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "COLLECTOR_DELEGATE_HOSTNAME=", "REDIS_HOST=r", "REDIS_PORT=2" },
                  .host = "r",
                  .port = 2,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "REDIS_PORT=tcp://10.0.0.9:6379", "REDIS_SERVICE_HOST=10.0.0.9" },
                  .host = "localhost",
                  .port = 6379,
                  .warnings = 1,
                  .source = BACKING_FROM_DEFAULT },
                { { "REDIS_URL=redis://:" MARK "@u:3", "REDIS_HOST=r", "REDIS_PORT=tcp://10.0.0.9:6379" },
                  .host = "r",
                  .port = 3,
                  .password = MARK,
                  .warnings = 1,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "REDIS_URL=redis://:" MARK "@u:3", "REDIS_TLS_URL=rediss://:" MARK "2@u:4" },
                  .host = "u",
                  .port = 4,
                  .password = MARK "2",
                  .tls = true,
                  .source = BACKING_FROM_ENVIRONMENT,
                  .place = "REDIS_TLS_URL" },
                { { "REDIS_PASSWORD=" MARK, "VALKEY_HOST=v" },
                  .host = "v",
                  .port = 6379,
                  .warnings = 1,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "VALKEY_URL=valkey://v:5", "VALKEY_TLS=true" },
                  .host = "v",
                  .port = 5,
                  .tls = true,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "REDIS_HOST=r\n", "REDIS_PASSWORD=" MARK " \r\n" },
                  .host = "r",
                  .port = 6379,
                  .password = MARK " ",
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "REDIS_HOST=r", "REDIS_PASSWORD=\n" },
                  .host = "r",
                  .port = 6379,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "redis_host=r" }, .host = "localhost", .port = 6379, .source = BACKING_FROM_DEFAULT },
        };
        for (size_t i = 0; i < COUNT_OF(table); i++) {
                struct world w;
                open_world(&w, NULL, (struct backing_redis_input){ .environment = table[i].environment });
                if (w.rc < 0)
                        fail_msg("row %zu: %s", i, w.err.text);
                assert_text("host", w.settings.host, table[i].host);
                assert_text("password", w.settings.password.bytes, table[i].password);
                assert_int_equal(w.settings.port, table[i].port);
                assert_int_equal(w.settings.tls, table[i].tls);
                assert_int_equal(w.notes.report.warning_count, table[i].warnings);
                assert_int_equal(w.notes.report.source, table[i].source);
                if (table[i].place)
                        assert_string_equal(w.notes.report.place, table[i].place);
                close_world(&w);
        }
}

static void a_variable_of_the_program_itself_is_the_strongest(void **state UNUSED)
{
        static const struct backing_value value = { "url", BACKING_FROM_ENVIRONMENT, "redis://own", 11,
                                                    "COLLECTOR_REDIS_URL" };
        char *environment[] = { "COLLECTOR_DELEGATE_HOSTNAME=c", NULL };
        struct world w;
        open_world(&w, NULL,
                   (struct backing_redis_input){ .values = &value, .value_count = 1, .environment = environment });
        assert_string_equal(w.settings.host, "own");
        close_world(&w);
}

static void a_target_says_what_the_settings_say(void **state UNUSED)
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
        assert_true(backing_redis_equal(redis, same));
        backing_redis_unref(same);
        backing_redis_unref(redis);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_secrets_of_charts_and_operators_are_understood),
                cmocka_unit_test(each_of_them_becomes_a_target),
                cmocka_unit_test(sentinel_has_its_nodes_and_its_default_master),
                cmocka_unit_test(every_spelling_of_a_setting_is_read),
                cmocka_unit_test(no_spelling_is_left_untried),
                cmocka_unit_test(a_port_for_tls_turns_it_on_and_is_preferred),
                cmocka_unit_test(a_name_that_only_clusters_have_makes_it_one),
                cmocka_unit_test(of_several_service_names_the_first_is_the_host),
                cmocka_unit_test(yes_has_many_words),
                cmocka_unit_test(what_contradicts_or_is_wrong_is_refused_with_its_place),
                cmocka_unit_test(a_cluster_goes_with_nothing_else_and_has_one_database),
                cmocka_unit_test(the_nodes_of_a_cluster_are_asked_and_not_the_host_beside_them),
                cmocka_unit_test(separate_entries_win_over_the_same_part_of_the_uri),
                cmocka_unit_test(two_spellings_with_one_value_are_no_contradiction),
                cmocka_unit_test(an_empty_password_is_none_and_a_blank_at_its_end_stays),
                cmocka_unit_test(a_text_that_only_begins_as_json_is_passed_over),
                cmocka_unit_test(the_strongest_source_is_taken_whole),
                cmocka_unit_test(an_option_that_says_no_place_is_refused),
                cmocka_unit_test(bindings_that_are_asked_for_or_ambiguous_are_reported),
                cmocka_unit_test(empty_certificates_without_tls_are_a_warning),
                cmocka_unit_test(the_default_user_without_a_password_is_nobody),
                cmocka_unit_test(one_family_of_variables_is_taken_whole),
                cmocka_unit_test(a_variable_of_the_program_itself_is_the_strongest),
                cmocka_unit_test(a_target_says_what_the_settings_say),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
