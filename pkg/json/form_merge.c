/* form_merge: merges values with the same name in the way that qs 6.17 does (duplicates "combine", strictMerge),
 * according to the README and behaviour of qs:
 *   - equal names make an array; an array with more elements than its limit becomes an object with their
 *     indexes, which takes further values at the next index ("overflow");
 *   - a string and an object make the array [object, string], and later values are added to it ("conflict")
 *     instead of nesting again;
 *   - an array and an object make an object, with the array's indexes as names.
 * There is one difference: qs drops an empty string after a value with a longer name (`a[b]=1&a=`), but this file keeps
 * the string. */
#include <stdio.h>
#include <string.h>

#include "json/form_tree.h"

static struct json_span name_of_index(struct form_tree *tree, int64_t index)
{
        char *name = form_tree_alloc(tree, 24);
        if (!name)
                return (struct json_span){ "", 0 };
        int length = snprintf(name, 24, "%lld", (long long)index);
        return (struct json_span){ name, (size_t)length };
}

static void set_numbered(struct form_tree *tree, struct node *object, int64_t index, struct node *value)
{
        node_set(tree, object, name_of_index(tree, index), value);
}

static void append(struct form_tree *tree, struct node *array, struct node *value)
{
        node_set_index(tree, array, array->length, value);
}

/* Appends all elements of an array, with their gaps, or the value itself. */
static void append_spread(struct form_tree *tree, struct node *array, struct node *value)
{
        if (value->kind != NODE_ARRAY) {
                append(tree, array, value);
                return;
        }
        int64_t first = array->length;
        for (size_t i = 0; i < value->count; i++)
                node_set_index(tree, array, first + value->slots[i].index, value->slots[i].value);
}

static struct node *object_of_array(struct form_tree *tree, const struct node *array)
{
        struct node *object = node_new(tree, NODE_OBJECT);
        for (size_t i = 0; i < array->count; i++)
                set_numbered(tree, object, array->slots[i].index, array->slots[i].value);
        return object;
}

static struct node *overflow_of_array(struct form_tree *tree, const struct node *array)
{
        struct node *object = object_of_array(tree, array);
        object->overflow_index = array->length - 1;
        return object;
}

static bool holds_more_than(const struct node *array, int64_t limit)
{
        return array->count > (size_t)limit;
}

static struct node *pair(struct form_tree *tree, struct node *first, struct node *second)
{
        struct node *array = node_new(tree, NODE_ARRAY);
        append(tree, array, first);
        append(tree, array, second);
        return array;
}

struct node *node_combine(struct form_tree *tree, struct node *first, struct node *second)
{
        if (first->kind == NODE_OBJECT && first->overflow_index >= 0) {
                set_numbered(tree, first, ++first->overflow_index, second);
                return first;
        }
        struct node *array = first;
        if (first->kind != NODE_ARRAY) {
                array = node_new(tree, NODE_ARRAY);
                append(tree, array, first);
        }
        append(tree, array, second);
        return array->length > tree->array_limit ? overflow_of_array(tree, array) : array;
}

static struct node *merge_string(struct form_tree *tree, struct node *target, struct node *string)
{
        if (target->kind == NODE_STRING)
                return pair(tree, target, string);
        if (target->kind == NODE_ARRAY) {
                bool is_full = holds_more_than(target, tree->array_limit - 1);
                append(tree, target, string);
                return is_full ? overflow_of_array(tree, target) : target;
        }
        if (target->overflow_index >= 0) {
                set_numbered(tree, target, ++target->overflow_index, string);
                return target;
        }
        if (target->conflict_index >= 0) {
                set_numbered(tree, target, ++target->conflict_index, string);
                return target;
        }
        struct node *array = pair(tree, target, string);
        array->conflict_index = 1;
        return array;
}

/* Merges a string with a later array or object of the same name. */
static struct node *merge_into_string(struct form_tree *tree, struct node *string, struct node *source)
{
        if (source->overflow_index >= 0) {
                struct node *object = node_new(tree, NODE_OBJECT);
                set_numbered(tree, object, 0, string);
                for (size_t i = 0; i < source->count; i++)
                        set_numbered(tree, object, source->slots[i].index + 1, source->slots[i].value);
                object->overflow_index = source->overflow_index + 1;
                return object;
        }
        struct node *array = node_new(tree, NODE_ARRAY);
        append(tree, array, string);
        append_spread(tree, array, source);
        return array->length > tree->array_limit ? overflow_of_array(tree, array) : array;
}

static struct node *merge_arrays(struct form_tree *tree, struct node *target, const struct node *source)
{
        for (size_t i = 0; i < source->count; i++) {
                int64_t index = source->slots[i].index;
                struct node *item = source->slots[i].value;
                struct node *old = node_at(target, index);
                if (!old)
                        node_set_index(tree, target, index, item);
                else if (old->kind != NODE_STRING && item->kind != NODE_STRING)
                        node_set_index(tree, target, index, node_merge(tree, old, item));
                else
                        append(tree, target, item);
        }
        return holds_more_than(target, tree->array_limit) ? overflow_of_array(tree, target) : target;
}

static int64_t largest_index(const struct node *object, int64_t at_least)
{
        int64_t largest = at_least;
        for (size_t i = 0; i < object->count; i++) {
                if (object->slots[i].index > largest)
                        largest = object->slots[i].index;
        }
        return largest;
}

static void merge_member(struct form_tree *tree, struct node *target, struct json_span key, struct node *value,
                         int64_t source_overflow)
{
        struct slot *old = node_find(target, key);
        int64_t index = index_of_name(key);
        node_set(tree, target, key, old ? node_merge(tree, old->value, value) : value);
        if (source_overflow >= 0 && target->overflow_index < 0)
                target->overflow_index = largest_index(target, source_overflow);
        if (target->overflow_index >= 0 && index > target->overflow_index)
                target->overflow_index = index;
        if (target->conflict_index >= 0 && index > target->conflict_index)
                target->conflict_index = index;
}

static struct node *merge_members(struct form_tree *tree, struct node *target, const struct node *source)
{
        for (size_t i = 0; i < source->count; i++) {
                const struct slot *slot = &source->slots[i];
                if (source->kind == NODE_ARRAY)
                        merge_member(tree, target, name_of_index(tree, slot->index), slot->value, -1);
                else
                        merge_member(tree, target, slot->key, slot->value, source->overflow_index);
        }
        return target;
}

struct node *node_merge(struct form_tree *tree, struct node *target, struct node *source)
{
        if (tree->is_out_of_memory)
                return target;
        if (source->kind == NODE_STRING)
                return merge_string(tree, target, source);
        if (target->kind == NODE_STRING)
                return merge_into_string(tree, target, source);
        if (target->kind == NODE_ARRAY && source->kind == NODE_ARRAY)
                return merge_arrays(tree, target, source);
        if (target->kind == NODE_ARRAY) {
                struct node *object = object_of_array(tree, target);
                if (target->conflict_index >= 0)
                        object->conflict_index = target->length - 1;
                target = object;
        }
        return merge_members(tree, target, source);
}
