/* handshake: sends the first commands of a new connection in one write, and evaluates the replies. ROLE comes before
 * PING, because a loading server answers ROLE, but answers PING with -LOADING. CLUSTER SLOTS shows whether the server
 * is part of a Cluster. If the user may call neither ROLE nor CLUSTER (managed services), the server is assumed to be a
 * single primary. Redis may echo the arguments of a command in an error, so only the first word of the reply to AUTH is
 * ever reported. If there is a second password, the handshake starts again with it after all replies to the first
 * attempt have arrived. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis/command_private.h"
#include "redis/handshake.h"
#include "redis/slots.h"
#include "redis/target_private.h"

enum { STEP_AUTH, STEP_SELECT, STEP_CLIENT, STEP_CLUSTER, STEP_ROLE, STEP_PING };

static const char *const names[] = { "authentication", "select", "handshake", "slots", "role", "ping" };

static int add(struct redis_handshake *h, unsigned char step, size_t argc, const char **argv, const size_t *lengths)
{
        size_t length;
        char *bytes = redis_format(argc, argv, lengths, &length);
        if (!bytes)
                return ERR_NOMEM;
        int rc = buf_append(&h->out, bytes, length);
        explicit_bzero(bytes, length);
        free(bytes);
        h->steps[h->count++] = step;
        return rc;
}

static int add_auth(struct redis_handshake *h, const struct redis_target *t)
{
        const struct secret *password = h->uses_second ? &t->password_secondary : &t->password;
        if (password->length == 0)
                return 0;
        if (!t->username)
                return add(h, STEP_AUTH, 2, (const char *[]){ "AUTH", password->bytes },
                           (size_t[]){ 4, password->length });
        return add(h, STEP_AUTH, 3, (const char *[]){ "AUTH", t->username, password->bytes },
                   (size_t[]){ 4, strlen(t->username), password->length });
}

static int add_select(struct redis_handshake *h, const struct redis_target *t)
{
        if (t->database == 0)
                return 0;
        char number[12];
        int length = snprintf(number, sizeof(number), "%u", t->database);
        return add(h, STEP_SELECT, 2, (const char *[]){ "SELECT", number }, (size_t[]){ 6, (size_t)length });
}

static int add_client(struct redis_handshake *h, const struct redis_target *t)
{
        int rc = 0;
        if (t->client_name)
                rc = add(h, STEP_CLIENT, 3, (const char *[]){ "CLIENT", "SETNAME", t->client_name },
                         (size_t[]){ 6, 7, strlen(t->client_name) });
        if (rc == 0)
                rc = add(h, STEP_CLIENT, 4, (const char *[]){ "CLIENT", "SETINFO", "LIB-NAME", "collector" },
                         (size_t[]){ 6, 7, 8, 9 });
        if (rc == 0)
                rc = add(h, STEP_CLIENT, 4, (const char *[]){ "CLIENT", "SETINFO", "LIB-VER", VERSION },
                         (size_t[]){ 6, 7, 7, sizeof(VERSION) - 1 });
        return rc;
}

static int say_all(struct redis_handshake *h, const struct redis_target *t, struct err *err)
{
        size_t texts = t->password.length + t->password_secondary.length + (t->username ? strlen(t->username) : 0) +
                       (t->client_name ? strlen(t->client_name) : 0);
        /* Reserved in one step, because growing the buffer would leave a copy of the password behind. */
        int rc = buf_reserve(&h->out, texts + 512);
        if (rc == 0)
                rc = add_auth(h, t);
        if (rc == 0)
                rc = add_select(h, t);
        if (rc == 0 && !t->is_sentinel)
                rc = add_client(h, t);
        if (rc == 0 && !t->is_sentinel && !t->is_node)
                rc = add(h, STEP_CLUSTER, 2, (const char *[]){ "CLUSTER", "SLOTS" }, (size_t[]){ 7, 5 });
        if (rc == 0 && !t->is_sentinel)
                rc = add(h, STEP_ROLE, 1, (const char *[]){ "ROLE" }, (size_t[]){ 4 });
        if (rc == 0)
                rc = add(h, STEP_PING, 1, (const char *[]){ "PING" }, (size_t[]){ 4 });
        if (rc < 0) {
                redis_handshake_fini(h);
                return err_set(err, rc, "handshake");
        }
        return 0;
}

int redis_handshake_init(struct redis_handshake *h, const struct redis_target *t, bool second_first, struct err *err)
{
        bool has_other = t->password_secondary.length > 0;
        *h = (struct redis_handshake){ .target = t, .uses_second = has_other && second_first, .has_other = has_other };
        return say_all(h, t, err);
}

int redis_handshake_again(struct redis_handshake *h, const struct redis_target *t, struct err *err)
{
        bool uses_second = !h->uses_second;
        redis_handshake_fini(h);
        *h = (struct redis_handshake){ .target = t, .uses_second = uses_second, .is_fallback = true };
        return say_all(h, t, err);
}

void redis_handshake_wipe(struct redis_handshake *h)
{
        if (h->out.data)
                explicit_bzero(h->out.data, h->out.cap);
        buf_fini(&h->out);
}

void redis_handshake_fini(struct redis_handshake *h)
{
        redis_handshake_wipe(h);
        redis_slots_free(h->slots);
        h->slots = NULL;
}

static bool is_not_needed(const struct redis_reply *reply)
{
        return redis_reply_is_error(reply, "ERR Client sent AUTH, but no password is set") || /* up to Redis 5 */
               redis_reply_is_error(reply, "ERR AUTH <password> called without any password configured for the");
}

/* Reports our own text for a temporary refusal, or the first word of any other error. */
static enum redis_failure judge_auth(const struct redis_handshake *h, const struct redis_reply *reply, struct err *err)
{
        enum redis_failure failure = redis_failure_of(reply);
        const char *text = redis_reply_text(reply, NULL);
        int word = (int)strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (is_not_needed(reply))
                return FAILURE_NONE;
        if (failure != FAILURE_NONE && !redis_reply_is_error(reply, "NOAUTH")) {
                (void)err_set(err, ERR_UNAVAILABLE, "authentication: %s", redis_failure_words(reply));
                return failure;
        }
        (void)err_set(err, ERR_DENIED, "authentication: the user name or %s refused (%.*s)",
                      h->is_fallback ? "both passwords are" : "password is", word < 16 ? word : 16, text);
        return FAILURE_DENIED;
}

static enum redis_failure judge_role(const struct redis_reply *reply, struct err *err)
{
        const char *role = redis_reply_text(redis_reply_at(reply, 0), NULL);
        if (strcmp(role, "master") == 0)
                return FAILURE_NONE;
        (void)err_set(err, ERR_UNAVAILABLE, "role: this server is %s, not the primary",
                      strcmp(role, "slave") == 0      ? "a replica"
                      : strcmp(role, "sentinel") == 0 ? "a Sentinel"
                                                      : "of an unknown role");
        return FAILURE_RECONNECT;
}

/* Only a Cluster has a map. Other servers refuse the command, and so does a Cluster if the user lacks the right. */
static enum redis_failure judge_cluster(struct redis_handshake *h, const struct redis_reply *reply, struct err *err)
{
        bool is_map = redis_reply_type(reply) == REDIS_ARRAY;
        if (is_map && !h->slots && redis_slots_parse(reply, h->target->host, &h->slots, err) < 0) {
                (void)err_wrap(err, "slots"); /* err contains the code */
                return FAILURE_UNKNOWN;
        }
        if (is_map || !h->target->cluster)
                return FAILURE_NONE;
        (void)redis_reply_error(reply, err);
        (void)err_wrap(err, "slots"); /* err contains the code */
        return err->code == ERR_DENIED ? FAILURE_DENIED : FAILURE_UNKNOWN;
}

/* True if this reply is valid for that step; errors are checked elsewhere. */
static bool is_sound(unsigned char step, const struct redis_reply *reply)
{
        const struct redis_reply *first = redis_reply_at(reply, 0);
        if (step == STEP_CLUSTER)
                return redis_reply_type(reply) == REDIS_ARRAY;
        if (step == STEP_ROLE)
                return first && redis_reply_text(first, NULL);
        return redis_reply_type(reply) == REDIS_STATUS;
}

static bool is_denied(unsigned char step, const struct redis_reply *reply)
{
        return redis_reply_is_error(reply, "NOAUTH") || redis_reply_is_error(reply, "DENIED") || /* protected mode */
               (step == STEP_SELECT && redis_reply_is_error(reply, "NOPERM"));
}

static enum redis_failure judge_error(const struct redis_handshake *h, unsigned char step,
                                      const struct redis_reply *reply, struct err *err)
{
        if (step == STEP_AUTH && !redis_reply_is_error(reply, "DENIED"))
                return judge_auth(h, reply, err);
        enum redis_failure failure = redis_failure_of(reply);
        (void)redis_reply_error(reply, err);
        (void)err_wrap(err, "%s", redis_reply_is_error(reply, "NOAUTH") ? "authentication" : names[step]);
        if (is_denied(step, reply)) {
                err->code = ERR_DENIED;
                return FAILURE_DENIED;
        }
        if (failure == FAILURE_NONE && step == STEP_SELECT)
                return FAILURE_UNKNOWN; /* no such database, so the connection is useless */
        return failure;
}

int redis_handshake_reply(struct redis_handshake *h, const struct redis_reply *reply, enum redis_failure *failure,
                          struct err *err)
{
        unsigned char step = h->steps[h->next++];
        *failure = FAILURE_NONE;
        if (h->is_refused)
                return h->next == h->count ? HANDSHAKE_AGAIN : 0;
        if (redis_reply_type(reply) != REDIS_ERROR && !is_sound(step, reply)) {
                *failure = FAILURE_UNKNOWN;
                return err_set(err, ERR_PROTOCOL, "%s: unexpected reply", names[step]);
        }
        if (step == STEP_CLUSTER && !redis_reply_is_error(reply, "NOAUTH"))
                *failure = judge_cluster(h, reply, err);
        else if (redis_reply_type(reply) == REDIS_ERROR)
                *failure = judge_error(h, step, reply, err);
        else if (step == STEP_ROLE && !h->slots) /* in a Cluster, a replica serves the map as well */
                *failure = judge_role(reply, err);
        if (step == STEP_AUTH && *failure == FAILURE_DENIED && h->has_other) {
                h->is_refused = true; /* AUTH is never the last step */
                *failure = FAILURE_NONE;
                return 0;
        }
        if (*failure != FAILURE_NONE)
                return err->code;
        return h->next == h->count;
}
