/* pinger_record_fuzz: turns a request into a log record. The first line of the input is the request's target, the
 * others are header fields, `name: value`. The code must not crash, and the record must be an object that Collector
 * accepts, without any value under a secret's name. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/redact.h"
#include "cmd/pinger/record.h"
#include "json/json.h"

enum { FIELDS_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A value that occurs nowhere else, since the input has no upper case. */
#define MARK "SECRETVALUE"

static char *copy_of(const uint8_t *data, size_t size)
{
        char *text = calloc(1, size + 1);
        for (size_t i = 0; text && i < size; i++)
                text[i] = (char)(data[i] >= 'A' && data[i] <= 'Z' ? data[i] | 0x20 : data[i]);
        return text;
}

/* The name indicates a secret. */
static bool is_secret(const char *name)
{
        struct buf shown;
        buf_init(&shown, 0);
        bool is_redacted = redact_field(&shown, name, "plain") == 0 && strcmp(shown.data, REDACTED) == 0;
        buf_fini(&shown);
        return is_redacted;
}

static size_t split_fields(char *text, struct http_header *fields)
{
        size_t count = 0;
        for (char *line; count < FIELDS_MAX && (line = strsep(&text, "\n"));) {
                char *colon = strchr(line, ':');
                if (!colon)
                        continue;
                *colon = '\0';
                fields[count] = (struct http_header){ line, colon + 1 };
                if (is_secret(line))
                        fields[count].value = MARK;
                count++;
        }
        return count;
}

static void check(const struct buf *text)
{
        struct json_object object;
        struct json_position where;
        struct err err;
        if (json_check_object(text->data, text->len, NULL, &object, &where, &err) < 0)
                abort();
        assert(!memmem(text->data, text->len, MARK, strlen(MARK)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct record_source source;
        struct http_header fields[FIELDS_MAX];
        struct buf out;
        char *text = copy_of(data, size);
        if (!text)
                return 0;
        if (!source.pid)
                record_source_init(&source);
        size_t target = strcspn(text, "\n");
        bool has_fields = text[target] == '\n';
        text[target] = '\0';
        size_t count = has_fields ? split_fields(text + target + 1, fields) : 0;
        struct record_request request = { .method = "GET",
                                          .target = text,
                                          .headers = fields,
                                          .header_count = count,
                                          .remote_address = "127.0.0.1",
                                          .remote_port = 1 };
        buf_init(&out, 0);
        if (record_request(&source, 1, &request, &out) == 0)
                check(&out);
        buf_clear(&out, SIZE_MAX);
        if (record_response(&source, 1, 200, fields, count, &out) == 0)
                check(&out);
        buf_fini(&out);
        free(text);
        return 0;
}
