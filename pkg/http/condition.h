/* condition: conditional requests, If-Match and If-Unmodified-Since.
 *
 * Threads: any. */
#ifndef HTTP_CONDITION_H
#define HTTP_CONDITION_H

#include "http/denial.h"
#include "http/head.h"

/* Checks the conditions of a request whose route is known. If `has_tags`, the route's handler checks the tags of
 * If-Match when it reads the content. Returns NULL if the request may proceed. */
const struct denial *condition_check(const struct head *head, const char *method, bool has_tags);

#endif
