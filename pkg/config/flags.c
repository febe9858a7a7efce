/* flags: splits argv into flags without reading their values. The file's values must be set first, and a flag names the
 * file, so read.c goes over argv twice.
 *
 * getopt_long is not used: it prints its own messages, keeps global state and accepts abbreviated names. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/finding.h"
#include "config/flags.h"
#include "config/limits.h"
#include "config/quote.h"
#include "config/suggest.h"

/* The name without "--" and "=value", for a message: a value may be a secret. */
static int refuse(const struct config_program *program, const char *arg, struct err *err)
{
        char near[SUGGESTION_SIZE];
        char quoted[QUOTE_SIZE];
        char name[NAME_SIZE];
        if (arg[0] != '-' || arg[1] == '\0')
                return err_set(err, ERR_INVALID, "%s: unexpected argument; options start with --, see --help",
                               config_quote(arg, strlen(arg), quoted));
        size_t dashes = strspn(arg, "-");
        int length = (int)strcspn(arg + dashes, "=");
        if (length >= 60)
                return err_set(err, ERR_INVALID, "%.*s...: unknown option, see --help", 40, arg);
        (void)snprintf(name, sizeof(name), "%.*s", length, arg + dashes); /* shorter than 60, see above */
        return err_set(err, ERR_INVALID, "%.*s%s: unknown option%s", (int)dashes > 2 ? 2 : (int)dashes, arg, name,
                       config_suggest(program, name, "--", true, near));
}

/* True for one of the flags that every program has. */
static bool find_builtin(struct flag_walk *walk, const char *name)
{
        if (strcmp(name, "config") == 0)
                walk->builtin = FLAG_CONFIG;
        else if (strcmp(name, "help") == 0)
                walk->builtin = FLAG_HELP;
        else if (strcmp(name, "version") == 0)
                walk->builtin = FLAG_VERSION;
        else
                return false;
        return true;
}

/* The text after "=", or the next argument. A bool takes the next argument only if that is a valid bool. */
static int take_value(struct flag_walk *walk, const char *equals, struct finding *finding, struct err *err)
{
        const char *next = walk->next < walk->argc ? walk->argv[walk->next] : NULL;
        bool is_bool = finding->option && finding->option->type == CONFIG_BOOL;
        bool ignored;
        if (equals) {
                finding->text = equals + 1;
        } else if (is_bool && !(next && config_parse_bool(next, strlen(next), &ignored))) {
                finding->text = "true";
        } else if (!next || strncmp(next, "--", 2) == 0) {
                return err_set(err, ERR_INVALID, "%s: missing value", walk->place);
        } else {
                finding->text = next;
                walk->next++;
        }
        finding->length = strlen(finding->text);
        return 1;
}

int config_flag_next(const struct config_program *program, struct flag_walk *walk, struct finding *finding,
                     struct err *err)
{
        if (walk->next >= walk->argc)
                return 0;
        const char *arg = walk->argv[walk->next++];
        const char *equals = strchr(arg, '=');
        size_t length = equals ? (size_t)(equals - arg) : strlen(arg);
        *finding = (struct finding){ .kind = CONFIG_FROM_FLAG, .place = walk->place };
        walk->builtin = strcmp(arg, "-h") == 0 ? FLAG_HELP : FLAG_OPTION;
        if (walk->builtin == FLAG_HELP)
                return 1;
        if (strncmp(arg, "--", 2) != 0 || length < 3 || length >= sizeof(walk->place))
                return refuse(program, arg, err);
        memcpy(walk->place, arg, length);
        walk->place[length] = '\0';
        const char *name = walk->place + 2;
        if (find_builtin(walk, name)) {
                if (walk->builtin == FLAG_CONFIG)
                        return take_value(walk, equals, finding, err);
                return equals ? err_set(err, ERR_INVALID, "%s: takes no value", walk->place) : 1;
        }
        finding->option = config_find(program, name, &finding->is_path);
        if (!finding->option)
                return refuse(program, arg, err);
        if (finding->option->type == CONFIG_SECRET && !finding->is_path)
                return err_set(err, ERR_INVALID, "%s: others could read a secret on the command line; use %s-file PATH",
                               walk->place, walk->place);
        return take_value(walk, equals, finding, err);
}
