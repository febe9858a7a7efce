/* collector_restore_line_fuzz: reads arbitrary bytes as a line of a restore. The code must not crash, every part found
 * must lie within the line, and the key must be valid for the rest of Collector. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/collector/restore_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
        if (holds)
                return;
        (void)fprintf(stderr, "collector_restore_line_fuzz: %s\n", what);
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *bytes = (const char *)data;
        char key[UUID_TEXT_SIZE];
        struct json_span document;
        struct err err = { 0 };
        int rc = restore_line_read((struct json_span){ bytes, size }, key, &document, &err);
        expect(rc == 0 || rc == RESTORE_SKIP || (rc == ERR_INVALID && err.text[0]), "the result");
        if (rc != 0)
                return 0;
        expect(uuid_parse(key, UUID_TEXT_LENGTH, NULL), "the key");
        expect(document.bytes > bytes && document.length > 0 && document.bytes + document.length < bytes + size,
               "the document");
        return 0;
}
