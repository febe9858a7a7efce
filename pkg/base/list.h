/* list: intrusive doubly linked lists: each element contains its link.
 *
 *     struct list waiting;                                       // the head
 *     struct job { struct list link; ... } *job;
 *     list_init(&waiting);
 *     list_append(&waiting, &job->link);
 *     for (struct list *at = list_first(&waiting), *next; at; at = next) {
 *             next = list_next(&waiting, at);                    // first, since `at` may leave the list
 *             struct job *one = CONTAINER_OF(at, struct job, link);
 *             ...
 *     }
 *     list_remove(&job->link);
 *
 * The list is a ring through its head, so adding and removing take constant time. Nothing is allocated. A link is
 * initialised once (list_init) and is then in at most one list. Neither a head nor a listed link may move in memory.
 *
 * Threads: one at a time. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct list {
        struct list *next, *prev;
};

/* Initialises an empty head, or a link that is in no list. */
static inline void list_init(struct list *list)
{
        list->next = list->prev = list;
}

/* For a head: the list is empty. For a link: it is in no list. */
static inline bool list_is_empty(const struct list *list)
{
        return list->next == list;
}

/* Inserts `link`, which is in no list, before `at`: another link, or the head, which appends it. */
static inline void list_insert_before(struct list *at, struct list *link)
{
        link->next = at;
        link->prev = at->prev;
        at->prev->next = link;
        at->prev = link;
}

static inline void list_append(struct list *head, struct list *link)
{
        list_insert_before(head, link);
}

static inline void list_prepend(struct list *head, struct list *link)
{
        list_insert_before(head->next, link);
}

/* Removes the link from its list, if it is in a list. */
static inline void list_remove(struct list *link)
{
        link->prev->next = link->next;
        link->next->prev = link->prev;
        list_init(link);
}

/* The first link, the last link, and the neighbours of `link`; NULL at the end of the list. */
static inline struct list *list_first(const struct list *head)
{
        return head->next == head ? NULL : head->next;
}

static inline struct list *list_last(const struct list *head)
{
        return head->prev == head ? NULL : head->prev;
}

static inline struct list *list_next(const struct list *head, const struct list *link)
{
        return link->next == head ? NULL : link->next;
}

static inline struct list *list_prev(const struct list *head, const struct list *link)
{
        return link->prev == head ? NULL : link->prev;
}

/* Removes and returns the first link; NULL if the list is empty. */
static inline struct list *list_pop(struct list *head)
{
        struct list *first = list_first(head);
        if (first)
                list_remove(first);
        return first;
}

/* Moves all links of `from` to the end of `to`, in order. */
static inline void list_append_all(struct list *to, struct list *from)
{
        if (list_is_empty(from))
                return;
        from->next->prev = to->prev;
        from->prev->next = to;
        to->prev->next = from->next;
        to->prev = from->prev;
        list_init(from);
}

#endif
