/* media_type: compares media types, reads their parameters (RFC 9110, sections 5.6.6 and 8.3.1), and evaluates Accept.
 *
 * Accept follows RFC 9110, section 12.5.1: the most specific matching range applies, and the type is accepted unless
 * the weight of that range is zero. Malformed parts are ignored, so a client with an odd Accept field gets a response
 * rather than an error. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/http.h"

/* The length of the media type or range at the start of `text`, without trailing space. */
static size_t type_length(const char *text)
{
        size_t length = strcspn(text, ";,");
        while (length > 0 && strchr(" \t", text[length - 1]))
                length--;
        return length;
}

bool http_media_type_is(const char *content_type, const char *type)
{
        if (!content_type)
                return false;
        content_type += strspn(content_type, " \t");
        size_t length = type_length(content_type);
        return length == strlen(type) && !strncasecmp(content_type, type, length);
}

/* Reads `=token` or `="quoted"` at *at and advances past it. False: it is missing or does not fit. */
static bool read_parameter_value(const char **at, char *value, size_t size)
{
        const char *from = *at;
        size_t length = 0;
        if (*from++ != '=')
                return false;
        bool is_quoted = *from == '"';
        from += is_quoted;
        while (*from && (is_quoted ? *from != '"' : !strchr("; \t,", *from))) {
                from += is_quoted && *from == '\\' && from[1];
                if (length + 1 == size)
                        return false;
                value[length++] = *from++;
        }
        value[length] = '\0';
        if (is_quoted && *from++ != '"')
                return false;
        *at = from;
        return true;
}

/* The text after the next ';' outside quotes, or NULL. */
static const char *next_parameter(const char *at)
{
        for (bool is_quoted = false; *at; at++) {
                if (*at == '"')
                        is_quoted = !is_quoted;
                else if (is_quoted && *at == '\\' && at[1])
                        at++;
                else if (*at == ';' && !is_quoted)
                        return at + 1;
        }
        return NULL;
}

int http_media_type_parameter(const char *content_type, const char *name, char *value, size_t size)
{
        char again[64];
        int found = 0;
        size_t name_length = strlen(name);
        for (const char *at = next_parameter(content_type); at; at = next_parameter(at)) {
                at += strspn(at, " \t");
                size_t length = strcspn(at, "=; \t");
                if (length != name_length || strncasecmp(at, name, length) != 0)
                        continue;
                at += length;
                if (!read_parameter_value(&at, found ? again : value, found ? sizeof(again) : size))
                        return -1;
                if (found && strcasecmp(value, again) != 0)
                        return -1;
                found = 1;
        }
        return found && *value;
}

/* The precision with which a media range matches: 3 exactly, 2 by main type, 1 any type, 0 not at all. */
static int range_fits(const char *range, size_t length, const char *type)
{
        if (length == strlen(type) && !strncasecmp(range, type, length))
                return 3;
        if (length == 3 && !strncmp(range, "*/*", 3))
                return 1;
        if (length < 3 || strncmp(range + length - 2, "/*", 2))
                return 0;
        return strncasecmp(range, type, length - 1) ? 0 : 2;
}

/* True if the parameters from `text` to `end` include a weight of zero. */
static bool weight_is_zero(const char *text, const char *end)
{
        while (text < end) {
                text += strspn(text, "; \t");
                if (text + 1 < end && (*text == 'q' || *text == 'Q') && text[1] == '=')
                        return strspn(text + 2, "0.") >= strcspn(text + 2, " \t;,") && text[2] == '0';
                text += strcspn(text, ";");
        }
        return false;
}

bool http_accepts(const char *accept, const char *type)
{
        if (!accept)
                return true;
        int best = 0;
        bool taken = false;
        for (const char *at = accept; *at; at += *at == ',') {
                at += strspn(at, " \t");
                const char *end = at + strcspn(at, ",");
                int fit = range_fits(at, type_length(at), type);
                if (fit > best) {
                        best = fit;
                        taken = !weight_is_zero(at + type_length(at), end);
                }
                at = end;
        }
        return taken;
}
