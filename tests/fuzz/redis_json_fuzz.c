/* redis_json_fuzz: parses a binding's entry that holds all settings as one JSON object. The code must not crash, each
 * setting must be within its limits, and an error must name the entry. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backing/gather_json.h"
#include "backing/redis_names.h"
#include "backing/redis_settings.h"
#include "backing/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct backing_redis_settings settings = { 0 };
        struct draft draft = { 0 };
        struct notes notes = { 0 };
        struct err err = { 0 };
        char *text = calloc(1, size + 1);
        if (!text)
                return 0;
        memcpy(text, data, size);
        int rc = gather_json(&redis_service, text, "db/all", &draft, &notes, &err);
        if (rc == 0)
                rc = redis_settings_read(&draft, &settings, &notes, &err);
        if (rc < 0)
                assert(strstr(err.text, "db/all"));
        else
                assert(settings.port > 0 && settings.database <= DATABASE_MAX &&
                       (!settings.host || host_is_valid(settings.host, strlen(settings.host))));
        redis_settings_fini(&settings);
        draft_fini(&draft);
        notes_fini(&notes);
        free(text);
        return 0;
}
