/* flag: the only spellings are true and false, so that a typing error is not mistaken for either. */
#include "flag.h"

#include <string.h>

#include "base/attr.h"

struct seen {
        const char *name;
        unsigned count;
};

static bool count_name(const char *name, const char *value UNUSED, void *data)
{
        struct seen *seen = data;
        seen->count += strcmp(name, seen->name) == 0;
        return true;
}

bool flag_read(struct http_request *request, const char *name, bool *flag)
{
        struct seen seen = { .name = name };
        const char *text = http_request_query(request, name);
        http_request_each_query(request, count_name, &seen);
        *flag = text && !strcmp(text, "true");
        if (!text || (seen.count == 1 && (*flag || !strcmp(text, "false"))))
                return true;
        http_problem(request, 400, NULL, 0, "%s: expected true or false", name);
        return false;
}
