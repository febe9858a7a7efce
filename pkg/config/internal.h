/* config/internal: what the files of this package share.
 *
 * parse.c texts to values; value.c, format.c an option's field; report.c origins, warnings, --check; flags.c argv;
 * file.c and yaml.c the file; suggest.c near misses; read.c the order of it all; help.c --help. */
#ifndef CONFIG_INTERNAL_H
#define CONFIG_INTERNAL_H

#include "base/buf.h"
#include "config/config.h"

enum {
        NAME_SIZE = 128, /* a flag, variable or key with its NUL; longer ones are unknown */
        SUGGESTION_SIZE = NAME_SIZE + 32,
        TEXT_MAX = 64 * 1024,
        LIST_MAX = 1000,
        FILE_MAX = 1024 * 1024,
        DEPTH_MAX = 8,
};

struct config_report {
        const struct config_program *program;
        struct config_origin *origins; /* one per option, in the table's order; each place is owned */
        char *file;
        char **warnings;
        size_t warning_count;
};

/* One call of config_read. */
struct reading {
        const struct config_program *program;
        void *values;
        struct config_report *report;
};

/* A text for an option, and where it stands. */
struct finding {
        const struct config_option *option;
        enum config_origin_kind kind;
        const char *place; /* "--hold-time", "COLLECTOR_HOLD_TIME", "collector.yaml:7" */
        const char *key;   /* file: "redis.host", put behind the place in errors; NULL elsewhere */
        const char *text;
        size_t length;
        bool is_path; /* of a file that holds the secret */
};

/* value.c and format.c */
int config_value_set(const struct config_option *option, void *values, const char *text, size_t length,
                     struct err *err) NODISCARD; /* a list grows by the entries, any other value is replaced */
void config_value_clear(const struct config_option *option, void *values);
int config_value_format(const struct config_option *option, const void *values, struct buf *out) NODISCARD;
/* The limits of a number, with the type's own where the option names none. */
void config_value_range(const struct config_option *option, int64_t *min, int64_t *max);
/* A number in the form in which the option takes it: "30s", "1MiB", "4001". */
int config_number_format(const struct config_option *option, int64_t number, struct buf *out) NODISCARD;
bool config_is_number(const struct config_option *option);

/* parse.c: a text for a message: quoted, cut, without control characters; one with an "@" is not shown. */
enum { QUOTE_SIZE = 64 };
const char *config_quote(const char *text, size_t length, char out[QUOTE_SIZE]);

/* read.c */
int config_apply(struct reading *reading, const struct finding *finding, struct err *err) NODISCARD;
int config_slurp(const char *path, size_t max_bytes, struct buf *out, struct err *err) NODISCARD;

/* suggest.c: options by name. `is_path` tells that the name is a secret's with "-file" behind it. */
const struct config_option *config_find(const struct config_program *program, const char *name, bool *is_path);
/* Writes PREFIX_NAME. */
void config_variable(const struct config_program *program, const char *name, char out[NAME_SIZE]);
/* `; did you mean <lead>name?` for the nearest name, "" where none is near. For a flag
 * --config, --help and --version count too, for a key only what a file may hold. */
const char *config_suggest(const struct config_program *program, const char *name, const char *lead, bool is_flag,
                           char out[SUGGESTION_SIZE]);

/* report.c */
int config_report_new(const struct config_program *program, struct config_report **out) NODISCARD;
int config_warn(struct config_report *report, const char *format, ...) NODISCARD PRINTF_LIKE(2, 3);

/* flags.c: one flag after the other. `finding.option` is NULL for those of every program, named by `builtin`. */
struct flag_walk {
        int argc;
        char *const *argv;
        int next; /* index in argv; 1 at the start */
        enum { FLAG_OPTION, FLAG_CONFIG, FLAG_HELP, FLAG_VERSION } builtin;
        char place[NAME_SIZE];
};
/* 1 with a flag in `finding`, 0 at the end, or ERR_INVALID. */
int config_flag_next(const struct config_program *program, struct flag_walk *walk, struct finding *finding,
                     struct err *err) NODISCARD;

/* file.c */
int config_file_read(struct reading *reading, const char *path, struct err *err) NODISCARD;
/* The same for bytes in memory; `path` is for messages. */
int config_file_parse(struct reading *reading, const char *path, const char *bytes, size_t length,
                      struct err *err) NODISCARD;

/* yaml.c: walks one document of nested mappings and tells of each section and each value. */
struct yaml_node {
        const char *name; /* "redis-host": the keys from the root on, joined by "-"             */
        const char *key;  /* "redis.host": the same, as the message shows it                     */
        int line;         /* of the key or the entry, from 1                                     */
        const char *text; /* the scalar; length bytes and a NUL                                  */
        size_t length;
        bool is_null;    /* nothing, ~ or null, not quoted                                      */
        bool opens_list; /* a sequence begins: the text is "", the entries follow               */
        bool in_list;    /* an entry of that sequence                                           */
};
struct yaml_handler {
        void *context;
        int (*on_section)(void *context, const struct yaml_node *node, struct err *err);
        int (*on_value)(void *context, const struct yaml_node *node, struct err *err);
};
int config_yaml_walk(const char *path, const char *bytes, size_t length, const struct yaml_handler *handler,
                     struct err *err) NODISCARD;

#endif
