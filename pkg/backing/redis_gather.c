/* redis_gather: collects the strings of the source with the highest precedence, and a password entry named after the
 * user, which no table can list. */
#include "backing/redis_gather.h"

#include <stdio.h>
#include <string.h>

#include "backing/draft.h"
#include "backing/gather.h"
#include "backing/redis_names.h"
#include "backing/redis_settings.h"

/* The chart valkey-helm writes a password for each user as "<user>-password", and "default-password" for the user
 * `default`. */
static int add_password_of_user(const struct servicebinding *binding, struct draft *draft, struct err *err)
{
        char wanted[NAME_SIZE], normal[NAME_SIZE], place[1024];
        const struct raw *user = &draft->raw[FIELD_USERNAME];
        const struct raw *password = &draft->raw[FIELD_PASSWORD];
        if (!binding || !user->place || user->value.length > NAME_SIZE - sizeof("-password"))
                return 0;
        (void)snprintf(place, sizeof(place), "%s-password", user->value.bytes);
        name_normalise(&redis_service, place, wanted);
        for (size_t i = 0; i < servicebinding_entry_count(binding); i++) {
                const char *entry = servicebinding_entry_name(binding, i);
                const char *text = servicebinding_text(binding, entry);
                name_normalise(&redis_service, entry, normal);
                if (strcmp(normal, wanted) != 0 || name_find(&redis_service, entry) || !text || !*text)
                        continue;
                (void)snprintf(place, sizeof(place), "%s/%s", servicebinding_path(binding), entry);
                if (password->name && strcmp(password->name->text, "default-password") == 0)
                        draft_drop(draft, FIELD_PASSWORD);
                return draft_put(draft, name_find(&redis_service, "password"), text, strlen(text), place, err);
        }
        return 0;
}

/* --- Resolving --------------------------------------------------------------------------------------------- */

int redis_settings_gather(const struct backing_redis_input *input, struct backing_redis_settings *out,
                          struct notes *notes, struct err *err)
{
        const struct gather_input sources = { .values = input->values,
                                              .value_count = input->value_count,
                                              .binding = input->binding,
                                              .except = input->except,
                                              .provider = input->provider,
                                              .bindings = input->bindings,
                                              .environment = input->environment };
        const struct servicebinding *binding;
        struct draft draft = { 0 };
        int rc = gather(&redis_service, &sources, &draft, notes, &binding, err);
        if (rc == 0)
                rc = add_password_of_user(binding, &draft, err);
        if (rc == 0)
                rc = redis_settings_read(&draft, out, notes, err);
        draft_fini(&draft);
        return rc;
}
