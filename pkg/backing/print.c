/* print: ignores write errors; the code that closes the stream detects them. */
#include "backing/print.h"

void backing_print_bindings(const struct servicebinding_set *bindings, FILE *out)
{
        const char *root = servicebinding_set_root(bindings);
        fprintf(out, "\nBindings below %s\n", root ? root : "$SERVICE_BINDING_ROOT (not set)");
        for (size_t i = 0; i < servicebinding_count(bindings); i++) {
                const struct servicebinding *b = servicebinding_at(bindings, i);
                const char *provider = servicebinding_provider(b);
                fprintf(out, "  %-20s type %s%s%s\n", servicebinding_name(b), servicebinding_type(b),
                        provider ? ", provider " : "", provider ? provider : "");
        }
        for (size_t i = 0; i < servicebinding_warning_count(bindings); i++)
                fprintf(out, "  warning: %s\n", servicebinding_warning_at(bindings, i));
}

void backing_print_report(const char *service, const struct backing_report *report, FILE *out)
{
        fprintf(out, "\n%s, from %s (%s)\n", service, backing_source_name(report->source),
                report->place ? report->place : "-");
        for (size_t i = 0; i < report->setting_count; i++)
                fprintf(out, "  %-20s %-32s %s\n", report->settings[i].name, report->settings[i].value,
                        report->settings[i].place);
        for (size_t i = 0; i < report->warning_count; i++)
                fprintf(out, "  warning: %s\n", report->warnings[i]);
}
