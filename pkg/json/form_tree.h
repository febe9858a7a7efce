/* form_tree: the values of a form body: strings, arrays with holes, and objects, merged as qs merges them. Holes take
 * no memory, since a short body such as a[99][99][99]=1 must not cost a thousand times its size. Nodes live in the
 * tree's memory and are freed with it. When memory runs out, the tree records that and hands out one spare node, so
 * callers check `is_out_of_memory` once, at the end. */
#ifndef JSON_FORM_TREE_H
#define JSON_FORM_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "json/json.h"

enum node_kind { NODE_STRING, NODE_ARRAY, NODE_OBJECT };

struct slot {
        struct json_span key; /* of objects: borrowed from the tree                                  */
        uint32_t hash;        /* of the key                                                          */
        int64_t index;        /* of objects: the key as a number, or -1; of arrays: the element's index */
        struct node *value;
};

struct node {
        enum node_kind kind;
        struct json_span text; /* of strings */
        struct slot *slots;    /* members in input order; elements by index, without holes */
        size_t count, capacity;
        int64_t length; /* of arrays: the last index + 1, as in JavaScript */
        /* For objects that were arrays until they had too many elements, and for arrays or objects made from a name
         * that has both a value and members: strings are appended after this index. */
        int64_t overflow_index; /* -1: neither */
        int64_t conflict_index;
};

struct form_tree {
        struct chunk *chunks;
        int64_t array_limit; /* elements of an array; a larger one becomes an object */
        bool is_out_of_memory;
        struct node spare;
};

void form_tree_init(struct form_tree *tree, int64_t array_limit);
void form_tree_fini(struct form_tree *tree);

/* `size` bytes that live as long as the tree, or NULL. */
void *form_tree_alloc(struct form_tree *tree, size_t size);

struct node *node_new(struct form_tree *tree, enum node_kind kind);
struct node *node_string(struct form_tree *tree, struct json_span text);
/* The member of that name, or NULL. */
struct slot *node_find(struct node *object, struct json_span key);
void node_set(struct form_tree *tree, struct node *object, struct json_span key, struct node *value);
/* The element at that index, or NULL. */
struct node *node_at(const struct node *array, int64_t index);
void node_set_index(struct form_tree *tree, struct node *array, int64_t index, struct node *value);
/* The members in the order in which JavaScript enumerates them: array indexes ascending, then the others in input
 * order. NULL if there are none or memory has run out. */
struct slot **node_order(struct form_tree *tree, const struct node *object);

/* Combines the values of a repeated name into one array. */
struct node *node_combine(struct form_tree *tree, struct node *first, struct node *second);
/* Merges `source` into `target`; returns the result. */
struct node *node_merge(struct form_tree *tree, struct node *target, struct node *source);

/* Appends the node as JSON and omits holes. Returns 0, ERR_LIMIT or ERR_NOMEM. */
int node_print(struct form_tree *tree, const struct node *node, struct buf *out) NODISCARD;

/* The number whose JavaScript spelling is this name, or -1. */
int64_t index_of_name(struct json_span name);

#endif
