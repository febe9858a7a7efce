/* What the files of pkg/backing share. The way of a setting:
 *     gather.c   chooses the source and puts its raw texts into a draft, by the service's table of names
 *     redis_uri.c      cuts a URI or a connection string into parts, a draft of its own
 *     redis_settings.c, collector.c   merge the two, check each text and type it; notes.c remembers what to tell
 *     redis.c          turns the settings into a target
 * tokens.c reads entries alone, without a table of names,
 * and follow.c does all that again when a binding changes. */
#ifndef BACKING_INTERNAL_H
#define BACKING_INTERNAL_H

#include <stdatomic.h>
#include <stdint.h>

#include <uv.h>

#include "backing/collector.h"
#include "backing/root.h"
#include "backing/source.h"
#include "base/secret.h"
#include "binding/servicebinding.h"

enum {
        URI_MAX_BYTES = 32 * 1024,
        SECRET_MAX_BYTES = 16 * 1024,
        PEM_MAX_BYTES = 1024 * 1024,
        TEXT_MAX_BYTES = 1024,
        HOST_MAX_BYTES = 255,
        NODES_MAX = 64,
        DATABASE_MAX = 999999,
        WARNINGS_MAX = 32,
        SETTINGS_MAX = 32,
        FIELDS_MAX = 32,
        NAME_SIZE = 256,
        DEFAULT_REDIS_PORT = 6379,
        DEFAULT_COLLECTOR_PORT = 4001,
};

/* --- Notes: what is told of a resolved service ----------------------------------------------------------- */

struct notes {
        struct backing_report report; /* points to the arrays below and to owned texts */
        struct backing_setting settings[SETTINGS_MAX];
        const char *warnings[WARNINGS_MAX];
        bool is_short; /* memory ran out: the service can't be resolved */
};

/* Texts are copied. Beyond the maximum, and without memory, nothing is added. */
void notes_setting(struct notes *notes, const char *name, const char *value, const char *place);
void notes_warn(struct notes *notes, const char *format, ...) PRINTF_LIKE(2, 3);
void notes_source(struct notes *notes, enum backing_source source, const char *place);
void notes_binding(struct notes *notes, const struct servicebinding *binding);
/* Where a setting came from; NULL where it is not set. */
const char *notes_place(const struct notes *notes, const char *name);
void notes_fini(struct notes *notes);

/* --- Draft: raw texts of one source, by field ------------------------------------------------------------ */

enum name_flag {
        NAME_BOOL = 1,    /* a yes or no: kept as "true" or "false", so that equal meanings are equal texts */
        NAME_FIRST = 2,   /* a list of which the first counts                                               */
        NAME_CLUSTER = 4, /* this name exists only where the service is a cluster                           */
};

/* One spelling of a setting, normalised. */
struct name {
        const char *text;
        unsigned char field;
        unsigned char flags;
};

struct raw {
        struct secret value; /* every text may be a secret until it is typed */
        char *place;         /* NULL: absent                                 */
        char *empty_place;   /* where it was given without a text; or NULL   */
        const struct name *name;
};

struct draft {
        struct raw raw[FIELDS_MAX];
};

void draft_fini(struct draft *draft);
static inline bool draft_has(const struct draft *draft, unsigned field)
{
        return draft->raw[field].place != NULL;
}
/* An empty text counts as absent, and its place is kept. ERR_INVALID where the field has another value already, or is no yes or no. */
int draft_put(struct draft *draft, const struct name *name, const char *text, size_t length, const char *place,
              struct err *err) NODISCARD;
/* The same without a look at what is there, for parts of a URI. */
int draft_set(struct draft *draft, unsigned field, const char *text, size_t length, const char *place,
              struct err *err) NODISCARD;
void draft_drop(struct draft *draft, unsigned field);
/* Where the field was given without a text, and nowhere with one; NULL. */
static inline const char *draft_empty(const struct draft *draft, unsigned field)
{
        return draft->raw[field].place ? NULL : draft->raw[field].empty_place;
}
/* Moves what `into` lacks out of `from`. */
void draft_fill(struct draft *into, struct draft *from);

/* True and *out, for true 1 yes on required enabled, and false 0 no off disabled none, in any case. */
bool parse_yes_no(const char *text, size_t length, bool *out);
/* Decimal digits, at least `min` and at most `max`. */
bool parse_number(const char *text, size_t length, unsigned min, unsigned max, unsigned *out);

/* Typing a field; absent ones leave *out as it is. ERR_INVALID or ERR_LIMIT with the place, never the value. */
int draft_text(const struct draft *draft, unsigned field, size_t max_bytes, char **out, struct err *err) NODISCARD;
int draft_secret(const struct draft *draft, unsigned field, size_t max_bytes, struct secret *out,
                 struct err *err) NODISCARD;
int draft_host(const struct draft *draft, unsigned field, char **out, struct err *err) NODISCARD;
/* Here a wrong value is shown, where it has an entry of its own and is short and printable. */
int draft_port(const struct draft *draft, unsigned field, uint16_t *out, struct err *err) NODISCARD;
bool draft_yes(const struct draft *draft, unsigned field);

/* A host without brackets: a name or a numeric address. */
bool host_is_valid(const char *text, size_t length);
/* The length without one line end (\n or \r\n): what comes from a file or a Secret often has one. */
size_t without_line_end(const char *text, size_t length);
/* Replaces %41 by A; what is no escape stays. Returns the new length. */
size_t percent_decode(char *text, size_t length);

/* --- Gathering: which source, and its draft --------------------------------------------------------------- */

struct variable {
        const char *variable; /* "REDIS_HOST" */
        const char *name;     /* "host"       */
};

struct family {
        const struct variable *variables;
        size_t count;
};

struct service {
        const char *noun;            /* "Redis", for messages                           */
        const char *const *types;    /* of its bindings; NULL at the end                */
        const char *const *prefixes; /* dropped from names of entries; NULL at the end  */
        const struct name *names;
        size_t name_count;
        const struct family *families; /* of variables, strongest first                   */
        size_t family_count;
        uint32_t address_fields;        /* one of them says where it is                    */
        uint32_t option_address_fields; /* also enough in options and variables            */
        uint32_t loose_fields;          /* say nothing of where it is: options of any source win */
};

struct gather_input {
        const struct backing_value *values;
        size_t value_count;
        const char *binding, *except, *provider;
        const struct servicebinding_set *bindings;
        char *const *environment;
};

/* Fills draft and notes from the strongest source that says anything. *binding is the one used, or NULL. */
int gather(const struct service *service, const struct gather_input *input, struct draft *draft, struct notes *notes,
           const struct servicebinding **binding, struct err *err) NODISCARD;
/* The code of base/err.h for one of libservicebinding's. */
int binding_code(int code);
/* An entry's name in the form that tables have; "" where it is too long. */
void name_normalise(const struct service *service, const char *text, char out[NAME_SIZE]);
const struct name *name_find(const struct service *service, const char *text);
/* Reads each member of a JSON object as if it were an entry. A text that is no JSON object is passed over with a
 * warning. */
int gather_json(const struct service *service, const char *text, const char *place, struct draft *draft,
                struct notes *notes, struct err *err) NODISCARD;

/* --- What all services are, to those who follow them ----------------------------------------------------- */

/* The first member of struct backing_redis, struct backing_collector and struct backing_tokens. */
struct backed {
        atomic_uint references;
        unsigned generation;
        struct notes notes;
        void (*destroy)(struct backed *backed); /* frees all, notes too */
};

struct backed *backed_ref(struct backed *backed);
void backed_unref(struct backed *backed); /* NULL is fine */

struct follower;

struct follow_ops {
        int (*resolve)(struct follower *follower, const struct servicebinding_set *bindings, struct backed **out,
                       struct err *err);
        /* What is used until the binding that was asked for by name comes. */
        int (*resolve_nowhere)(struct follower *follower, struct backed **out, struct err *err);
        bool (*equal)(const struct backed *a, const struct backed *b);
        const char *(*address)(const struct backed *backed);
        /* Tries a candidate, which it takes over; calls follower_adopt when it is good. None other is under way. NULL, as
         * the next: a candidate is adopted untried. */
        void (*attempt)(struct follower *follower, struct backed *candidate);
        void (*give_up)(struct follower *follower); /* forgets the candidate; no follower_adopt for it */
        void (*announce)(struct follower *follower, struct backed *now);
};

struct follow_options {
        struct backing_metric_names names;
        bool is_optional; /* that there is none is no news */
};

enum follow_result { FOLLOW_SWITCHED, FOLLOW_UNCHANGED, FOLLOW_FAILED, FOLLOW_VANISHED, FOLLOW_RESULTS };

/* Decides what a change of the bindings means. Embedded in all watches. */
struct follower {
        const struct follow_ops *ops;
        struct backing_root *root;
        struct follower *next; /* of the root's */
        bool is_optional;
        bool is_wrong; /* the newest look at the bindings has not led to what is in use */
        struct backed *now;
        struct log *log;
        struct metrics *metrics;
        struct backing_metric_names names;
        struct metric *generation, *age, *is_current, *reloads[FOLLOW_RESULTS];
        int64_t since_ms; /* when `now` came into use                        */
        char vanished
                [256]; /* why what `now` came from is not there any more, so that it is logged only once; "": it is */
};

/* `follower` is all zero. Resolves the first one: ops->resolve's errors. On failure nothing is left open. */
int follower_open(struct follower *follower, const struct follow_ops *ops, struct backing_root *root,
                  const struct follow_options *options, struct err *err) NODISCARD;
/* Looks at the bindings now and resolves even if they are the same. */
int follower_reload(struct follower *follower, struct err *err) NODISCARD;
/* `candidate` is taken over and is in use from now on. */
void follower_adopt(struct follower *follower, struct backed *candidate, const char *version);
void follower_count(struct follower *follower, enum follow_result result);
void follower_close(struct follower *follower);

/* For root.c: the bindings have changed; they can't be read; a moment has passed. */
void follower_consider(struct follower *follower);
void follower_unreadable(struct follower *follower, const struct err *err);
void follower_show_age(struct follower *follower);

/* --- The root, for those who follow (root.c) --------------------------------------------------------------- */

uv_loop_t *root_loop(const struct backing_root *root);
struct log *root_log(const struct backing_root *root);
struct metrics *root_metrics(const struct backing_root *root);
const struct servicebinding_set *root_set(const struct backing_root *root); /* borrowed until the next look */
void root_join(struct backing_root *root, struct follower *follower);
void root_leave(struct backing_root *root, struct follower *follower);
/* Looks now, and tells all followers but `except`. 1: the bindings have changed; 0: they have not; < 0: they can't be
 * read. */
int root_look(struct backing_root *root, const struct follower *except, struct err *err);

#endif
