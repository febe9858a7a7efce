/* value: one option's field in the program's struct, set from text and freed.
 *
 * All kinds of numbers go through one int64_t and one range check, so that each message gives the range in the option's
 * own notation ("from 1s to 1h"). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "config/config.h"
#include "config/format.h"
#include "config/limits.h"
#include "config/quote.h"
#include "config/value.h"

static void *field_of(const struct config_option *option, void *values)
{
        return (char *)values + option->offset;
}

bool config_is_number(const struct config_option *option)
{
        return option->type == CONFIG_INT || option->type == CONFIG_PORT || option->type == CONFIG_BYTES ||
               option->type == CONFIG_DURATION;
}

void config_value_range(const struct config_option *option, int64_t *min, int64_t *max)
{
        bool has_own = option->min != 0 || option->max != 0;
        int64_t type_min = option->type == CONFIG_INT ? INT64_MIN : option->type == CONFIG_PORT ? 1 : 0;
        int64_t type_max = option->type == CONFIG_PORT ? UINT16_MAX : INT64_MAX;
        *min = has_own ? option->min : type_min;
        *max = has_own && (option->max != 0 || option->min < 0) ? option->max : type_max;
}

/* Describes the expected value; the caller adds the actual value. */
static int describe_number(const struct config_option *option, struct buf *out)
{
        static const char *const nouns[] = {
                [CONFIG_INT] = "a whole number",
                [CONFIG_PORT] = "a port",
                [CONFIG_BYTES] = "a size such as 65536, 64KiB or 1MiB",
                [CONFIG_DURATION] = "a duration such as 500ms or 30s",
        };
        int64_t min, max;
        config_value_range(option, &min, &max);
        bool has_min = option->type == CONFIG_INT ? min > INT64_MIN : min > 0 || option->type == CONFIG_PORT;
        bool has_max = max < INT64_MAX;
        int rc = buf_puts(out, nouns[option->type]);
        if (rc == 0 && has_min)
                rc = buf_puts(out, has_max ? " from " : " of at least ");
        if (rc == 0 && has_min)
                rc = config_number_format(option, min, out);
        if (rc == 0 && has_max)
                rc = buf_puts(out, has_min ? " to " : " of at most ");
        if (rc == 0 && has_max)
                rc = config_number_format(option, max, out);
        return rc;
}

static int refuse_number(const struct config_option *option, const char *text, size_t length, struct err *err)
{
        char quoted[QUOTE_SIZE];
        struct buf expected;
        buf_init(&expected, 0);
        int rc = describe_number(option, &expected);
        if (rc == 0)
                rc = err_set(err, ERR_INVALID, "expected %s, got %s", expected.data,
                             config_quote(text, length, quoted));
        buf_fini(&expected);
        return rc;
}

static int set_number(const struct config_option *option, void *field, const char *text, size_t length, struct err *err)
{
        int64_t number = 0, min, max;
        bool is_good = option->type == CONFIG_DURATION ? config_parse_duration(text, length, &number)
                       : option->type == CONFIG_BYTES  ? config_parse_bytes(text, length, &number)
                                                       : config_parse_int(text, length, &number);
        config_value_range(option, &min, &max);
        if (!is_good || number < min || number > max)
                return refuse_number(option, text, length, err);
        if (option->type == CONFIG_PORT)
                *(uint16_t *)field = (uint16_t)number;
        else
                *(int64_t *)field = number;
        return 0;
}

static int set_bool(void *field, const char *text, size_t length, struct err *err)
{
        char quoted[QUOTE_SIZE];
        if (config_parse_bool(text, length, field))
                return 0;
        return err_set(err, ERR_INVALID, "expected true or false, got %s", config_quote(text, length, quoted));
}

static int set_enum(const struct config_option *option, void *field, const char *text, size_t length, struct err *err)
{
        char quoted[QUOTE_SIZE];
        char expected[160] = "";
        for (int i = 0; option->words[i]; i++) {
                const char *word = option->words[i];
                if (strlen(word) == length && strncasecmp(word, text, length) == 0) {
                        memcpy(field, &i, sizeof(i));
                        return 0;
                }
                size_t used = strlen(expected);
                (void)snprintf(expected + used, sizeof(expected) - used, "%s%s",
                               i == 0 ? "" : (option->words[i + 1] ? ", " : " or "),
                               word); /* a truncated list of words is still a hint */
        }
        return err_set(err, ERR_INVALID, "expected %s, got %s", expected, config_quote(text, length, quoted));
}

static int set_address(void *field, const char *text, size_t length, struct err *err)
{
        char quoted[QUOTE_SIZE];
        if (config_parse_address(text, length, field))
                return 0;
        return err_set(err, ERR_INVALID, "expected HOST:PORT such as 127.0.0.1:4001, [::1]:4001 or :4001, got %s",
                       config_quote(text, length, quoted));
}

static int check_own(const struct config_option *option, const char *text, struct err *err)
{
        struct err local = { 0 };
        int rc = option->check ? option->check(text, &local) : 0;
        return rc < 0 ? err_set(err, rc, "%s", local.text) : 0;
}

static int set_string(const struct config_option *option, char **field, const char *text, size_t length,
                      struct err *err)
{
        if (memchr(text, '\0', length))
                return err_set(err, ERR_INVALID, "a string can't contain a NUL");
        char *copy = strndup(text, length);
        if (!copy)
                return err_set(err, ERR_NOMEM, "out of memory");
        int rc = check_own(option, copy, err);
        if (rc < 0) {
                free(copy);
                return rc;
        }
        free(*field);
        *field = copy;
        return 0;
}

static int set_secret(const struct config_option *option, struct secret *field, const char *text, size_t length,
                      struct err *err)
{
        struct secret fresh = { 0 };
        if (secret_init(&fresh, text, length) < 0)
                return err_set(err, ERR_NOMEM, "out of memory");
        int rc = check_own(option, fresh.bytes, err);
        if (rc < 0) {
                secret_fini(&fresh);
                return rc;
        }
        secret_fini(field);
        *field = fresh;
        return 0;
}

static int add_entry(const struct config_option *option, struct config_list *list, const char *text, size_t length,
                     struct err *err)
{
        if (list->count == LIST_MAX)
                return err_set(err, ERR_INVALID, "more than %d entries", LIST_MAX);
        char **items = realloc(list->items, (list->count + 1) * sizeof(*items));
        if (!items)
                return err_set(err, ERR_NOMEM, "out of memory");
        list->items = items;
        items[list->count] = NULL;
        int rc = set_string(option, &items[list->count], text, length, err);
        if (rc == 0)
                list->count++;
        return rc;
}

/* Appends the entries between commas, without surrounding blanks; an empty text adds nothing. */
static int add_entries(const struct config_option *option, struct config_list *list, const char *text, size_t length,
                       struct err *err)
{
        const char *end = text + length;
        while (text < end) {
                const char *comma = memchr(text, ',', (size_t)(end - text));
                const char *stop = comma ? comma : end;
                const char *next = comma ? comma + 1 : end;
                while (text < stop && (*text == ' ' || *text == '\t'))
                        text++;
                while (stop > text && (stop[-1] == ' ' || stop[-1] == '\t'))
                        stop--;
                if (stop == text)
                        return err_set(err, ERR_INVALID, "an empty entry in the list");
                int rc = add_entry(option, list, text, (size_t)(stop - text), err);
                if (rc < 0)
                        return rc;
                text = next;
        }
        return 0;
}

int config_value_set(const struct config_option *option, void *values, const char *text, size_t length, struct err *err)
{
        void *field = field_of(option, values);
        if (length > TEXT_MAX)
                return err_set(err, ERR_INVALID, "longer than %d bytes", TEXT_MAX);
        switch (option->type) {
        case CONFIG_STRING:
                return set_string(option, field, text, length, err);
        case CONFIG_SECRET:
        case CONFIG_URL:
                return set_secret(option, field, text, length, err);
        case CONFIG_BOOL:
                return set_bool(field, text, length, err);
        case CONFIG_INT:
        case CONFIG_PORT:
        case CONFIG_BYTES:
        case CONFIG_DURATION:
                return set_number(option, field, text, length, err);
        case CONFIG_ENUM:
                return set_enum(option, field, text, length, err);
        case CONFIG_ADDRESS:
                return set_address(field, text, length, err);
        case CONFIG_LIST:
                return add_entries(option, field, text, length, err);
        }
        return err_set(err, ERR_BUG, "type %d", (int)option->type);
}

void config_value_clear(const struct config_option *option, void *values)
{
        static const size_t sizes[] = {
                [CONFIG_STRING] = sizeof(char *),
                [CONFIG_SECRET] = sizeof(struct secret),
                [CONFIG_URL] = sizeof(struct secret),
                [CONFIG_BOOL] = sizeof(bool),
                [CONFIG_INT] = sizeof(int64_t),
                [CONFIG_PORT] = sizeof(uint16_t),
                [CONFIG_BYTES] = sizeof(int64_t),
                [CONFIG_DURATION] = sizeof(int64_t),
                [CONFIG_ENUM] = sizeof(int),
                [CONFIG_ADDRESS] = sizeof(struct config_address),
                [CONFIG_LIST] = sizeof(struct config_list),
        };
        void *field = field_of(option, values);
        if (option->type == CONFIG_STRING) {
                free(*(char **)field);
        } else if (option->type == CONFIG_SECRET || option->type == CONFIG_URL) {
                secret_fini(field);
        } else if (option->type == CONFIG_LIST) {
                struct config_list *list = field;
                for (size_t i = 0; i < list->count; i++)
                        free(list->items[i]);
                free(list->items);
        }
        memset(field, 0, sizes[option->type]);
}
