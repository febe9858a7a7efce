/* feed_head: asks for the feed's name, if it is unknown, and for the ends of the streams that may still grow. */
#include "feed_head.h"

#include <string.h>

#include "base/attr.h"

static void finish(struct feed_head *head)
{
        struct feed_read *read = &head->read;
        if (read->is_moved || (read->outcome == STORE_DONE && swap_is_behind(head->store->swap, read->generation)))
                read->outcome = STORE_MOVED;
        head->on_known(head, read->outcome, &read->err);
}

static void on_ends(struct feed_ends *ends)
{
        struct feed_head *head = CONTAINER_OF(ends, struct feed_head, ends);
        head->cursor.after = ends->of_day;
        head->cursor.after_next = ends->of_next;
        finish(head);
}

static void ask(struct feed_head *head)
{
        memcpy(head->cursor.feed, head->store->name.text, sizeof(head->cursor.feed));
        feed_ends_ask(&head->ends, head->cursor.day);
}

static void on_named(struct feed_naming *naming)
{
        struct feed_head *head = CONTAINER_OF(naming, struct feed_head, naming);
        if (head->read.outcome == STORE_DONE)
                ask(head);
        else
                finish(head);
}

void feed_head_start(struct feed_head *head)
{
        feed_read_init(&head->read, head->store);
        head->read.asks = head->asks;
        head->naming = (struct feed_naming){ .read = &head->read, .on_known = on_named };
        head->ends = (struct feed_ends){ .read = &head->read, .on_known = on_ends };
        head->cursor = (struct cursor){ .day = feed_ends_day(head->store) };
        if (feed_name_is_known(&head->store->name, head->read.generation))
                ask(head);
        else
                feed_naming_start(&head->naming);
}
