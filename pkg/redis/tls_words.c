/* tls_words: describes failed checks and the peer. Text from a certificate or from the peer is truncated and made
 * printable. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "redis/tls_session.h"
#include "redis/tls_words.h"

enum { NAMES_MAX = 6 };

/* --- Certificates ---------------------------------------------------------------------------------------- */

static void make_printable(char *text)
{
        for (; *text; text++)
                if (!isprint((unsigned char)*text))
                        *text = '?';
}

/* The peer's own certificate; pass it to gnutls_x509_crt_deinit. */
static bool leaf_of(gnutls_session_t session, gnutls_x509_crt_t *out)
{
        unsigned count = 0;
        const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &count);
        if (!list || count == 0 || gnutls_x509_crt_init(out) < 0)
                return false;
        if (gnutls_x509_crt_import(*out, &list[0], GNUTLS_X509_FMT_DER) >= 0)
                return true;
        gnutls_x509_crt_deinit(*out);
        return false;
}

/* A name or address of the certificate; "" for other kinds. Returns its type; less than 0: there is no such entry. */
static int alt_name(gnutls_x509_crt_t leaf, unsigned index, char *out, size_t size)
{
        char raw[256];
        size_t length = sizeof(raw) - 1;
        int type = gnutls_x509_crt_get_subject_alt_name(leaf, index, raw, &length, NULL);
        out[0] = '\0';
        if (type == GNUTLS_SAN_IPADDRESS && (length == 4 || length == 16)) {
                (void)inet_ntop(length == 4 ? AF_INET : AF_INET6, raw, out,
                                (socklen_t)size); /* "" if it does not fit */
        } else if (type == GNUTLS_SAN_DNSNAME) {
                raw[length < sizeof(raw) ? length : sizeof(raw) - 1] = '\0';
                (void)snprintf(out, size, "%s", raw); /* cut if it is too long */
                make_printable(out);
        }
        return type;
}

static void common_name(gnutls_x509_crt_t leaf, char *out, size_t size)
{
        if (gnutls_x509_crt_get_dn_by_oid(leaf, GNUTLS_OID_X520_COMMON_NAME, 0, 0, out, &size) < 0)
                out[0] = '\0';
        make_printable(out);
}

static void list_names(gnutls_x509_crt_t leaf, char *out, size_t size)
{
        size_t length = 0;
        char name[128];
        out[0] = '\0';
        for (unsigned i = 0; i < NAMES_MAX && alt_name(leaf, i, name, sizeof(name)) >= 0 && length < size; i++)
                if (name[0])
                        length += (size_t)snprintf(out + length, size - length, "%s%s", length ? ", " : "", name);
        if (length == 0)
                common_name(leaf, out, size);
}

/* True: the certificate contains `wanted`, but as a kind of name that is not accepted. Sets *kind. */
static bool has_in_vain(gnutls_x509_crt_t leaf, const char *wanted, const char **kind)
{
        char name[256];
        int type;
        *kind = "a DNS name";
        for (unsigned i = 0; (type = alt_name(leaf, i, name, sizeof(name))) >= 0; i++)
                if (type == GNUTLS_SAN_DNSNAME && strcasecmp(name, wanted) == 0)
                        return true;
        common_name(leaf, name, sizeof(name));
        *kind = "its common name";
        return strcasecmp(name, wanted) == 0;
}

static bool is_address(const char *name)
{
        struct in6_addr address;
        return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

static int say_name(gnutls_x509_crt_t leaf, const char *wanted, struct err *err)
{
        char text[160];
        const char *kind;
        if (has_in_vain(leaf, wanted, &kind))
                return err_set(err, ERR_UNAVAILABLE, "TLS: certificate: it has %s as %s, expected it as %s", wanted,
                               kind, is_address(wanted) ? "an IP address" : "a DNS name");
        list_names(leaf, text, sizeof(text));
        return err_set(err, ERR_UNAVAILABLE, "TLS: certificate: it does not have the name %s (it has %s)", wanted,
                       text[0] ? text : "none");
}

static const char *day_of(time_t time, char out[16])
{
        struct tm day;
        if (time == (time_t)-1 || !gmtime_r(&time, &day) || strftime(out, 16, "%Y-%m-%d", &day) == 0)
                return "?";
        return out;
}

static int say_leaf(const struct redis_tls_session *s, gnutls_x509_crt_t leaf, unsigned status, struct err *err)
{
        char text[160], day[16];
        size_t size = sizeof(text);
        time_t now = time(NULL);
        time_t until = gnutls_x509_crt_get_expiration_time(leaf), from = gnutls_x509_crt_get_activation_time(leaf);
        if (status & GNUTLS_CERT_SIGNER_NOT_FOUND) {
                if (gnutls_x509_crt_get_issuer_dn(leaf, text, &size) < 0)
                        text[0] = '\0';
                make_printable(text);
                return err_set(err, ERR_UNAVAILABLE, "TLS: certificate: unknown issuer (%s)%s", text,
                               s->tls->trusts_nobody ? "; no CA is configured, and this system has none" : "");
        }
        if ((status & GNUTLS_CERT_EXPIRED) && until < now)
                return err_set(err, ERR_UNAVAILABLE, "TLS: certificate: expired on %s", day_of(until, day));
        if ((status & GNUTLS_CERT_NOT_ACTIVATED) && from > now)
                return err_set(err, ERR_UNAVAILABLE, "TLS: certificate: not valid before %s", day_of(from, day));
        return say_name(leaf, s->name, err);
}

static int say_certificate(const struct redis_tls_session *s, struct err *err)
{
        static const struct {
                unsigned bit;
                const char *words;
        } table[] = {
                { GNUTLS_CERT_REVOKED, "revoked" },
                { GNUTLS_CERT_EXPIRED, "one of its issuers has expired" },
                { GNUTLS_CERT_NOT_ACTIVATED, "one of its issuers is not valid yet" },
                { GNUTLS_CERT_SIGNER_NOT_CA, "its issuer is not a CA" },
                { GNUTLS_CERT_SIGNATURE_FAILURE, "its signature is wrong" },
                { GNUTLS_CERT_INSECURE_ALGORITHM, "it is signed with an insecure algorithm" },
                { GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, "its issuer may not issue it" },
                { GNUTLS_CERT_PURPOSE_MISMATCH, "it is not a server certificate" },
        };
        const unsigned in_leaf = GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED |
                                 GNUTLS_CERT_UNEXPECTED_OWNER;
        unsigned status = gnutls_session_get_verify_cert_status(s->session);
        gnutls_x509_crt_t leaf;
        const char *words = "not valid";
        for (size_t i = COUNT_OF(table); i-- > 0;)
                if (status & table[i].bit)
                        words = table[i].words;
        (void)err_set(err, ERR_UNAVAILABLE, "TLS: certificate: %s", words);
        if (!(status & in_leaf) || !leaf_of(s->session, &leaf))
                return err->code;
        bool is_dated = gnutls_x509_crt_get_expiration_time(leaf) < time(NULL) ||
                        gnutls_x509_crt_get_activation_time(leaf) > time(NULL);
        if (is_dated || (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_UNEXPECTED_OWNER)))
                (void)say_leaf(s, leaf, status, err);
        gnutls_x509_crt_deinit(leaf);
        return err->code;
}

/* --- Failures -------------------------------------------------------------------------------------------- */

/* In TLS 1.2, a missing client certificate gets a plain handshake_failure. */
static bool is_about_us(gnutls_alert_description_t alert)
{
        return alert == GNUTLS_A_CERTIFICATE_REQUIRED || alert == GNUTLS_A_HANDSHAKE_FAILURE ||
               (alert >= GNUTLS_A_BAD_CERTIFICATE && alert <= GNUTLS_A_CERTIFICATE_UNKNOWN) ||
               alert == GNUTLS_A_UNKNOWN_CA || alert == GNUTLS_A_ACCESS_DENIED;
}

static int say_alert(const struct redis_tls_session *s, struct err *err)
{
        gnutls_alert_description_t alert = gnutls_alert_get(s->session);
        const char *name = gnutls_alert_get_name(alert);
        bool was_asked = gnutls_certificate_client_get_request_status(s->session) != 0;
        if (alert == GNUTLS_A_PROTOCOL_VERSION)
                return err_set(err, ERR_UNAVAILABLE, "TLS: the server supports neither TLS 1.2 nor 1.3");
        if (was_asked && is_about_us(alert) && !s->tls->has_certificate)
                return err_set(err, ERR_UNAVAILABLE, "TLS: the server requires a client certificate");
        if (was_asked && is_about_us(alert))
                return err_set(err, ERR_UNAVAILABLE, "TLS: the server rejects the client certificate (%s)",
                               name ? name : "no reason given");
        return err_set(err, ERR_UNAVAILABLE, "TLS: the server ended the handshake (%s)", name ? name : "unknown alert");
}

int redis_tls_say(const struct redis_tls_session *s, int rc, struct err *err)
{
        if (s->is_clear)
                return err_set(err, ERR_PROTOCOL, "TLS: the server does not speak TLS");
        switch (rc) {
        case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
                return say_certificate(s, err);
        case GNUTLS_E_FATAL_ALERT_RECEIVED:
                return say_alert(s, err);
        case GNUTLS_E_PULL_ERROR:
        case GNUTLS_E_PUSH_ERROR:
                if (s->errnum != 0)
                        return err_errnum(err, s->errnum, "TLS handshake");
                break;
        case GNUTLS_E_PREMATURE_TERMINATION:
                return err_set(err, ERR_UNAVAILABLE, "TLS handshake: closed by the peer");
        case GNUTLS_E_MEMORY_ERROR:
                return err_set(err, ERR_NOMEM, "TLS");
        default:
                break;
        }
        return err_set(err, ERR_PROTOCOL, "TLS: %s", gnutls_strerror(rc));
}

/* --- The peer, for a probe ------------------------------------------------------------------------------- */

void redis_tls_describe(const struct redis_tls_session *s, struct redis_probe_result *out)
{
        gnutls_x509_crt_t leaf;
        if (!s || !leaf_of(s->session, &leaf))
                return;
        bool is_new = gnutls_protocol_get_version(s->session) == GNUTLS_TLS1_3;
        (void)snprintf(out->tls_version, sizeof(out->tls_version), "TLS %s", is_new ? "1.3" : "1.2"); /* fits */
        for (unsigned i = 0; !out->peer_name[0] && alt_name(leaf, i, out->peer_name, sizeof(out->peer_name)) >= 0; i++)
                ;
        if (!out->peer_name[0])
                common_name(leaf, out->peer_name, sizeof(out->peer_name));
        out->peer_not_after_ms = (int64_t)gnutls_x509_crt_get_expiration_time(leaf) * 1000;
        gnutls_x509_crt_deinit(leaf);
}
