/* bulk_result: the outcome of the lines of a bulk, in constant memory: counts, the first failures, the keys if they
 * were requested, and how the body ended.
 *
 *     bulk_result_init(&result, true);
 *     bulk_result_stored(&result, 1, "0193...", false);
 *     bulk_result_failed(&result, 2, &(struct bulk_failure){ .status = 400, .is_final = true }, "column 3: ...");
 *     status = bulk_result_status(&result, false);
 *     rc = bulk_result_print(&result, SIZE_MAX, &members);   // "stored":1,"failed":1,...
 *
 * Outcomes may arrive in any order. A failure is final if the same line would fail again. Other failures, such as an
 * unreachable Redis, are not final: sending the line again may succeed.
 *
 * Threads: one at a time. */
#ifndef COLLECTOR_BULK_RESULT_H
#define COLLECTOR_BULK_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "json/json.h"

enum { BULK_ERRORS_MAX = 100, BULK_KEYS_MAX = 10000 };

struct bulk_failure {
        int status;    /* the status that a request with only this document would get */
        bool is_final; /* the same line would fail again */
};

struct bulk_result {
        uint64_t stored, failed, replayed; /* `replayed` are among `stored` */
        uint64_t lines;                    /* the number of the last line that was taken */
        int ended;                         /* the status of the failure that ended the body early; 0: none */
        char detail[256];                  /* why */
        struct json_position where;        /* in an array; line 0: none */

        /* Private. */
        uint64_t open_line; /* the first line whose failure is not final; 0: none */
        bool has_keys;
        struct uuid *keys; /* by line; all zero: none */
        size_t key_room;
        struct buf details;
        size_t error_count;
        struct {
                uint64_t line;
                int status;
                size_t at, length; /* position of its detail in `details`, as JSON */
        } errors[BULK_ERRORS_MAX];
};

void bulk_result_init(struct bulk_result *result, bool has_keys);
void bulk_result_fini(struct bulk_result *result);

/* The line has been taken; its outcome follows. ERR_NOMEM: there is no room for its key. */
int bulk_result_begin(struct bulk_result *result, uint64_t line) NODISCARD;
void bulk_result_stored(struct bulk_result *result, uint64_t line, const char *key, bool is_replayed);
void bulk_result_failed(struct bulk_result *result, uint64_t line, const struct bulk_failure *failure,
                        const char *detail);

/* The status of the response once all outcomes are known. */
int bulk_result_status(const struct bulk_result *result, bool is_strict);
/* True if nothing new was stored in Redis. */
bool bulk_result_is_replay(const struct bulk_result *result);
/* Appends the members of the answer, without braces. `max_bytes` limits them approximately: errors that do not fit are
 * only counted, and no keys are printed. SIZE_MAX: no limit. ERR_NOMEM. */
int bulk_result_print(struct bulk_result *result, size_t max_bytes, struct buf *out) NODISCARD;

#endif
