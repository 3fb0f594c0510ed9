#ifndef TSAGG_STATUS_HTTP_H
#define TSAGG_STATUS_HTTP_H
/* GET /api/v1/status of a tsaggd, for the tools that read its ledger. */
#include "core/buf.h"

/**
 * Appends the answer, 16 MiB at most.
 * @param who    begins the message on stderr: "tsagg-ctl status". host: a URL, http:// or https://. token: ""
 * for none.
 * @return 0; -TS_ECONNECT: no answer, or none of tsaggd's; -TS_EAUTH: refused. stderr says why.
 */
int status_fetch(const char *who, const char *host, const char *token, struct ts_buf *answer) TS_MUST_CHECK;

/** The same of another page. */
int status_fetch_page(const char *who, const char *host, const char *token, const char *page,
                      struct ts_buf *answer) TS_MUST_CHECK;

#endif
