/* jansson_oracle: compares our verdict on a document with jansson's, for tests and fuzzing.
 *
 *     const char *complaint = oracle_compare(bytes, length);      // NULL: they agree
 *
 * Threads: any. */
#ifndef JSON_TESTDATA_JANSSON_ORACLE_H
#define JSON_TESTDATA_JANSSON_ORACLE_H

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "json/json.h"

#define ORACLE_ID "\"correlationId\":\"0193a5b8-7f2c-7d11-9c3e-5a1b2c3d4e5f\""
#define ORACLE_CREATED "\"created\":1764000000000"

/* True if jansson rejects the document for something that json.h lists as accepted in addition. */
static bool oracle_is_listed(const json_error_t *error)
{
        switch (json_error_code(error)) {
        case json_error_numeric_overflow:
        case json_error_null_character:
        case json_error_null_byte_in_key:
                return true;
        default: /* "invalid Unicode '\uD800'", a lone surrogate; "invalid Unicode escape" is a different error */
                return strncmp(error->text, "invalid Unicode '\\u", 19) == 0;
        }
}

/* True if the spliced document holds the last of repeated names, and our members in place of the document's. */
static bool oracle_agrees_on_splice(json_t *document, const struct buf *spliced)
{
        json_error_t error;
        json_t *ours = json_loadb(spliced->data, spliced->len, 0, &error);
        if (!json_object_get(document, "created"))
                json_object_set_new(document, "created", json_integer(1764000000000));
        json_object_set_new(document, "correlationId", json_string("0193a5b8-7f2c-7d11-9c3e-5a1b2c3d4e5f"));
        bool agrees = ours && json_equal(document, ours);
        json_decref(ours);
        return agrees;
}

static const char *oracle_check_splice(const struct json_object *object, json_t *document)
{
        bool has_created = object->watched[0].count > 0;
        const char *tail = has_created ? ORACLE_ID : ORACLE_CREATED "," ORACLE_ID;
        struct json_object again;
        struct buf out;
        const char *complaint = NULL;
        static const struct json_options options = { .watch = { "created", "correlationId" } };
        buf_init(&out, 0);
        if (json_splice(&out, object, JSON_CUT(1), tail, strlen(tail)) < 0)
                complaint = "the splice failed";
        else if (json_check_object(out.data, out.len, &options, &again, NULL, NULL) < 0)
                complaint = "the spliced document is not accepted";
        else if (again.watched[1].count != 1 || again.watched[1].value.bytes[1] != '0')
                complaint = "the spliced document has another correlationId";
        else if (again.watched[0].count != (has_created ? object->watched[0].count : 1))
                complaint = "the spliced document has the wrong created";
        else if (again.members + object->watched[1].count != object->members + 1 + !has_created)
                complaint = "a member was lost or added";
        else if (document && !oracle_agrees_on_splice(document, &out))
                complaint = "jansson reads different content from the spliced document";
        buf_fini(&out);
        return complaint;
}

static const char *oracle_compare(const char *bytes, size_t length)
{
        static const struct json_options options = { .watch = { "created", "correlationId" } };
        struct json_object object;
        struct json_position where;
        json_error_t error = { 0 };
        json_t *document = json_loadb(bytes, length, 0, &error);
        const char *complaint = NULL;
        if (json_check_object(bytes, length, &options, &object, &where, NULL) == 0) {
                if (!document && !oracle_is_listed(&error))
                        complaint = "accepted, but jansson rejects it";
                else
                        complaint = oracle_check_splice(&object, document);
        } else {
                bool is_excused = where.problem == JSON_TOO_DEEP || memchr(bytes, '\0', length);
                if (where.offset > length || where.line < 1 || where.column < 1)
                        complaint = "the position is outside the document";
                else if (json_is_object(document) && !is_excused)
                        complaint = "rejected, but jansson accepts it";
                else if (document && !is_excused && where.problem != JSON_NOT_OBJECT)
                        complaint = "not recognised as valid JSON of another kind";
        }
        json_decref(document);
        return complaint;
}

#endif
