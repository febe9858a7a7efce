/* servicebinding-list: lists the bindings that a program would find, with the names and sizes of
 * their entries, but never a value. With --watch it keeps running and prints one line per change.
 *
 *     cc $(pkg-config --cflags libservicebinding) -o servicebinding-list servicebinding-list.c \
 *             $(pkg-config --libs libservicebinding)
 *     SERVICE_BINDING_ROOT=/bindings ./servicebinding-list --watch */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <servicebinding.h>

static int fail(const struct servicebinding_error *err)
{
        fprintf(stderr, "servicebinding-list: %s\n", err->text);
        return 1;
}

static void print_warnings(const struct servicebinding_set *set)
{
        for (size_t i = 0; i < servicebinding_warning_count(set); i++)
                fprintf(stderr, "servicebinding-list: warning: %s\n", servicebinding_warning_at(set, i));
}

static void print_binding(const struct servicebinding *b)
{
        const char *provider = servicebinding_provider(b);
        printf("%s: type %s%s%s\n", servicebinding_name(b), servicebinding_type(b), provider ? ", provider " : "",
               provider ? provider : "");
        if (servicebinding_problem(b))
                printf("  cannot be used: %s\n", servicebinding_problem(b));
        for (size_t i = 0; i < servicebinding_entry_count(b); i++) {
                size_t length;
                const char *name = servicebinding_entry_name(b, i);
                servicebinding_bytes(b, name, &length);
                printf("  %s, %zu bytes\n", name, length);
        }
}

static const struct servicebinding *by_name(const struct servicebinding_set *set, const char *name)
{
        for (size_t i = 0; i < servicebinding_count(set); i++)
                if (strcmp(servicebinding_name(servicebinding_at(set, i)), name) == 0)
                        return servicebinding_at(set, i);
        return NULL;
}

static void print_changes(const struct servicebinding_set *old, const struct servicebinding_set *new)
{
        for (size_t i = 0; i < servicebinding_count(old); i++) {
                const char *name = servicebinding_name(servicebinding_at(old, i));
                if (!by_name(new, name))
                        printf("removed %s\n", name);
        }
        for (size_t i = 0; i < servicebinding_count(new); i++) {
                const struct servicebinding *b = servicebinding_at(new, i);
                const struct servicebinding *before = by_name(old, servicebinding_name(b));
                if (!before)
                        printf("added %s\n", servicebinding_name(b));
                else if (!servicebinding_equal(before, b))
                        printf("changed %s\n", servicebinding_name(b));
        }
}

static int follow(struct servicebinding_watch *watch)
{
        struct servicebinding_error err;
        for (;;) {
                struct servicebinding_set *old = servicebinding_set_ref(servicebinding_watch_set(watch));
                (void)poll(NULL, 0, 1000); /* interrupted by a signal: the next check happens earlier */
                int rc = servicebinding_watch_poll(watch, &err);
                if (rc < 0)
                        (void)fail(&err); /* tried again in a second */
                if (rc > 0) {
                        print_warnings(servicebinding_watch_set(watch));
                        print_changes(old, servicebinding_watch_set(watch));
                }
                servicebinding_set_unref(old);
                if (fflush(stdout) != 0)
                        return 1; /* the output has no reader any more */
        }
}

int main(int argc, char **argv)
{
        struct servicebinding_error err;
        struct servicebinding_watch *watch;
        int is_watching = argc == 2 && strcmp(argv[1], "--watch") == 0;
        if (argc > 1 && !is_watching) {
                fprintf(stderr, "Usage: servicebinding-list [--watch]\n");
                return 2;
        }
        if (servicebinding_watch_open(NULL, &watch, &err) < 0)
                return fail(&err);
        const struct servicebinding_set *set = servicebinding_watch_set(watch);
        print_warnings(set);
        for (size_t i = 0; i < servicebinding_count(set); i++)
                print_binding(servicebinding_at(set, i));
        int status = fflush(stdout) != 0;
        if (is_watching && status == 0)
                status = follow(watch);
        servicebinding_watch_close(watch);
        return status;
}
