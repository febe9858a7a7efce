/* collector: resolves the address of Pinger's Collector. It works like redis.c, with fewer settings: it collects the
 * strings of the source, splits the uri, checks the parts, and builds one base URL, which is all that a client
 * needs. */
#include "backing/collector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backing/collector_resolved.h"
#include "backing/draft.h"
#include "backing/gather.h"
#include "backing/names.h"

enum { DEFAULT_COLLECTOR_PORT = 4001 };

enum field { FIELD_HOST, FIELD_PORT, FIELD_URI, FIELD_TOKEN, FIELD_CA, FIELD_TLS, FIELD_PATH };

#define MASK(field) (UINT32_C(1) << (field))

static const struct name names[] = {
        { "host", FIELD_HOST, 0 },       { "hostname", FIELD_HOST, 0 },   { "address", FIELD_HOST, 0 },
        { "port", FIELD_PORT, 0 },       { "uri", FIELD_URI, 0 },         { "url", FIELD_URI, 0 },
        { "token", FIELD_TOKEN, 0 },     { "certificates", FIELD_CA, 0 }, { "ca-crt", FIELD_CA, 0 },
        { "tls", FIELD_TLS, NAME_BOOL }, { "ssl", FIELD_TLS, NAME_BOOL },
};

static const struct variable classic[] = { { "COLLECTOR_HOSTNAME", "host" }, { "COLLECTOR_PORT", "port" } };
static const struct variable modern[] = { { "COLLECTOR_URL", "url" }, { "COLLECTOR_TOKEN", "token" } };
static const struct family families[] = { { classic, COUNT_OF(classic) }, { modern, COUNT_OF(modern) } };

static const struct service collector_service = {
        .noun = "Collector",
        .types = (const char *const[]){ "collector", NULL },
        .prefixes = (const char *const[]){ "collector", NULL },
        .names = names,
        .name_count = COUNT_OF(names),
        .families = families,
        .family_count = COUNT_OF(families),
        .address_fields = MASK(FIELD_HOST) | MASK(FIELD_URI),
};

/* --- The uri ----------------------------------------------------------------------------------------------- */

/* The path is kept as written, because it becomes part of the URL again. */
static int put_path(struct draft *parts, const char *path, size_t length, const char *place, struct err *err)
{
        while (length > 0 && path[length - 1] == '/')
                length--;
        for (size_t i = 0; i < length; i++)
                if (path[i] <= ' ' || path[i] == 127)
                        return err_set(err, ERR_INVALID, "%s: expected a path without spaces and control characters",
                                       place);
        return length > 0 ? draft_set(parts, FIELD_PATH, path, length, place, err) : 0;
}

static int put_address(struct draft *parts, const char *text, size_t length, const char *place, struct err *err)
{
        const char *colon = memrchr(text, ':', length);
        const char *bracket = memrchr(text, ']', length);
        size_t host = length;
        int rc = 0;
        if (colon && (!bracket || bracket < colon)) {
                host = (size_t)(colon - text);
                if (length > host + 1)
                        rc = draft_set(parts, FIELD_PORT, colon + 1, length - host - 1, place, err);
        }
        if (rc == 0 && host > 0)
                rc = draft_set(parts, FIELD_HOST, text, host, place, err);
        return rc;
}

static int parse_uri(const struct raw *uri, struct draft *parts, struct notes *notes, struct err *err)
{
        const char *text = uri->value.bytes;
        bool is_tls = strncasecmp(text, "https://", 8) == 0;
        if (uri->value.length > URI_MAX_BYTES)
                return err_set(err, ERR_LIMIT, "%s: longer than %d bytes", uri->place, URI_MAX_BYTES);
        if (!is_tls && strncasecmp(text, "http://", 7) != 0)
                return err_set(err, ERR_INVALID, "%s: expected http:// or https://", uri->place);
        text += is_tls ? 8 : 7;
        size_t address = strcspn(text, "/?#");
        size_t path = strcspn(text + address, "?#");
        if (memchr(text, '@', address))
                return err_set(err, ERR_INVALID, "%s: a user part is not supported: use a token", uri->place);
        if (text[address + path])
                notes_warn(notes, "%s: ignoring everything after the path", uri->place);
        int rc = draft_set(parts, FIELD_TLS, is_tls ? "true" : "false", is_tls ? 4 : 5, uri->place, err);
        if (rc == 0)
                rc = draft_set(parts, FIELD_PORT, is_tls ? "443" : "80", is_tls ? 3 : 2, uri->place, err);
        if (rc == 0)
                rc = put_address(parts, text, address, uri->place, err);
        return rc < 0 ? rc : put_path(parts, text + address, path, uri->place, err);
}

static int add_uri(struct draft *draft, struct notes *notes, struct err *err)
{
        struct draft parts = { 0 };
        if (!draft_has(draft, FIELD_URI))
                return 0;
        int rc = parse_uri(&draft->raw[FIELD_URI], &parts, notes, err);
        if (rc == 0)
                draft_fill(draft, &parts);
        draft_fini(&parts);
        return rc;
}

/* --- Settings ---------------------------------------------------------------------------------------------- */

/* A token is sent in a header, so it must not contain a line break. */
static int check_token(const struct draft *draft, struct err *err)
{
        const struct raw *token = &draft->raw[FIELD_TOKEN];
        for (size_t i = 0; token->place && i < token->value.length; i++)
                if (token->value.bytes[i] < '!' || token->value.bytes[i] == 127)
                        return err_set(err, ERR_INVALID, "%s: expected printable characters without spaces",
                                       token->place);
        return 0;
}

static int make_url(struct backing_collector *collector, const struct draft *draft, struct err *err)
{
        bool is_ipv6 = strchr(collector->host, ':') != NULL;
        const char *path = draft_has(draft, FIELD_PATH) ? draft->raw[FIELD_PATH].value.bytes : "";
        int length = asprintf(&collector->url, "%s://%s%s%s:%u%s", collector->tls ? "https" : "http",
                              is_ipv6 ? "[" : "", collector->host, is_ipv6 ? "]" : "", collector->port, path);
        if (length < 0) {
                collector->url = NULL;
                return err_set(err, ERR_NOMEM, "Collector");
        }
        return 0;
}

static int read_settings(struct backing_collector *collector, struct draft *draft, struct err *err)
{
        collector->port = DEFAULT_COLLECTOR_PORT;
        /* A source with certificates implies TLS. */
        collector->tls = draft_has(draft, FIELD_TLS) ? draft_yes(draft, FIELD_TLS) : draft_has(draft, FIELD_CA);
        int rc = draft_host(draft, FIELD_HOST, &collector->host, err);
        if (rc == 0)
                rc = draft_port(draft, FIELD_PORT, &collector->port, err);
        if (rc == 0)
                rc = check_token(draft, err);
        if (rc == 0)
                rc = draft_secret(draft, FIELD_TOKEN, SECRET_MAX_BYTES, &collector->token, err);
        if (rc == 0)
                rc = draft_secret(draft, FIELD_CA, PEM_MAX_BYTES, &collector->certificates, err);
        if (rc == 0 && !collector->host && draft_has(draft, FIELD_URI))
                rc = err_set(err, ERR_INVALID, "%s: has no host", draft->raw[FIELD_URI].place);
        if (rc == 0 && collector->host)
                rc = make_url(collector, draft, err);
        return rc;
}

static void tell(struct notes *notes, const struct draft *draft, unsigned field, const char *name, const char *value)
{
        const char *place = draft->raw[field].place;
        notes_setting(notes, name, value, place ? place : backing_source_name(BACKING_FROM_DEFAULT));
}

static void tell_all(struct backing_collector *collector, const struct draft *draft)
{
        char port[8];
        struct notes *notes = &collector->backed.notes;
        if (!collector->url)
                return;
        (void)snprintf(port, sizeof(port), "%u", collector->port); /* it fits */
        tell(notes, draft, FIELD_HOST, "host", collector->host);
        tell(notes, draft, FIELD_PORT, "port", port);
        tell(notes, draft, FIELD_TLS, "tls", collector->tls ? "true" : "false");
        if (draft_has(draft, FIELD_PATH))
                tell(notes, draft, FIELD_PATH, "path", draft->raw[FIELD_PATH].value.bytes);
        if (draft_has(draft, FIELD_TOKEN))
                tell(notes, draft, FIELD_TOKEN, "token", "(set)");
        if (draft_has(draft, FIELD_CA))
                tell(notes, draft, FIELD_CA, "certificates", "(set)");
}

static int fill_from(struct backing_collector *collector, const struct gather_input *sources, struct draft *draft,
                     struct err *err)
{
        const struct servicebinding *binding;
        struct notes *notes = &collector->backed.notes;
        int rc = gather(&collector_service, sources, draft, notes, &binding, err);
        if (rc == 0)
                rc = add_uri(draft, notes, err);
        if (rc == 0)
                rc = read_settings(collector, draft, err);
        if (rc < 0)
                return rc;
        if (collector->url && !collector->tls && !draft_has(draft, FIELD_TLS) && draft_empty(draft, FIELD_CA))
                notes_warn(notes, "%s is empty, and no setting enables TLS: %s sent in clear",
                           draft_empty(draft, FIELD_CA),
                           draft_has(draft, FIELD_TOKEN) ? "the token and all records are" : "all records are");
        tell_all(collector, draft);
        if (!collector->url)
                notes_source(notes, BACKING_FROM_NOWHERE, backing_source_name(BACKING_FROM_NOWHERE));
        return 0;
}

/* --- Its kind ---------------------------------------------------------------------------------------------- */

struct backing_collector *backing_collector_of(struct backed *backed)
{
        return CONTAINER_OF(backed, struct backing_collector, backed);
}

static const struct backing_collector *const_collector_of(const struct backed *backed)
{
        return (const struct backing_collector *)backed; /* its first member */
}

static int fill(struct backed *backed, const void *wanted, const struct servicebinding_set *bindings, struct err *err)
{
        const struct backing_collector_input *input = wanted;
        const struct gather_input sources = { .values = input->values,
                                              .value_count = input->value_count,
                                              .binding = input->binding,
                                              .provider = input->provider,
                                              .bindings = bindings,
                                              .environment = input->environment };
        struct draft draft = { 0 };
        int rc = fill_from(backing_collector_of(backed), &sources, &draft, err);
        draft_fini(&draft);
        return rc;
}

static void fini(struct backed *backed)
{
        struct backing_collector *collector = backing_collector_of(backed);
        free(collector->url);
        free(collector->host);
        secret_fini(&collector->token);
        secret_fini(&collector->certificates);
}

static bool same_text(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool equal(const struct backed *backed_a, const struct backed *backed_b)
{
        const struct backing_collector *a = const_collector_of(backed_a), *b = const_collector_of(backed_b);
        return same_text(a->url, b->url) && secret_equal(&a->token, &b->token) &&
               secret_equal(&a->certificates, &b->certificates);
}

static const char *address(const struct backed *backed)
{
        return const_collector_of(backed)->url;
}

/* While the requested Collector is missing, its address is unknown: all zero. */
const struct backed_kind backing_collector_kind = { .noun = "Collector",
                                                    .size = sizeof(struct backing_collector),
                                                    .fill = fill,
                                                    .fini = fini,
                                                    .equal = equal,
                                                    .address = address };

/* --- The Collector ------------------------------------------------------------------------------------------ */

int backing_collector_resolve(const struct backing_collector_input *input, struct backing_collector **out,
                              struct err *err)
{
        struct backed *backed;
        int rc = backed_new(&backing_collector_kind, input, input->bindings, &backed, err);
        if (rc == 0)
                *out = backing_collector_of(backed);
        return rc;
}

struct backing_collector *backing_collector_ref(struct backing_collector *collector)
{
        (void)snapshot_ref(&collector->backed.snapshot);
        return collector;
}

void backing_collector_unref(struct backing_collector *collector)
{
        if (collector)
                backed_unref(&collector->backed);
}

const char *backing_collector_url(const struct backing_collector *collector)
{
        return collector->url;
}

const struct secret *backing_collector_token(const struct backing_collector *collector)
{
        return &collector->token;
}

const struct secret *backing_collector_certificates(const struct backing_collector *collector)
{
        return &collector->certificates;
}

const struct backing_report *backing_collector_report(const struct backing_collector *collector)
{
        return &collector->backed.notes.report;
}
