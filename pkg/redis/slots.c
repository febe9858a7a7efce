/* slots: parses the formats of a Cluster (redis.io, "Redis cluster specification": key distribution model, hash tags,
 * MOVED and ASK redirection; command CLUSTER SLOTS); this file uses no connection. A map has a node index for each of
 * the 16384 slots, so finding the node for a command takes one checksum of its key and one array access. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/decimal.h"
#include "redis/command.h"
#include "redis/slots.h"

enum { SLOT_HOST_MAX = 253 };

/* --- Keys ------------------------------------------------------------------------------------------------ */

/* CRC16/XMODEM: polynomial 0x1021, initial value 0, not reflected. An entry for each byte. */
static const uint16_t crc16_table[256] = {
        0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7, 0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD,
        0xE1CE, 0xF1EF, 0x1231, 0x0210, 0x3273, 0x2252, 0x52B5, 0x4294, 0x72F7, 0x62D6, 0x9339, 0x8318, 0xB37B, 0xA35A,
        0xD3BD, 0xC39C, 0xF3FF, 0xE3DE, 0x2462, 0x3443, 0x0420, 0x1401, 0x64E6, 0x74C7, 0x44A4, 0x5485, 0xA56A, 0xB54B,
        0x8528, 0x9509, 0xE5EE, 0xF5CF, 0xC5AC, 0xD58D, 0x3653, 0x2672, 0x1611, 0x0630, 0x76D7, 0x66F6, 0x5695, 0x46B4,
        0xB75B, 0xA77A, 0x9719, 0x8738, 0xF7DF, 0xE7FE, 0xD79D, 0xC7BC, 0x48C4, 0x58E5, 0x6886, 0x78A7, 0x0840, 0x1861,
        0x2802, 0x3823, 0xC9CC, 0xD9ED, 0xE98E, 0xF9AF, 0x8948, 0x9969, 0xA90A, 0xB92B, 0x5AF5, 0x4AD4, 0x7AB7, 0x6A96,
        0x1A71, 0x0A50, 0x3A33, 0x2A12, 0xDBFD, 0xCBDC, 0xFBBF, 0xEB9E, 0x9B79, 0x8B58, 0xBB3B, 0xAB1A, 0x6CA6, 0x7C87,
        0x4CE4, 0x5CC5, 0x2C22, 0x3C03, 0x0C60, 0x1C41, 0xEDAE, 0xFD8F, 0xCDEC, 0xDDCD, 0xAD2A, 0xBD0B, 0x8D68, 0x9D49,
        0x7E97, 0x6EB6, 0x5ED5, 0x4EF4, 0x3E13, 0x2E32, 0x1E51, 0x0E70, 0xFF9F, 0xEFBE, 0xDFDD, 0xCFFC, 0xBF1B, 0xAF3A,
        0x9F59, 0x8F78, 0x9188, 0x81A9, 0xB1CA, 0xA1EB, 0xD10C, 0xC12D, 0xF14E, 0xE16F, 0x1080, 0x00A1, 0x30C2, 0x20E3,
        0x5004, 0x4025, 0x7046, 0x6067, 0x83B9, 0x9398, 0xA3FB, 0xB3DA, 0xC33D, 0xD31C, 0xE37F, 0xF35E, 0x02B1, 0x1290,
        0x22F3, 0x32D2, 0x4235, 0x5214, 0x6277, 0x7256, 0xB5EA, 0xA5CB, 0x95A8, 0x8589, 0xF56E, 0xE54F, 0xD52C, 0xC50D,
        0x34E2, 0x24C3, 0x14A0, 0x0481, 0x7466, 0x6447, 0x5424, 0x4405, 0xA7DB, 0xB7FA, 0x8799, 0x97B8, 0xE75F, 0xF77E,
        0xC71D, 0xD73C, 0x26D3, 0x36F2, 0x0691, 0x16B0, 0x6657, 0x7676, 0x4615, 0x5634, 0xD94C, 0xC96D, 0xF90E, 0xE92F,
        0x99C8, 0x89E9, 0xB98A, 0xA9AB, 0x5844, 0x4865, 0x7806, 0x6827, 0x18C0, 0x08E1, 0x3882, 0x28A3, 0xCB7D, 0xDB5C,
        0xEB3F, 0xFB1E, 0x8BF9, 0x9BD8, 0xABBB, 0xBB9A, 0x4A75, 0x5A54, 0x6A37, 0x7A16, 0x0AF1, 0x1AD0, 0x2AB3, 0x3A92,
        0xFD2E, 0xED0F, 0xDD6C, 0xCD4D, 0xBDAA, 0xAD8B, 0x9DE8, 0x8DC9, 0x7C26, 0x6C07, 0x5C64, 0x4C45, 0x3CA2, 0x2C83,
        0x1CE0, 0x0CC1, 0xEF1F, 0xFF3E, 0xCF5D, 0xDF7C, 0xAF9B, 0xBFBA, 0x8FD9, 0x9FF8, 0x6E17, 0x7E36, 0x4E55, 0x5E74,
        0x2E93, 0x3EB2, 0x0ED1, 0x1EF0,
};

static uint16_t crc16(const char *bytes, size_t length)
{
        unsigned crc = 0;
        for (size_t i = 0; i < length; i++)
                crc = ((crc << 8) & 0xFFFFU) ^ crc16_table[((crc >> 8) ^ (unsigned char)bytes[i]) & 0xFFU];
        return (uint16_t)crc;
}

unsigned redis_slot_of_key(const char *key, size_t length)
{
        const char *open = memchr(key, '{', length);
        if (open) {
                const char *tag = open + 1;
                const char *close = memchr(tag, '}', length - (size_t)(tag - key));
                if (close && close > tag) { /* an empty tag is ignored */
                        length = (size_t)(close - tag);
                        key = tag;
                }
        }
        return crc16(key, length) % REDIS_SLOTS;
}

/* --- Maps ------------------------------------------------------------------------------------------------ */

void redis_slots_free(struct redis_slots *slots)
{
        if (!slots)
                return;
        for (size_t i = 0; i < slots->node_count; i++)
                free(slots->nodes[i].host);
        free(slots->nodes);
        free(slots);
}

/* Reads "ip" out of a node's metadata, a flat list of names and values (since Redis 7.0). */
static const char *ip_of(const struct redis_reply *node)
{
        const struct redis_reply *metadata = redis_reply_at(node, 3);
        for (size_t i = 0; metadata && i + 1 < redis_reply_count(metadata); i += 2) {
                const char *name = redis_reply_text(redis_reply_at(metadata, i), NULL);
                if (name && strcmp(name, "ip") == 0)
                        return redis_reply_text(redis_reply_at(metadata, i + 1), NULL);
        }
        return NULL;
}

/* The host of a node without a name, if the Cluster prefers names (cluster-preferred-endpoint-type). */
#define HOST_UNKNOWN "?"

/* The host of a node; an empty host means the host that was queried. NULL: unknown. */
static const char *host_of(const struct redis_reply *node, const char *asked_host)
{
        const char *host = redis_reply_text(redis_reply_at(node, 0), NULL);
        if (!host || !host[0])
                return asked_host;
        return strcmp(host, HOST_UNKNOWN) == 0 ? ip_of(node) : host;
}

/* True for a valid name or address, which is then passed to the resolver and logged. */
static bool is_host(const char *host)
{
        for (const char *at = host; *at; at++)
                if (!isgraph((unsigned char)*at))
                        return false;
        return true;
}

/* Returns 1 + the index of the node, which may already be listed; 0 if its host is unknown; or ERR_*. */
static int add_node(struct redis_slots *slots, const struct redis_reply *reply, const char *asked_host, struct err *err)
{
        const struct redis_reply *port_reply = redis_reply_at(reply, 1);
        int64_t port = port_reply ? redis_reply_integer(port_reply) : 0;
        if (redis_reply_count(reply) < 2 || port < 1 || port > UINT16_MAX)
                return err_set(err, ERR_PROTOCOL, "a node without a port");
        const char *host = host_of(reply, asked_host);
        if (!host || !host[0])
                return 0;
        if (strlen(host) > SLOT_HOST_MAX)
                return err_set(err, ERR_PROTOCOL, "a node's host is longer than %d characters", SLOT_HOST_MAX);
        if (!is_host(host))
                return err_set(err, ERR_PROTOCOL, "a node's host has an invalid character");
        for (size_t i = 0; i < slots->node_count; i++)
                if (slots->nodes[i].port == port && strcmp(slots->nodes[i].host, host) == 0)
                        return (int)i + 1;
        if (slots->node_count == REDIS_NODES_MAX)
                return err_set(err, ERR_PROTOCOL, "more than %d nodes", REDIS_NODES_MAX);
        if ((slots->node_count & (slots->node_count - 1)) == 0) { /* 1, 2, 4, ...: grows by doubling */
                size_t room = slots->node_count ? slots->node_count * 2 : 1;
                struct redis_slots_node *grown = realloc(slots->nodes, room * sizeof(*grown));
                if (!grown)
                        return err_set(err, ERR_NOMEM, "slots");
                slots->nodes = grown;
        }
        struct redis_slots_node *node = &slots->nodes[slots->node_count];
        *node = (struct redis_slots_node){ .host = strdup(host), .port = (uint16_t)port };
        if (!node->host)
                return err_set(err, ERR_NOMEM, "slots");
        return (int)++slots->node_count;
}

/* [first slot, last slot, master, replicas...] */
static int add_range(struct redis_slots *slots, const struct redis_reply *range, const char *asked_host,
                     struct err *err)
{
        if (redis_reply_count(range) < 3 || redis_reply_type(redis_reply_at(range, 0)) != REDIS_INTEGER ||
            redis_reply_type(redis_reply_at(range, 1)) != REDIS_INTEGER)
                return err_set(err, ERR_PROTOCOL, "no first slot, last slot and node");
        int64_t first = redis_reply_integer(redis_reply_at(range, 0));
        int64_t last = redis_reply_integer(redis_reply_at(range, 1));
        if (first < 0 || last < first || last >= REDIS_SLOTS)
                return err_set(err, ERR_PROTOCOL, "slots out of range");
        int master = add_node(slots, redis_reply_at(range, 2), asked_host, err);
        if (master < 0)
                return master;
        for (int64_t slot = first; slot <= last && master > 0; slot++) {
                slots->covered += slots->owner[slot] == 0;
                slots->owner[slot] = (uint16_t)master;
        }
        for (size_t i = 3; i < redis_reply_count(range); i++) {
                int rc = add_node(slots, redis_reply_at(range, i), asked_host, err);
                if (rc < 0)
                        return rc;
        }
        return 0;
}

int redis_slots_parse(const struct redis_reply *reply, const char *asked_host, struct redis_slots **out,
                      struct err *err)
{
        if (redis_reply_type(reply) != REDIS_ARRAY)
                return err_set(err, ERR_PROTOCOL, "no list of slots");
        struct redis_slots *slots = calloc(1, sizeof(*slots));
        if (!slots)
                return err_set(err, ERR_NOMEM, "slots");
        int rc = 0;
        size_t count = redis_reply_count(reply);
        if (count > REDIS_SLOTS)
                rc = err_set(err, ERR_PROTOCOL, "more than %d ranges", REDIS_SLOTS);
        for (size_t i = 0; i < count && rc == 0; i++) {
                rc = add_range(slots, redis_reply_at(reply, i), asked_host, err);
                if (rc < 0)
                        (void)err_wrap(err, "range %zu", i);
        }
        if (rc < 0)
                redis_slots_free(slots);
        else
                *out = slots;
        return rc;
}

/* --- Redirections ---------------------------------------------------------------------------------------- */

/* "MOVED 3999 127.0.0.1:6381". IPv6 addresses have no brackets, so the last colon counts. "MOVED 3999 :6381" means the
 * host that was queried, "MOVED 3999 ?:6381" a host that only the map names. */
bool redis_redirect_parse(const char *text, const char *asked_host, struct redis_redirect *out)
{
        uint64_t slot, port;
        out->is_ask = strncmp(text, "ASK ", 4) == 0;
        if (!out->is_ask && strncmp(text, "MOVED ", 6) != 0)
                return false;
        text = strchr(text, ' ') + 1;
        size_t digits = decimal_span(text, strlen(text));
        if (text[digits] != ' ' || decimal_parse(text, digits, REDIS_SLOTS - 1, &slot) < 0)
                return false;
        const char *host = text + digits + 1, *colon = strrchr(host, ':');
        if (!colon)
                return false;
        size_t length = (size_t)(colon - host);
        if (decimal_parse(colon + 1, strlen(colon + 1), UINT16_MAX, &port) < 0 || port == 0 ||
            length >= sizeof(out->host))
                return false;
        if (length == 0 && (!asked_host || strlen(asked_host) >= sizeof(out->host)))
                return false;
        (void)snprintf(out->host, sizeof(out->host), "%.*s", length ? (int)length : SLOT_HOST_MAX,
                       length ? host : asked_host);
        if (!is_host(out->host))
                return false;
        if (strcmp(out->host, HOST_UNKNOWN) == 0)
                out->host[0] = '\0';
        out->slot = (unsigned)slot;
        out->port = (uint16_t)port;
        return true;
}
