/* condition: conditional requests (RFC 9110, section 13.1). Responses of a route with has_tags have an ETag; the
 * route's handler compares the ETag with the tags of If-Match and If-None-Match, since only the handler knows the
 * content. No other response has an ETag, and none has a Last-Modified date, so elsewhere If-Match with tags is always
 * false. "If-Match: *" requires that the resource exists: GET and DELETE find that out themselves, but a request that
 * stores something cannot. Requests that change nothing ignore If-Unmodified-Since, as section 13.1.4 requires. Other
 * requests with If-Unmodified-Since are rejected, since ignoring this field would turn "store this unless it has
 * changed" into "store this". */
#include "http/condition.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "http/request.h"

static const struct denial unmatched = {
        412, NULL, "If-Match fails, because only GET and HEAD of resources with an ETag evaluate it."
};
static const struct denial undated = { 412, NULL,
                                       "If-Unmodified-Since fails, because nothing here has a Last-Modified date." };

const struct denial *condition_check(const struct head *head, const char *method, bool has_tags)
{
        if (!head->if_match && !head->if_unmodified_since)
                return NULL;
        bool reads = !strcmp(method, "GET") || !strcmp(method, "HEAD") || !strcmp(method, "OPTIONS");
        if (head->if_match && !(reads && has_tags))
                return !strcmp(head->if_match, "*") && (reads || !strcmp(method, "DELETE")) ? NULL : &unmatched;
        return reads ? NULL : &undated;
}

/* --- Tags ---------------------------------------------------------------------------------------------- */

struct gathering {
        const char *name;
        struct buf list;
        int rc;
};

/* Joins the values of the fields, since a list may be spread over several fields (RFC 9110, section 5.3). */
static bool gather(const char *name, const char *value, void *data)
{
        struct gathering *all = data;
        if (!strcasecmp(name, all->name))
                all->rc = buf_printf(&all->list, "%s%s", all->list.len ? "," : "", value);
        return all->rc == 0;
}

static char *read_list(struct http_request *request, const char *name)
{
        struct gathering all = { .name = name };
        size_t length;
        buf_init(&all.list, 0);
        http_request_each_header(request, gather, &all);
        if (all.rc == 0)
                return buf_take(&all.list, &length);
        buf_fini(&all.list);
        return NULL;
}

void http_conditions_read(struct http_request *request, struct http_conditions *out)
{
        out->if_match = request->head.if_match ? read_list(request, "If-Match") : NULL;
        out->if_none_match = request->head.if_none_match ? read_list(request, "If-None-Match") : NULL;
}

/* True if the strong tag is in the list or the list is "*". The weak comparison also matches W/"..." (section 8.8.3.2).
 * Anything that is not a tag is skipped. */
static bool is_listed(const char *list, const char *tag, bool weakly)
{
        size_t length = strlen(tag);
        list += strspn(list, " \t");
        if (*list == '*' && !list[1 + strspn(list + 1, " \t")])
                return true;
        while (*list) {
                bool is_weak = !strncmp(list, "W/\"", 3);
                list += is_weak ? 2 : 0;
                if (*list != '"') {
                        list += strcspn(list, ",");
                        list += strspn(list, ", \t");
                        continue;
                }
                if ((weakly || !is_weak) && !strncmp(list, tag, length))
                        return true;
                list += 1 + strcspn(list + 1, "\"");
                list += *list == '"';
                list += strspn(list, ", \t");
        }
        return false;
}

int http_conditions_check(const struct http_conditions *conditions, const char *tag)
{
        if (conditions->if_match && !is_listed(conditions->if_match, tag, false))
                return 412;
        return conditions->if_none_match && is_listed(conditions->if_none_match, tag, true) ? 304 : 0;
}

void http_conditions_fini(struct http_conditions *conditions)
{
        free(conditions->if_match);
        free(conditions->if_none_match);
        *conditions = (struct http_conditions){ NULL, NULL };
}
