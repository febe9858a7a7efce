/* restore_line: a line of an export, as a restore takes it: {"key":"0193...","document":{...}}.
 *
 * Threads: any. */
#ifndef COLLECTOR_RESTORE_LINE_H
#define COLLECTOR_RESTORE_LINE_H

#include "base/err.h"
#include "base/uuid.h"
#include "json/json.h"

enum {
        RESTORE_SKIP = 1,
        /* The number of bytes by which a line may exceed the limit for documents: the other members, `cursor` included,
         * and what Collector adds to a document. */
        RESTORE_LINE_EXTRA = 1024,
};

/* Finds the key, in lower case, and the document as it stands in the line, which is not checked to be an object. Of a
 * name that occurs twice the last value counts, and other names are ignored. Returns 0; RESTORE_SKIP for the last line of
 * an export, which has `end` and neither key nor document; or ERR_INVALID: the text of `err` says what is wrong, and in
 * which column, if it is the syntax. */
int restore_line_read(struct json_span line, char key[UUID_TEXT_SIZE], struct json_span *document,
                      struct err *err) NODISCARD;

#endif
