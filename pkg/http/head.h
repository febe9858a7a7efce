/* head: checks a request's head and records what it says.
 *
 * Threads: one at a time. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <microhttpd.h>

enum {
        CORRELATION_ID_MAX = 128,
        HEAD_FIELD_BYTES = 64,    /* libmicrohttpd's memory for each field, in addition to its text */
        HEAD_ANSWER_BYTES = 1024, /* its memory for the head of the response                          */
};

struct head {
        uint64_t content_length;
        size_t fields;
        size_t cookie_bytes; /* libmicrohttpd's memory for a copy of the cookies, and for each cookie */
        unsigned hosts, content_lengths, transfer_encodings, content_types;
        bool chunked, expects_continue;
        bool is_old;                /* HTTP/1.0 */
        const char *correlation_id; /* as received; NULL: none that is usable */
        const char *authorization;  /* the first such field; NULL: none */
        unsigned authorizations;
        const char *if_match; /* NULL: none */
        bool if_unmodified_since;
        bool if_none_match;           /* the field is present */
        bool wants_close, wants_keep; /* the options "close" and "keep-alive" of Connection */
        bool closes;                  /* the connection closes after the response                */
        const char *fault;            /* what is wrong with the head, static; NULL: nothing */
};

/* The request line, as libmicrohttpd has it in its memory. */
struct request_line {
        const char *method, *target, *version;
        size_t target_length;
};

/* Checks a complete head and fills `head`, which must be all zero. `by_address`: check the syntax of lines here, since
 * libmicrohttpd does not. */
void head_check(struct head *head, struct MHD_Connection *mhd, const struct request_line *line, bool by_address);

#endif
