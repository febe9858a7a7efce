/* redis_uri_fuzz: parses a Redis URI or a connection string from a variable. The code must not crash, each setting must
 * be within its limits, and an error must name the origin. */
#include <assert.h>
#include <string.h>

#include "backing/draft.h"
#include "backing/notes.h"
#include "backing/redis_names.h"
#include "backing/redis_settings.h"
#include "backing/redis_uri.h"
#include "backing/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_settings(const struct backing_redis_settings *s)
{
        assert(s->key_prefix && s->port > 0 && s->database <= DATABASE_MAX);
        assert(!s->host != !s->socket_path);
        assert(!s->host || host_is_valid(s->host, strlen(s->host)));
        assert(!s->socket_path || s->socket_path[0] == '/');
        assert(s->password.length <= SECRET_MAX_BYTES);
        assert(!s->username || strlen(s->username) <= TEXT_MAX_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct backing_redis_settings settings = { 0 };
        struct draft draft = { 0 };
        struct notes notes = { 0 };
        struct err err = { 0 };
        if (size == 0 || draft_set(&draft, FIELD_URI, (const char *)data, size, "REDIS_URL", NULL) < 0)
                return 0;
        if (redis_settings_read(&draft, &settings, &notes, &err) == 0)
                check_settings(&settings);
        else
                assert(strncmp(err.text, "REDIS_URL", strlen("REDIS_URL")) == 0);
        draft_fini(&draft);
        redis_settings_fini(&settings);
        notes_fini(&notes);
        return 0;
}
