/* collector_client: uses libcurl's multi interface with one transfer, rather than the easy interface, because only the
 * multi interface lets another thread shorten the deadline of a wait (collector_client_cut_at wakes it). The easy
 * handle is set up again for each request, which is cheap and leaves no state of an earlier collector. The connection
 * stays in the multi handle's cache as long as the collector is the same. libcurl gets certificates as a file in memory
 * (memfd_create), because not every TLS library that it may be built with accepts them as bytes. */
#include "collector_client.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/uuid.h"

/* CONNECT_TIMEOUT_MS includes the name look-up, and a resolver may take 5 s for each name server that is down. */
enum { CONNECT_TIMEOUT_MS = 12000, RETRY_AFTER_MAX_S = 60, STALE_MS = 2000, URL_MAX = 4096, REPLY_MAX_BYTES = 1 << 20 };

struct collector_client {
        CURLM *multi;
        CURL *easy;
        _Atomic int64_t cut_at_ms;
        int64_t max_age_ms;
        long age_max_s; /* of the open connection, or of the next one; 0: no limit */
        struct uuid_source uuids;
        struct backing_collector *collector; /* of the last request; its connection may still be open */
        int trust_fd;                        /* its certificates as a file; -1: trust the system's certificates */
        char error[CURL_ERROR_SIZE];
        struct curl_slist *fields;
        struct collector_reply *reply; /* of the request in progress */
        size_t reply_length, reply_bytes;
};

int collector_client_global_init(struct err *err)
{
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return err_set(err, ERR_NOMEM, "libcurl failed to start");
        return 0;
}

void collector_client_global_fini(void)
{
        curl_global_cleanup();
}

/* Each connection has its own maximum age, so that many Pingers do not reconnect at once. libcurl counts in seconds. */
static void choose_age(struct collector_client *client)
{
        struct uuid uuid;
        uint32_t random;
        uuid_v4(&client->uuids, &uuid);
        memcpy(&random, uuid.bytes, sizeof(random));
        int64_t fifth = client->max_age_ms / 5;
        int64_t age_ms = client->max_age_ms - fifth / 2 + (fifth > 0 ? (int64_t)random % fifth : 0);
        client->age_max_s = client->max_age_ms > 0 ? (long)((age_ms + 999) / 1000) : 0;
}

int collector_client_open(int64_t max_age_ms, struct collector_client **out, struct err *err)
{
        struct collector_client *client = calloc(1, sizeof(*client));
        if (!client)
                return err_set(err, ERR_NOMEM, "connection to Collector");
        atomic_init(&client->cut_at_ms, INT64_MAX);
        client->trust_fd = -1;
        client->max_age_ms = max_age_ms;
        uuid_source_init(&client->uuids);
        choose_age(client);
        client->multi = curl_multi_init();
        client->easy = curl_easy_init();
        if (!client->multi || !client->easy) {
                collector_client_close(client);
                return err_set(err, ERR_NOMEM, "connection to Collector");
        }
        (void)curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, 1L);
        *out = client;
        return 0;
}

void collector_client_close(struct collector_client *client)
{
        if (!client)
                return;
        curl_easy_cleanup(client->easy);
        (void)curl_multi_cleanup(client->multi); /* NULL and an empty client are fine */
        curl_slist_free_all(client->fields);
        backing_collector_unref(client->collector);
        if (client->trust_fd >= 0)
                (void)close(client->trust_fd); /* can only run out of memory */
        free(client);
}

void collector_client_cut_at(struct collector_client *client, int64_t deadline_ms)
{
        atomic_store(&client->cut_at_ms, deadline_ms);
        collector_client_wake(client);
}

void collector_client_wake(struct collector_client *client)
{
        (void)curl_multi_wakeup(client->multi); /* if this fails, the change is noticed a second later */
}

/* True for responses that reject this particular body. Other errors (404, 421, 425, a redirect) come from a proxy that
 * is starting, a Collector that is being replaced, or a wrong address, and the next attempt may succeed. */
static bool is_about_the_body(int status)
{
        static const int all[] = { 400, 406, 409, 411, 413, 414, 415, 417, 422, 431 };
        for (size_t i = 0; i < COUNT_OF(all); i++)
                if (status == all[i])
                        return true;
        return false;
}

enum collector_verdict collector_judge(int status)
{
        if (status >= 200 && status < 300)
                return COLLECTOR_DONE;
        return is_about_the_body(status) ? COLLECTOR_REFUSED : COLLECTOR_AGAIN;
}

/* libcurl's callback for the response body: keeps the beginning, and reads and drops the rest. */
static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
        struct collector_client *client = data;
        size_t length = size * count, room = sizeof(client->reply->text) - 1 - client->reply_length;
        size_t kept = length < room ? length : room;
        memcpy(client->reply->text + client->reply_length, bytes, kept);
        client->reply_length += kept;
        client->reply->text[client->reply_length] = '\0';
        client->reply_bytes += length;
        return client->reply_bytes <= REPLY_MAX_BYTES ? length : 0;
}

static int add_field(struct collector_client *client, const char *name, const char *value, size_t length)
{
        struct buf line;
        buf_init(&line, 0);
        int rc = buf_printf(&line, "%s: ", name);
        if (rc == 0)
                rc = buf_append(&line, value, length);
        struct curl_slist *longer = rc == 0 ? curl_slist_append(client->fields, line.data) : NULL;
        if (line.data)
                explicit_bzero(line.data, line.len); /* the line may contain the token */
        buf_fini(&line);
        if (!longer)
                return ERR_NOMEM;
        client->fields = longer;
        return 0;
}

/* A token that contains a line end would add a header field. */
static bool is_field_value(const struct secret *token)
{
        for (size_t i = 0; i < token->length; i++) {
                if ((unsigned char)token->bytes[i] < 0x20 || token->bytes[i] == 0x7f)
                        return false;
        }
        return true;
}

static int set_fields(struct collector_client *client, const struct backing_collector *collector,
                      const struct collector_request *request, struct err *err)
{
        const struct secret *token = backing_collector_token(collector);
        int rc = add_field(client, "Content-Type", "application/json", strlen("application/json"));
        if (rc == 0)
                rc = add_field(client, "Expect", "", 0); /* waiting for "100 Continue" would cost a round trip */
        if (rc == 0 && request->id)
                rc = add_field(client, "Idempotency-Key", request->id, strlen(request->id));
        if (rc == 0 && request->id)
                rc = add_field(client, "x-correlation-id", request->id, strlen(request->id));
        if (rc == 0 && token->length > 0) {
                if (!is_field_value(token))
                        return err_set(err, ERR_INVALID,
                                       "the token has a character that a header field cannot "
                                       "contain");
                struct buf bearer;
                buf_init(&bearer, 0);
                rc = buf_puts(&bearer, "Bearer ");
                if (rc == 0)
                        rc = buf_append(&bearer, token->bytes, token->length);
                if (rc == 0)
                        rc = add_field(client, "Authorization", bearer.data, bearer.len);
                if (bearer.data)
                        explicit_bzero(bearer.data, bearer.len);
                buf_fini(&bearer);
        }
        return rc < 0 ? err_set(err, rc, "header of a request to Collector") : 0;
}

static int write_trust(const struct secret *certificates, struct err *err)
{
        int fd = memfd_create("collector-certificates", MFD_CLOEXEC);
        if (fd < 0)
                return err_errno(err, "Collector's certificates");
        for (size_t done = 0; done < certificates->length;) {
                ssize_t n = write(fd, certificates->bytes + done, certificates->length - done);
                if (n < 0) {
                        int rc = err_errno(err, "Collector's certificates");
                        (void)close(fd); /* can only run out of memory */
                        return rc;
                }
                done += (size_t)n;
        }
        return fd;
}

/* Makes `collector` the target of requests. Sets `is_new` if it differs from the last collector. An open connection
 * must then not be reused, because it was verified with the last collector's certificates. */
static int choose(struct collector_client *client, struct backing_collector *collector, bool *is_new, struct err *err)
{
        const struct secret *certificates = backing_collector_certificates(collector);
        *is_new = client->collector != collector;
        if (!*is_new)
                return 0;
        int fd = certificates->length > 0 ? write_trust(certificates, err) : -1;
        if (fd < 0 && certificates->length > 0)
                return fd;
        if (client->trust_fd >= 0)
                (void)close(client->trust_fd); /* can only run out of memory */
        client->trust_fd = fd;
        backing_collector_unref(client->collector);
        client->collector = backing_collector_ref(collector);
        return 0;
}

/* If the binding has certificates, the system's are not trusted. */
static CURLcode set_trust(struct collector_client *client)
{
        char path[32];
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", client->trust_fd); /* it fits */
        CURLcode rc = curl_easy_setopt(client->easy, CURLOPT_CAINFO, path);
        return rc == CURLE_OK ? curl_easy_setopt(client->easy, CURLOPT_CAPATH, NULL) : rc;
}

/* Checks each libcurl option that can fail for reasons other than memory; the others take constants. */
static int set_options(struct collector_client *client, const struct backing_collector *collector,
                       const struct collector_request *request, struct err *err)
{
        CURL *easy = client->easy;
        char url[URL_MAX];
        int length = snprintf(url, sizeof(url), "%s%s", backing_collector_url(collector),
                              request->path ? request->path : "/");
        if (length < 0 || (size_t)length >= sizeof(url))
                return err_set(err, ERR_INVALID, "Collector's URL is longer than %d characters", URL_MAX);
        CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, url);
        if (rc == CURLE_OK)
                rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        if (rc == CURLE_OK && client->trust_fd >= 0)
                rc = set_trust(client);
        if (rc == CURLE_OK && request->body) {
                rc = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
                (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
        }
        if (rc != CURLE_OK)
                return err_set(err, ERR_INVALID, "%s", curl_easy_strerror(rc));
        (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->fields);
        (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
        (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, client->age_max_s);
        (void)curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L); /* a new connection resolves the name again */
        /* libcurl takes a second for each dead address, so an attempt covers about a dozen: vary the addresses */
        (void)curl_easy_setopt(easy, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
        (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
        (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "pinger/" VERSION);
        (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->error);
        (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, client);
        return 0;
}

static int failed(struct collector_client *client, const struct backing_collector *collector, CURLcode code,
                  struct err *err)
{
        const char *why = client->error[0] ? client->error : curl_easy_strerror(code);
        int reaction = code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT
                       : code == CURLE_OUT_OF_MEMORY    ? ERR_NOMEM
                                                        : ERR_UNAVAILABLE;
        return err_set(err, reaction, "%s: %s", backing_collector_url(collector), why);
}

/* The time that the transfer may still take. `stale_ms` is when an outdated transfer has to end, or INT64_MAX if the
 * transfer is not outdated. */
static int64_t time_left_ms(struct collector_client *client, const struct collector_request *request, int64_t *stale_ms)
{
        int64_t now_ms = clock_monotonic_ms(), until_ms = atomic_load(&client->cut_at_ms);
        if (*stale_ms == INT64_MAX && request->change && atomic_load(request->change) != request->unchanged)
                *stale_ms = now_ms + STALE_MS;
        return (until_ms < *stale_ms ? until_ms : *stale_ms) - now_ms;
}

/* Runs the transfer until it ends or is cut off. */
static int run(struct collector_client *client, const struct backing_collector *collector,
               const struct collector_request *request, struct err *err)
{
        int64_t stale_ms = INT64_MAX;
        int running = 1, left;
        CURLMsg *message;
        if (curl_multi_add_handle(client->multi, client->easy) != CURLM_OK)
                return err_set(err, ERR_NOMEM, "request to Collector");
        for (;;) {
                CURLMcode rc = curl_multi_perform(client->multi, &running);
                if (rc != CURLM_OK || running == 0)
                        break;
                int64_t wait_ms = time_left_ms(client, request, &stale_ms);
                if (wait_ms <= 0)
                        break;
                if (curl_multi_poll(client->multi, NULL, 0, wait_ms < 1000 ? (int)wait_ms : 1000, NULL) != CURLM_OK)
                        break;
        }
        message = curl_multi_info_read(client->multi, &left);
        CURLcode code = message && message->msg == CURLMSG_DONE ? message->data.result : CURLE_ABORTED_BY_CALLBACK;
        (void)curl_multi_remove_handle(client->multi, client->easy); /* it was added above */
        if (!message)
                return err_set(err, ERR_TIMEOUT, "%s: gave up, %s", backing_collector_url(collector),
                               stale_ms == INT64_MAX ? "the program is stopping" : "there is another Collector");
        return code == CURLE_OK ? 0 : failed(client, collector, code, err);
}

static void read_reply(struct collector_client *client)
{
        long status = 0, connections = 0;
        curl_off_t retry_after_s = 0;
        (void)curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_easy_getinfo(client->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
        (void)curl_easy_getinfo(client->easy, CURLINFO_NUM_CONNECTS, &connections);
        if (connections > 0)
                choose_age(client);
        if (retry_after_s > RETRY_AFTER_MAX_S)
                retry_after_s = RETRY_AFTER_MAX_S;
        client->reply->status = (int)status;
        client->reply->retry_after_ms = retry_after_s > 0 ? (int64_t)retry_after_s * 1000 : 0;
}

int collector_client_send(struct collector_client *client, struct backing_collector *collector,
                          const struct collector_request *request, struct collector_reply *reply, struct err *err)
{
        *reply = (struct collector_reply){ 0 };
        client->reply = reply;
        client->reply_length = client->reply_bytes = 0;
        client->error[0] = '\0';
        bool is_new = false;
        int rc = choose(client, collector, &is_new, err);
        if (rc == 0)
                rc = set_fields(client, collector, request, err);
        if (rc == 0)
                rc = set_options(client, collector, request, err);
        if (rc == 0)
                (void)curl_easy_setopt(client->easy, CURLOPT_FRESH_CONNECT, is_new ? 1L : 0L);
        if (rc == 0)
                rc = run(client, collector, request, err);
        if (rc == 0)
                read_reply(client);
        curl_easy_reset(client->easy);
        for (struct curl_slist *field = client->fields; field; field = field->next)
                explicit_bzero(field->data, strlen(field->data)); /* one of them contained the token */
        curl_slist_free_all(client->fields);
        client->fields = NULL;
        return rc;
}
