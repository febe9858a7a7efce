/* source: converts an option of pkg/config to the form that all backing services use. */
#include "backing/source.h"

bool backing_value_of(const struct config_report *report, const char *option, const char *name, const char *text,
                      size_t length, struct backing_value *out)
{
        static const enum backing_source kinds[] = {
                [CONFIG_FROM_FILE] = BACKING_FROM_FILE,
                [CONFIG_FROM_ENVIRONMENT] = BACKING_FROM_ENVIRONMENT,
                [CONFIG_FROM_FLAG] = BACKING_FROM_FLAG,
        };
        const struct config_origin *origin = config_origin(report, option);
        if (!text || !origin || origin->kind == CONFIG_FROM_DEFAULT)
                return false;
        *out = (struct backing_value){
                .name = name, .kind = kinds[origin->kind], .text = text, .length = length, .place = origin->place
        };
        return true;
}

const char *backing_source_name(enum backing_source source)
{
        static const char *const names[] = {
                [BACKING_FROM_FLAG] = "flags",      [BACKING_FROM_FILE] = "configuration file",
                [BACKING_FROM_BINDING] = "binding", [BACKING_FROM_ENVIRONMENT] = "environment",
                [BACKING_FROM_DEFAULT] = "default", [BACKING_FROM_NOWHERE] = "nowhere",
        };
        return (size_t)source < COUNT_OF(names) ? names[source] : "nowhere";
}
