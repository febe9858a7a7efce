/* backing_tokens_fuzz: reads an entry of a token binding from a folder in memory. The code must not crash, an accepted
 * token must be valid in a header as is, and an error must name the file but not its content. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[] = "/dev/shm/tokens-fuzz-XXXXXX";
static char entry[sizeof(root) + 16];

static void write_file(const char *path, const void *bytes, size_t length)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert(fd >= 0);
        ssize_t written = write(fd, bytes, length);
        assert(written == (ssize_t)length);
        (void)close(fd);
}

static void clean_up(void)
{
        char path[sizeof(root) + 16];
        (void)unlink(entry);
        (void)snprintf(path, sizeof(path), "%s/c/type", root);
        (void)unlink(path);
        (void)snprintf(path, sizeof(path), "%s/c", root);
        (void)rmdir(path);
        (void)rmdir(root);
}

static void start(void)
{
        char path[sizeof(root) + 16];
        if (!mkdtemp(root))
                abort();
        (void)atexit(clean_up);
        (void)snprintf(path, sizeof(path), "%s/c", root);
        if (mkdir(path, 0700) < 0)
                abort();
        (void)snprintf(path, sizeof(path), "%s/c/type", root);
        write_file(path, "collector-tokens", 16);
        (void)snprintf(entry, sizeof(entry), "%s/c/orders", root);
}

static void check(const struct backing_tokens *tokens)
{
        assert(backing_tokens_are_asked_for(tokens) && backing_tokens_count(tokens) == 1);
        const struct secret *value = backing_tokens_value(tokens, 0);
        assert(value->length >= 1 && value->length <= 4096);
        for (size_t i = 0; i < value->length; i++)
                assert(value->bytes[i] >= '!' && value->bytes[i] <= '~');
        assert(strcmp(backing_tokens_report(tokens)->settings[0].value, "(set)") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct servicebinding_error problem;
        struct servicebinding_set *set;
        struct backing_tokens *tokens;
        struct err err;
        if (!entry[0])
                start();
        write_file(entry, data, size);
        if (servicebinding_load(root, &set, &problem) < 0)
                abort();
        struct backing_tokens_input input = { .bindings = set };
        if (backing_tokens_resolve(&input, &tokens, &err) == 0) {
                check(tokens);
                backing_tokens_unref(tokens);
        } else {
                assert(strstr(err.text, "orders"));
        }
        servicebinding_set_unref(set);
        return 0;
}
