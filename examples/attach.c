/* attach: prints the address of the Collector that a binding names. */
#include <servicebinding.h>
#include <stdio.h>

int main(void)
{
        struct servicebinding_error err;
        struct servicebinding_set *all;
        const struct servicebinding *collector;
        if (servicebinding_load(NULL, &all, &err) < 0 ||
            servicebinding_find(all, NULL, "collector", NULL, &collector, &err) < 0)
                return fprintf(stderr, "attach: %s\n", err.text), 1;
        printf("http://%s:%s\n", servicebinding_text(collector, "host"), servicebinding_text(collector, "port"));
        return 0;
}
