/* facts: facts about Pinger's environment, as JSON values (jansson).
 *
 *     json_t *memory = facts_memory();                 // owned; NULL: out of memory
 *
 * Each function returns a new value with one reference, or NULL if memory runs out. In strings that are not UTF-8,
 * U+FFFD replaces each invalid byte.
 *
 * Threads: any. */
#ifndef PINGER_FACTS_H
#define PINGER_FACTS_H

#include <jansson.h>
#include <stddef.h>

#include "binding/servicebinding.h"
#include "http/http.h"

/* A string; null if `text` is NULL. */
json_t *facts_text(const char *text);

/* An array for each interface, with address, netmask, family, mac, internal, cidr, and scopeid for IPv6: the result of
 * Node's os.networkInterfaces() (nodejs.org, "OS"). `addresses` is from uv_interface_addresses. */
json_t *facts_networks(const uv_interface_address_t *addresses, int count);

/* rss, heapTotal and heapUsed, in bytes. */
json_t *facts_memory(void);

/* The environment variables. Values that look secret are replaced (redact.h), and so are values that contain the value
 * of a variable with a secret's name. `environment` ends with NULL. */
json_t *facts_environment(char *const *environment);

/* The value of a header field, redacted. */
json_t *facts_field(const char *name, const char *value);
/* Header fields, with names in lower case, the values of one name joined by ", ", and secret values replaced. */
json_t *facts_headers(const struct http_header *headers, size_t count);

/* The control group's limits: {"cgroup":2,"cpus":0.5,"memoryBytes":...,"memoryUsedBytes":...}; null: no limit. */
json_t *facts_limits(void);

/* The pod as the downward API describes it: name, namespace, node and ip from POD_NAME, POD_NAMESPACE, NODE_NAME and
 * POD_IP, labels from the file `labels` in `folder`; null for what is missing. Annotations are omitted, because they
 * may hold whole manifests. */
json_t *facts_pod(char *const *environment, const char *folder);

/* Name, type and provider of each binding, and its problem if it has one. NULL: an empty array. */
json_t *facts_bindings(const struct servicebinding_set *set);

#endif
