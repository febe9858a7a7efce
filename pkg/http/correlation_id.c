/* correlation_id: uses the client's id, which head.c has checked, or creates a UUID of version 7; such UUIDs sort by
 * time. */
#include "http/correlation_id.h"

#include <string.h>

#include "base/clock.h"
#include "http/server.h"

void correlation_id_set(struct http_request *request)
{
        struct uuid id;
        if (request->head.correlation_id && !request->conns->server->options.own_correlation_ids) {
                size_t length = strnlen(request->head.correlation_id, CORRELATION_ID_MAX);
                memcpy(request->correlation_id, request->head.correlation_id, length);
                request->correlation_id[length] = '\0';
                return;
        }
        uuid_v7(request->conns->uuids, clock_realtime_ms(), &id);
        uuid_format(&id, request->correlation_id);
}
