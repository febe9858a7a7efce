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
        /* The number of bytes by which a line may exceed the limit for documents. These bytes are for the other
         * members, `cursor` included, and for the members that Collector adds to a document. */
        RESTORE_LINE_EXTRA = 1024,
};

/* Finds the key, converted to lower case, and the document exactly as it is in the line, without checking that it is an
 * object. If a name occurs twice, the last value counts; other names are ignored. Returns 0; RESTORE_SKIP for the last
 * line of an export, which has `end` and neither key nor document; or ERR_INVALID, with a message in `err` that says
 * what is wrong and, for a syntax error, gives the column. */
int restore_line_read(struct json_span line, char key[UUID_TEXT_SIZE], struct json_span *document,
                      struct err *err) NODISCARD;

#endif
