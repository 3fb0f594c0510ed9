/* HTTPS: the certificate and its key, read and checked at start. Thread: main. libmicrohttpd does the rest.
 */
#include "config.h"
#include "server/server_priv.h"

#include <gnutls/x509.h>

#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

static int load(const char *path, gnutls_datum_t *out, struct ts_err *err)
{
    int rc = gnutls_load_file(path, out);
    return rc < 0 ? ts_fail(err, TS_EINVAL, "http: %s: %s", path, gnutls_strerror(rc)) : 0;
}

/* libmicrohttpd would only say that it does not start. */
static int check(const struct ts_server *srv, struct ts_err *err)
{
    gnutls_certificate_credentials_t cred;
    if (gnutls_certificate_allocate_credentials(&cred) < 0)
        return ts_fail(err, TS_ENOMEM, "http: out of memory");
    int rc = gnutls_certificate_set_x509_key_mem2(cred, &srv->certificate, &srv->key, GNUTLS_X509_FMT_PEM,
                                                  NULL, 0);
    gnutls_certificate_free_credentials(cred);
    return rc < 0 ? ts_fail(err, TS_EINVAL, "http: certificate %s with key %s: %s",
                            srv->info.conf->http.certificate, srv->info.conf->http.key, gnutls_strerror(rc))
                  : 0;
}

int ts_server_tls_open(struct ts_server *srv, struct ts_err *err)
{
    int rc = load(srv->info.conf->http.certificate, &srv->certificate, err);
    if (rc == 0)
        rc = load(srv->info.conf->http.key, &srv->key, err);
    if (rc == 0)
        rc = check(srv, err);
    if (rc)
        ts_server_tls_close(srv);
    return rc;
}

void ts_server_tls_close(struct ts_server *srv)
{
    gnutls_free(srv->certificate.data);
    gnutls_free(srv->key.data);
    srv->certificate.data = srv->key.data = NULL;
}

void ts_server_tls_options(const struct ts_server *srv, struct MHD_OptionItem options[TS_SERVER_TLS_OPTIONS])
{
    options[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, srv->certificate.data};
    options[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, srv->key.data};
    options[2] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)PRIORITY};
    options[3] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}
