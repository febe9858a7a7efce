/* network: libuv lists the addresses of the interfaces that are up, with their hardware addresses; Node uses the same
 * function. Here they are grouped by interface and written as Node writes them. The prefix length of `cidr` is the
 * number of the netmask's leading ones; for a mask with a hole, cidr is null. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "facts.h"

/* The number of leading ones, or -1 if a one follows a zero. */
static int prefix_length(const unsigned char *mask, size_t size)
{
        int ones = 0;
        bool has_zero = false;
        for (size_t bit = 0; bit < size * 8; bit++) {
                bool is_one = mask[bit / 8] & (0x80u >> (bit % 8));
                if (is_one && has_zero)
                        return -1;
                has_zero |= !is_one;
                ones += is_one;
        }
        return ones;
}

static json_t *cidr_of(const char *address, int prefix)
{
        return prefix < 0 ? json_null() : json_sprintf("%s/%d", address, prefix);
}

static json_t *mac_of(const uv_interface_address_t *a)
{
        const unsigned char *m = (const unsigned char *)a->phys_addr;
        return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static json_t *describe(const uv_interface_address_t *a)
{
        bool is_v6 = a->address.address4.sin_family == AF_INET6;
        char address[INET6_ADDRSTRLEN] = "", netmask[INET6_ADDRSTRLEN] = "";
        const void *ip = is_v6 ? (const void *)&a->address.address6.sin6_addr : &a->address.address4.sin_addr;
        const void *mask = is_v6 ? (const void *)&a->netmask.netmask6.sin6_addr : &a->netmask.netmask4.sin_addr;
        int family = is_v6 ? AF_INET6 : AF_INET;
        if (!inet_ntop(family, ip, address, sizeof(address)) || !inet_ntop(family, mask, netmask, sizeof(netmask)))
                return NULL;
        json_t *entry = json_pack("{s:s, s:s, s:s, s:o, s:b, s:o}", "address", address, "netmask", netmask, "family",
                                  is_v6 ? "IPv6" : "IPv4", "mac", mac_of(a), "internal", a->is_internal != 0, "cidr",
                                  cidr_of(address, prefix_length(mask, is_v6 ? 16 : 4)));
        if (entry && is_v6 &&
            json_object_set_new(entry, "scopeid", json_integer(a->address.address6.sin6_scope_id)) < 0) {
                json_decref(entry);
                return NULL;
        }
        return entry;
}

/* Appends to the interface's array, which is created with the first address. */
static int add(json_t *all, const uv_interface_address_t *a)
{
        json_t *list = json_object_get(all, a->name);
        if (!list) {
                list = json_array();
                if (json_object_set_new(all, a->name, list) < 0)
                        return -1;
        }
        return json_array_append_new(list, describe(a));
}

json_t *facts_networks(const uv_interface_address_t *addresses, int count)
{
        json_t *all = json_object();
        for (int i = 0; all && i < count; i++) {
                if (add(all, &addresses[i]) < 0) {
                        json_decref(all);
                        all = NULL;
                }
        }
        return all;
}
