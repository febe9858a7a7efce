/* flag: a query parameter that is true or false.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FLAG_H
#define COLLECTOR_FLAG_H

#include <stdbool.h>

#include "http/http.h"

/* Sets *flag; false if the parameter is absent. Returns false if the value is neither true nor false, or the
 * parameter occurs twice, and the request has been answered with 400. */
bool flag_read(struct http_request *request, const char *name, bool *flag) NODISCARD;

#endif
