/* pinger_labels_fuzz: parses the file `labels` of the downward API. The code must not crash, and the result must be an
 * object of strings and print as valid JSON. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd/pinger/labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *name;
        json_t *value;
        json_t *labels = labels_parse((const char *)data, size);
        assert(json_is_object(labels));
        json_object_foreach(labels, name, value) assert(json_is_string(value) && memchr(data, '=', size));
        char *text = json_dumps(labels, 0);
        assert(text);
        json_t *again = json_loads(text, 0, NULL);
        assert(json_equal(labels, again));
        json_decref(again);
        free(text);
        json_decref(labels);
        return 0;
}
