/* redis_settings: converts raw strings to typed settings. First it splits the uri, whose parts fill the settings that
 * have no separate value. Then it applies the rules that involve several fields (which port, TLS or not, socket or
 * not), and finally checks each field. It reads every setting in docs/bindings.md, even those that pkg/redis does not
 * support. redis.c rejects these when it creates the target, so only that code changes when pkg/redis supports more. */
#include "backing/redis_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backing/redis_names.h"
#include "backing/redis_uri.h"
#include "backing/text.h"

static const char *place_of(const struct draft *draft, unsigned field)
{
        return draft->raw[field].place;
}

static int set_yes(struct draft *draft, unsigned field, const char *place, struct err *err)
{
        return draft_set(draft, field, "true", 4, place, err);
}

/* --- The uri's parts ----------------------------------------------------------------------------------- */

/* A separate host overrides the uri's socket and vice versa, because they are one setting. */
static void settle_address(struct draft *draft, struct draft *parts)
{
        if (draft_has(draft, FIELD_HOST))
                draft_drop(parts, FIELD_SOCKET);
        if (draft_has(draft, FIELD_SOCKET)) {
                draft_drop(parts, FIELD_HOST);
                draft_drop(parts, FIELD_PORT);
        }
        if (draft_has(draft, FIELD_TLS_PORT))
                draft_drop(parts, FIELD_PORT);
}

static int add_uri(struct draft *draft, unsigned field, struct notes *notes, struct err *err)
{
        struct draft parts = { 0 };
        const struct raw *uri = &draft->raw[field];
        int rc = redis_uri_parse(uri->value.bytes, uri->value.length, uri->place, &parts, notes, err);
        if (rc == 0 && field == FIELD_TLS_URI)
                rc = set_yes(&parts, FIELD_TLS, uri->place, err);
        if (rc == 0) {
                settle_address(draft, &parts);
                if (draft_has(draft, FIELD_TLS) && !draft_yes(draft, FIELD_TLS) && draft_yes(&parts, FIELD_TLS))
                        notes_warn(notes, "%s turns off TLS, which %s requires", place_of(draft, FIELD_TLS),
                                   uri->place);
                draft_fill(draft, &parts);
        }
        draft_fini(&parts);
        return rc;
}

static int add_uris(struct draft *draft, struct notes *notes, struct err *err)
{
        if (draft_has(draft, FIELD_TLS_URI))
                return add_uri(draft, FIELD_TLS_URI, notes, err);
        return draft_has(draft, FIELD_URI) ? add_uri(draft, FIELD_URI, notes, err) : 0;
}

/* --- Rules over several fields --------------------------------------------------------------------------- */

/* A TLS port is used only with TLS. */
static int settle_tls_port(struct draft *draft, struct err *err)
{
        if (!draft_has(draft, FIELD_TLS_PORT))
                return 0;
        bool is_off = draft_has(draft, FIELD_TLS) && !draft_yes(draft, FIELD_TLS);
        if (is_off && draft_has(draft, FIELD_PORT)) {
                draft_drop(draft, FIELD_TLS_PORT);
                return 0;
        }
        if (is_off)
                return err_set(err, ERR_INVALID, "%s and %s contradict each other", place_of(draft, FIELD_TLS),
                               place_of(draft, FIELD_TLS_PORT));
        draft_drop(draft, FIELD_PORT);
        if (draft_has(draft, FIELD_TLS))
                return 0;
        return set_yes(draft, FIELD_TLS, place_of(draft, FIELD_TLS_PORT), err);
}

/* A source with certificates implies TLS, but the intent of empty certificates is unclear. */
static int settle_tls(struct draft *draft, struct notes *notes, struct err *err)
{
        static const unsigned fields[] = { FIELD_CA, FIELD_CERTIFICATE, FIELD_PRIVATE_KEY };
        bool has_secret = draft_has(draft, FIELD_PASSWORD) || draft_has(draft, FIELD_PASSWORD_SECONDARY);
        for (size_t i = 0; i < COUNT_OF(fields) && !draft_has(draft, FIELD_TLS); i++)
                if (draft_has(draft, fields[i])) {
                        int rc = set_yes(draft, FIELD_TLS, place_of(draft, fields[i]), err);
                        if (rc < 0)
                                return rc;
                }
        for (size_t i = 0; i < COUNT_OF(fields) && !draft_has(draft, FIELD_TLS); i++)
                if (draft_empty(draft, fields[i]))
                        notes_warn(notes, "%s is empty, and no setting enables TLS: %s sent in clear",
                                   draft_empty(draft, fields[i]),
                                   has_secret ? "the password and all documents are" : "all documents are");
        if (draft_has(draft, FIELD_CERTIFICATE) != draft_has(draft, FIELD_PRIVATE_KEY)) {
                bool has_key = draft_has(draft, FIELD_PRIVATE_KEY);
                return err_set(err, ERR_INVALID, "%s: the %s for it is missing",
                               place_of(draft, has_key ? FIELD_PRIVATE_KEY : FIELD_CERTIFICATE),
                               has_key ? "certificate" : "private key");
        }
        return 0;
}

/* Redis's unnamed user is called `default`, so without a password that name has no effect. */
static void settle_user(struct draft *draft, unsigned user, unsigned password, unsigned second)
{
        const struct raw *raw = &draft->raw[user];
        if (raw->place && strcmp(raw->value.bytes, "default") == 0 && !draft_has(draft, password) &&
            !draft_has(draft, second))
                draft_drop(draft, user);
}

static int settle(struct draft *draft, struct notes *notes, struct err *err)
{
        const struct name *host = draft->raw[FIELD_HOST].name;
        int rc = 0;
        settle_user(draft, FIELD_USERNAME, FIELD_PASSWORD, FIELD_PASSWORD_SECONDARY);
        settle_user(draft, FIELD_SENTINEL_USERNAME, FIELD_SENTINEL_PASSWORD, FIELD_SENTINEL_PASSWORD);
        if (draft_has(draft, FIELD_HOST) && draft_has(draft, FIELD_SOCKET))
                return err_set(err, ERR_INVALID, "%s and %s contradict each other", place_of(draft, FIELD_HOST),
                               place_of(draft, FIELD_SOCKET));
        if (host && (host->flags & NAME_CLUSTER))
                rc = set_yes(draft, FIELD_CLUSTER, place_of(draft, FIELD_HOST), err);
        else if (draft_has(draft, FIELD_CLUSTER_NODES))
                rc = set_yes(draft, FIELD_CLUSTER, place_of(draft, FIELD_CLUSTER_NODES), err);
        if (rc == 0)
                rc = settle_tls_port(draft, err);
        return rc < 0 ? rc : settle_tls(draft, notes, err);
}

/* --- Typing ------------------------------------------------------------------------------------------------ */

static int read_database(const struct draft *draft, unsigned *out, struct err *err)
{
        const struct raw *raw = &draft->raw[FIELD_DATABASE];
        if (!raw->place || parse_number(raw->value.bytes, raw->value.length, 0, DATABASE_MAX, out))
                return 0;
        return err_set(err, ERR_INVALID, "%s: expected a database from 0 to %d", raw->place, DATABASE_MAX);
}

static int read_verify(const struct draft *draft, enum backing_tls_verify *out, struct err *err)
{
        const struct raw *raw = &draft->raw[FIELD_TLS_VERIFY];
        bool yes;
        if (!raw->place)
                return 0;
        if (strcasecmp(raw->value.bytes, "full") == 0)
                *out = BACKING_VERIFY_FULL;
        else if (strcasecmp(raw->value.bytes, "ca") == 0)
                *out = BACKING_VERIFY_CA;
        else if (parse_yes_no(raw->value.bytes, raw->value.length, &yes))
                *out = yes ? BACKING_VERIFY_FULL : BACKING_VERIFY_NONE;
        else
                return err_set(err, ERR_INVALID, "%s: expected full, ca or none", raw->place);
        return 0;
}

/* Splits host:port or host like the address of a uri. */
static int read_node(const char *text, size_t length, const char *place, uint16_t port, struct backing_node *out,
                     struct err *err)
{
        char address[HOST_MAX_BYTES + 16];
        struct draft parts = { 0 };
        struct notes none = { 0 };
        out->port = port;
        if (length >= sizeof(address) || memchr(text, '=', length))
                return err_set(err, ERR_INVALID, "%s: expected a list of host:port", place);
        memcpy(address, text, length);
        int rc = redis_uri_parse(address, length, place, &parts, &none, err);
        if (rc == 0)
                rc = draft_host(&parts, FIELD_HOST, &out->host, err);
        if (rc == 0)
                rc = draft_port(&parts, FIELD_PORT, &out->port, err);
        if (rc == 0 && !out->host)
                rc = err_set(err, ERR_INVALID, "%s: expected a list of host:port", place);
        draft_fini(&parts);
        notes_fini(&none);
        return rc;
}

static int read_nodes(const struct draft *draft, unsigned field, uint16_t port, struct backing_nodes *out,
                      struct err *err)
{
        static const char between[] = " \t\r\n,;\"'";
        const struct raw *raw = &draft->raw[field];
        if (!raw->place)
                return 0;
        out->items = calloc(NODES_MAX, sizeof(*out->items));
        if (!out->items)
                return err_set(err, ERR_NOMEM, "%s", raw->place);
        const char *at = raw->value.bytes;
        for (at += strspn(at, between); *at; at += strspn(at, between)) {
                size_t length = strcspn(at, between);
                if (out->count == NODES_MAX)
                        return err_set(err, ERR_LIMIT, "%s: more than %d addresses", raw->place, NODES_MAX);
                int rc = read_node(at, length, raw->place, port, &out->items[out->count++], err);
                if (rc < 0)
                        return rc;
                at += length;
        }
        return 0;
}

static int read_address(const struct draft *draft, struct backing_redis_settings *out, struct err *err)
{
        out->port = DEFAULT_REDIS_PORT;
        int rc = draft_text(draft, FIELD_SOCKET, TEXT_MAX_BYTES, &out->socket_path, err);
        if (rc == 0)
                rc = draft_host(draft, FIELD_HOST, &out->host, err);
        if (rc == 0)
                rc = draft_port(draft, draft_has(draft, FIELD_TLS_PORT) ? FIELD_TLS_PORT : FIELD_PORT, &out->port, err);
        if (rc == 0 && out->socket_path && out->socket_path[0] != '/')
                rc = err_set(err, ERR_INVALID, "%s: expected the absolute path of a socket",
                             place_of(draft, FIELD_SOCKET));
        return rc;
}

static int read_user(const struct draft *draft, struct backing_redis_settings *out, struct err *err)
{
        int rc = draft_text(draft, FIELD_USERNAME, TEXT_MAX_BYTES, &out->username, err);
        if (rc == 0)
                rc = draft_secret(draft, FIELD_PASSWORD, SECRET_MAX_BYTES, &out->password, err);
        if (rc == 0)
                rc = draft_secret(draft, FIELD_PASSWORD_SECONDARY, SECRET_MAX_BYTES, &out->password_secondary, err);
        return rc < 0 ? rc : read_database(draft, &out->database, err);
}

static int read_tls(const struct draft *draft, struct backing_redis_settings *out, struct err *err)
{
        out->tls = draft_yes(draft, FIELD_TLS);
        int rc = draft_host(draft, FIELD_TLS_SERVER_NAME, &out->tls_server_name, err);
        if (rc == 0)
                rc = read_verify(draft, &out->tls_verify, err);
        if (rc == 0)
                rc = draft_secret(draft, FIELD_CA, PEM_MAX_BYTES, &out->ca, err);
        if (rc == 0)
                rc = draft_secret(draft, FIELD_CERTIFICATE, PEM_MAX_BYTES, &out->certificate, err);
        return rc < 0 ? rc : draft_secret(draft, FIELD_PRIVATE_KEY, PEM_MAX_BYTES, &out->private_key, err);
}

static int read_sentinel(const struct draft *draft, struct backing_redis_settings *out, struct err *err)
{
        int rc = read_nodes(draft, FIELD_SENTINEL_NODES, 26379, &out->sentinel_nodes, err);
        if (rc == 0)
                rc = draft_text(draft, FIELD_SENTINEL_MASTER, TEXT_MAX_BYTES, &out->sentinel_master, err);
        if (rc == 0)
                rc = draft_text(draft, FIELD_SENTINEL_USERNAME, TEXT_MAX_BYTES, &out->sentinel_username, err);
        if (rc == 0)
                rc = draft_secret(draft, FIELD_SENTINEL_PASSWORD, SECRET_MAX_BYTES, &out->sentinel_password, err);
        if (rc == 0 && out->sentinel_nodes.count > 0 && !out->sentinel_master) {
                out->sentinel_master = strdup("mymaster");
                rc = out->sentinel_master ? 0 : err_set(err, ERR_NOMEM, "sentinel");
        }
        return rc;
}

static int read_others(const struct draft *draft, struct backing_redis_settings *out, struct err *err)
{
        out->is_cluster = draft_yes(draft, FIELD_CLUSTER);
        int rc = read_nodes(draft, FIELD_CLUSTER_NODES, DEFAULT_REDIS_PORT, &out->cluster_nodes, err);
        if (rc == 0)
                rc = draft_text(draft, FIELD_CLIENT_NAME, TEXT_MAX_BYTES, &out->client_name, err);
        if (rc == 0)
                rc = draft_text(draft, FIELD_KEY_PREFIX, BACKING_KEY_PREFIX_MAX, &out->key_prefix, err);
        if (rc == 0 && !out->key_prefix) {
                out->key_prefix = strdup("");
                rc = out->key_prefix ? 0 : err_set(err, ERR_NOMEM, "key-prefix");
        }
        return rc;
}

/* A source that gives only a port refers to this machine, as the default does. */
static int default_host(struct backing_redis_settings *out, struct err *err)
{
        if (out->host || out->socket_path || out->sentinel_nodes.count > 0 || out->cluster_nodes.count > 0)
                return 0;
        out->host = strdup("localhost");
        return out->host ? 0 : err_set(err, ERR_NOMEM, "localhost");
}

/* --- The report ------------------------------------------------------------------------------------------ */

static void tell(struct notes *notes, const struct draft *draft, unsigned field, const char *name, const char *value)
{
        if (draft_has(draft, field))
                notes_setting(notes, name, value, place_of(draft, field));
}

static void tell_address(struct notes *notes, const struct draft *draft, const struct backing_redis_settings *s)
{
        char port[8];
        (void)snprintf(port, sizeof(port), "%u", s->port); /* it fits */
        bool has_tls_port = draft_has(draft, FIELD_TLS_PORT);
        const char *place = place_of(draft, has_tls_port ? FIELD_TLS_PORT : FIELD_PORT);
        const char *unsaid = backing_source_name(BACKING_FROM_DEFAULT);
        tell(notes, draft, FIELD_SOCKET, "socket", s->socket_path);
        if (!s->host)
                return;
        notes_setting(notes, "host", s->host, draft_has(draft, FIELD_HOST) ? place_of(draft, FIELD_HOST) : unsaid);
        notes_setting(notes, "port", port, place ? place : unsaid);
}

static void tell_all(struct notes *notes, const struct draft *draft, const struct backing_redis_settings *s)
{
        static const char *const verify[] = { "full", "ca", "none" };
        static const struct {
                unsigned field;
                const char *name;
        } hidden[] = {
                { FIELD_PASSWORD, "password" },
                { FIELD_PASSWORD_SECONDARY, "password-secondary" },
                { FIELD_CA, "certificates" },
                { FIELD_CERTIFICATE, "tls.crt" },
                { FIELD_PRIVATE_KEY, "tls.key" },
                { FIELD_SENTINEL_PASSWORD, "sentinel.password" },
                { FIELD_SENTINEL_NODES, "sentinel.nodes" },
                { FIELD_CLUSTER_NODES, "cluster.nodes" },
        };
        char database[16];
        (void)snprintf(database, sizeof(database), "%u", s->database); /* it fits */
        tell_address(notes, draft, s);
        tell(notes, draft, FIELD_USERNAME, "username", s->username);
        tell(notes, draft, FIELD_DATABASE, "database", database);
        tell(notes, draft, FIELD_TLS, "tls", s->tls ? "true" : "false");
        tell(notes, draft, FIELD_TLS_SERVER_NAME, "tls.server-name", s->tls_server_name);
        tell(notes, draft, FIELD_TLS_VERIFY, "tls.verify", verify[s->tls_verify]);
        tell(notes, draft, FIELD_SENTINEL_MASTER, "sentinel.master", s->sentinel_master);
        tell(notes, draft, FIELD_SENTINEL_USERNAME, "sentinel.username", s->sentinel_username);
        tell(notes, draft, FIELD_CLUSTER, "cluster", "true");
        tell(notes, draft, FIELD_CLIENT_NAME, "client-name", s->client_name);
        tell(notes, draft, FIELD_KEY_PREFIX, "key-prefix", s->key_prefix);
        for (size_t i = 0; i < COUNT_OF(hidden); i++)
                tell(notes, draft, hidden[i].field, hidden[i].name, "(set)");
}

int redis_settings_read(struct draft *draft, struct backing_redis_settings *out, struct notes *notes, struct err *err)
{
        int rc = add_uris(draft, notes, err);
        if (rc == 0)
                rc = settle(draft, notes, err);
        if (rc == 0)
                rc = read_address(draft, out, err);
        if (rc == 0)
                rc = read_user(draft, out, err);
        if (rc == 0)
                rc = read_tls(draft, out, err);
        if (rc == 0)
                rc = read_sentinel(draft, out, err);
        if (rc == 0)
                rc = read_others(draft, out, err);
        if (rc == 0)
                rc = default_host(out, err);
        if (rc == 0)
                tell_all(notes, draft, out);
        return rc;
}

static void nodes_fini(struct backing_nodes *nodes)
{
        for (size_t i = 0; i < nodes->count; i++)
                free(nodes->items[i].host);
        free(nodes->items);
}

void redis_settings_fini(struct backing_redis_settings *settings)
{
        free(settings->host);
        free(settings->socket_path);
        free(settings->username);
        secret_fini(&settings->password);
        secret_fini(&settings->password_secondary);
        free(settings->tls_server_name);
        secret_fini(&settings->ca);
        secret_fini(&settings->certificate);
        secret_fini(&settings->private_key);
        free(settings->sentinel_master);
        nodes_fini(&settings->sentinel_nodes);
        free(settings->sentinel_username);
        secret_fini(&settings->sentinel_password);
        nodes_fini(&settings->cluster_nodes);
        free(settings->client_name);
        free(settings->key_prefix);
        *settings = (struct backing_redis_settings){ 0 };
}
