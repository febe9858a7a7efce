/* flag: the only spellings are true and false, so that a typo is not mistaken for either. */
#include "flag.h"

#include <string.h>

bool flag_read(struct http_request *request, const char *name, bool *flag)
{
        const char *text = http_request_query(request, name);
        *flag = text && !strcmp(text, "true");
        if (!text || (http_request_query_count(request, name) == 1 && (*flag || !strcmp(text, "false"))))
                return true;
        http_problem(request, 400, NULL, 0, "%s: expected true or false", name);
        return false;
}
