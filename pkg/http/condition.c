/* condition: conditional requests (RFC 9110, section 13.1). No answer has an ETag or a Last-Modified date, so If-Match
 * with tags never holds. "*" asks whether the resource exists: reading and deleting find that out themselves, storing
 * cannot. If-Unmodified-Since is ignored for requests that change nothing, as section 13.1.4 demands; elsewhere, "store
 * this unless it was changed" must not become "store this". */
#include "http/condition.h"

#include <string.h>

static const struct denial unmatched = { 412, NULL, "Nothing here has an ETag, so If-Match does not hold." };
static const struct denial undated = { 412, NULL,
                                       "Nothing here has a Last-Modified date, so If-Unmodified-Since does not hold." };

const struct denial *condition_check(const struct head *head, const char *method)
{
        if (!head->if_match && !head->if_unmodified_since)
                return NULL;
        bool reads = !strcmp(method, "GET") || !strcmp(method, "HEAD") || !strcmp(method, "OPTIONS");
        if (head->if_match)
                return !strcmp(head->if_match, "*") && (reads || !strcmp(method, "DELETE")) ? NULL : &unmatched;
        return reads ? NULL : &undated;
}
