/* document_key: only UUIDs are passed to Redis, because other programs may use it too. */
#include "document_key.h"

#include <string.h>

bool document_key(struct http_request *request, const char *text, char key[UUID_TEXT_SIZE])
{
        struct uuid id;
        if (!text || !uuid_parse(text, strlen(text), &id)) {
                http_problem(request, 404, NULL, 0, "the key is not a UUID of 36 characters");
                return false;
        }
        (void)uuid_format(&id, key);
        return true;
}
