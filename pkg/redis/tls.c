/* tls: GnuTLS reads from and writes to two of our buffers and never touches the socket. So one read can fetch many
 * records, and one write carries up to 1024 commands of a flush in records of 16 KiB. Bytes that the socket does not
 * accept wait in encrypted form, so no send has to be repeated with the same bytes.
 *
 * Buffered bytes do not wake the poll; channel->has_unread and has_pending tell the connection about them.
 * GNUTLS_E_AGAIN alone does not mean that everything was read, because GnuTLS also returns it after its own messages,
 * such as a ticket or a key update. s->is_empty does mean that. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "redis/target_private.h"
#include "redis/tls.h"
#include "redis/tls_session.h"
#include "redis/tls_words.h"

/* --- Between GnuTLS and the socket ----------------------------------------------------------------------- */

/* Content types of records (RFC 8446, section 5.1): change_cipher_spec to application_data. */
static bool is_record_type(char byte)
{
        return byte >= 20 && byte <= 23;
}

static ssize_t fill_in(struct redis_tls_session *s)
{
        ssize_t n = recv(s->fd, s->in, sizeof(s->in), 0);
        if (n <= 0) {
                s->is_empty = n < 0 && errno == EAGAIN;
                s->errnum = n < 0 ? errno : 0;
                return n;
        }
        if (!s->has_heard)
                s->is_clear = !is_record_type(s->in[0]);
        s->has_heard = true;
        s->is_short = (size_t)n < sizeof(s->in);
        s->in_from = 0;
        s->in_to = (size_t)n;
        return n;
}

static ssize_t on_pull(gnutls_transport_ptr_t data, void *bytes, size_t size)
{
        struct redis_tls_session *s = data;
        if (s->in_from == s->in_to) {
                ssize_t n = -1;
                if (s->is_short) { /* the poll reports further data */
                        s->is_empty = true;
                        errno = EAGAIN;
                } else {
                        n = fill_in(s);
                }
                if (n <= 0) {
                        gnutls_transport_set_errno(s->session, n < 0 ? errno : 0);
                        return n;
                }
        }
        size_t count = s->in_to - s->in_from < size ? s->in_to - s->in_from : size;
        memcpy(bytes, s->in + s->in_from, count);
        s->in_from += count;
        return (ssize_t)count;
}

static ssize_t on_push(gnutls_transport_ptr_t data, const giovec_t *parts, int count)
{
        struct redis_tls_session *s = data;
        size_t before = s->out.len;
        for (int i = 0; i < count; i++) {
                if (buf_append(&s->out, parts[i].iov_base, parts[i].iov_len) == 0)
                        continue;
                gnutls_transport_set_errno(s->session, ENOMEM);
                s->errnum = ENOMEM;
                return -1;
        }
        return (ssize_t)(s->out.len - before);
}

/* Returns 0, or -1 with errno set. With EAGAIN, the rest follows when the socket is writable. */
static int flush(struct redis_channel *channel)
{
        struct redis_tls_session *s = channel->tls;
        while (s->out_sent < s->out.len) {
                ssize_t n = send(s->fd, s->out.data + s->out_sent, s->out.len - s->out_sent, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        channel->has_pending = true;
                        return -1;
                }
                s->out_sent += (size_t)n;
        }
        buf_clear(&s->out, TLS_OUT_BYTES + TLS_RECORD_BYTES + 4096);
        s->out_sent = 0;
        channel->has_pending = false;
        return 0;
}

/* --- The handshake --------------------------------------------------------------------------------------- */

static bool is_numeric(const char *host)
{
        struct in6_addr address;
        return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/* The server's name, without the final dot of a fully qualified name, which neither certificates nor SNI have (RFC
 * 6066, section 3). */
static char *name_of(const struct redis_target *target)
{
        const char *name = target->tls->server_name ? target->tls->server_name : target->host;
        size_t length = strlen(name);
        return strndup(name, length > 1 && name[length - 1] == '.' ? length - 1 : length);
}

/* GnuTLS compares a numeric name with the addresses in the certificate (gnutls_x509_crt_check_hostname2). */
static void set_checks(struct redis_tls_session *s)
{
        s->checks[0].type = GNUTLS_DT_KEY_PURPOSE_OID;
        s->checks[0].data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_SERVER;
        s->checks[1].type = GNUTLS_DT_DNS_HOSTNAME;
        s->checks[1].data = (unsigned char *)s->name;
        if (s->tls->verify != REDIS_TLS_VERIFY_NONE)
                gnutls_session_set_verify_cert2(s->session, s->checks, s->tls->verify == REDIS_TLS_VERIFY_FULL ? 2 : 1,
                                                0);
}

static int set_up(struct redis_tls_session *s)
{
        /* There is only one certificate, so it is sent no matter which issuers the server names. */
        int rc = gnutls_init(&s->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS |
                                                  GNUTLS_FORCE_CLIENT_CERT);
        if (rc >= 0)
                rc = gnutls_priority_set(s->session, s->tls->priorities);
        if (rc >= 0)
                rc = gnutls_credentials_set(s->session, GNUTLS_CRD_CERTIFICATE, s->tls->credentials);
        if (rc >= 0 && !is_numeric(s->name))
                rc = gnutls_server_name_set(s->session, GNUTLS_NAME_DNS, s->name, strlen(s->name));
        if (rc < 0)
                return rc;
        set_checks(s);
        gnutls_transport_set_ptr(s->session, s);
        gnutls_transport_set_pull_function(s->session, on_pull);
        gnutls_transport_set_vec_push_function(s->session, on_push);
        return 0;
}

/* On failure NULL, with `err` set; the channel frees a half-built session. */
static struct redis_tls_session *start(struct redis_channel *channel, struct err *err)
{
        struct redis_tls_session *s = calloc(1, sizeof(*s));
        if (!s) {
                (void)err_set(err, ERR_NOMEM, "TLS"); /* the NULL result reports it */
                return NULL;
        }
        channel->tls = s;
        s->fd = channel->fd;
        s->tls = channel->options.target->tls;
        s->name = name_of(channel->options.target);
        int rc = s->name ? set_up(s) : GNUTLS_E_MEMORY_ERROR;
        if (rc >= 0)
                return s;
        (void)redis_tls_say(s, rc, err); /* the NULL result reports it */
        return NULL;
}

static int shake(struct redis_tls_session *s)
{
        int rc;
        do {
                s->is_short = s->is_empty = false;
                rc = gnutls_handshake(s->session);
        } while (rc < 0 && !gnutls_error_is_fatal(rc) && !s->is_empty);
        return rc;
}

static int tls_ready(struct redis_channel *channel, struct err *err)
{
        struct redis_tls_session *s = channel->tls ? channel->tls : start(channel, err);
        if (!s)
                return err->code;
        int rc = shake(s);
        bool has_failed = rc < 0 && gnutls_error_is_fatal(rc);
        if (has_failed)
                (void)gnutls_alert_send_appropriate(s->session, rc); /* a courtesy: the connection is closed anyway */
        int sent = flush(channel);
        if (has_failed)
                return redis_tls_say(s, rc, err);
        if (sent < 0 && errno != EAGAIN)
                return err_errno(err, "TLS handshake");
        s->is_secure = rc == 0;
        if (!s->is_secure)
                redis_channel_wait(channel, UV_READABLE);
        return s->is_secure;
}

/* --- Data ------------------------------------------------------------------------------------------------ */

/* Returns -1 with errno set; channel->problem explains EPROTO. */
static ssize_t fail(struct redis_channel *channel, int rc)
{
        struct redis_tls_session *s = channel->tls;
        if ((rc == GNUTLS_E_PULL_ERROR || rc == GNUTLS_E_PUSH_ERROR) && s->errnum != 0) {
                errno = s->errnum;
                return -1;
        }
        (void)redis_tls_say(s, rc, &channel->problem);
        errno = EPROTO;
        return -1;
}

/* A write may be the first to notice that the server has closed; an earlier alert gives the reason. */
static ssize_t fail_to_send(struct redis_channel *channel)
{
        struct redis_tls_session *s = channel->tls;
        int errnum = errno;
        char byte;
        s->is_short = false;
        if (errnum != EAGAIN && gnutls_record_recv(s->session, &byte, 1) == GNUTLS_E_FATAL_ALERT_RECEIVED)
                return fail(channel, GNUTLS_E_FATAL_ALERT_RECEIVED);
        errno = errnum;
        return -1;
}

/* The position of the next byte to send. */
struct place {
        const struct iovec *parts;
        size_t count, offset;
};

static size_t gather(struct place *at, char *to)
{
        size_t size = 0;
        while (at->count > 0 && size < TLS_RECORD_BYTES) {
                size_t rest = at->parts->iov_len - at->offset, room = TLS_RECORD_BYTES - size;
                size_t count = rest < room ? rest : room;
                memcpy(to + size, (const char *)at->parts->iov_base + at->offset, count);
                size += count;
                at->offset += count;
                if (count == rest) {
                        at->parts++;
                        at->count--;
                        at->offset = 0;
                }
        }
        return size;
}

/* Sends one record, or several if the server asked for shorter ones (RFC 8449). on_push takes everything. */
static int send_record(struct redis_tls_session *s, size_t size)
{
        for (size_t sent = 0; sent < size;) {
                ssize_t n = gnutls_record_send(s->session, s->record + sent, size - sent);
                if (n < 0)
                        return (int)n;
                sent += (size_t)n;
        }
        return 0;
}

/* Accepted bytes may already have been sent, so the next call reports a later failure. */
static ssize_t tls_send(struct redis_channel *channel, const struct iovec *parts, size_t count)
{
        struct redis_tls_session *s = channel->tls;
        struct place at = { parts, count, 0 };
        size_t taken = 0, size;
        if (s->send_rc < 0)
                return fail(channel, s->send_rc);
        if (flush(channel) < 0)
                return fail_to_send(channel);
        while ((size = gather(&at, s->record)) > 0) {
                s->send_rc = send_record(s, size);
                if (s->send_rc < 0) {
                        channel->has_pending = true; /* so that there is a next call */
                        return taken > 0 ? (ssize_t)taken : fail(channel, s->send_rc);
                }
                taken += size;
                if (s->out.len >= TLS_OUT_BYTES && flush(channel) < 0)
                        break;
        }
        (void)flush(channel); /* has_pending says whether everything was sent */
        return (ssize_t)taken;
}

/* Reads one record at most. 1: more may follow; 0: nothing to read now; -1: the stream has ended, and s->last_rc says
 * why. */
static int recv_record(struct redis_tls_session *s, char *bytes, size_t size, size_t *got)
{
        s->is_empty = false;
        ssize_t n = gnutls_record_recv(s->session, bytes, size);
        if (n > 0) {
                *got += (size_t)n;
                return 1;
        }
        if (n == GNUTLS_E_REHANDSHAKE) /* TLS 1.2 only, and not needed. A warning, so failure is harmless */
                (void)gnutls_alert_send(s->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
        if (n < 0 && !gnutls_error_is_fatal((int)n))
                return !s->is_empty;
        s->is_over = true;
        s->last_rc = (int)n;
        return -1;
}

static ssize_t end_of(struct redis_channel *channel)
{
        struct redis_tls_session *s = channel->tls;
        if (s->last_rc == 0 || s->last_rc == GNUTLS_E_PREMATURE_TERMINATION)
                return 0; /* replies mark their own end, so truncation is noticed */
        return fail(channel, s->last_rc);
}

static ssize_t tls_recv(struct redis_channel *channel, void *bytes, size_t size)
{
        struct redis_tls_session *s = channel->tls;
        size_t got = 0;
        int more = !s->is_over;
        s->is_short = false;
        while (more > 0 && got < size)
                more = recv_record(s, (char *)bytes + got, size - got, &got);
        if (s->out.len > 0)
                (void)flush(channel); /* GnuTLS's own response; has_pending says whether everything was sent */
        channel->has_unread = s->is_over || s->in_from < s->in_to || gnutls_record_check_pending(s->session) > 0;
        if (got > 0)
                return (ssize_t)got;
        if (s->is_over)
                return end_of(channel);
        errno = EAGAIN;
        return -1;
}

static void tls_close(struct redis_channel *channel)
{
        struct redis_tls_session *s = channel->tls;
        if (!s)
                return;
        if (s->is_secure && !s->is_over && gnutls_bye(s->session, GNUTLS_SHUT_WR) == 0)
                (void)flush(channel); /* a courtesy */
        if (s->session)
                gnutls_deinit(s->session);
        buf_fini(&s->out);
        free(s->name);
        explicit_bzero(s->record, sizeof(s->record));
        free(s);
        channel->tls = NULL;
}

const struct redis_transport redis_transport_tls = {
        .ready = tls_ready,
        .send = tls_send,
        .recv = tls_recv,
        .close = tls_close,
        .short_read_is_last = true,
};
