/* redis_uri: splits a Redis URI or a connection string into the fields of binding entries.
 *
 * Parsing is lenient, because charts and operators write passwords into URIs without percent-encoding: after the
 * scheme, the last `@` ends the user part, no matter what precedes it. Only then does the search for path and query
 * start. A user part without a colon is a password, because a user name alone cannot log in, and a name would be
 * printed. The common grammar is the same as in redis-cli -u, redis-py and lettuce; the other form
 * (`host:6380,password=...,ssl=True`) is StackExchange.Redis's ("Configuration"), which Azure provides. */
#include "backing/redis_uri.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backing/redis_names.h"
#include "backing/text.h"

/* A part of the text. */
struct part {
        const char *bytes;
        size_t length;
};

struct uri {
        const char *place;
        struct draft *parts;
        struct notes *notes;
        struct err *err;
};

static struct part cut_before(struct part *rest, const char *at)
{
        struct part head = { rest->bytes, (size_t)(at - rest->bytes) };
        rest->length -= head.length + 1;
        rest->bytes = at + 1;
        return head;
}

static const char *find(struct part part, const char *any)
{
        for (size_t i = 0; i < part.length; i++)
                if (strchr(any, part.bytes[i]))
                        return part.bytes + i;
        return NULL;
}

static struct part trim(struct part part)
{
        while (part.length > 0 && (*part.bytes == ' ' || *part.bytes == '\t')) {
                part.bytes++;
                part.length--;
        }
        while (part.length > 0 && strchr(" \t\r\n", part.bytes[part.length - 1]))
                part.length--;
        return part;
}

static bool is_word(struct part part, const char *word)
{
        return strlen(word) == part.length && strncasecmp(part.bytes, word, part.length) == 0;
}

static int put(struct uri *uri, unsigned field, struct part part)
{
        if (part.length == 0)
                return 0;
        return draft_set(uri->parts, field, part.bytes, part.length, uri->place, uri->err);
}

/* Like put, but percent-decodes the part first. A password may contain any byte; control characters in other fields are
 * rejected later. */
static int put_decoded(struct uri *uri, unsigned field, struct part part)
{
        char *copy = strndup(part.bytes, part.length);
        if (!copy)
                return err_set(uri->err, ERR_NOMEM, "%s", uri->place);
        size_t length = percent_decode(copy, part.length);
        int rc;
        if (memchr(copy, '\0', length))
                rc = err_set(uri->err, ERR_INVALID, "%s: contains a NUL byte", uri->place);
        else
                rc = put(uri, field, (struct part){ copy, length });
        explicit_bzero(copy, part.length);
        free(copy);
        return rc;
}

static int put_yes_no(struct uri *uri, unsigned field, struct part part, const char *what)
{
        bool yes;
        if (!parse_yes_no(part.bytes, part.length, &yes))
                return err_set(uri->err, ERR_INVALID, "%s: %s: expected true or false", uri->place, what);
        const char *text = yes ? "true" : "false";
        return put(uri, field, (struct part){ text, strlen(text) });
}

/* host, host:port, [::1]:port, ::1, :port */
static int put_address(struct uri *uri, struct part address)
{
        const char *end = address.bytes + address.length;
        const char *colon = memrchr(address.bytes, ':', address.length);
        const char *bracket = memrchr(address.bytes, ']', address.length);
        bool is_bare_ipv6 = colon && !bracket && memchr(address.bytes, ':', (size_t)(colon - address.bytes));
        if (!colon || is_bare_ipv6 || (bracket && bracket > colon))
                return put_decoded(uri, FIELD_HOST, address);
        int rc = put_decoded(uri, FIELD_HOST, (struct part){ address.bytes, (size_t)(colon - address.bytes) });
        return rc < 0 ? rc : put(uri, FIELD_PORT, (struct part){ colon + 1, (size_t)(end - colon - 1) });
}

static int put_user(struct uri *uri, struct part user)
{
        const char *colon = memchr(user.bytes, ':', user.length);
        if (!colon)
                return put_decoded(uri, FIELD_PASSWORD, user);
        struct part name = cut_before(&user, colon);
        int rc = put_decoded(uri, FIELD_USERNAME, name);
        return rc < 0 ? rc : put_decoded(uri, FIELD_PASSWORD, user);
}

/* A parameter's name is shown only if it looks like a name, so nothing of a malformed query is shown. */
static bool is_name(struct part name)
{
        for (size_t i = 0; i < name.length; i++)
                if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-", name.bytes[i]))
                        return false;
        return name.length > 0 && name.length <= 32;
}

static void warn_parameter(struct uri *uri, struct part name, bool has_value)
{
        if (has_value && is_name(name))
                notes_warn(uri->notes, "%s: the parameter %.*s is ignored", uri->place, (int)name.length, name.bytes);
        else
                notes_warn(uri->notes, "%s: a parameter is ignored", uri->place);
}

/* In unix:// only a parameter can give `db`, and ignoring `ssl` would send clear text; all other parameters only tune
 * a client. */
static int put_parameter(struct uri *uri, struct part parameter)
{
        const char *equals = memchr(parameter.bytes, '=', parameter.length);
        struct part name = equals ? cut_before(&parameter, equals) : parameter;
        if (equals && (is_word(name, "db") || is_word(name, "database")))
                return put_decoded(uri, FIELD_DATABASE, parameter);
        if (equals && (is_word(name, "ssl") || is_word(name, "tls")))
                return put_yes_no(uri, FIELD_TLS, parameter, "ssl");
        if (name.length > 0)
                warn_parameter(uri, name, equals != NULL);
        return 0;
}

static int put_query(struct uri *uri, struct part query)
{
        const char *fragment = memchr(query.bytes, '#', query.length);
        if (fragment)
                query.length = (size_t)(fragment - query.bytes);
        int rc = 0;
        while (query.length > 0 && rc == 0) {
                const char *and = memchr(query.bytes, '&', query.length);
                struct part parameter = query;
                if (and)
                        parameter = cut_before(&query, and);
                else
                        query.length = 0;
                rc = put_parameter(uri, parameter);
        }
        return rc;
}

static int put_path(struct uri *uri, struct part path)
{
        const char *end = find(path, "?#");
        struct part query = { path.bytes + path.length, 0 };
        if (end) {
                if (*end == '?')
                        query = (struct part){ end + 1, (size_t)(path.bytes + path.length - end - 1) };
                path.length = (size_t)(end - path.bytes);
        }
        while (path.length > 0 && path.bytes[path.length - 1] == '/')
                path.length--;
        int rc = put_decoded(uri, FIELD_DATABASE, path);
        return rc < 0 ? rc : put_query(uri, query);
}

static int parse_unix(struct uri *uri, struct part rest)
{
        const char *end = find(rest, "?");
        struct part path = rest;
        struct part query = { rest.bytes + rest.length, 0 };
        if (end) {
                query = rest;
                path = cut_before(&query, end);
        }
        if (path.length == 0 || path.bytes[0] != '/')
                return err_set(uri->err, ERR_INVALID, "%s: expected unix:///path/of/the/socket", uri->place);
        int rc = put_decoded(uri, FIELD_SOCKET, path);
        return rc < 0 ? rc : put_query(uri, query);
}

static int parse_tcp(struct uri *uri, struct part rest)
{
        const char *end = find(rest, "/?#");
        struct part address = rest;
        struct part path = { rest.bytes + rest.length, 0 };
        if (end) {
                address.length = (size_t)(end - rest.bytes);
                path = (struct part){ end, rest.length - address.length };
                if (*end == '/') {
                        path.bytes++;
                        path.length--;
                }
        }
        int rc = put_address(uri, address);
        return rc < 0 ? rc : put_path(uri, path);
}

static int parse_uri(struct uri *uri, struct part scheme, struct part rest)
{
        bool is_tls = is_word(scheme, "rediss") || is_word(scheme, "valkeys");
        bool is_unix = is_word(scheme, "unix");
        if (!is_tls && !is_unix && !is_word(scheme, "redis") && !is_word(scheme, "valkey") && !is_word(scheme, "tcp"))
                return err_set(uri->err, ERR_INVALID,
                               "%s: expected redis://, rediss://, valkey://, valkeys://, tcp:// or unix://",
                               uri->place);
        int rc = 0;
        const char *at = memrchr(rest.bytes, '@', rest.length);
        bool is_path = is_unix && rest.length > 0 && rest.bytes[0] == '/'; /* an @ in it is part of the file name */
        if (at && !is_path)
                rc = put_user(uri, cut_before(&rest, at));
        if (rc == 0)
                rc = is_unix ? parse_unix(uri, rest) : parse_tcp(uri, rest);
        /* This comes last, so that ?ssl=false does not override the scheme. */
        if (rc == 0 && is_tls)
                rc = put(uri, FIELD_TLS, (struct part){ "true", 4 });
        return rc;
}

/* --- host:6380,password=...,ssl=True ------------------------------------------------------------------- */

static int put_pair(struct uri *uri, struct part name, struct part value)
{
        static const struct {
                const char *word;
                unsigned field;
        } words[] = {
                { "password", FIELD_PASSWORD },           { "user", FIELD_USERNAME },
                { "defaultDatabase", FIELD_DATABASE },    { "sslHost", FIELD_TLS_SERVER_NAME },
                { "serviceName", FIELD_SENTINEL_MASTER }, { "name", FIELD_CLIENT_NAME },
        };
        if (is_word(name, "ssl"))
                return put_yes_no(uri, FIELD_TLS, value, "ssl");
        for (size_t i = 0; i < COUNT_OF(words); i++)
                if (is_word(name, words[i].word))
                        return put(uri, words[i].field, value);
        warn_parameter(uri, name, true);
        return 0;
}

static int parse_connection_string(struct uri *uri, struct part rest)
{
        int rc = 0;
        bool has_address = false;
        while (rest.length > 0 && rc == 0) {
                const char *comma = memchr(rest.bytes, ',', rest.length);
                struct part item = rest;
                if (comma)
                        item = cut_before(&rest, comma);
                else
                        rest.length = 0;
                item = trim(item);
                const char *equals = memchr(item.bytes, '=', item.length);
                if (equals) {
                        struct part name = trim(cut_before(&item, equals));
                        rc = put_pair(uri, name, trim(item));
                } else if (item.length > 0 && has_address) {
                        notes_warn(uri->notes, "%s: only the first address is used", uri->place);
                } else if (item.length > 0) {
                        has_address = true;
                        rc = put_address(uri, item);
                }
        }
        if (rc == 0 && !has_address)
                return err_set(uri->err, ERR_INVALID, "%s: expected a URI such as redis://host:6379, or host:6379,...",
                               uri->place);
        return rc;
}

int redis_uri_parse(const char *text, size_t length, const char *place, struct draft *parts, struct notes *notes,
                    struct err *err)
{
        struct uri uri = { .place = place, .parts = parts, .notes = notes, .err = err };
        struct part rest = trim((struct part){ text, length });
        if (length > URI_MAX_BYTES)
                return err_set(err, ERR_LIMIT, "%s: longer than %d bytes", place, URI_MAX_BYTES);
        if (memchr(text, '\0', length))
                return err_set(err, ERR_INVALID, "%s: contains a NUL byte", place);
        const char *end = memmem(rest.bytes, rest.length, "://", 3);
        const char *comma = memchr(rest.bytes, ',', rest.length);
        if (!end || (comma && comma < end))
                return parse_connection_string(&uri, rest);
        struct part scheme = { rest.bytes, (size_t)(end - rest.bytes) };
        size_t skipped = scheme.length + 3;
        return parse_uri(&uri, scheme, (struct part){ rest.bytes + skipped, rest.length - skipped });
}
