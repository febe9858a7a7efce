/* json_fuzz: parses arbitrary bytes as a document. jansson is the oracle: we accept everything that it accepts, and
 * more only as listed in json.h. A spliced document must be accepted again and contain the new members. Cursors and
 * string functions run over the same bytes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "json/testdata/jansson_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
        if (holds)
                return;
        (void)fprintf(stderr, "json_fuzz: %s\n", what);
        abort();
}

static void walk(const char *bytes, size_t length)
{
        struct json_cursor cursor;
        struct json_object object;
        struct json_span name;
        struct json_span value;
        int rc;
        json_cursor_init(&cursor, bytes, length, NULL);
        while ((rc = json_member_next(&cursor, &name, &value, NULL, NULL)) > 0)
                ;
        bool is_object = json_check_object(bytes, length, NULL, &object, NULL, NULL) == 0;
        expect((rc == 0) == is_object, "the cursor and the check disagree on an object");
        expect(!is_object || cursor.count == object.members, "the cursor and the check count members differently");
}

static void recode(const char *bytes, size_t length)
{
        struct buf escaped;
        struct buf decoded;
        struct buf again;
        buf_init(&escaped, 0);
        buf_init(&decoded, 0);
        buf_init(&again, 0);
        int rc = json_escape(&escaped, bytes, length);
        if (rc == 0)
                rc = json_decode_string((struct json_span){ escaped.data, escaped.len }, &decoded);
        if (rc == 0)
                rc = json_escape(&again, decoded.data, decoded.len);
        expect(rc == 0, "an escaped string does not decode");
        expect(escaped.len == again.len && memcmp(escaped.data, again.data, again.len) == 0,
               "a string changes when decoded and escaped");
        rc = json_decode_string((struct json_span){ bytes, length }, &decoded);
        expect(rc == 0 || rc == ERR_INVALID, "raw bytes as a string");
        buf_fini(&escaped);
        buf_fini(&decoded);
        buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *bytes = (const char *)data;
        const char *complaint = oracle_compare(bytes, size);
        expect(complaint == NULL, complaint);
        walk(bytes, size);
        recode(bytes, size);
        return 0;
}
