/* form_fuzz: any bytes as a form body. Whatever they are, the result is a JSON object that the check
 * accepts, within the limits, also where names may be nested deeper than usual. */
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

static void read_within(const char *bytes, size_t size, const struct form_limits *limits)
{
        struct buf out;
        struct err err;
        struct json_object object;
        buf_init(&out, 0);
        int rc = form_to_json(bytes, size, limits, &out, &err);
        expect(rc == 0 || rc == ERR_LIMIT, "a body was refused");
        expect(out.len <= MAX_BYTES, "more JSON than allowed");
        if (rc == 0)
                expect(json_check_object(out.data, out.len, NULL, &object, NULL, &err) == 0, err.text);
        else
                expect(out.len == 0, "half a result was left");
        buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct form_limits usual = { .max_bytes = MAX_BYTES };
        const struct form_limits deep = { .depth_max = 32, .parameters_max = 50, .max_bytes = MAX_BYTES };
        read_within((const char *)data, size, &usual);
        read_within((const char *)data, size, &deep);
        return 0;
}
