/* tokens: reads a binding whose entries are tokens, and follows it. */
#include "backing/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backing/follow.h"
#include "backing/gather.h"

enum { TOKEN_MAX_BYTES = 4096, PLACE_SIZE = 1024 };

static const char *const types[] = { "collector-tokens", NULL };

struct token {
        char *entry, *name; /* "orders.next", "orders" */
        struct secret value;
};

struct backing_tokens {
        struct backed backed; /* first */
        bool are_asked_for;
        struct token *tokens;
        size_t count;
};

static const struct backing_tokens *tokens_of(const struct backed *backed)
{
        return (const struct backing_tokens *)backed; /* its first member */
}

static void destroy(struct snapshot *snapshot)
{
        struct backing_tokens *tokens = CONTAINER_OF(snapshot, struct backing_tokens, backed.snapshot);
        for (size_t i = 0; i < tokens->count; i++) {
                free(tokens->tokens[i].entry);
                free(tokens->tokens[i].name);
                secret_fini(&tokens->tokens[i].value);
        }
        free(tokens->tokens);
        notes_fini(&tokens->backed.notes);
        free(tokens);
}

/* --- Reading ------------------------------------------------------------------------------------------------- */

static int check(const char *text, const char *place, struct err *err)
{
        size_t length = 0;
        for (; text && text[length]; length++)
                if (text[length] < '!' || text[length] > '~')
                        return err_set(err, ERR_INVALID, "%s: a token may contain only visible ASCII characters",
                                       place);
        if (length == 0)
                return err_set(err, ERR_INVALID, "%s: %s", place,
                               text ? "a token must not be empty" : "contains a NUL byte");
        if (length > TOKEN_MAX_BYTES)
                return err_set(err, ERR_LIMIT, "%s: a token may have at most %d characters", place, TOKEN_MAX_BYTES);
        return 0;
}

static void warn_of_equals(struct backing_tokens *tokens, const char *path)
{
        const struct token *last = &tokens->tokens[tokens->count - 1];
        for (const struct token *other = tokens->tokens; other < last; other++)
                if (secret_equal(&other->value, &last->value) && strcmp(other->name, last->name) != 0)
                        notes_warn(&tokens->backed.notes,
                                   "%s: %s and %s are the same token: clients that send it are treated as %s", path,
                                   other->name, last->name, last->name);
}

static int add(struct backing_tokens *tokens, const struct servicebinding *binding, const char *entry, struct err *err)
{
        char place[PLACE_SIZE];
        const char *text = servicebinding_text(binding, entry);
        (void)snprintf(place, sizeof(place), "%s/%s", servicebinding_path(binding), entry); /* may be truncated */
        int rc = check(text, place, err);
        if (rc < 0)
                return rc;
        struct token *token = &tokens->tokens[tokens->count++];
        token->entry = strdup(entry);
        token->name = strndup(entry, strcspn(entry, "."));
        if (!token->entry || !token->name || secret_init(&token->value, text, strlen(text)) < 0)
                return err_set(err, ERR_NOMEM, "%s", place);
        notes_setting(&tokens->backed.notes, token->entry, "(set)", place);
        warn_of_equals(tokens, servicebinding_path(binding));
        return 0;
}

static int read_entries(struct backing_tokens *tokens, const struct servicebinding *binding, struct err *err)
{
        size_t count = servicebinding_entry_count(binding);
        tokens->tokens = calloc(count + 1, sizeof(*tokens->tokens));
        if (!tokens->tokens)
                return err_set(err, ERR_NOMEM, "tokens");
        for (size_t i = 0; i < count; i++) {
                const char *entry = servicebinding_entry_name(binding, i);
                if (entry[0] == '.' || strcmp(entry, "type") == 0 || strcmp(entry, "provider") == 0)
                        continue;
                int rc = add(tokens, binding, entry, err);
                if (rc < 0)
                        return rc;
        }
        if (tokens->count == 0)
                notes_warn(&tokens->backed.notes, "%s: the binding contains no token, so all requests are rejected",
                           servicebinding_path(binding));
        return 0;
}

static int fill(struct backing_tokens *tokens, const struct backing_tokens_input *input, struct err *err)
{
        const struct servicebinding *binding;
        struct servicebinding_error problem;
        struct notes *notes = &tokens->backed.notes;
        const char *wanted = input->binding && *input->binding ? input->binding : NULL;
        int rc = SERVICEBINDING_NOT_FOUND;
        (void)snprintf(problem.text, sizeof(problem.text), "SERVICE_BINDING_ROOT is not set"); /* fits */
        if (input->bindings && servicebinding_set_root(input->bindings))
                rc = servicebinding_find_types(input->bindings, wanted, types, NULL, &binding, &problem);
        if (rc == SERVICEBINDING_NOT_FOUND && !wanted && !input->is_required) {
                notes_source(notes, BACKING_FROM_NOWHERE, backing_source_name(BACKING_FROM_NOWHERE));
                return 0;
        }
        if (rc < 0)
                return err_set(err, binding_code(rc), "tokens: %s", problem.text);
        tokens->are_asked_for = true;
        notes_binding(notes, binding);
        rc = read_entries(tokens, binding, err);
        return rc == 0 && notes->is_short ? err_set(err, ERR_NOMEM, "tokens") : rc;
}

static struct backing_tokens *tokens_new(void)
{
        struct backing_tokens *tokens = calloc(1, sizeof(*tokens));
        if (!tokens)
                return NULL;
        snapshot_init(&tokens->backed.snapshot, destroy);
        return tokens;
}

int backing_tokens_resolve(const struct backing_tokens_input *input, struct backing_tokens **out, struct err *err)
{
        struct backing_tokens *tokens = tokens_new();
        if (!tokens)
                return err_set(err, ERR_NOMEM, "tokens");
        int rc = fill(tokens, input, err);
        if (rc < 0)
                backing_tokens_unref(tokens);
        else
                *out = tokens;
        return rc;
}

/* --- The tokens --------------------------------------------------------------------------------------------- */

void backing_tokens_unref(struct backing_tokens *tokens)
{
        if (tokens)
                backed_unref(&tokens->backed);
}

bool backing_tokens_are_asked_for(const struct backing_tokens *tokens)
{
        return tokens->are_asked_for;
}

size_t backing_tokens_count(const struct backing_tokens *tokens)
{
        return tokens->count;
}

const char *backing_tokens_name(const struct backing_tokens *tokens, size_t index)
{
        return tokens->tokens[index].name;
}

const struct secret *backing_tokens_value(const struct backing_tokens *tokens, size_t index)
{
        return &tokens->tokens[index].value;
}

const struct backing_report *backing_tokens_report(const struct backing_tokens *tokens)
{
        return &tokens->backed.notes.report;
}

/* --- Following ------------------------------------------------------------------------------------------------- */

struct backing_tokens_watch {
        struct follower follower; /* first */
        struct backing_tokens_input input;
        void (*on_change)(const struct backing_tokens *now, void *data);
        void *data;
};

static struct backing_tokens_watch *watch_of(struct follower *follower)
{
        return CONTAINER_OF(follower, struct backing_tokens_watch, follower);
}

static int resolve(struct follower *follower, const struct servicebinding_set *bindings, struct backed **out,
                   struct err *err)
{
        struct backing_tokens_input input = watch_of(follower)->input;
        struct backing_tokens *tokens = NULL;
        input.bindings = bindings;
        int rc = backing_tokens_resolve(&input, &tokens, err);
        if (rc == 0)
                *out = &tokens->backed;
        return rc;
}

/* The requested binding does not exist yet: until it does, there are no tokens. */
static int resolve_nowhere(struct follower *follower UNUSED, struct backed **out, struct err *err)
{
        struct backing_tokens *tokens = tokens_new();
        if (!tokens)
                return err_set(err, ERR_NOMEM, "tokens");
        tokens->are_asked_for = true;
        notes_source(&tokens->backed.notes, BACKING_FROM_NOWHERE, backing_source_name(BACKING_FROM_NOWHERE));
        *out = &tokens->backed;
        return 0;
}

static bool equal(const struct backed *backed_a, const struct backed *backed_b)
{
        const struct backing_tokens *a = tokens_of(backed_a), *b = tokens_of(backed_b);
        if (a->count != b->count || a->are_asked_for != b->are_asked_for)
                return false;
        for (size_t i = 0; i < a->count; i++)
                if (strcmp(a->tokens[i].entry, b->tokens[i].entry) != 0 ||
                    !secret_equal(&a->tokens[i].value, &b->tokens[i].value))
                        return false;
        return true;
}

static const char *address(const struct backed *backed UNUSED)
{
        return NULL;
}

static void announce(struct follower *follower, struct backed *now)
{
        struct backing_tokens_watch *watch = watch_of(follower);
        if (watch->on_change)
                watch->on_change(tokens_of(now), watch->data);
}

static const struct follow_ops ops = {
        .resolve = resolve,
        .resolve_nowhere = resolve_nowhere,
        .equal = equal,
        .address = address,
        .announce = announce,
};

int backing_tokens_watch_open(struct backing_root *root, const struct backing_tokens_watch_options *options,
                              struct backing_tokens_watch **out, struct err *err)
{
        struct backing_tokens_watch *watch = calloc(1, sizeof(*watch));
        if (!watch)
                return err_set(err, ERR_NOMEM, "tokens");
        watch->input = options->input;
        watch->on_change = options->on_change;
        watch->data = options->data;
        const struct follow_options follow = { .names = options->metric_names,
                                               .is_optional = !options->input.is_required };
        int rc = follower_open(&watch->follower, &ops, root, &follow, err);
        if (rc < 0)
                free(watch);
        else
                *out = watch;
        return rc;
}

const struct backing_tokens *backing_tokens_watch_get(const struct backing_tokens_watch *watch)
{
        return tokens_of(watch->follower.now);
}

void backing_tokens_watch_close(struct backing_tokens_watch *watch)
{
        if (!watch)
                return;
        follower_close(&watch->follower);
        free(watch);
}
