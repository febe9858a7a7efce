/* tokens: if there is no memory for a new list, the previous one stays in force. */
#include "tokens.h"

#include <stdlib.h>

static int hand_on(const struct backing_tokens *tokens, const struct collector *collector, struct err *err)
{
        if (!backing_tokens_are_asked_for(tokens))
                return 0;
        size_t count = backing_tokens_count(tokens);
        struct http_token *list = calloc(count + 1, sizeof(*list));
        if (!list)
                return err_set(err, ERR_NOMEM, "tokens");
        for (size_t i = 0; i < count; i++)
                list[i] = (struct http_token){ backing_tokens_name(tokens, i), backing_tokens_value(tokens, i) };
        int rc = http_server_set_tokens(collector->server, list, count, err);
        free(list);
        if (rc == 0)
                log_info(collector->log, "tokens.set", "Only these tokens are accepted now",
                         log_int("count", (int64_t)count));
        return rc;
}

static void on_change(struct backed *now, void *data)
{
        struct tokens *tokens = data;
        struct err err;
        if (hand_on(backing_tokens_of(now), tokens->collector, &err) < 0)
                log_error(tokens->collector->log, "tokens.set_failed", "The previous tokens stay in force",
                          log_err(&err), log_code(&err));
}

struct backing_tokens_input tokens_input(const struct settings *settings)
{
        return (struct backing_tokens_input){ .binding = settings->tokens_binding,
                                              .is_required = settings->require_token };
}

int tokens_open(struct tokens *tokens, struct backing_root *bindings, struct collector *collector, struct err *err)
{
        tokens->collector = collector;
        tokens->input = tokens_input(collector->settings);
        const struct backing_watch_options options = { .input = &tokens->input,
                                                       .is_optional = !tokens->input.is_required,
                                                       .metric_names = BACKING_METRICS("collector_tokens"),
                                                       .on_change = on_change,
                                                       .data = tokens };
        int rc = backing_watch_open(bindings, &backing_tokens_kind, &options, &tokens->watch, err);
        return rc < 0 ? rc : hand_on(backing_tokens_of(backing_watch_get(tokens->watch)), collector, err);
}

void tokens_close(struct tokens *tokens)
{
        backing_watch_close(tokens->watch);
        tokens->watch = NULL;
}
