/* body: JSON is passed on unchanged, since pkg/json checks it later. A form is converted at once. */
#include "body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/attr.h"
#include "json/json.h"

static const struct http_header accept_json = { "Accept-Post", "application/json" };
static const struct http_header accept_both = { "Accept-Post", "application/json, application/x-www-form-urlencoded" };

enum charset { CHARSET_UTF8, CHARSET_LATIN1, CHARSET_OTHER };

/* The charset parameter of the media type; UTF-8 if there is none. */
static enum charset charset_of(const char *type)
{
        char charset[32];
        int found = http_media_type_parameter(type, "charset", charset, sizeof(charset));
        if (found < 0)
                return CHARSET_OTHER;
        if (found == 0 || strcasecmp(charset, "utf-8") == 0 || strcasecmp(charset, "utf8") == 0 ||
            strcasecmp(charset, "us-ascii") == 0)
                return CHARSET_UTF8;
        return strcasecmp(charset, "iso-8859-1") == 0 || strcasecmp(charset, "latin1") == 0 ? CHARSET_LATIN1
                                                                                            : CHARSET_OTHER;
}

static bool is_ascii(const char *bytes, size_t length)
{
        unsigned char all = 0;
        for (size_t i = 0; i < length; i++)
                all |= (unsigned char)bytes[i];
        return all < 0x80;
}

/* JSON is UTF-8 (RFC 8259, section 8.1). If the sender names another charset and the bytes happen to be valid UTF-8,
 * they would be stored as other characters. True: the request has been answered. */
static bool refuse_charset_of_json(struct http_request *request, const char *type, struct json_span json)
{
        if (charset_of(type) == CHARSET_UTF8 || is_ascii(json.bytes, json.length))
                return false;
        http_problem(request, 415, NULL, 0, "JSON must be sent in UTF-8, not as %.100s", type);
        return true;
}

/* False: the request has been answered. */
static bool read_form(struct http_request *request, const char *type, size_t max_bytes, struct body *body)
{
        struct buf json;
        struct err err;
        struct form_options options = { .max_bytes = max_bytes, .is_latin1 = charset_of(type) == CHARSET_LATIN1 };
        buf_init(&json, 0);
        int rc = form_to_json(body->json.bytes, body->json.length, &options, &json, &err);
        if (rc < 0) {
                buf_fini(&json);
                http_problem(request, rc == ERR_LIMIT ? 413 : err_http_status(rc), NULL, 0, "form: %s", err.text);
                return false;
        }
        body->form = buf_take(&json, &body->json.length);
        body->json.bytes = body->form;
        return true;
}

static bool is_json(const char *type)
{
        const char *end = type + strcspn(type, "; \t");
        return http_media_type_is(type, "application/json") ||
               (strncasecmp(type, "application/", 12) == 0 && end - type > 17 && strncasecmp(end - 5, "+json", 5) == 0);
}

static bool is_form(const char *type, bool has_forms)
{
        return has_forms && http_media_type_is(type, "application/x-www-form-urlencoded");
}

/* True: the request has been answered. */
static bool refuse_form(struct http_request *request, const char *type)
{
        if (charset_of(type) != CHARSET_OTHER)
                return false;
        http_problem(request, 415, &accept_both, 1, "a form must be sent in UTF-8 or ISO-8859-1, not as %.100s", type);
        return true;
}

static void refuse_type(struct http_request *request, const char *type, bool has_forms)
{
        http_problem(request, 415, has_forms ? &accept_both : &accept_json, 1,
                     "a document must be sent as application/json%s, not as %.100s",
                     has_forms ? " or application/x-www-form-urlencoded" : "", type);
}

bool body_judge(struct http_request *request, bool has_forms)
{
        const char *type = http_request_header(request, "Content-Type");
        if (!type || is_json(type))
                return true;
        if (is_form(type, has_forms))
                return !refuse_form(request, type);
        refuse_type(request, type, has_forms);
        return false;
}

size_t body_blank(const char *bytes, size_t length)
{
        size_t blank = 0;
        while (blank < length && memchr(" \t\r\n", bytes[blank], 4))
                blank++;
        return blank;
}

bool body_is_lines(const char *type)
{
        return type &&
               (http_media_type_is(type, "application/x-ndjson") || http_media_type_is(type, "application/jsonl"));
}

bool body_is_json(const char *type)
{
        return !type || is_json(type);
}

bool body_judge_many(struct http_request *request)
{
        const char *type = http_request_header(request, "Content-Type");
        if (!type || charset_of(type) == CHARSET_UTF8)
                return true;
        http_problem(request, 415, NULL, 0, "JSON must be sent in UTF-8, not as %.100s", type);
        return false;
}

bool body_read(struct http_request *request, const struct body_options *options, struct body *out)
{
        const char *type = http_request_header(request, "Content-Type");
        *out = (struct body){ 0 };
        out->json.bytes = http_request_body(request, &out->json.length);
        if (!type)
                return true;
        if (is_form(type, options->has_forms))
                return !refuse_form(request, type) && read_form(request, type, options->form_max_bytes, out);
        if (is_json(type))
                return !refuse_charset_of_json(request, type, out->json);
        refuse_type(request, type, options->has_forms);
        return false;
}

void body_fini(struct body *body)
{
        free(body->form);
        body->form = NULL;
}

void body_refuse(struct http_request *request, const struct json_position *where, const struct err *err)
{
        char members[96];
        (void)snprintf(members, sizeof(members), "\"line\":%zu,\"column\":%zu", where->line, where->column);
        http_problem_with(request, 400, members, NULL, 0, "%s", err->text);
}
