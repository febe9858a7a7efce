/* follow_load: many clients that follow GET /v1/documents/stream, and one that stores documents at a rate.
 *
 *     follow_load PORT FOLLOWERS DOCUMENTS_PER_SECOND SECONDS [STALL_SECONDS]
 *
 * Each document has a number. The program prints how many documents followers missed, got twice or got in another
 * order, how long an event took after the acknowledgement of its document (0 if it arrived earlier), and its own CPU
 * time. With STALL_SECONDS there is one more follower, which reads nothing for that long and then catches up. With 0
 * documents a second, the program prints "ready" when all clients follow, and they stay for SECONDS. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

enum { DOCUMENTS_MAX = 1 << 20, DELAY_MAX_MS = 5000, BUFFER_BYTES = 64 << 10, LAST_SECONDS = 3, CATCH_UP_SECONDS = 60 };

struct client {
        int fd;
        char text[4096]; /* the beginning of a line */
        size_t length;
        unsigned next; /* the number of the document that is due */
        unsigned long missed, repeated;
        size_t chunk; /* its size; then how much of it is left */
        enum { IN_HEAD, IN_SIZE, IN_CHUNK, BEHIND_CHUNK } part;
        bool has_head, is_stalled;
};

static atomic_llong acknowledged_us[DOCUMENTS_MAX];
static atomic_uint stored;
static atomic_llong finished_us;                    /* the time when all were stored; 0: not yet */
static unsigned long delays[DELAY_MAX_MS * 10 + 1]; /* in tenths of a millisecond */
static unsigned long events;

static long long now_us(void)
{
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now); /* never fails */
        return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int connect_to(uint16_t port)
{
        const struct sockaddr_in to = { .sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
        if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
                err(1, "connect");
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* optional: it only makes this faster */
        return fd;
}

static void send_all(int fd, const char *text)
{
        size_t length = strlen(text);
        if (send(fd, text, length, MSG_NOSIGNAL) != (ssize_t)length)
                err(1, "send");
}

/* --- Followers ------------------------------------------------------------------------------------------------- */

static void note_delay(unsigned number)
{
        long long acknowledged = atomic_load(&acknowledged_us[number]);
        long long delay = acknowledged ? (now_us() - acknowledged) / 100 : 0;
        delays[delay < DELAY_MAX_MS * 10 ? delay : DELAY_MAX_MS * 10]++;
        events++;
}

static void note(struct client *client, unsigned number)
{
        if (!client->is_stalled)
                note_delay(number);
        if (number < client->next) {
                client->repeated++;
                return;
        }
        client->missed += number - client->next;
        client->next = number + 1;
}

static void take_line(struct client *client)
{
        static const char mark[] = "\"number\":";
        client->text[client->length] = '\0';
        const char *number = strncmp(client->text, "data: ", 6) == 0 ? strstr(client->text, mark) : NULL;
        if (strncmp(client->text, "HTTP/1.1 200", 12) == 0)
                client->has_head = true;
        if (number)
                note(client, (unsigned)strtoul(number + sizeof(mark) - 1, NULL, 10));
        client->length = 0;
}

static void take_text(struct client *client, char byte)
{
        if (byte == '\n')
                take_line(client);
        else if (client->length + 1 < sizeof(client->text))
                client->text[client->length++] = byte;
}

static void take_head(struct client *client, char byte)
{
        bool is_end = byte == '\n' && client->length == 1; /* an empty line: "\r" */
        take_text(client, byte);
        client->part = is_end ? IN_SIZE : IN_HEAD;
}

static void take_size(struct client *client, char byte)
{
        if (byte >= '0' && byte <= '9')
                client->chunk = client->chunk * 16 + (size_t)(byte - '0');
        else if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f')
                client->chunk = client->chunk * 16 + (size_t)((byte | 0x20) - 'a' + 10);
        else if (byte == '\n')
                client->part = IN_CHUNK;
}

/* A chunk may end in the middle of a line. */
static void take_byte(struct client *client, char byte)
{
        switch (client->part) {
        case IN_HEAD:
                take_head(client, byte);
                break;
        case IN_SIZE:
                take_size(client, byte);
                break;
        case IN_CHUNK:
                take_text(client, byte);
                if (--client->chunk == 0)
                        client->part = BEHIND_CHUNK;
                break;
        case BEHIND_CHUNK:
                client->part = byte == '\n' ? IN_SIZE : BEHIND_CHUNK;
                break;
        }
}

static void take(struct client *client)
{
        static char bytes[BUFFER_BYTES];
        ssize_t length = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (length == 0 || (length < 0 && errno != EAGAIN))
                err(1, "a stream has ended");
        for (ssize_t i = 0; i < length; i++)
                take_byte(client, bytes[i]);
}

static void open_client(struct client *client, uint16_t port)
{
        client->fd = connect_to(port);
        send_all(client->fd, "GET /v1/documents/stream HTTP/1.1\r\nHost: x\r\n\r\n");
        while (!client->has_head)
                take(client);
}

static void add_client(int set, struct client *client)
{
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
        if (epoll_ctl(set, EPOLL_CTL_ADD, client->fd, &event) < 0)
                err(1, "epoll");
}

/* One more than `count`, which is not read yet. */
static struct client *open_clients(uint16_t port, unsigned count, int set, bool has_stalled)
{
        struct client *clients = calloc(count + 1, sizeof(*clients));
        if (!clients)
                err(1, "memory");
        for (unsigned i = 0; i < count; i++) {
                open_client(&clients[i], port);
                add_client(set, &clients[i]);
        }
        clients[count].is_stalled = has_stalled;
        if (has_stalled)
                open_client(&clients[count], port);
        return clients;
}

static bool is_over(const struct client *stalled)
{
        long long finished = atomic_load(&finished_us);
        if (!finished)
                return false;
        bool waits = stalled->is_stalled && stalled->next < atomic_load(&stored);
        return now_us() - finished >= (long long)(waits ? CATCH_UP_SECONDS : LAST_SECONDS) * 1000000;
}

/* Returns how long the stalled client took to get what it lacked, in microseconds. */
static long long follow(int set, struct client *stalled, long long stall_us)
{
        struct epoll_event ready[256];
        long long begun_us = 0, caught_up_us = 0, stalled_until_us = now_us() + stall_us;
        while (!is_over(stalled)) {
                int count = epoll_wait(set, ready, 256, 100);
                if (stalled->is_stalled && !begun_us && now_us() >= stalled_until_us) {
                        begun_us = now_us();
                        add_client(set, stalled);
                }
                if (begun_us && !caught_up_us && stalled->next + 10 >= atomic_load(&stored))
                        caught_up_us = now_us();
                for (int i = 0; i < count; i++)
                        take(ready[i].data.ptr);
        }
        return caught_up_us - begun_us;
}

/* --- The sender ------------------------------------------------------------------------------------------------- */

struct sender {
        uint16_t port;
        unsigned rate, seconds;
};

static void *store(void *argument)
{
        const struct sender *sender = argument;
        char request[512], answer[2048], body[256];
        int fd = connect_to(sender->port);
        long long begun_us = now_us();
        for (unsigned i = 0; i < sender->rate * sender->seconds && i < DOCUMENTS_MAX; i++) {
                long long wait_us = begun_us + (long long)i * 1000000 / sender->rate - now_us();
                const struct timespec wait = { wait_us / 1000000, wait_us % 1000000 * 1000 };
                if (wait_us > 0)
                        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL); /* no signal cuts it short */
                int length = snprintf(body, sizeof(body), "{\"number\":%u,\"text\":\"%0*d\"}", i, 150, 0);
                (void)snprintf(request, sizeof(request),
                               "POST /v1/documents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                               "Content-Length: %d\r\n\r\n%s",
                               length, body); /* fits */
                send_all(fd, request);
                ssize_t got = recv(fd, answer, sizeof(answer) - 1, 0);
                if (got < 12 || strncmp(answer, "HTTP/1.1 201", 12) != 0)
                        err(1, "a document was not stored");
                atomic_store(&acknowledged_us[i], now_us());
                atomic_fetch_add(&stored, 1);
        }
        atomic_store(&finished_us, now_us());
        return NULL;
}

/* Instead of `store`: nothing is stored. */
static void *stay(void *argument)
{
        const struct sender *sender = argument;
        const struct timespec wait = { sender->seconds, 0 };
        puts("ready");
        (void)fflush(stdout);                                   /* if it fails, the reader reports that */
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL); /* no signal cuts it short */
        atomic_store(&finished_us, now_us());
        return NULL;
}

/* --- The result -------------------------------------------------------------------------------------------------- */

static double percentile(double share)
{
        unsigned long sum = 0;
        for (size_t i = 0; i <= DELAY_MAX_MS * 10; i++) {
                sum += delays[i];
                if ((double)sum >= share * (double)events)
                        return (double)i / 10;
        }
        return DELAY_MAX_MS;
}

static double own_cpu_seconds(void)
{
        struct rusage usage;
        (void)getrusage(RUSAGE_SELF, &usage); /* never fails */
        return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void allow_descriptors(void)
{
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &limit); /* connect reports an error if they are too few */
        }
}

static bool print_result(const struct client *clients, unsigned count, double caught_up_seconds)
{
        unsigned long missed = 0, repeated = 0;
        for (unsigned i = 0; i < count; i++) {
                missed += clients[i].missed + (atomic_load(&stored) - clients[i].next);
                repeated += clients[i].repeated;
        }
        printf("{\"followers\":%u,\"stored\":%u,\"events\":%lu,\"missed\":%lu,\"repeated\":%lu,\"median_ms\":%.1f,"
               "\"p99_ms\":%.1f,\"max_ms\":%.1f,\"caught_up_s\":%.1f,\"own_cpu_s\":%.2f}\n",
               count, atomic_load(&stored), events, missed, repeated, percentile(0.5), percentile(0.99), percentile(1),
               caught_up_seconds, own_cpu_seconds());
        return missed || repeated;
}

int main(int argc, char **argv)
{
        if (argc != 5 && argc != 6) {
                fprintf(stderr, "usage: follow_load PORT FOLLOWERS DOCUMENTS_PER_SECOND SECONDS [STALL_SECONDS]\n");
                return 2;
        }
        struct sender sender = { (uint16_t)strtoul(argv[1], NULL, 10), (unsigned)strtoul(argv[3], NULL, 10),
                                 (unsigned)strtoul(argv[4], NULL, 10) };
        unsigned count = (unsigned)strtoul(argv[2], NULL, 10);
        allow_descriptors();
        int set = epoll_create1(EPOLL_CLOEXEC);
        pthread_t thread;
        struct client *clients = open_clients(sender.port, count, set, argc == 6);
        if (set < 0 || pthread_create(&thread, NULL, sender.rate > 0 ? store : stay, &sender) != 0)
                err(1, "start");
        long long stall_us = argc == 6 ? (long long)strtoul(argv[5], NULL, 10) * 1000000 : 0;
        long long caught_up_us = follow(set, &clients[count], stall_us);
        bool failed = print_result(clients, count + (argc == 6), (double)caught_up_us / 1e6);
        free(clients);
        return failed;
}
