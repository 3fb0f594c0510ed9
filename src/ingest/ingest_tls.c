/*
 * Records to bytes. Thread: ingest; what is read at start: main. GnuTLS keeps what of a record is not whole
 * yet, 16 KiB at most; nothing is sent after the handshake but its own answers. No tickets and no
 * renegotiation: a client that comes again greets again.
 */
#include "config.h"
#include "ingest/ingest_tls.h"

#include "core/mem.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>

#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SAFE_RENEGOTIATION"

struct ts_tls {
    gnutls_certificate_credentials_t cred;
    gnutls_priority_t priority;
    bool ask_client;
};

struct ts_tls_session {
    gnutls_session_t tls;
    bool greeted;
    char error[128];
};

static int read_files(struct ts_tls *tls, const struct ts_conf_listen *conf, struct ts_err *err)
{
    int rc = gnutls_certificate_set_x509_key_file2(tls->cred, conf->certificate, conf->key,
                                                   GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc < 0)
        return ts_fail(err, TS_EINVAL, "listen %s: certificate %s with key %s: %s", conf->url,
                       conf->certificate, conf->key, gnutls_strerror(rc));
    if (!conf->client_ca[0])
        return 0;
    rc = gnutls_certificate_set_x509_trust_file(tls->cred, conf->client_ca, GNUTLS_X509_FMT_PEM);
    if (rc <= 0)
        return ts_fail(err, TS_EINVAL, "listen %s: client_ca %s: %s", conf->url, conf->client_ca,
                       rc < 0 ? gnutls_strerror(rc) : "has no certificate");
    tls->ask_client = true;
    return 0;
}

int ts_tls_open(const struct ts_conf_listen *conf, struct ts_tls **out, struct ts_err *err)
{
    struct ts_tls *tls = ts_xalloc(sizeof *tls);
    int rc = gnutls_certificate_allocate_credentials(&tls->cred);
    if (rc < 0) {
        rc = ts_fail(err, TS_ENOMEM, "listen %s: %s", conf->url, gnutls_strerror(rc));
        goto fail;
    }
    rc = gnutls_priority_init(&tls->priority, PRIORITY, NULL);
    if (rc < 0) {
        rc = ts_fail(err, TS_ENOMEM, "listen %s: %s", conf->url, gnutls_strerror(rc));
        goto fail_cred;
    }
    rc = read_files(tls, conf, err);
    if (rc)
        goto fail_priority;
    *out = tls;
    return 0;
fail_priority:
    gnutls_priority_deinit(tls->priority);
fail_cred:
    gnutls_certificate_free_credentials(tls->cred);
fail:
    TS_FREE(tls);
    return rc;
}

void ts_tls_close(struct ts_tls **tls)
{
    if (*tls) {
        gnutls_priority_deinit((*tls)->priority);
        gnutls_certificate_free_credentials((*tls)->cred);
        TS_FREE(*tls);
    }
}

struct ts_tls_session *ts_tls_session_new(struct ts_tls *tls, int fd)
{
    struct ts_tls_session *ses = ts_alloc(sizeof *ses);
    if (!ses ||
        gnutls_init(&ses->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS) < 0)
        goto fail;
    if (gnutls_priority_set(ses->tls, tls->priority) < 0 ||
        gnutls_credentials_set(ses->tls, GNUTLS_CRD_CERTIFICATE, tls->cred) < 0)
        goto fail_tls;
    if (tls->ask_client) {
        /* Only certificates that are meant for clients; checked within the handshake. */
        static gnutls_typed_vdata_st meant_for = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                                  .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
        gnutls_certificate_server_set_request(ses->tls, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert2(ses->tls, &meant_for, 1, 0);
    }
    gnutls_handshake_set_timeout(ses->tls, GNUTLS_INDEFINITE_TIMEOUT); /* the listener has one of its own */
    gnutls_transport_set_int(ses->tls, fd);
    return ses;
fail_tls:
    gnutls_deinit(ses->tls);
fail:
    ts_free(ses);
    return NULL;
}

void ts_tls_session_free(struct ts_tls_session **session)
{
    if (*session) {
        if ((*session)->greeted)
            (void)gnutls_bye((*session)->tls, GNUTLS_SHUT_WR);
        gnutls_deinit((*session)->tls);
        TS_FREE(*session);
    }
}

static enum ts_counter reason_of(int rc)
{
    switch (rc) {
    case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
    case GNUTLS_E_NO_CIPHER_SUITES:
    case GNUTLS_E_INSUFFICIENT_SECURITY:
    case GNUTLS_E_NO_COMMON_KEY_SHARE: return TS_C_CLOSED_TLS_VERSION;
    case GNUTLS_E_CERTIFICATE_ERROR:
    case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
    case GNUTLS_E_CERTIFICATE_REQUIRED:
    case GNUTLS_E_NO_CERTIFICATE_FOUND: return TS_C_CLOSED_TLS_CERTIFICATE;
    case GNUTLS_E_PREMATURE_TERMINATION:
    case GNUTLS_E_FATAL_ALERT_RECEIVED:
    case GNUTLS_E_DECRYPTION_FAILED: /* an OpenSSL client that does not trust us says so in the clear */
    case GNUTLS_E_PULL_ERROR:
    case GNUTLS_E_PUSH_ERROR: return TS_C_CLOSED_TLS_PEER;
    default: return TS_C_CLOSED_TLS_PROTOCOL;
    }
}

int ts_tls_greet(struct ts_tls_session *ses, bool *wants_out, enum ts_counter *why)
{
    int rc;
    do
        rc = gnutls_handshake(ses->tls);
    while (rc == GNUTLS_E_INTERRUPTED || rc == GNUTLS_E_WARNING_ALERT_RECEIVED);
    *wants_out = rc == GNUTLS_E_AGAIN && gnutls_record_get_direction(ses->tls) == 1;
    if (rc == GNUTLS_E_AGAIN)
        return -TS_EAGAIN;
    if (rc == GNUTLS_E_SUCCESS) {
        ses->greeted = true;
        return 0;
    }
    bool told = rc == GNUTLS_E_FATAL_ALERT_RECEIVED;
    const char *alert = told ? gnutls_alert_get_name(gnutls_alert_get(ses->tls)) : NULL;
    snprintf(ses->error, sizeof ses->error, "%s%s%s", gnutls_strerror(rc), alert ? " " : "",
             alert ? alert : "");
    if (!told)
        (void)gnutls_alert_send_appropriate(ses->tls, rc); /* so that the client can tell its user why */
    *why = reason_of(rc);
    return -TS_EREFUSED;
}

const char *ts_tls_error(const struct ts_tls_session *ses)
{
    return ses->error;
}

ssize_t ts_tls_read(struct ts_tls_session *ses, void *to, size_t room)
{
    ssize_t n = gnutls_record_recv(ses->tls, to, room);
    if (n >= 0)
        return n;
    errno = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_WARNING_ALERT_RECEIVED ? EAGAIN
                                                                                                     : EPROTO;
    return -1;
}

bool ts_tls_has_more(const struct ts_tls_session *ses)
{
    return gnutls_record_check_pending(ses->tls) > 0;
}
