/* names: each prefix is dropped once, "attribute." before the service's prefix, because provider-aws writes both. */
#include "backing/names.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

void name_normalise(const struct service *service, const char *text, char out[NAME_SIZE])
{
        static const char attribute[] = "attribute.";
        out[0] = '\0';
        if (strlen(text) >= NAME_SIZE)
                return;
        if (strncasecmp(text, attribute, strlen(attribute)) == 0)
                text += strlen(attribute);
        for (const char *const *prefix = service->prefixes; *prefix; prefix++) {
                size_t length = strlen(*prefix);
                if (strncasecmp(text, *prefix, length) == 0 && (text[length] == '-' || text[length] == '_')) {
                        text += length + 1;
                        break;
                }
        }
        size_t i = 0;
        for (; text[i]; i++)
                out[i] = text[i] == '_' || text[i] == '.' ? '-' : (char)tolower((unsigned char)text[i]);
        out[i] = '\0';
}

const struct name *name_find(const struct service *service, const char *text)
{
        char normal[NAME_SIZE];
        name_normalise(service, text, normal);
        for (size_t i = 0; i < service->name_count; i++)
                if (strcmp(service->names[i].text, normal) == 0)
                        return &service->names[i];
        return NULL;
}
