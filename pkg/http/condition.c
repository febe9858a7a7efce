/* condition: conditional requests (RFC 9110, section 13.1). No answer has an ETag or a Last-Modified date, so If-Match
 * with tags never holds. "If-Match: *" requires that the resource exists: GET and DELETE find that out themselves, but
 * storing cannot. Requests that change nothing ignore If-Unmodified-Since, as section 13.1.4 demands. Other requests
 * with it are refused, since ignoring it would turn "store this unless it was changed" into "store this". */
#include "http/condition.h"

#include <string.h>

static const struct denial unmatched = { 412, NULL, "If-Match fails, because nothing here has an ETag." };
static const struct denial undated = { 412, NULL,
                                       "If-Unmodified-Since fails, because nothing here has a Last-Modified date." };

const struct denial *condition_check(const struct head *head, const char *method)
{
        if (!head->if_match && !head->if_unmodified_since)
                return NULL;
        bool reads = !strcmp(method, "GET") || !strcmp(method, "HEAD") || !strcmp(method, "OPTIONS");
        if (head->if_match)
                return !strcmp(head->if_match, "*") && (reads || !strcmp(method, "DELETE")) ? NULL : &unmatched;
        return reads ? NULL : &undated;
}
