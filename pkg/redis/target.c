/* target: an immutable value with a count. Everything is copied and checked when it is made, so that
 * connections on any thread read it without a lock; two targets are the same when a connection to one
 * could stand for a connection to the other. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "redis/internal.h"

enum { DEFAULT_PORT = 6379, HOST_MAX = 253, DATABASE_MAX = 999999 };

static int check(const struct redis_target_options *o, struct err *err)
{
        if (o->host && o->socket_path)
                return err_set(err, ERR_INVALID, "Redis: both a host and a socket path");
        if (o->host && (!o->host[0] || strlen(o->host) > HOST_MAX))
                return err_set(err, ERR_INVALID, "Redis: a host name of 1 to %d characters is needed", HOST_MAX);
        if (o->socket_path &&
            (!o->socket_path[0] || strlen(o->socket_path) >= sizeof(((struct sockaddr_un){ 0 }).sun_path)))
                return err_set(err, ERR_INVALID, "Redis: a socket path of 1 to %zu bytes is needed",
                               sizeof(((struct sockaddr_un){ 0 }).sun_path) - 1);
        if (o->username && o->password.length == 0)
                return err_set(err, ERR_INVALID, "Redis: a user name without a password");
        if (o->database > DATABASE_MAX)
                return err_set(err, ERR_INVALID, "Redis: database %u is over %d", o->database, DATABASE_MAX);
        return 0;
}

static char *address_of(const struct redis_target *t)
{
        char *text = NULL;
        struct in6_addr ipv6;
        int wanted;
        if (t->socket_path)
                wanted = asprintf(&text, "unix:%s", t->socket_path);
        else if (inet_pton(AF_INET6, t->host, &ipv6) == 1)
                wanted = asprintf(&text, "[%s]:%u", t->host, t->port);
        else
                wanted = asprintf(&text, "%s:%u", t->host, t->port);
        return wanted < 0 ? NULL : text;
}

/* True when `from` was copied or there was none. */
static bool copy_text(char **to, const char *from)
{
        if (!from)
                return true;
        *to = strdup(from);
        return *to != NULL;
}

static bool fill(struct redis_target *t, const struct redis_target_options *o)
{
        const char *host = o->socket_path ? NULL : o->host ? o->host : "localhost";
        t->port = o->port ? o->port : DEFAULT_PORT;
        t->database = o->database;
        if (!copy_text(&t->host, host) || !copy_text(&t->socket_path, o->socket_path) ||
            !copy_text(&t->username, o->username) || !copy_text(&t->client_name, o->client_name))
                return false;
        if (o->password.length > 0 && secret_init(&t->password, o->password.bytes, o->password.length) < 0)
                return false;
        t->address = address_of(t);
        return t->address != NULL;
}

struct redis_target *redis_target_new(const struct redis_target_options *options, struct err *err)
{
        if (check(options, err) < 0)
                return NULL;
        struct redis_target *t = calloc(1, sizeof(*t));
        if (t)
                atomic_init(&t->references, 1);
        if (!t || !fill(t, options)) {
                redis_target_unref(t);
                (void)err_set(err, ERR_NOMEM, "Redis target"); /* NULL tells it */
                return NULL;
        }
        return t;
}

struct redis_target *redis_target_ref(struct redis_target *target)
{
        atomic_fetch_add_explicit(&target->references, 1, memory_order_relaxed);
        return target;
}

void redis_target_unref(struct redis_target *target)
{
        if (!target || atomic_fetch_sub_explicit(&target->references, 1, memory_order_acq_rel) > 1)
                return;
        free(target->host);
        free(target->socket_path);
        free(target->username);
        free(target->client_name);
        free(target->address);
        secret_fini(&target->password);
        free(target);
}

static bool same_text(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

bool redis_target_equal(const struct redis_target *a, const struct redis_target *b)
{
        return same_text(a->host, b->host) && a->port == b->port && same_text(a->socket_path, b->socket_path) &&
               same_text(a->username, b->username) && secret_equal(&a->password, &b->password) &&
               a->database == b->database && same_text(a->client_name, b->client_name);
}

const char *redis_target_address(const struct redis_target *target)
{
        return target->address;
}

const char *redis_target_username(const struct redis_target *target)
{
        return target->username;
}

bool redis_target_has_password(const struct redis_target *target)
{
        return target->password.length > 0;
}

unsigned redis_target_database(const struct redis_target *target)
{
        return target->database;
}
