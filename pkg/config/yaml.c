/* yaml: walks libyaml's events, so that each value has its line number and a hostile file cannot use up memory: the
 * depth is limited, and aliases, which would multiply values, are rejected.
 *
 * The keys on the path are joined: "redis" and below it "host" make the name redis-host. file.c decides what a name
 * means and whether it is allowed there. */
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "config/limits.h"
#include "config/yaml.h"

struct walk {
        const char *path;
        const char *bytes;
        size_t length;
        yaml_parser_t parser;
        const struct yaml_handler *handler;
        int depth;
        char name[NAME_SIZE]; /* the keys from the root on, joined by "-" */
        char key[NAME_SIZE];  /* and by "." */
};

static int refuse(const struct walk *walk, const yaml_mark_t *mark, const char *what, struct err *err)
{
        return err_set(err, ERR_INVALID, "%s:%zu:%zu: %s", walk->path, mark->line + 1, mark->column + 1, what);
}

/* libyaml's reader (UTF-8, control characters) reports only the offset. */
static int refuse_byte(const struct walk *walk, struct err *err)
{
        yaml_mark_t mark = { 0 };
        for (size_t i = 0; i < walk->parser.problem_offset && i < walk->length; i++) {
                mark.column++;
                if (walk->bytes[i] == '\n') {
                        mark.line++;
                        mark.column = 0;
                }
        }
        return refuse(walk, &mark, walk->parser.problem, err);
}

/* Gets the next event; rejects anchors, aliases and tags. The caller deletes it. */
static int next_event(struct walk *walk, yaml_event_t *event, struct err *err)
{
        const char *what = NULL;
        if (!yaml_parser_parse(&walk->parser, event)) {
                if (walk->parser.error == YAML_MEMORY_ERROR)
                        return err_set(err, ERR_NOMEM, "out of memory");
                if (walk->parser.error == YAML_READER_ERROR)
                        return refuse_byte(walk, err);
                return refuse(walk, &walk->parser.problem_mark, walk->parser.problem, err);
        }
        if (event->type == YAML_ALIAS_EVENT)
                what = "an alias (*name) is not allowed here";
        else if ((event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor) ||
                 (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor) ||
                 (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.anchor))
                what = "an anchor (&name) is not allowed here";
        else if ((event->type == YAML_SCALAR_EVENT && event->data.scalar.tag) ||
                 (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.tag) ||
                 (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.tag))
                what = "a tag (!name) is not allowed here";
        if (!what)
                return 0;
        int rc = refuse(walk, &event->start_mark, what, err);
        yaml_event_delete(event);
        return rc;
}

static bool is_null(const yaml_event_t *event)
{
        static const char *const words[] = { "", "~", "null", "Null", "NULL" };
        if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
                return false;
        for (size_t i = 0; i < COUNT_OF(words); i++) {
                if (strcmp((const char *)event->data.scalar.value, words[i]) == 0)
                        return true;
        }
        return false;
}

/* Appends a key to both names; the key is removed when its value has been read. */
static int push_key(struct walk *walk, const yaml_event_t *event, struct err *err)
{
        size_t used = strlen(walk->name);
        size_t joint = used > 0 ? 1 : 0;
        size_t length = event->data.scalar.length;
        if (length == 0)
                return refuse(walk, &event->start_mark, "an empty key", err);
        if (used + joint + length >= NAME_SIZE)
                return refuse(walk, &event->start_mark, "a key longer than any setting's name", err);
        if (joint) {
                walk->name[used] = '-';
                walk->key[used] = '.';
        }
        for (size_t i = 0; i < length; i++) {
                unsigned char c = event->data.scalar.value[i];
                walk->name[used + joint + i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
        }
        memcpy(walk->key + used + joint, walk->name + used + joint, length);
        walk->name[used + joint + length] = walk->key[used + joint + length] = '\0';
        return 0;
}

static struct yaml_node node_at(const struct walk *walk, const yaml_mark_t *mark)
{
        return (struct yaml_node){ .name = walk->name, .key = walk->key, .line = (int)mark->line + 1, .text = "" };
}

static int tell_scalar(const struct walk *walk, struct yaml_node node, const yaml_event_t *event, struct err *err)
{
        node.text = (const char *)event->data.scalar.value;
        node.length = event->data.scalar.length;
        node.is_null = is_null(event);
        return walk->handler->on_value(walk->handler->context, &node, err);
}

static int walk_list(struct walk *walk, const yaml_mark_t *key_mark, struct err *err)
{
        struct yaml_node node = node_at(walk, key_mark);
        node.opens_list = true;
        int rc = walk->handler->on_value(walk->handler->context, &node, err);
        while (rc == 0) {
                yaml_event_t event;
                rc = next_event(walk, &event, err);
                if (rc < 0)
                        return rc;
                bool is_end = event.type == YAML_SEQUENCE_END_EVENT;
                node = node_at(walk, &event.start_mark);
                node.in_list = true;
                if (event.type == YAML_SCALAR_EVENT)
                        rc = tell_scalar(walk, node, &event, err);
                else if (!is_end)
                        rc = refuse(walk, &event.start_mark, "an entry of a list must be a plain value", err);
                yaml_event_delete(&event);
                if (is_end)
                        return 0;
        }
        return rc;
}

static int walk_mapping(struct walk *walk, struct err *err);

static int walk_value(struct walk *walk, const yaml_mark_t *key_mark, struct err *err)
{
        yaml_event_t event;
        struct yaml_node node = node_at(walk, key_mark);
        int rc = next_event(walk, &event, err);
        if (rc < 0)
                return rc;
        if (event.type == YAML_SCALAR_EVENT) {
                rc = tell_scalar(walk, node, &event, err);
        } else if (event.type == YAML_SEQUENCE_START_EVENT) {
                rc = walk_list(walk, key_mark, err);
        } else {
                rc = walk->handler->on_section(walk->handler->context, &node, err);
                if (rc == 0 && walk->depth == DEPTH_MAX)
                        rc = refuse(walk, &event.start_mark, "nested too deep", err);
                if (rc == 0)
                        rc = walk_mapping(walk, err);
        }
        yaml_event_delete(&event);
        return rc;
}

/* Walks from after the start of a mapping to its end. */
static int walk_mapping(struct walk *walk, struct err *err)
{
        size_t used = strlen(walk->name);
        int rc = 0;
        walk->depth++;
        while (rc == 0) {
                yaml_event_t event;
                rc = next_event(walk, &event, err);
                if (rc < 0)
                        return rc;
                bool is_end = event.type == YAML_MAPPING_END_EVENT;
                yaml_mark_t mark = event.start_mark;
                if (event.type == YAML_SCALAR_EVENT)
                        rc = push_key(walk, &event, err);
                else if (!is_end)
                        rc = refuse(walk, &mark, "a key must be a plain word", err);
                yaml_event_delete(&event);
                if (is_end)
                        break;
                if (rc == 0)
                        rc = walk_value(walk, &mark, err);
                walk->name[used] = walk->key[used] = '\0';
        }
        walk->depth--;
        return rc;
}

static int walk_root(struct walk *walk, const yaml_event_t *event, struct err *err)
{
        if (event->type == YAML_MAPPING_START_EVENT)
                return walk_mapping(walk, err);
        if (event->type == YAML_SCALAR_EVENT && is_null(event))
                return 0;
        return refuse(walk, &event->start_mark, "expected settings of the form `name: value`", err);
}

/* Walks the start of stream and document, the root, and their ends. An empty file has no document. */
static int walk_stream(struct walk *walk, struct err *err)
{
        int documents = 0;
        for (;;) {
                yaml_event_t event;
                int rc = next_event(walk, &event, err);
                if (rc < 0)
                        return rc;
                bool is_end = event.type == YAML_STREAM_END_EVENT;
                if (event.type == YAML_DOCUMENT_START_EVENT && ++documents > 1)
                        rc = refuse(walk, &event.start_mark, "a second document (---) is not allowed", err);
                else if (event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT ||
                         event.type == YAML_SCALAR_EVENT)
                        rc = walk_root(walk, &event, err);
                yaml_event_delete(&event);
                if (rc < 0 || is_end)
                        return rc;
        }
}

int config_yaml_walk(const char *path, const char *bytes, size_t length, const struct yaml_handler *handler,
                     struct err *err)
{
        struct walk walk = { .path = path, .bytes = bytes, .length = length, .handler = handler };
        if (!yaml_parser_initialize(&walk.parser))
                return err_set(err, ERR_NOMEM, "out of memory");
        yaml_parser_set_input_string(&walk.parser, (const unsigned char *)bytes, length);
        int rc = walk_stream(&walk, err);
        yaml_parser_delete(&walk.parser);
        return rc;
}
