/* downward: the downward API passes a pod's fields to its container as environment variables, which never change, and
 * as files, which the kubelet updates when a label changes. So the file is read for each request. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "facts.h"
#include "labels.h"

/* The labels in the folder; null if there is no such file. */
static json_t *read_labels(const char *folder)
{
        char path[PATH_MAX];
        int length = snprintf(path, sizeof(path), "%s/labels", folder ? folder : "");
        int fd = folder && length > 0 && (size_t)length < sizeof(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0)
                return json_null();
        struct buf text;
        char chunk[4096];
        ssize_t n;
        buf_init(&text, LABELS_MAX_BYTES);
        while ((n = read(fd, chunk, sizeof(chunk))) > 0 && buf_append(&text, chunk, (size_t)n) == 0)
                continue;
        (void)close(fd); /* only read from */
        json_t *labels = labels_parse(text.data ? text.data : "", text.len);
        buf_fini(&text);
        return labels;
}

static json_t *variable(char *const *environment, const char *name)
{
        size_t length = strlen(name);
        for (; environment && *environment; environment++) {
                if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
                        return facts_text(*environment + length + 1);
        }
        return json_null();
}

json_t *facts_pod(char *const *environment, const char *folder)
{
        return json_pack("{s:o, s:o, s:o, s:o, s:o}", "name", variable(environment, "POD_NAME"), "namespace",
                         variable(environment, "POD_NAMESPACE"), "node", variable(environment, "NODE_NAME"), "ip",
                         variable(environment, "POD_IP"), "labels", read_labels(folder));
}
