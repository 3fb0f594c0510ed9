#ifndef TSAGG_STATUS_HTTP_H
#define TSAGG_STATUS_HTTP_H
/* GET of a page of tsaggd, such as /api/v1/status, or POST without a body, for the tools. */
#include "core/buf.h"

/**
 * Appends the answer, 16 MiB at most.
 * @param who    begins the message on stderr: "tsagg-ctl status". host: a URL, http:// or https://. token: ""
 * for none. ca: a file of certificates to trust instead of the system's, or NULL. page: its path.
 * @return 0; -TS_ECONNECT: no answer, or none of tsaggd's; -TS_EAUTH: refused. stderr says why.
 */
int status_fetch(const char *who, const char *host, const char *token, const char *ca, const char *page,
                 struct ts_buf *answer) TS_MUST_CHECK;

/** POST, which may take two minutes. @return 0; -TS_ECONF status 400, -TS_EBUSY status 503, and the answer says why; else as status_fetch. */
int status_post(const char *who, const char *host, const char *token, const char *ca, const char *page,
                struct ts_buf *answer) TS_MUST_CHECK;

#endif
