/* config: one table of options per program defines its flags, environment variables, YAML file, `--help`, `--check`,
 * and errors that name the flag, the variable, or the file and line.
 *
 *     struct settings { uint16_t port; int64_t hold_time_ms; struct secret token; };
 *     static const struct config_option options[] = {
 *             { "port", CONFIG_PORT_AT(struct settings, port), .fallback = "4001",
 *               .group = "Listening", .help = "Port to listen on." },
 *             { "hold-time", CONFIG_DURATION_AT(struct settings, hold_time_ms), .fallback = "30s", .max = 3600000,
 *               .group = "Redis", .help = "How long a request waits while Redis is unreachable." },
 *             { "token", CONFIG_SECRET_AT(struct settings, token), .group = "Access", .help = "Token of clients." },
 *     };
 *     static const struct config_program program = { .name = "collector", .prefix = "COLLECTOR", .version = VERSION,
 *             .summary = "stores JSON documents in Redis", .options = options, .option_count = COUNT_OF(options) };
 *
 *     struct settings s = { 0 };
 *     struct config_report *report;
 *     int rc = config_read(&program, &(struct config_source){ argc, argv, environ }, &s, &report, &err);
 *     if (rc == CONFIG_HELP)
 *             return config_help(&program, stdout) < 0 ? 1 : 0;
 *     if (rc < 0)
 *             fprintf(stderr, "%s\n", err.text);   // exit status 2
 *     ...                                          // "collector.yaml:7: hold-time: expected a duration such as
 *     config_report_free(report);                  //  500ms or 30s, got "soon""
 *     config_free(&program, &s);
 *
 * Each option has four sources; the first with a value wins:
 * flag         --hold-time 30s, --hold-time=30s; the last of several wins, lists add up; a bool needs no value
 * environment  PREFIX_NAME (COLLECTOR_HOLD_TIME), then the names in `also`; an empty value counts as unset
 *   file         --config FILE or PREFIX_CONFIG, YAML; `hold-time: 30s`; `redis: {host: x}` is redis-host
 *   fallback     the default, read by the same parser
 * --config, --help (-h) and --version exist in every program. Unknown variables are ignored; unknown flags and keys, a
 * key given twice, and arguments that are not flags are errors. A program with sub-commands checks argv[1] itself and
 * passes on the rest.
 *
 * A flag or the YAML file cannot set a secret, since others could see it there. PREFIX_NAME holds its value;
 * --name-file, PREFIX_NAME_FILE or the key name-file names a file that contains it (one trailing newline is dropped).
 *
 * Kubernetes sets COLLECTOR_PORT=tcp://10.96.0.7:4001 for a Service named "collector" (Kubernetes documentation,
 * "Service", environment variables): a variable of that form is skipped with a warning unless the option is a string.
 *
 * Limits: 1 MiB and 8 levels for a file, 64 KiB for a string, 1,000 entries for a list. The file is one document of
 * YAML 1.1 as libyaml reads it, without anchors, aliases and tags.
 *
 * To reload (SIGHUP), call config_read with the same source and a second, empty struct, and keep the first one if that
 * fails.
 *
 * Threads: any; a filled struct and a report never change, so any thread may read them. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"

enum { CONFIG_HOST_SIZE = 256 };

struct config_address {
        char host[CONFIG_HOST_SIZE]; /* a name or an IP address without brackets; "": all addresses */
        uint16_t port;
};

struct config_list {
        char **items; /* owned by the program's struct, as all values are */
        size_t count;
};

/* The field in the program's struct has the type in brackets. Use the macros below. */
enum config_type {
        CONFIG_STRING,   /* (char *)                 NULL without a value or a fallback */
        CONFIG_SECRET,   /* (struct secret)          never printed                                            */
        CONFIG_URL,      /* (struct secret)          may hold a password; printed without it; any source      */
        CONFIG_BOOL,     /* (bool)                   true false yes no on off 1 0; case does not matter */
        CONFIG_INT,      /* (int64_t)                decimal                                                  */
        CONFIG_PORT,     /* (uint16_t)               1 to 65535, or 0 too with .max = 65535                   */
        CONFIG_BYTES,    /* (int64_t, bytes)         see config_parse_bytes                                   */
        CONFIG_DURATION, /* (int64_t, milliseconds)  see config_parse_duration                                */
        CONFIG_ENUM,     /* (int, or an enum)        index in `words`; -1 without a value */
        CONFIG_ADDRESS,  /* (struct config_address)  see config_parse_address                                 */
        CONFIG_LIST,     /* (struct config_list)     a,b,c from any source; in YAML also a sequence           */
};

/* `.type` and `.offset` of an option; a field of the wrong type does not compile. */
#define CONFIG_FIELD(holder, member, test) (offsetof(holder, member) + 0 * sizeof(char[(test) ? 1 : -1]))
#define CONFIG_TYPED(holder, member, ctype)                                                                            \
        CONFIG_FIELD(holder, member, __builtin_types_compatible_p(__typeof__(((holder *)0)->member), ctype))
#define CONFIG_STRING_AT(holder, member) .type = CONFIG_STRING, .offset = CONFIG_TYPED(holder, member, char *)
#define CONFIG_SECRET_AT(holder, member) .type = CONFIG_SECRET, .offset = CONFIG_TYPED(holder, member, struct secret)
#define CONFIG_URL_AT(holder, member) .type = CONFIG_URL, .offset = CONFIG_TYPED(holder, member, struct secret)
#define CONFIG_BOOL_AT(holder, member) .type = CONFIG_BOOL, .offset = CONFIG_TYPED(holder, member, bool)
#define CONFIG_INT_AT(holder, member) .type = CONFIG_INT, .offset = CONFIG_TYPED(holder, member, int64_t)
#define CONFIG_PORT_AT(holder, member) .type = CONFIG_PORT, .offset = CONFIG_TYPED(holder, member, uint16_t)
#define CONFIG_BYTES_AT(holder, member) .type = CONFIG_BYTES, .offset = CONFIG_TYPED(holder, member, int64_t)
#define CONFIG_DURATION_AT(holder, member) .type = CONFIG_DURATION, .offset = CONFIG_TYPED(holder, member, int64_t)
#define CONFIG_ENUM_AT(holder, member)                                                                                 \
        .type = CONFIG_ENUM, .offset = CONFIG_FIELD(holder, member, sizeof(((holder *)0)->member) == sizeof(int))
#define CONFIG_ADDRESS_AT(holder, member)                                                                              \
        .type = CONFIG_ADDRESS, .offset = CONFIG_TYPED(holder, member, struct config_address)
#define CONFIG_LIST_AT(holder, member) .type = CONFIG_LIST, .offset = CONFIG_TYPED(holder, member, struct config_list)

enum config_flag {
        CONFIG_NOT_IN_FILE = 1,        /* no key in the YAML file                        */
        CONFIG_NOT_IN_ENVIRONMENT = 2, /* no variable; `also` is ignored                 */
        CONFIG_HIDDEN = 4,             /* works, but is not in --help                    */
};

/* All pointers are borrowed and static in practice. */
struct config_option {
        const char *name; /* "hold-time": lower case, digits and hyphens */
        enum config_type type;
        size_t offset;
        const char *fallback;      /* the default, as text; NULL: the field stays all zero (ENUM: -1)       */
        const char *fallback_note; /* replaces the default in --help: "the CPU quota, at most 4"; NULL: none */
        int64_t min, max;          /* inclusive, in the field's unit, for numbers; both 0: the type's limits */
        const char *const *words;  /* ENUM: the words, NULL at the end; case does not matter */
        const char *const *also;   /* more variables, highest precedence first, NULL at the end; NULL: none */
        const char *value;         /* placeholder of the value in --help ("ADDRESS:PORT"); NULL: by type */
        const char *unit;          /* shown in --help ("connections"); NULL: by type                        */
        const char *group;         /* heading in --help; list a group's options together; NULL: "General" */
        const char *help;          /* what it does and why to change it; one or more sentences */
        unsigned flags;            /* enum config_flag                                                      */
        /* An additional check of a value that the type accepts; NULL: none. It returns 0 or says in err what is wrong
         * ("expected memory, replica[:N] or fsync"); the caller prepends the origin. Called for each entry of a list.
         * For a SECRET or a URL the message must not show the text. */
        int (*check)(const char *text, struct err *err);
};

struct config_program {
        const char *name;    /* "collector"                                               */
        const char *prefix;  /* "COLLECTOR"                                               */
        const char *version; /* "0.1.0"; the caller prints it for --version */
        const char *summary; /* one line under the usage line                             */
        const char *usage;   /* after "usage: "; NULL: "collector [--option value]..."    */
        const char *closing; /* printed unchanged at the end of --help: examples; NULL: nothing */
        const struct config_option *options;
        size_t option_count;
};

/* The sources of values: the arguments of main. argv[0] is skipped. */
struct config_source {
        int argc;
        char *const *argv;
        char *const *environment; /* NULL-terminated "NAME=value"; NULL: empty */
};

enum config_result { CONFIG_READY = 0, CONFIG_HELP = 1, CONFIG_VERSION = 2 };

struct config_report; /* opaque: where each value came from, and the warnings */

/* Fills `values`, the program's struct, which must be all zero. Returns CONFIG_READY; CONFIG_HELP or CONFIG_VERSION if
 * --help or --version was given (nothing else is read then); ERR_INVALID for a mistake in the settings, with a message
 * that names flag, variable, or file and line with the key; the system's code if a file can't be read; ERR_NOMEM. On
 * any result but CONFIG_READY, `values` stays all zero and there is no report. `*report` is owned; `report` may be
 * NULL. */
int config_read(const struct config_program *program, const struct config_source *source, void *values,
                struct config_report **report, struct err *err) NODISCARD;

/* Frees what the values own, wipes secrets and zeroes the struct; an all-zero struct is fine. */
void config_free(const struct config_program *program, void *values);

enum config_origin_kind { CONFIG_FROM_DEFAULT, CONFIG_FROM_FILE, CONFIG_FROM_ENVIRONMENT, CONFIG_FROM_FLAG };

struct config_origin {
        enum config_origin_kind kind;
        const char *place; /* "default", "collector.yaml:7: hold-time", "COLLECTOR_HOLD_TIME", "--hold-time" */
};

void config_report_free(struct config_report *report); /* NULL is fine */
/* The origin of an option's value; borrowed from the report. NULL for a name that is not an option. */
const struct config_origin *config_origin(const struct config_report *report, const char *name);
/* Warnings for the log, each a sentence that names its origin, without secrets. Borrowed. */
size_t config_warning_count(const struct config_report *report);
const char *config_warning(const struct config_report *report, size_t index);

/* For --check: prints a line per option that was set, with its value and its origin; a secret shows as "(set)". Then
 * prints how many have their defaults. Returns 0 or ERR_UNAVAILABLE (the stream failed). */
int config_print(const struct config_program *program, const void *values, const struct config_report *report,
                 FILE *out) NODISCARD;

/* Prints usage, options by group with variable, file key, default and unit, the sources, and the closing text, in at
 * most 100 columns. Returns 0 or ERR_UNAVAILABLE. */
int config_help(const struct config_program *program, FILE *out) NODISCARD;

/* The parsers, for other code that reads such strings. If the `length` bytes do not match, they return false and leave
 * *out unchanged. */

/* "150ms" "30s" "5m" "1h" "7d", sums with the largest unit first ("1m30s"), "0" without a unit. */
bool config_parse_duration(const char *text, size_t length, int64_t *ms);
/* "65536" "64KiB" "1MiB" "2GiB", also "64Ki" "1Mi" "2Gi" as Kubernetes writes them, and "B". */
bool config_parse_bytes(const char *text, size_t length, int64_t *bytes);
/* "host:4001" "10.0.0.9:4001" "[::1]:4001" ":4001" (all addresses); port 0 to 65535. */
bool config_parse_address(const char *text, size_t length, struct config_address *out);
/* Decimal digits with an optional sign. */
bool config_parse_int(const char *text, size_t length, int64_t *number);
/* true false yes no on off 1 0, in upper or lower case. */
bool config_parse_bool(const char *text, size_t length, bool *out);

#endif
