/* tls_target: parses certificates and keys once, when the target is created, and names the part that is invalid or does
 * not match. GnuTLS keeps the parsed form. Of the PEM itself, only a SHA-256 is kept, for comparing targets. */
#include <stdlib.h>
#include <string.h>

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>

#include "redis/tls_session.h"
#include "redis/tls_target.h"

/* The two secure versions, as far as the system's policy allows them. */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* GnuTLS takes a non-const pointer but does not write to it. */
static gnutls_datum_t datum_of(const struct secret *pem)
{
        return (gnutls_datum_t){ .data = (unsigned char *)pem->bytes, .size = (unsigned)pem->length };
}

static int say_pem(const char *part, const char *noun, int rc, struct err *err)
{
        switch (rc) {
        case GNUTLS_E_MEMORY_ERROR:
                return err_set(err, ERR_NOMEM, "%s", part);
        case GNUTLS_E_SUCCESS: /* the text contains none */
        case GNUTLS_E_NO_CERTIFICATE_FOUND:
        case GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR:
        case GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE:
                return err_set(err, ERR_INVALID, "%s: no %s in the PEM text", part, noun);
        case GNUTLS_E_DECRYPTION_FAILED:
                return err_set(err, ERR_INVALID, "%s: it is encrypted; use one without a passphrase", part);
        default:
                return err_set(err, ERR_INVALID, "%s: invalid PEM (%s)", part, gnutls_strerror(rc));
        }
}

static int load_ca(struct redis_tls *tls, const struct secret *ca, struct err *err)
{
        int count;
        if (tls->verify == REDIS_TLS_VERIFY_NONE)
                return 0;
        if (ca->length == 0) {
                tls->trusts_nobody = gnutls_certificate_set_x509_system_trust(tls->credentials) <= 0;
                return 0; /* tls_words.c reports it when a certificate is refused */
        }
        gnutls_datum_t pem = datum_of(ca);
        count = gnutls_certificate_set_x509_trust_mem(tls->credentials, &pem, GNUTLS_X509_FMT_PEM);
        return count > 0 ? 0 : say_pem("CA", "certificate", count, err);
}

/* Parses each of them separately first, because GnuTLS does not say which of the two it could not parse. */
static int check_pair(const gnutls_datum_t *certificate, const gnutls_datum_t *key, struct err *err)
{
        gnutls_x509_crt_t *list = NULL;
        unsigned count = 0;
        int rc = gnutls_x509_crt_list_import2(&list, &count, certificate, GNUTLS_X509_FMT_PEM, 0);
        for (unsigned i = 0; i < count && rc >= 0; i++)
                gnutls_x509_crt_deinit(list[i]);
        if (rc < 0)
                return say_pem("client certificate", "certificate", rc, err);
        gnutls_free(list);
        gnutls_privkey_t parsed;
        if (gnutls_privkey_init(&parsed) < 0)
                return err_set(err, ERR_NOMEM, "client key");
        rc = gnutls_privkey_import_x509_raw(parsed, key, GNUTLS_X509_FMT_PEM, NULL, 0);
        gnutls_privkey_deinit(parsed);
        return rc < 0 ? say_pem("client key", "private key", rc, err) : 0;
}

static int load_certificate(struct redis_tls *tls, const struct redis_target_options *o, struct err *err)
{
        if (o->certificate.length == 0)
                return 0;
        gnutls_datum_t certificate = datum_of(&o->certificate), key = datum_of(&o->private_key);
        int rc = check_pair(&certificate, &key, err);
        if (rc < 0)
                return rc;
        rc = gnutls_certificate_set_x509_key_mem2(tls->credentials, &certificate, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
        if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
                return err_set(err, ERR_INVALID, "client key: it does not belong to the client certificate");
        if (rc < 0)
                return say_pem("client certificate", "certificate", rc, err);
        tls->has_certificate = true;
        return 0;
}

static int take_fingerprint(struct redis_tls *tls, const struct redis_target_options *o, struct err *err)
{
        const struct secret *texts[] = { &o->ca, &o->certificate, &o->private_key };
        gnutls_hash_hd_t hash;
        int rc = gnutls_hash_init(&hash, GNUTLS_DIG_SHA256);
        if (rc < 0)
                return err_set(err, ERR_NOMEM, "TLS: %s", gnutls_strerror(rc));
        for (size_t i = 0; i < COUNT_OF(texts) && rc >= 0; i++) {
                rc = gnutls_hash(hash, &texts[i]->length, sizeof(texts[i]->length));
                if (rc >= 0 && texts[i]->length > 0)
                        rc = gnutls_hash(hash, texts[i]->bytes, texts[i]->length);
        }
        gnutls_hash_deinit(hash, tls->fingerprint);
        return rc < 0 ? err_set(err, ERR_NOMEM, "TLS: %s", gnutls_strerror(rc)) : 0;
}

static int load(struct redis_tls *tls, const struct redis_target_options *o, struct err *err)
{
        tls->verify = o->tls_verify;
        if (o->tls_server_name && !(tls->server_name = strdup(o->tls_server_name)))
                return err_set(err, ERR_NOMEM, "TLS");
        int rc = gnutls_certificate_allocate_credentials(&tls->credentials);
        if (rc >= 0)
                rc = gnutls_priority_init(&tls->priorities, PRIORITIES, NULL);
        if (rc < 0)
                return err_set(err, ERR_UNAVAILABLE, "TLS: %s", gnutls_strerror(rc));
        rc = load_ca(tls, &o->ca, err);
        if (rc == 0)
                rc = load_certificate(tls, o, err);
        return rc < 0 ? rc : take_fingerprint(tls, o, err);
}

int redis_tls_new(const struct redis_target_options *options, struct redis_tls **out, struct err *err)
{
        struct redis_tls *tls = calloc(1, sizeof(*tls));
        if (!tls)
                return err_set(err, ERR_NOMEM, "TLS");
        int rc = load(tls, options, err);
        if (rc < 0)
                redis_tls_free(tls);
        else
                *out = tls;
        return rc;
}

void redis_tls_free(struct redis_tls *tls)
{
        if (!tls)
                return;
        if (tls->priorities)
                gnutls_priority_deinit(tls->priorities);
        if (tls->credentials)
                gnutls_certificate_free_credentials(tls->credentials); /* wipes the key */
        free(tls->server_name);
        free(tls);
}

bool redis_tls_equal(const struct redis_tls *a, const struct redis_tls *b)
{
        if (!a || !b)
                return a == b;
        bool is_same_name = a->server_name && b->server_name ? strcmp(a->server_name, b->server_name) == 0
                                                             : a->server_name == b->server_name;
        return a->verify == b->verify && is_same_name &&
               gnutls_memcmp(a->fingerprint, b->fingerprint, sizeof(a->fingerprint)) == 0;
}
