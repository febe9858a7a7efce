/* tokens: reads a binding whose entries are tokens. */
#include "backing/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backing/backed.h"
#include "backing/gather.h"

enum { TOKEN_MAX_BYTES = 4096, PLACE_SIZE = 1024 };

static const char *const types[] = { "collector-tokens", NULL };

struct token {
        char *entry, *name; /* "orders.next", "orders" */
        struct secret value;
};

struct backing_tokens {
        struct backed backed; /* first */
        bool is_open;         /* no token is required */
        struct token *tokens;
        size_t count;
};

static struct backing_tokens *tokens_of(struct backed *backed)
{
        return CONTAINER_OF(backed, struct backing_tokens, backed);
}

const struct backing_tokens *backing_tokens_of(const struct backed *backed)
{
        return (const struct backing_tokens *)backed; /* its first member */
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

static int fill(struct backed *backed, const void *wanted_tokens, const struct servicebinding_set *bindings,
                struct err *err)
{
        const struct backing_tokens_input *input = wanted_tokens;
        const struct servicebinding *binding;
        struct servicebinding_error problem;
        const char *wanted = input->binding && *input->binding ? input->binding : NULL;
        int rc = SERVICEBINDING_NOT_FOUND;
        (void)snprintf(problem.text, sizeof(problem.text), "SERVICE_BINDING_ROOT is not set"); /* fits */
        if (bindings && servicebinding_set_root(bindings))
                rc = servicebinding_find_types(bindings, wanted, types, NULL, &binding, &problem);
        if (rc == SERVICEBINDING_NOT_FOUND && !wanted && !input->is_required) {
                tokens_of(backed)->is_open = true;
                notes_source(&backed->notes, BACKING_FROM_NOWHERE, backing_source_name(BACKING_FROM_NOWHERE));
                return 0;
        }
        if (rc < 0)
                return err_set(err, binding_code(rc), "tokens: %s", problem.text);
        notes_binding(&backed->notes, binding);
        return read_entries(tokens_of(backed), binding, err);
}

static void fini(struct backed *backed)
{
        struct backing_tokens *tokens = tokens_of(backed);
        for (size_t i = 0; i < tokens->count; i++) {
                free(tokens->tokens[i].entry);
                free(tokens->tokens[i].name);
                secret_fini(&tokens->tokens[i].value);
        }
        free(tokens->tokens);
}

static bool equal(const struct backed *backed_a, const struct backed *backed_b)
{
        const struct backing_tokens *a = backing_tokens_of(backed_a), *b = backing_tokens_of(backed_b);
        if (a->count != b->count || a->is_open != b->is_open)
                return false;
        for (size_t i = 0; i < a->count; i++)
                if (strcmp(a->tokens[i].entry, b->tokens[i].entry) != 0 ||
                    !secret_equal(&a->tokens[i].value, &b->tokens[i].value))
                        return false;
        return true;
}

/* All zero until a required binding exists: nobody has a token. */
const struct backed_kind backing_tokens_kind = {
        .noun = "tokens", .size = sizeof(struct backing_tokens), .fill = fill, .fini = fini, .equal = equal
};

/* --- The tokens --------------------------------------------------------------------------------------------- */

int backing_tokens_resolve(const struct backing_tokens_input *input, struct backing_tokens **out, struct err *err)
{
        struct backed *backed;
        int rc = backed_new(&backing_tokens_kind, input, input->bindings, &backed, err);
        if (rc == 0)
                *out = tokens_of(backed);
        return rc;
}

void backing_tokens_unref(struct backing_tokens *tokens)
{
        if (tokens)
                backed_unref(&tokens->backed);
}

bool backing_tokens_are_asked_for(const struct backing_tokens *tokens)
{
        return !tokens->is_open;
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
