/* gather: chooses the source and collects its strings. All sources are lists of (name, text, place), so options,
 * entries and variables go through one table of names. All settings come from one source: once a source gives the
 * service's address, sources of lower precedence are ignored. */
#include "backing/gather.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "backing/gather_json.h"
#include "backing/text.h"

enum { PLACE_SIZE = 1024 };

static bool has_any(const struct draft *draft, uint32_t fields)
{
        for (unsigned i = 0; i < FIELDS_MAX; i++)
                if ((fields & (UINT32_C(1) << i)) && draft_has(draft, i))
                        return true;
        return false;
}

static const char *first_place(const struct draft *draft, uint32_t fields)
{
        for (unsigned i = 0; i < FIELDS_MAX; i++)
                if ((fields & (UINT32_C(1) << i)) && draft_has(draft, i))
                        return draft->raw[i].place;
        return NULL;
}

/* --- Options of the program ------------------------------------------------------------------------------ */

/* Adds the options of one kind to the draft: with `loose`, the options that apply to any source; otherwise, the options
 * that give the service's address. */
static int put_values(const struct service *service, const struct gather_input *input, enum backing_source kind,
                      bool loose, struct draft *draft, struct err *err)
{
        for (size_t i = 0; i < input->value_count; i++) {
                const struct backing_value *value = &input->values[i];
                if (value->kind != kind || !value->text)
                        continue;
                const struct name *name = name_find(service, value->name);
                if (!name)
                        return err_set(err, ERR_BUG, "%s: %s has no setting \"%s\"", value->place, service->noun,
                                       value->name);
                bool is_loose = (service->loose_fields >> name->field) & 1;
                if (is_loose != loose)
                        continue;
                if (memchr(value->text, '\0', value->length))
                        return err_set(err, ERR_INVALID, "%s: contains a NUL byte", value->place);
                int rc = draft_put(draft, name, value->text, without_line_end(value->text, value->length), value->place,
                                   err);
                if (rc < 0)
                        return rc;
        }
        return 0;
}

/* 1: options of this kind give the service's address; 0: they do not. */
static int try_values(const struct service *service, const struct gather_input *input, enum backing_source kind,
                      struct draft *draft, struct notes *notes, struct err *err)
{
        uint32_t enough = service->address_fields | service->option_address_fields;
        int rc = put_values(service, input, kind, false, draft, err);
        if (rc < 0)
                return rc;
        if (has_any(draft, enough)) {
                notes_source(notes, kind, first_place(draft, enough));
                return 1;
        }
        if (has_any(draft, UINT32_MAX))
                return err_set(err, ERR_INVALID,
                               "%s: all settings of %s come from one source, and this one does not give its address: "
                               "add its host or its uri here as well",
                               first_place(draft, UINT32_MAX), service->noun);
        return 0;
}

/* Adds the options that apply to any source. They override the source's values. Among these options, flags override the
 * file, and the file overrides the environment. */
static int put_loose(const struct service *service, const struct gather_input *input, struct draft *draft,
                     struct err *err)
{
        static const enum backing_source kinds[] = { BACKING_FROM_FLAG, BACKING_FROM_FILE, BACKING_FROM_ENVIRONMENT };
        struct draft loose = { 0 };
        int rc = 0;
        for (size_t i = 0; i < COUNT_OF(kinds) && rc == 0; i++) {
                struct draft one = { 0 };
                rc = put_values(service, input, kinds[i], true, &one, err);
                draft_fill(&loose, &one);
                draft_fini(&one);
        }
        for (unsigned i = 0; i < FIELDS_MAX; i++)
                if (draft_has(&loose, i))
                        draft_drop(draft, i);
        draft_fill(draft, &loose);
        draft_fini(&loose);
        return rc;
}

/* --- A binding --------------------------------------------------------------------------------------------- */

int binding_code(int code)
{
        switch (code) {
        case SERVICEBINDING_NOT_FOUND:
                return ERR_NOT_FOUND;
        case SERVICEBINDING_AMBIGUOUS:
                return ERR_CONFLICT;
        case SERVICEBINDING_UNREADABLE:
                return ERR_DENIED;
        case SERVICEBINDING_LIMIT:
                return ERR_LIMIT;
        case SERVICEBINDING_UNAVAILABLE:
                return ERR_UNAVAILABLE;
        case SERVICEBINDING_NOMEM:
                return ERR_NOMEM;
        default:
                return ERR_INVALID;
        }
}

static int put_entry(const struct service *service, const struct servicebinding *binding, const char *entry,
                     struct draft *draft, struct notes *notes, struct err *err)
{
        char place[PLACE_SIZE];
        const struct name *name = name_find(service, entry);
        const char *text = servicebinding_text(binding, entry);
        /* A truncated text is still useful. */
        (void)snprintf(place, sizeof(place), "%s/%s", servicebinding_path(binding), entry);
        if (name && !text)
                return err_set(err, ERR_INVALID, "%s: contains a NUL byte", place);
        if (name)
                return draft_put(draft, name, text, strlen(text), place, err);
        if (text && text[strspn(text, " \t\r\n")] == '{')
                return gather_json(service, text, place, draft, notes, err);
        return 0;
}

static int put_entries(const struct service *service, const struct servicebinding *binding, struct draft *draft,
                       struct notes *notes, struct err *err)
{
        for (size_t i = 0; i < servicebinding_entry_count(binding); i++) {
                const char *entry = servicebinding_entry_name(binding, i);
                /* An entry whose name begins with a dot (SAP's .metadata) describes the others. */
                if (entry[0] == '.' || strcmp(entry, "type") == 0 || strcmp(entry, "provider") == 0)
                        continue;
                int rc = put_entry(service, binding, entry, draft, notes, err);
                if (rc < 0)
                        return rc;
        }
        /* The rest may arrive later: a chart's part of a binding may exist before the Secret with the address. */
        if (!has_any(draft, service->address_fields))
                return err_set(err, ERR_NOT_FOUND, "%s: the binding has neither host nor uri",
                               servicebinding_path(binding));
        return 0;
}

static bool may_be(const struct service *service, const struct servicebinding *binding)
{
        const char *type = servicebinding_type(binding);
        if (!type || !*type)
                return servicebinding_problem(binding) != NULL; /* with an unknown type, it may be the wanted one */
        for (size_t i = 0; service->types[i]; i++)
                if (strcasecmp(type, service->types[i]) == 0)
                        return true;
        return false;
}

/* Called if there is a binding that must not be chosen. Returns the name of the only other binding, "" if there is
 * none, or NULL if there are several. */
static const char *the_other(const struct service *service, const struct gather_input *input)
{
        const char *name = "";
        size_t count = 0;
        bool has_except = false;
        for (size_t i = 0; i < servicebinding_count(input->bindings); i++) {
                const struct servicebinding *binding = servicebinding_at(input->bindings, i);
                if (strcmp(servicebinding_name(binding), input->except) == 0) {
                        has_except = true;
                } else if (may_be(service, binding)) {
                        name = servicebinding_name(binding);
                        count++;
                }
        }
        return has_except && count <= 1 ? name : NULL;
}

/* 1: a binding was found; 0: there is none, and none was requested. */
static int try_binding(const struct service *service, const struct gather_input *input, struct draft *draft,
                       struct notes *notes, const struct servicebinding **binding, struct err *err)
{
        const char *wanted = input->binding && *input->binding ? input->binding : NULL;
        const char *provider = input->provider && *input->provider ? input->provider : NULL;
        struct servicebinding_error problem;
        if (!input->bindings || !servicebinding_set_root(input->bindings)) {
                if (wanted || provider)
                        return err_set(err, ERR_NOT_FOUND,
                                       "the settings ask for a binding \"%s\", but SERVICE_BINDING_ROOT is not set",
                                       wanted ? wanted : provider);
                return 0;
        }
        const char *other = NULL;
        if (!wanted && !provider && input->except && *input->except)
                other = the_other(service, input);
        if (other && !*other)
                return 0;
        int rc = servicebinding_find_types(input->bindings, other ? other : wanted, service->types, provider, binding,
                                           &problem);
        if (rc == SERVICEBINDING_NOT_FOUND && !wanted && !provider)
                return 0;
        if (rc < 0)
                return err_set(err, binding_code(rc), "%s", problem.text);
        notes_binding(notes, *binding);
        rc = put_entries(service, *binding, draft, notes, err);
        return rc < 0 ? rc : 1;
}

/* --- Variables --------------------------------------------------------------------------------------------- */

static const char *variable_get(char *const *environment, const char *variable)
{
        size_t length = strlen(variable);
        for (; environment && *environment; environment++)
                if (strncmp(*environment, variable, length) == 0 && (*environment)[length] == '=')
                        return *environment + length + 1;
        return NULL;
}

/* Kubernetes sets <SERVICE>_PORT=tcp://address:port in every pod of the namespace (Kubernetes documentation,
 * "Service", environment variables). */
static bool is_service_link(const char *text)
{
        return strncmp(text, "tcp://", 6) == 0 || strncmp(text, "udp://", 6) == 0 || strncmp(text, "sctp://", 7) == 0;
}

static int put_family(const struct service *service, const struct family *family, char *const *environment,
                      struct draft *draft, struct notes *notes, struct err *err)
{
        for (size_t i = 0; i < family->count; i++) {
                const struct variable *variable = &family->variables[i];
                const char *text = variable_get(environment, variable->variable);
                if (!text)
                        continue;
                if (strcmp(variable->name, "port") == 0 && is_service_link(text)) {
                        notes_warn(notes, "%s is ignored: it is a service link of Kubernetes, not a port",
                                   variable->variable);
                        continue;
                }
                int rc = draft_put(draft, name_find(service, variable->name), text,
                                   without_line_end(text, strlen(text)), variable->variable, err);
                if (rc < 0)
                        return rc;
        }
        return 0;
}

/* Variables may be set for other programs, so useless variables are not an error. */
static int try_environment(const struct service *service, const struct gather_input *input, struct draft *draft,
                           struct notes *notes, struct err *err)
{
        uint32_t enough = service->address_fields | service->option_address_fields;
        int rc = try_values(service, input, BACKING_FROM_ENVIRONMENT, draft, notes, err);
        for (size_t i = 0; i < service->family_count && rc == 0; i++) {
                rc = put_family(service, &service->families[i], input->environment, draft, notes, err);
                if (rc < 0)
                        return rc;
                if (has_any(draft, enough)) {
                        notes_source(notes, BACKING_FROM_ENVIRONMENT, first_place(draft, enough));
                        return 1;
                }
                if (has_any(draft, UINT32_MAX))
                        notes_warn(notes, "%s is ignored: no related variable gives the address of %s",
                                   first_place(draft, UINT32_MAX), service->noun);
                draft_fini(draft);
        }
        return rc;
}

int gather(const struct service *service, const struct gather_input *input, struct draft *draft, struct notes *notes,
           const struct servicebinding **binding, struct err *err)
{
        *binding = NULL;
        int rc = try_values(service, input, BACKING_FROM_FLAG, draft, notes, err);
        if (rc == 0)
                rc = try_values(service, input, BACKING_FROM_FILE, draft, notes, err);
        if (rc == 0)
                rc = try_binding(service, input, draft, notes, binding, err);
        if (rc == 0)
                rc = try_environment(service, input, draft, notes, err);
        if (rc == 0)
                notes_source(notes, BACKING_FROM_DEFAULT, backing_source_name(BACKING_FROM_DEFAULT));
        return rc < 0 ? rc : put_loose(service, input, draft, err);
}
