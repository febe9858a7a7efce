/* document_tag: the ETag of a document, computed from its bytes. The key is not enough, because a document may be
 * deleted and another stored under the same key. All replicas compute the same tag for the same document.
 *
 *     char tag[DOCUMENT_TAG_SIZE];
 *     { "ETag", document_tag(document, length, tag) }
 *
 * Threads: any. */
#ifndef COLLECTOR_DOCUMENT_TAG_H
#define COLLECTOR_DOCUMENT_TAG_H

#include <stddef.h>

enum { DOCUMENT_TAG_SIZE = 2 + 32 + 1 };

/* Writes the tag, with its quotes, and returns `tag`. */
const char *document_tag(const char *document, size_t length, char tag[DOCUMENT_TAG_SIZE]);

#endif
