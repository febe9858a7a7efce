/* redis_facts: the whole process sends INFO at most every two seconds. INFO never waits for a connection, because a
 * Redis that is unreachable has no facts to report. No request waits for the reply, which appears in the next
 * response. */
#include "redis_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "redis/command.h"
#include "redis/reply.h"

enum { ASK_EVERY_MS = 2000 };

void redis_facts_init(struct redis_facts *facts)
{
        *facts = (struct redis_facts){ 0 };
        (void)pthread_mutex_init(&facts->lock, NULL); /* cannot fail with default attributes on Linux */
}

void redis_facts_fini(struct redis_facts *facts)
{
        (void)pthread_mutex_destroy(&facts->lock);
}

void redis_facts_reached(struct redis_facts *facts, unsigned generation, const char *address)
{
        struct redis_fact *server = &facts->server;
        (void)pthread_mutex_lock(&facts->lock);
        bool is_newer = generation > server->generation;
        if (address && (is_newer || (generation == server->generation && strcmp(server->address, address) != 0))) {
                *server = (struct redis_fact){ .generation = generation, .since_ms = clock_realtime_ms() };
                (void)snprintf(server->address, sizeof(server->address), "%s", address); /* a long text is truncated */
        }
        (void)pthread_mutex_unlock(&facts->lock);
}

/* --- INFO ----------------------------------------------------------------------------------------------- */

struct question {
        struct redis_command command;
        struct redis_facts *facts;
        unsigned generation;
        bool is_last;
};

/* Copies the value of a line "name:value\r\n"; false: there is none. */
static bool find(const char *text, const char *name, char *out, size_t size)
{
        size_t length = strlen(name);
        for (const char *line = text; line; line = strchr(line, '\n'), line += line != NULL) {
                if (strncmp(line, name, length) != 0 || line[length] != ':')
                        continue;
                const char *value = line + length + 1;
                (void)snprintf(out, size, "%.*s", (int)strcspn(value, "\r\n"), value); /* a long text is truncated */
                return true;
        }
        return false;
}

static void read_info(const char *text, struct redis_fact *server)
{
        char number[48];
        if (find(text, "valkey_version", number, sizeof(number)))
                (void)snprintf(server->version, sizeof(server->version), "valkey %s", number);
        else if (find(text, "redis_version", number, sizeof(number)))
                (void)snprintf(server->version, sizeof(server->version), "redis %s", number);
        (void)find(text, "role", server->role, sizeof(server->role));
        (void)find(text, "redis_mode", server->mode, sizeof(server->mode));
}

static void on_reply(struct redis_command *command, const struct redis_reply *reply, const struct err *err UNUSED)
{
        struct question *question = CONTAINER_OF(command, struct question, command);
        struct redis_facts *facts = question->facts;
        (void)pthread_mutex_lock(&facts->lock);
        struct redis_fact *server = &facts->server;
        if (question->is_last)
                server->is_asked = false;
        if (reply && server->generation == question->generation) {
                const char *text = redis_reply_text(reply, NULL);
                if (redis_reply_is_error(reply, "NOPERM"))
                        server->is_refused = true;
                else if (text && redis_reply_type(reply) == REDIS_STRING)
                        read_info(text, server);
        }
        (void)pthread_mutex_unlock(&facts->lock);
        redis_command_fini(command);
        free(question);
}

/* False: out of memory, nothing was sent. */
static bool send_info(struct redis_facts *facts, struct redis *client, const char *section, bool is_last)
{
        struct question *question = calloc(1, sizeof(*question));
        if (!question)
                return false;
        redis_command_init(&question->command, on_reply);
        question->command.must_not_hold = true;
        question->facts = facts;
        question->generation = redis_generation(client);
        question->is_last = is_last;
        if (redis_command_args(&question->command, 2, (const char *[]){ "INFO", section },
                               (size_t[]){ 4, strlen(section) }, NULL) < 0) {
                free(question);
                return false;
        }
        redis_send(client, &question->command);
        return true;
}

void redis_facts_ask(struct redis_facts *facts, struct redis *client)
{
        struct redis_fact *server = &facts->server;
        int64_t now_ms = clock_monotonic_ms();
        if (redis_state(client) != REDIS_READY)
                return;
        (void)pthread_mutex_lock(&facts->lock);
        bool is_due = !server->is_asked && !server->is_refused &&
                      (server->asked_ms == 0 || now_ms - server->asked_ms >= ASK_EVERY_MS);
        if (is_due) {
                server->is_asked = true;
                server->asked_ms = now_ms;
        }
        (void)pthread_mutex_unlock(&facts->lock);
        if (!is_due)
                return;
        (void)send_info(facts, client, "server", false); /* if memory runs out, INFO is sent again later */
        if (!send_info(facts, client, "replication", true)) {
                (void)pthread_mutex_lock(&facts->lock);
                server->is_asked = false;
                (void)pthread_mutex_unlock(&facts->lock);
        }
}

struct redis_fact redis_facts_get(struct redis_facts *facts)
{
        (void)pthread_mutex_lock(&facts->lock);
        struct redis_fact copy = facts->server;
        (void)pthread_mutex_unlock(&facts->lock);
        return copy;
}
