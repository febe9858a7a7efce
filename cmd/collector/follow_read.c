/* follow_read: a feed_reader whose documents are written into a buffer. An event ends with the cursor after its
 * document, which is known only when the reader continues. */
#include "follow_read.h"

#include <string.h>

#include "base/attr.h"
#include "document_line.h"

static int end_event(struct follow_read *read)
{
        char cursor[CURSOR_SIZE];
        if (!read->is_open)
                return 0;
        read->is_open = false;
        int rc = read->has_no_ids
                         ? buf_puts(&read->events, "}\n\n")
                         : buf_printf(&read->events, "}\nid: %s\n\n", cursor_format(&read->reader.cursor, cursor));
        read->ends[read->count - 1] = read->events.len;
        return rc;
}

static int begin_event(struct follow_read *read, const char *key, const char *document, size_t length)
{
        memcpy(read->keys[read->count++], key, UUID_TEXT_SIZE);
        read->is_open = true;
        int rc = buf_puts(&read->events, "event: document\ndata: ");
        return rc < 0 ? rc : document_line_append(&read->events, key, document, length);
}

static bool on_document(struct feed_reader *reader, const char *key, const char *document, size_t length)
{
        struct follow_read *read = CONTAINER_OF(reader, struct follow_read, reader);
        int rc = end_event(read);
        if (rc == 0 && (read->count == FOLLOW_READ_DOCUMENTS || read->events.len >= FOLLOW_READ_BYTES))
                return false;
        if (rc == 0)
                rc = begin_event(read, key, document, length);
        read->failed = rc < 0;
        return rc == 0;
}

static void on_read(struct feed_reader *reader, enum store_outcome outcome, bool more, const struct err *err)
{
        struct follow_read *read = CONTAINER_OF(reader, struct follow_read, reader);
        struct err memory;
        read->is_running = false;
        if (outcome == STORE_DONE && (read->failed || end_event(read) < 0)) {
                (void)err_set(&memory, ERR_NOMEM, "out of memory");
                read->on_done(read, STORE_UNAVAILABLE, &memory);
                return;
        }
        read->more = more;
        read->cursor = reader->cursor;
        read->on_done(read, outcome, err);
}

void follow_read_start(struct follow_read *read, const struct cursor *from, uint64_t since_ms)
{
        buf_clear(&read->events, 2 * FOLLOW_READ_BYTES);
        read->count = 0;
        read->is_open = read->failed = read->more = false;
        read->is_running = true;
        read->reader = (struct feed_reader){ .store = read->store,
                                             .cursor = *from,
                                             .since_ms = since_ms,
                                             .until_ms = UINT64_MAX,
                                             .on_document = on_document,
                                             .on_done = on_read };
        feed_reader_start(&read->reader);
}

void follow_read_fini(struct follow_read *read)
{
        buf_fini(&read->events);
}
