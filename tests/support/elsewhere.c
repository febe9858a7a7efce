/* elsewhere: preloaded into a program under test (support/elsewhere.py), it resolves names from one file, substitutes
 * another file for the system's CAs, and shifts the clock. So these tests need neither permission to change /etc or the
 * clock nor a namespace, which most containers do not allow.
 *
 *     LD_PRELOAD=elsewhere.so TEST_HOSTS=FILE TEST_SYSTEM_CA=FILE TEST_CLOCK_SECONDS=-3600 program
 *
 * TEST_CLOCK_SECONDS is added to the time of day, not to the monotonic clock. TEST_LOOKUP_SECONDS makes each look-up take that long. TEST_HOSTS has the format of hosts(5) and is read at each
 * look-up; a name that is not in it is looked up as usual. */
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The paths that GnuTLS opens on the supported systems. */
#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);
typedef FILE *fopen_fn(const char *, const char *);

/* The next function of that name after the one in this library. */
static void *next_one(const char *name)
{
        void *found = dlsym(RTLD_NEXT, name);
        if (!found)
                abort();
        return found;
}

static fopen_fn *next_fopen(void)
{
        fopen_fn *found;
        void *symbol = next_one("fopen");
        memcpy(&found, &symbol, sizeof(found)); /* ISO C forbids this cast */
        return found;
}

static getaddrinfo_fn *next_getaddrinfo(void)
{
        getaddrinfo_fn *found;
        void *symbol = next_one("getaddrinfo");
        memcpy(&found, &symbol, sizeof(found));
        return found;
}

static const char *elsewhere(const char *path)
{
        const char *ca = getenv("TEST_SYSTEM_CA");
        return ca && strcmp(path, SYSTEM_CA) == 0 ? ca : path;
}

FILE *fopen(const char *restrict path, const char *restrict mode)
{
        return next_fopen()(elsewhere(path), mode);
}

/* GnuTLS on Debian 13 opens the file this way. */
int open(const char *path, int flags, ...)
{
        va_list more;
        va_start(more, flags);
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
        va_end(more);
        return openat(AT_FDCWD, elsewhere(path), flags, mode);
}

/* Appends to the list; freeaddrinfo of glibc frees each element separately. */
static void append(struct addrinfo **list, struct addrinfo *more)
{
        while (*list)
                list = &(*list)->ai_next;
        *list = more;
}

/* Returns true if the line "address name name..." contains the name; cuts `address` off. */
static int has_name(char *line, const char *name, const char **address)
{
        static const char blank[] = " \t\r\n";
        char *rest;
        *address = strtok_r(line, blank, &rest);
        for (const char *word; *address && (word = strtok_r(NULL, blank, &rest));)
                if (strcmp(word, name) == 0)
                        return 1;
        return 0;
}

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict out)
{
        const char *path = getenv("TEST_HOSTS"), *pause = getenv("TEST_LOOKUP_SECONDS");
        if (pause && node)
                (void)poll(NULL, 0, (int)(strtod(pause, NULL) * 1000));
        FILE *file = path && node ? next_fopen()(path, "re") : NULL;
        struct addrinfo *found = NULL;
        char line[1024];
        while (file && fgets(line, sizeof(line), file)) {
                const char *address;
                struct addrinfo *one;
                if (has_name(line, node, &address) && next_getaddrinfo()(address, service, hints, &one) == 0)
                        append(&found, one);
        }
        if (file)
                (void)fclose(file); /* was only read */
        if (!found)
                return next_getaddrinfo()(node, service, hints, out);
        *out = found;
        return 0;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
        const char *shift = getenv("TEST_CLOCK_SECONDS");
        int rc = (int)syscall(SYS_clock_gettime, clock, out);
        if (rc == 0 && shift && clock == CLOCK_REALTIME)
                out->tv_sec += strtol(shift, NULL, 10);
        return rc;
}
