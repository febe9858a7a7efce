/* config: one table of options per program gives its flags, its environment variables, its YAML file,
 * `--help`, `--check` and errors that name the place.
 *
 *     struct settings { uint16_t port; int64_t hold_time_ms; struct secret token; };
 *     static const struct config_option options[] = {
 *             { "port", CONFIG_PORT_AT(struct settings, port), .fallback = "4001",
 *               .group = "Listening", .help = "Port to listen on." },
 *             { "hold-time", CONFIG_DURATION_AT(struct settings, hold_time_ms), .fallback = "30s", .max = 3600000,
 *               .group = "Redis", .help = "How long a request waits while Redis is away." },
 *             { "token", CONFIG_SECRET_AT(struct settings, token), .group = "Access", .help = "Token to ask for." },
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
 * Each option has four sources, the first that has a value wins:
 *   flag         --hold-time 30s, --hold-time=30s; the last of several counts, lists add up; a bool may stand alone
 *   environment  PREFIX_NAME (COLLECTOR_HOLD_TIME), then the names in `also`; an empty value counts as not set
 *   file         --config FILE or PREFIX_CONFIG, YAML; `hold-time: 30s`; `redis: {host: x}` is redis-host
 *   fallback     through the same parser
 * --config, --help (-h) and --version exist in every program. Unknown variables are ignored; unknown flags and
 * keys, a key given twice, and arguments that are no flags are errors. A program with sub-commands looks at
 * argv[1] itself and passes the rest on.
 *
 * A secret is not taken from a flag or from the YAML file, where others see it: PREFIX_NAME holds its value;
 * --name-file, PREFIX_NAME_FILE or the key name-file hold the path of a file with it (one closing line end is
 * dropped).
 *
 * Kubernetes sets COLLECTOR_PORT=tcp://10.96.0.7:4001 beside a Service named "collector" (Kubernetes documentation,
 * "Service", environment variables): a variable of that shape is skipped with a warning where the option is no text.
 *
 * Limits: a file has at most 1 MiB and 8 levels; a text 64 KiB; a list 1,000 entries. The file is YAML
 * 1.1 as libyaml reads it, one document, without anchors, aliases and tags.
 *
 * To read again (SIGHUP): call config_read with the same source into a second, empty struct, and keep the first one
 * when that fails.
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
        CONFIG_STRING,   /* (char *)                 NULL where there is neither a value nor a fallback       */
        CONFIG_SECRET,   /* (struct secret)          never printed                                            */
        CONFIG_URL,      /* (struct secret)          may hold a password; printed without it; any source      */
        CONFIG_BOOL,     /* (bool)                   true false yes no on off 1 0, in any case                */
        CONFIG_INT,      /* (int64_t)                decimal                                                  */
        CONFIG_PORT,     /* (uint16_t)               1 to 65535, or 0 too with .max = 65535                   */
        CONFIG_BYTES,    /* (int64_t, bytes)         see config_parse_bytes                                   */
        CONFIG_DURATION, /* (int64_t, milliseconds)  see config_parse_duration                                */
        CONFIG_ENUM,     /* (int, or an enum)        index in `words`; -1 where there is no value             */
        CONFIG_ADDRESS,  /* (struct config_address)  see config_parse_address                                 */
        CONFIG_LIST,     /* (struct config_list)     a,b,c from any source; in YAML also a sequence           */
};

/* `.type` and `.offset` of an option; a field of another type does not compile. */
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
        const char *fallback_note; /* shown in --help in its place: "the CPU quota, at most 4"; NULL: as is */
        int64_t min, max;          /* inclusive, in the field's unit, for numbers; both 0: the type's own   */
        const char *const *words;  /* ENUM: the words, NULL at the end; upper and lower case are the same   */
        const char *const *also;   /* more variables, stronger first, NULL at the end; NULL: none           */
        const char *value;         /* stands for the value in --help ("ADDRESS:PORT"); NULL: by type        */
        const char *unit;          /* shown in --help ("connections"); NULL: by type                        */
        const char *group;         /* heading in --help; options of one group stand together; NULL: "General" */
        const char *help;          /* what it does and why one would change it; one or more sentences       */
        unsigned flags;            /* enum config_flag                                                      */
        /* A check of one's own for a value that the type accepts; NULL: none. It returns 0 or fills err with what is
         * wrong ("expected memory, replica[:N] or fsync"); the place is put in front. Lists: called for each entry.
         * For a SECRET or a URL the message must not show the text. */
        int (*check)(const char *text, struct err *err);
};

struct config_program {
        const char *name;    /* "collector"                                               */
        const char *prefix;  /* "COLLECTOR"                                               */
        const char *version; /* "0.1.0"; --version is the caller's to print               */
        const char *summary; /* one line under the usage line                             */
        const char *usage;   /* after "usage: "; NULL: "collector [--option value]..."    */
        const char *closing; /* printed last in --help as it is: examples; NULL: nothing  */
        const struct config_option *options;
        size_t option_count;
};

/* Where values are looked for; the main function's own. argv[0] is skipped. */
struct config_source {
        int argc;
        char *const *argv;
        char *const *environment; /* NULL-terminated "NAME=value"; NULL: empty */
};

enum config_result { CONFIG_READY = 0, CONFIG_HELP = 1, CONFIG_VERSION = 2 };

struct config_report; /* opaque: where each value came from, and the warnings */

/* Fills `values`, the program's struct, which must be all zero. CONFIG_READY; CONFIG_HELP or CONFIG_VERSION when
 * asked for (then nothing is read); ERR_INVALID for a mistake in the settings, with a message that names flag,
 * variable, or file and line with the key; the system's code when a file can't be read; ERR_NOMEM. On any result
 * but CONFIG_READY `values` stays all zero and there is no report. `*report` is owned; `report` may be NULL. */
int config_read(const struct config_program *program, const struct config_source *source, void *values,
                struct config_report **report, struct err *err) NODISCARD;

/* Frees what the values own, wipes secrets and leaves the struct all zero; an all zero one is fine. */
void config_free(const struct config_program *program, void *values);

enum config_origin_kind { CONFIG_FROM_DEFAULT, CONFIG_FROM_FILE, CONFIG_FROM_ENVIRONMENT, CONFIG_FROM_FLAG };

struct config_origin {
        enum config_origin_kind kind;
        const char *place; /* "default", "collector.yaml:7: hold-time", "COLLECTOR_HOLD_TIME", "--hold-time" */
};

void config_report_free(struct config_report *report); /* NULL is fine */
/* Where the value of an option came from; borrowed from the report. NULL for a name that is no option. */
const struct config_origin *config_origin(const struct config_report *report, const char *name);
/* Warnings for the log, each a sentence that names the place, without secrets. Borrowed. */
size_t config_warning_count(const struct config_report *report);
const char *config_warning(const struct config_report *report, size_t index);

/* For --check: a line per option that was set, with its value and where it came from; a secret shows as "(set)".
 * Then how many are at their defaults. 0 or ERR_UNAVAILABLE (the stream failed). */
int config_print(const struct config_program *program, const void *values, const struct config_report *report,
                 FILE *out) NODISCARD;

/* Usage, options by group with variable, file key, default and unit, sources and the closing text, at most 100
 * columns. 0 or ERR_UNAVAILABLE. */
int config_help(const struct config_program *program, FILE *out) NODISCARD;

/* The parsers, for others who take such texts. False, and *out unchanged, where `length` bytes are no such thing. */

/* "150ms" "30s" "5m" "1h" "7d", sums from large to small ("1m30s"), "0" without a unit. */
bool config_parse_duration(const char *text, size_t length, int64_t *ms);
/* "65536" "64KiB" "1MiB" "2GiB", also "64Ki" "1Mi" "2Gi" as Kubernetes writes them, and "B". */
bool config_parse_bytes(const char *text, size_t length, int64_t *bytes);
/* "host:4001" "10.0.0.9:4001" "[::1]:4001" ":4001" (all addresses); port 0 to 65535. */
bool config_parse_address(const char *text, size_t length, struct config_address *out);
/* Decimal digits with an optional sign. */
bool config_parse_int(const char *text, size_t length, int64_t *number);
/* true false yes no on off 1 0, in any case. */
bool config_parse_bool(const char *text, size_t length, bool *out);

#endif
