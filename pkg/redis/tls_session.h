/* tls_session: the structs that tls.c, tls_target.c and tls_words.c share. No other file in this folder includes it, so
 * only these three use GnuTLS.
 *
 * Threads: a struct redis_tls: any. A session: loop only. */
#ifndef REDIS_TLS_SESSION_H
#define REDIS_TLS_SESSION_H

#include <stdbool.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/buf.h"
#include "redis/target.h"

enum { TLS_FINGERPRINT_BYTES = 32, TLS_RECORD_BYTES = 16 << 10, TLS_IN_BYTES = 32 << 10, TLS_OUT_BYTES = 64 << 10 };

/* TLS settings of a target. They are created once; after that, sessions on any thread only read them (GnuTLS manual,
 * "Thread safety"). */
struct redis_tls {
        gnutls_certificate_credentials_t credentials;
        gnutls_priority_t priorities;
        enum redis_tls_verify verify;
        bool has_certificate;
        bool trusts_nobody;                               /* no CA was configured, and the system has none */
        char *server_name;                                /* NULL: the target's host                  */
        unsigned char fingerprint[TLS_FINGERPRINT_BYTES]; /* of the PEM, which is not kept */
};

/* The TLS state of a channel. */
struct redis_tls_session {
        gnutls_session_t session;
        const struct redis_tls *tls; /* of the target, which the connection holds     */
        char *name;                  /* expected in the certificate, and sent as SNI; owned */
        gnutls_typed_vdata_st checks[2];
        int fd;
        int errnum;     /* of the socket's last failure                     */
        int last_rc;    /* why nothing more can be read; 0: more may follow */
        bool is_over;   /* last_rc is valid                                 */
        int send_rc;    /* why nothing more can be sent; 0: it can          */
        bool is_secure; /* the handshake is done                            */
        bool has_heard; /* a byte was received                              */
        bool is_clear;  /* and it was not TLS                               */
        bool is_short;  /* the last read from the socket has emptied it     */
        bool is_empty;  /* GnuTLS was told that there is nothing to read    */
        struct buf out; /* encrypted, waiting for the socket              */
        size_t out_sent;
        size_t in_from, in_to;
        char in[TLS_IN_BYTES];         /* encrypted, from the socket                  */
        char record[TLS_RECORD_BYTES]; /* plain text of the next record; wiped at the end */
};

#endif
