/* form_tree: memory, members and output of the tree that a form body becomes. Memory is allocated in chunks and freed
 * all at once, since the tree lives no longer than one call. Members are listed with the hash of their name: a form has
 * few names, and even at its limit of a thousand a linear search is cheaper than a table. */
#include "json/form_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"

enum { CHUNK_SIZE = 4096, ALIGNMENT = 16 };

struct chunk {
        struct chunk *next;
        size_t used, size;
        _Alignas(ALIGNMENT) char bytes[];
};

void form_tree_init(struct form_tree *tree, int64_t array_limit)
{
        *tree = (struct form_tree){ .array_limit = array_limit, .spare = { .kind = NODE_STRING } };
}

void form_tree_fini(struct form_tree *tree)
{
        while (tree->chunks) {
                struct chunk *next = tree->chunks->next;
                free(tree->chunks);
                tree->chunks = next;
        }
}

void *form_tree_alloc(struct form_tree *tree, size_t size)
{
        size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        struct chunk *chunk = tree->chunks;
        if (!chunk || chunk->size - chunk->used < size) {
                size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
                chunk = malloc(sizeof(*chunk) + room);
                if (!chunk) {
                        tree->is_out_of_memory = true;
                        return NULL;
                }
                *chunk = (struct chunk){ .next = tree->chunks, .size = room };
                tree->chunks = chunk;
        }
        void *bytes = chunk->bytes + chunk->used;
        chunk->used += size;
        return bytes;
}

struct node *node_new(struct form_tree *tree, enum node_kind kind)
{
        struct node *node = form_tree_alloc(tree, sizeof(*node));
        if (!node)
                node = &tree->spare;
        *node = (struct node){ .kind = kind, .overflow_index = -1, .conflict_index = -1 };
        return node;
}

struct node *node_string(struct form_tree *tree, struct json_span text)
{
        struct node *node = node_new(tree, NODE_STRING);
        node->text = text;
        return node;
}

/* Beyond 15 digits JavaScript's numbers are inexact, so the name is not an index. */
int64_t index_of_name(struct json_span name)
{
        uint64_t index;
        if (name.length > 15 || (name.length > 1 && name.bytes[0] == '0') ||
            decimal_parse(name.bytes, name.length, INT64_MAX, &index) < 0)
                return -1;
        return (int64_t)index;
}

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint32_t hash_of(struct json_span key)
{
        uint32_t hash = 2166136261U;
        for (size_t i = 0; i < key.length; i++)
                hash = (hash ^ (unsigned char)key.bytes[i]) * 16777619U;
        return hash;
}

static struct slot *find_hashed(struct node *object, struct json_span key, uint32_t hash)
{
        for (size_t i = 0; i < object->count; i++) {
                struct slot *slot = &object->slots[i];
                if (slot->hash == hash && slot->key.length == key.length &&
                    memcmp(slot->key.bytes, key.bytes, key.length) == 0)
                        return slot;
        }
        return NULL;
}

struct slot *node_find(struct node *object, struct json_span key)
{
        return find_hashed(object, key, hash_of(key));
}

static bool grow(struct form_tree *tree, struct node *node, size_t count)
{
        if (count <= node->capacity)
                return true;
        size_t capacity = node->capacity ? node->capacity : 1;
        while (capacity < count)
                capacity *= 2;
        struct slot *slots = form_tree_alloc(tree, capacity * sizeof(*slots));
        if (!slots)
                return false;
        if (node->count > 0)
                memcpy(slots, node->slots, node->count * sizeof(*slots));
        node->slots = slots;
        node->capacity = capacity;
        return true;
}

void node_set(struct form_tree *tree, struct node *object, struct json_span key, struct node *value)
{
        uint32_t hash = hash_of(key);
        struct slot *slot = find_hashed(object, key, hash);
        if (slot)
                slot->value = value;
        else if (grow(tree, object, object->count + 1))
                object->slots[object->count++] = (struct slot){ key, hash, index_of_name(key), value };
}

/* The position where the element of that index is or would be inserted. */
static size_t position_of(const struct node *array, int64_t index)
{
        size_t low = 0;
        size_t high = array->count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (array->slots[middle].index < index)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct node *node_at(const struct node *array, int64_t index)
{
        size_t position = position_of(array, index);
        bool is_there = position < array->count && array->slots[position].index == index;
        return is_there ? array->slots[position].value : NULL;
}

void node_set_index(struct form_tree *tree, struct node *array, int64_t index, struct node *value)
{
        size_t position = position_of(array, index);
        if (position == array->count || array->slots[position].index != index) {
                if (!grow(tree, array, array->count + 1))
                        return;
                memmove(array->slots + position + 1, array->slots + position,
                        (array->count - position) * sizeof(*array->slots));
                array->count++;
                array->slots[position] = (struct slot){ .index = index };
        }
        array->slots[position].value = value;
        if (index >= array->length)
                array->length = index + 1;
}

/* ECMAScript's array indexes end at 2^32 - 2 (ECMA-262, section 6.1.7). */
static bool comes_first(const struct slot *slot)
{
        return slot->index >= 0 && slot->index < (int64_t)UINT32_MAX;
}

static int compare_indexes(const void *a, const void *b)
{
        int64_t left = (*(struct slot *const *)a)->index;
        int64_t right = (*(struct slot *const *)b)->index;
        return (left > right) - (left < right);
}

struct slot **node_order(struct form_tree *tree, const struct node *object)
{
        struct slot **order = form_tree_alloc(tree, object->count * sizeof(struct slot *));
        if (!order)
                return NULL;
        size_t indexes = 0;
        for (size_t i = 0; i < object->count; i++) {
                if (comes_first(&object->slots[i]))
                        order[indexes++] = &object->slots[i];
        }
        qsort(order, indexes, sizeof(struct slot *), compare_indexes);
        for (size_t i = 0; i < object->count; i++) {
                if (!comes_first(&object->slots[i]))
                        order[indexes++] = &object->slots[i];
        }
        return order;
}

static int print_array(struct form_tree *tree, const struct node *array, struct buf *out)
{
        int rc = buf_putc(out, '[');
        for (size_t i = 0; rc == 0 && i < array->count; i++) {
                rc = i == 0 ? 0 : buf_putc(out, ',');
                if (rc == 0)
                        rc = node_print(tree, array->slots[i].value, out);
        }
        return rc < 0 ? rc : buf_putc(out, ']');
}

static int print_object(struct form_tree *tree, const struct node *object, struct buf *out)
{
        struct slot **order = node_order(tree, object);
        if (!order)
                return ERR_NOMEM;
        int rc = buf_putc(out, '{');
        for (size_t i = 0; rc == 0 && i < object->count; i++) {
                rc = i == 0 ? 0 : buf_putc(out, ',');
                if (rc == 0)
                        rc = json_escape(out, order[i]->key.bytes, order[i]->key.length);
                if (rc == 0)
                        rc = buf_putc(out, ':');
                if (rc == 0)
                        rc = node_print(tree, order[i]->value, out);
        }
        return rc < 0 ? rc : buf_putc(out, '}');
}

int node_print(struct form_tree *tree, const struct node *node, struct buf *out)
{
        switch (node->kind) {
        case NODE_ARRAY:
                return print_array(tree, node, out);
        case NODE_OBJECT:
                return print_object(tree, node, out);
        default:
                return json_escape(out, node->text.bytes, node->text.length);
        }
}
