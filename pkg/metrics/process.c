/* The standard process metrics, under the names that Prometheus's own clients use and that dashboards and alerts know.
 * They are read from the kernel at each scrape; missing values are omitted. */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/decimal.h"
#include "metrics/metrics.h"

/* Reads a small file below /proc/self as text; false on failure. */
static bool read_text(const char *path, char *text, size_t size)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        ssize_t length = read(fd, text, size - 1);
        (void)close(fd); /* nothing was written */
        if (length <= 0)
                return false;
        text[length] = '\0';
        return true;
}

/* The number in `text` after the given number of blanks, or 0. */
static double number_after(const char *text, int blanks)
{
        for (; text && blanks > 0; blanks--)
                text = strchr(text + 1, ' ');
        uint64_t number = 0;
        if (text)
                text += strspn(text, " ");
        if (!text || decimal_parse(text, decimal_span(text, strlen(text)), UINT64_MAX, &number) < 0)
                return 0;
        return (double)number;
}

static double cpu_seconds(void)
{
        struct rusage usage;
        if (getrusage(RUSAGE_SELF, &usage) < 0)
                return 0;
        return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double resident_bytes(void)
{
        char text[256];
        /* statm: size, resident, ... in pages */
        return read_text("/proc/self/statm", text, sizeof(text)) ? number_after(text, 1) * (double)sysconf(_SC_PAGESIZE)
                                                                 : 0;
}

static double start_seconds(void)
{
        char text[1024];
        struct timespec now;
        struct timespec booted;
        /* stat: the start time is field 22, in ticks since boot; field 2, the name in parentheses, may contain
         * blanks. */
        const char *name_end = read_text("/proc/self/stat", text, sizeof(text)) ? strrchr(text, ')') : NULL;
        double ticks = name_end ? number_after(name_end, 20) : 0;
        if (ticks <= 0 || clock_gettime(CLOCK_REALTIME, &now) < 0 || clock_gettime(CLOCK_BOOTTIME, &booted) < 0)
                return 0;
        return (double)(now.tv_sec - booted.tv_sec) + (double)(now.tv_nsec - booted.tv_nsec) / 1e9 +
               ticks / (double)sysconf(_SC_CLK_TCK);
}

int metrics_print_process(struct buf *out)
{
        const struct {
                const char *name;
                const char *type;
                const char *help;
                double value;
        } all[] = {
                { "process_cpu_seconds_total", "counter", "CPU time that the process has used.", cpu_seconds() },
                { "process_resident_memory_bytes", "gauge", "Memory that the process holds.", resident_bytes() },
                { "process_start_time_seconds", "gauge", "When the process began, in Unix time.", start_seconds() },
        };
        int rc = 0;
        for (size_t i = 0; rc == 0 && i < sizeof(all) / sizeof(all[0]); i++)
                if (all[i].value > 0)
                        rc = buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", all[i].name, all[i].help,
                                        all[i].name, all[i].type, all[i].name, all[i].value);
        return rc;
}
