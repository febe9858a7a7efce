/* check: prints all findings to standard output, so that a pod's log shows them together, and repeats errors on
 * standard error. */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ack_level.h"
#include "backing/print.h"
#include "backing/redis.h"
#include "base/attr.h"
#include "base/clock.h"
#include "redis_input.h"
#include "service/check.h"
#include "tokens.h"
#include "trial.h"

enum { PROBE_TIMEOUT_MS = 5000 };

static const char *setting_place(const struct backing_report *report, const char *name)
{
        for (size_t i = 0; i < report->setting_count; i++)
                if (strcmp(report->settings[i].name, name) == 0)
                        return report->settings[i].place;
        return NULL;
}

static bool is_on_this_machine(const char *address)
{
        static const char *const begins[] = { "unix:", "127.", "[::1]:", "localhost:" };
        for (size_t i = 0; i < COUNT_OF(begins); i++)
                if (strncmp(address, begins[i], strlen(begins[i])) == 0)
                        return true;
        return false;
}

static void print_tls(const struct redis_probe_result *result, const struct backing_redis *redis)
{
        const struct backing_redis_settings *settings = backing_redis_settings(redis);
        const char *ca = setting_place(backing_redis_report(redis), "certificates");
        char until[CLOCK_ISO8601_SIZE];
        if (result->tls_version[0]) {
                printf("  %s, certificate of %s, valid until %.10s, ", result->tls_version, result->peer_name,
                       clock_iso8601(result->peer_not_after_ms, until));
                if (settings->tls_verify == BACKING_VERIFY_NONE)
                        printf("not verified\n");
                else
                        printf("verified by %s%s%s\n", ca ? "the CA in " : "the CAs of this system", ca ? ca : "",
                               settings->tls_verify == BACKING_VERIFY_CA ? ", without checking its name" : "");
        } else if (redis_target_has_password(backing_redis_target(redis)) && !is_on_this_machine(result->address)) {
                printf("  warning: without TLS the password crosses the network in clear text\n");
        }
}

static void print_found(const struct redis_probe_result *result, const struct backing_redis *redis)
{
        const char *master = backing_redis_settings(redis)->sentinel_master;
        if (result->sentinel[0])
                printf("  primary %s of %s, from Sentinel %s\n", result->address, master, result->sentinel);
        bool is_written = strncmp(result->tried, "SET", 3) == 0;
        printf("  reached in %" PRId64 " ms: %s, %s, role %s; %s worked\n", result->connect_ms,
               result->server[0] ? result->server : "server unknown", result->mode[0] ? result->mode : "mode unknown",
               result->role[0] ? result->role : "unknown", is_written ? "a write and a read have" : "a read has");
        printf("  tried the commands that serving sends%s: %s\n", result->masters > 1 ? " on each master" : "",
               result->tried);
        if (result->lacks[0])
                printf("  warning: the user may not send %s: Collector works without it, see the rights in "
                       "docs/bindings.md\n",
                       result->lacks);
        print_tls(result, redis);
        if (result->masters > 0)
                printf("  a Cluster of %zu masters, all of them reached\n", result->masters);
        const char *policy = result->maxmemory_policy;
        if (policy[0])
                printf("  maxmemory-policy %s\n", policy);
        if (policy[0] && strcmp(policy, "noeviction") != 0)
                printf("  warning: with this policy Redis may drop documents when its memory is full\n");
        if (result->persistence_known)
                printf("  persistence %s\n", result->persistence ? "on" : "off");
        if (result->persistence_known && !result->persistence)
                printf("  warning: a restart of this Redis loses every document\n");
}

static void print_sentinel(const struct redis_sentinel_found *found)
{
        if (found->err.code == 0)
                printf("  Sentinel %s can be queried and subscribed to\n", found->address);
        else if (found->is_refusal)
                printf("  warning: Sentinel %s refuses: %s; without it a failover is noticed only at the next look-up, "
                       "when the connection breaks, Redis is silent or refuses a write, and writes that the old "
                       "primary acknowledges until then may be lost. Its user needs %s\n",
                       found->address, found->err.text, redis_sentinel_rights);
        else
                printf("  warning: Sentinel %s cannot be used: %s\n", found->address, found->err.text);
}

/* Queries all Sentinels: one was enough to find the primary, but any of them may lead the next failover. */
static void try_sentinels(const struct backing_redis *redis)
{
        struct err err;
        if (backing_redis_settings(redis)->sentinel_master &&
            trial_sentinels(redis, PROBE_TIMEOUT_MS, print_sentinel, &err) < 0)
                printf("  warning: the Sentinels could not be queried: %s\n", err.text);
}

static int try_redis(const struct backing_redis *redis, const struct commands *commands, const struct ack_level *ack)
{
        struct redis_probe_result found;
        struct err err;
        printf("\nTrying %s\n", redis_target_address(backing_redis_target(redis)));
        int rc = trial_run(redis, commands, PROBE_TIMEOUT_MS, &found, &err);
        if (rc == 0) {
                print_found(&found, redis);
                try_sentinels(redis);
        }
        /* If the trial has failed as well, this error is more useful, because it names the setting. */
        struct err refusal;
        if (found.address[0] && ack_fits(ack, &found, &refusal) < 0) {
                rc = refusal.code;
                err = refusal;
        }
        if (rc < 0) {
                printf("  failed: %s\n", err.text);
                fprintf(stderr, "collector: Redis: %s\n", err.text);
                return 1;
        }
        if (ack_is_short(ack, &found))
                printf("  warning: --ack requires each document on %u replicas, but %" PRId64 " are connected\n",
                       ack->replicas, found.replicas);
        return 0;
}

/* 0, or the exit status. */
static int check_redis(const char *title, const struct backing_redis_input *input, const struct commands *commands,
                       const struct ack_level *ack)
{
        struct backing_redis *redis = NULL;
        struct err err;
        if (backing_redis_resolve(input, &redis, &err) < 0) {
                fprintf(stderr, "collector: %s\n", err.text);
                return 2;
        }
        backing_print_report(title, backing_redis_report(redis), stdout);
        int status = try_redis(redis, commands, ack);
        backing_redis_unref(redis);
        return status;
}

/* 0, or the exit status. */
static int check_tokens(const struct settings *settings, const struct servicebinding_set *bindings)
{
        struct backing_tokens_input input = tokens_input(settings);
        struct backing_tokens *tokens;
        struct err err;
        input.bindings = bindings;
        if (backing_tokens_resolve(&input, &tokens, &err) < 0) {
                fprintf(stderr, "collector: %s\n", err.text);
                return 2;
        }
        if (backing_tokens_are_asked_for(tokens))
                backing_print_report("Tokens", backing_tokens_report(tokens), stdout);
        backing_tokens_unref(tokens);
        return 0;
}

static int check_both(const struct settings *settings, const struct redis_input *source)
{
        struct ack_level ack = { 0 };
        struct err err;
        if (ack_parse(settings->ack, &ack, &err) < 0)
                return 2; /* cannot happen: the option has been checked */
        struct commands current = commands_of(settings, &ack), previous_commands = commands_of_previous();
        int status = check_redis("Redis", &source->input, &current, &ack);
        if (status != 0 || !settings->previous_binding || !*settings->previous_binding)
                return status;
        struct backing_redis_input previous = redis_input_previous(source, settings->previous_binding);
        previous.bindings = source->input.bindings;
        return check_redis("Previous Redis", &previous, &previous_commands, &(struct ack_level){ .kind = ACK_MEMORY });
}

int check_run(const struct settings *settings, const struct config_report *report, char *const *environment)
{
        struct servicebinding_set *bindings = NULL;
        struct redis_input source = { 0 };
        struct err err;
        int status = service_check(&settings_program, settings, report, &bindings);
        if (status != 0)
                return status;
        status = 2;
        if (redis_input_init(&source, settings, report, environment, &err) < 0) {
                fprintf(stderr, "collector: %s\n", err.text);
        } else {
                source.input.bindings = bindings;
                status = check_tokens(settings, bindings);
                if (status == 0)
                        status = check_both(settings, &source);
        }
        redis_input_fini(&source);
        servicebinding_set_unref(bindings);
        return status;
}
