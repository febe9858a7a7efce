/* finding: sets the option to the value that was found, and records where it was found. */
#include "config/finding.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/limits.h"
#include "config/slurp.h"
#include "config/value.h"

/* Reads a secret from its own file, without one trailing newline. */
static int set_from_path(struct reading *reading, const struct finding *finding, struct err *err)
{
        struct buf bytes;
        char path[PATH_MAX];
        if (finding->length == 0 || finding->length >= sizeof(path) || memchr(finding->text, '\0', finding->length))
                return err_set(err, ERR_INVALID, "expected the path of a file");
        memcpy(path, finding->text, finding->length);
        path[finding->length] = '\0';
        buf_init(&bytes, 0);
        int rc = config_slurp(path, TEXT_MAX, &bytes, err);
        if (rc == 0) {
                size_t length = bytes.len;
                if (length > 0 && bytes.data[length - 1] == '\n')
                        length -= length > 1 && bytes.data[length - 2] == '\r' ? 2 : 1;
                rc = length == 0 ? err_set(err, ERR_INVALID, "%s is empty", path)
                                 : config_value_set(finding->option, reading->values, bytes.data, length, err);
        }
        if (bytes.data)
                explicit_bzero(bytes.data, bytes.len);
        buf_fini(&bytes);
        return rc;
}

/* A value's origin, for errors that are found later. In a file it includes the key, as in our own errors. */
static char *place_in_full(const struct finding *finding)
{
        char *place;
        if (finding->kind != CONFIG_FROM_FILE)
                return strdup(finding->place);
        return asprintf(&place, "%s: %s", finding->place, finding->key) < 0 ? NULL : place;
}

int config_apply(struct reading *reading, const struct finding *finding, struct err *err)
{
        struct config_origin *origin = &reading->report->origins[finding->option - reading->program->options];
        if (origin->kind != finding->kind)
                config_value_clear(finding->option, reading->values);
        int rc = finding->is_path
                         ? set_from_path(reading, finding, err)
                         : config_value_set(finding->option, reading->values, finding->text, finding->length, err);
        if (rc < 0 && finding->key)
                (void)err_wrap(err, "%s", finding->key); /* the return code is still rc */
        if (rc < 0) {
                (void)err_wrap(err, "%s", finding->place);
                return rc;
        }
        if (origin->place && origin->kind == finding->kind && finding->option->type == CONFIG_LIST)
                return 0; /* keeps the origin of the first entry */
        char *place = place_in_full(finding);
        if (!place)
                return err_set(err, ERR_NOMEM, "out of memory");
        free((char *)(uintptr_t)origin->place);
        *origin = (struct config_origin){ finding->kind, place };
        return 0;
}
