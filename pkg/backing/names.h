/* names: maps the names of a service's settings, in binding entries, options and variables, to fields.
 *
 * Each service has one table of names (redis_names.c, collector.c). A name is normalised before it is looked up: it is
 * converted to lower case, a leading "attribute." and the service's prefix are removed, and '-' replaces '_' and '.'.
 *
 * Threads: any. */
#ifndef BACKING_NAMES_H
#define BACKING_NAMES_H

#include <stddef.h>
#include <stdint.h>

enum { NAME_SIZE = 256, FIELDS_MAX = 32 };

enum name_flag {
        NAME_BOOL = 1,    /* a boolean, kept as "true" or "false" so that equal meanings are equal strings */
        NAME_FIRST = 2,   /* a list whose first element counts */
        NAME_CLUSTER = 4, /* this name implies that the service is a cluster */
};

/* One spelling of a setting, normalised. */
struct name {
        const char *text;
        unsigned char field; /* the service's own number, below FIELDS_MAX */
        unsigned char flags;
};

struct variable {
        const char *variable; /* "REDIS_HOST" */
        const char *name;     /* "host"       */
};

/* Variables that are used together and never mixed with variables of another family. */
struct family {
        const struct variable *variables;
        size_t count;
};

/* Masks have the bit 1 << field for each field that belongs to them. */
struct service {
        const char *noun;            /* "Redis", for messages                          */
        const char *const *types;    /* of its bindings; NULL at the end               */
        const char *const *prefixes; /* dropped from names of entries; NULL at the end */
        const struct name *names;
        size_t name_count;
        const struct family *families; /* of variables, highest precedence first        */
        size_t family_count;
        uint32_t address_fields;        /* each of them gives the service's address */
        uint32_t option_address_fields; /* in options and variables, each of these gives an address as well */
        uint32_t loose_fields;          /* none of these gives an address; as options they apply to any source */
};

/* `out` is "" if the name is too long. */
void name_normalise(const struct service *service, const char *text, char out[NAME_SIZE]);
/* Finds a setting by a name in any spelling; NULL: the service has no such setting. */
const struct name *name_find(const struct service *service, const char *text);

#endif
