/* route: finds a request's route by its path and method.
 *
 * Threads: any; a table never changes. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "http/http.h"

enum { ROUTE_PARAMS_MAX = 4 };

struct route_table; /* opaque: the routes in the order in which they are tried */

struct route_param {
        const char *name; /* not terminated: points into the route's path */
        size_t name_length;
        const char *value;
};

struct route_match {
        const struct http_route *route; /* NULL: none                                  */
        unsigned index;                 /* the route's index in the options; their count if none */
        struct route_param params[ROUTE_PARAMS_MAX];
        size_t param_count;
        bool path_known; /* some route has this path, perhaps with another method */
};

/* ERR_INVALID names the route that lacks a leading '/', has more than ROUTE_PARAMS_MAX parameters, or has an open
 * brace. */
int route_table_new(const struct http_route *routes, size_t count, struct route_table **out, struct err *err) NODISCARD;
void route_table_free(struct route_table *table);
/* `raw_path` has `length` bytes of percent-encoded text that target_decode has accepted. `scratch` receives the decoded
 * parameters and has room for length + ROUTE_PARAMS_MAX bytes. */
void route_find(const struct route_table *table, const char *method, const char *raw_path, size_t length, char *scratch,
                struct route_match *match);
/* Writes the methods of the path in the form of the Allow field. */
void route_allow(const struct route_table *table, const char *raw_path, size_t length, char *out, size_t size);

#endif
