/* flag: a query parameter that is true or false.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FLAG_H
#define COLLECTOR_FLAG_H

#include <stdbool.h>

#include "http/http.h"

/* Sets *flag; an absent parameter counts as false. If the value is neither true nor false, or the parameter occurs
 * twice, answers the request with 400 and returns false. */
bool flag_read(struct http_request *request, const char *name, bool *flag) NODISCARD;

#endif
