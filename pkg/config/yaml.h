/* yaml: walks one document of nested mappings and reports each section and each value. */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct yaml_node {
        const char *name; /* "redis-host": the keys from the root on, joined by "-"             */
        const char *key;  /* "redis.host": the same, as messages show it */
        int line;         /* of the key or the entry; from 1 */
        const char *text; /* the scalar; length bytes and a NUL                                  */
        size_t length;
        bool is_null;    /* nothing, ~ or null, not quoted                                      */
        bool opens_list; /* a sequence begins: the text is "", the entries follow               */
        bool in_list;    /* an entry of that sequence                                           */
};
struct yaml_handler {
        void *context;
        int (*on_section)(void *context, const struct yaml_node *node, struct err *err);
        int (*on_value)(void *context, const struct yaml_node *node, struct err *err);
};
int config_yaml_walk(const char *path, const char *bytes, size_t length, const struct yaml_handler *handler,
                     struct err *err) NODISCARD;

#endif
