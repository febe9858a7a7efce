/* list: doubly linked lists whose links are members of what they list.
 *
 *     struct list waiting;                                       // the head
 *     struct job { struct list link; ... } *job;
 *     list_init(&waiting);
 *     list_append(&waiting, &job->link);
 *     for (struct list *at = list_first(&waiting), *next; at; at = next) {
 *             next = list_next(&waiting, at);                    // taken first, since `at` may leave the list
 *             struct job *one = CONTAINER_OF(at, struct job, link);
 *             ...
 *     }
 *     list_remove(&job->link);
 *
 * The list is a ring through its head, so adding and removing take constant time and know nothing of each other.
 * Nothing is allocated. A link is initialised once (list_init), and is then in one list or in none. Neither a head
 * nor a link that is listed may move in memory.
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

/* Makes an empty head, or a link that is in no list. */
static inline void list_init(struct list *list)
{
        list->next = list->prev = list;
}

/* Of a head: nothing is listed. Of a link: it is in no list. */
static inline bool list_is_empty(const struct list *list)
{
        return list->next == list;
}

/* Puts `link`, which is in no list, before `at`: before another link, or before the head, which is the end. */
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

/* Takes the link out of its list. One that is in no list stays so. */
static inline void list_remove(struct list *link)
{
        link->prev->next = link->next;
        link->next->prev = link->prev;
        list_init(link);
}

/* The first link, the last one, those beside `link`; NULL where the list ends. */
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

/* Takes the first link out; NULL where there is none. */
static inline struct list *list_pop(struct list *head)
{
        struct list *first = list_first(head);
        if (first)
                list_remove(first);
        return first;
}

/* Moves all that `from` lists to the end of `to`, in its order. */
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
