/* report: builds a small tree with jansson, which keeps the order of members and prints like JSON.stringify with an
 * indentation of 4. One table lists the pieces: the name, whether it is for admins only, and the function that makes
 * it.
 */
#include "report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/clock.h"
#include "facts.h"

static const char *const words[] = {
        "lorem",   "ipsum",   "dolor",   "sit",    "amet",    "elit",      "sed",      "tempor",
        "labore",  "magna",   "aliqua",  "enim",   "minim",   "veniam",    "quis",     "nostrud",
        "ullamco", "nisi",    "commodo", "duis",   "aute",    "irure",     "velit",    "esse",
        "cillum",  "fugiat",  "nulla",   "sint",   "culpa",   "officia",   "deserunt", "mollit",
        "anim",    "laborum", "vitae",   "purus",  "lectus",  "viverra",   "mauris",   "augue",
        "neque",   "gravida", "feugiat", "dictum", "porta",   "tellus",    "egestas",  "blandit",
        "cursus",  "turpis",  "pretium", "semper", "risus",   "tristique", "faucibus", "vulputate",
        "sapien",  "ornare",  "massa",   "tortor", "rhoncus", "posuere",   "morbi",    "pulvinar",
};
_Static_assert(COUNT_OF(words) == 64, "a power of two, so that a byte selects each word with equal probability");

enum { MESSAGE_SIZE = REPORT_WORDS * 16 };

static const char *message_of(const unsigned char random[REPORT_WORDS], char out[MESSAGE_SIZE])
{
        size_t length = 0;
        for (size_t i = 0; i < REPORT_WORDS; i++)
                length += (size_t)snprintf(out + length, MESSAGE_SIZE - length, "%s%s", i ? " " : "",
                                           words[random[i] % COUNT_OF(words)]); /* every word has fewer than 15
                                                                                 * letters */
        return out;
}

static json_t *current_time(const struct report_visit *visit)
{
        char text[CLOCK_ISO8601_SIZE];
        return json_string(clock_iso8601(visit->now_ms, text));
}

static json_t *network_info(const struct report_source *source UNUSED, const struct report_visit *visit UNUSED)
{
        uv_interface_address_t *addresses;
        int count;
        if (uv_interface_addresses(&addresses, &count) < 0)
                return json_object(); /* the list is unavailable, as in a sandbox without netlink */
        json_t *all = facts_networks(addresses, count);
        uv_free_interface_addresses(addresses, count);
        return all;
}

static json_t *request_headers(const struct report_source *source UNUSED, const struct report_visit *visit)
{
        return facts_headers(visit->headers, visit->header_count);
}

static json_t *env_vars(const struct report_source *source, const struct report_visit *visit UNUSED)
{
        return facts_environment(source->environment);
}

static json_t *memory_usage(const struct report_source *source UNUSED, const struct report_visit *visit UNUSED)
{
        return facts_memory();
}

static json_t *time_now(const struct report_source *source UNUSED, const struct report_visit *visit)
{
        return current_time(visit);
}

static json_t *request_url(const struct report_source *source UNUSED, const struct report_visit *visit)
{
        return facts_text(visit->target);
}

static json_t *remote_address(const struct report_source *source UNUSED, const struct report_visit *visit)
{
        return facts_text(visit->remote_address);
}

static const struct {
        const char *name;
        bool needs_admin;
        json_t *(*make)(const struct report_source *source, const struct report_visit *visit);
} pieces[] = {
        [REPORT_NETWORK_INFO] = { "networkInfo", true, network_info },
        [REPORT_REQUEST_HEADERS] = { "requestHeaders", false, request_headers },
        [REPORT_ENV_VARS] = { "envVars", true, env_vars },
        [REPORT_MEMORY_USAGE] = { "memoryUsage", true, memory_usage },
        [REPORT_CURRENT_TIME] = { "currentTime", false, time_now },
        [REPORT_REQUEST_URL] = { "requestUrl", false, request_url },
        [REPORT_REMOTE_ADDRESS] = { "remoteAddress", false, remote_address },
};

enum report_piece report_piece_named(const char *type)
{
        for (size_t i = REPORT_NONE + 1; type && i < COUNT_OF(pieces); i++) {
                if (strcmp(type, pieces[i].name) == 0)
                        return (enum report_piece)i;
        }
        return REPORT_NONE;
}

bool report_piece_needs_admin(enum report_piece piece)
{
        return pieces[piece].needs_admin;
}

json_t *report_piece_value(const struct report_source *source, const struct report_visit *visit,
                           enum report_piece piece)
{
        return json_pack("{s:o}", pieces[piece].name, pieces[piece].make(source, visit));
}

json_t *report_full(const struct report_source *source, const struct report_visit *visit)
{
        char message[MESSAGE_SIZE];
        json_t *report = json_pack("{s:s, s:o, s:s, s:s, s:o}", "appName", "Pinger", "currentTime", current_time(visit),
                                   "PINGER_PORT", source->port, "randomMessage", message_of(visit->random, message),
                                   "correlationId", facts_text(visit->correlation_id));
        if (!report || !source->is_admin)
                return report;
        json_t *inside =
                json_pack("{s:o, s:i, s:o, s:o}", "APIVersion", facts_text(source->api_version), "processId",
                          (int)getpid(), "memoryUsage", facts_memory(), "networkInfo", network_info(source, visit));
        int rc = inside ? json_object_update(report, inside) : -1;
        json_decref(inside);
        if (rc == 0)
                return report;
        json_decref(report);
        return NULL;
}

char *report_print(json_t *value)
{
        char *text = value ? json_dumps(value, JSON_INDENT(4) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6)) : NULL;
        json_decref(value);
        return text;
}
