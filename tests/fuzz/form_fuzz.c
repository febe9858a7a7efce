/* form_fuzz: parses arbitrary bytes as a form body, in UTF-8 and in ISO-8859-1. The result must be a JSON object that
 * the check accepts, within the limits, or one of the errors that json.h names. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"

enum { MAX_BYTES = 64 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
        if (holds)
                return;
        (void)fprintf(stderr, "form_fuzz: %s\n", what);
        abort();
}

static void read_within(const char *bytes, size_t size, const struct form_options *options)
{
        struct buf out;
        struct err err;
        struct json_object object;
        buf_init(&out, 0);
        int rc = form_to_json(bytes, size, options, &out, &err);
        expect(rc == 0 || rc == ERR_LIMIT || rc == ERR_INVALID, "an error that json.h does not name");
        expect(out.len <= MAX_BYTES, "more JSON than allowed");
        if (rc == 0)
                expect(json_check_object(out.data, out.len, NULL, &object, NULL, &err) == 0, err.text);
        else
                expect(out.len == 0, "a partial result was left");
        buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct form_options usual = { .max_bytes = MAX_BYTES };
        const struct form_options narrow = { .depth_max = 5, .fields_max = 50, .max_bytes = MAX_BYTES };
        const struct form_options latin1 = { .is_latin1 = true, .max_bytes = MAX_BYTES };
        read_within((const char *)data, size, &usual);
        read_within((const char *)data, size, &narrow);
        read_within((const char *)data, size, &latin1);
        return 0;
}
