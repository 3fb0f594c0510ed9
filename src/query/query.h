#ifndef TS_QUERY_H
#define TS_QUERY_H
/* tsagg-query: a script goes to a server, its results come out in a format. */
#include "core/base.h"
#include "core/buf.h"
#include "query/query_format.h"
#include "query/query_http.h"

/** How a query ended: the exit codes that scripts depend on. */
enum ts_query_end {
    TS_QUERY_OK,
    TS_QUERY_EMPTY, /* no rows, and fail_empty was set */
    TS_QUERY_USAGE,
    TS_QUERY_FAILED,  /* the query is wrong or failed, or its results cannot be written */
    TS_QUERY_NOWHERE, /* no server, or a connection that broke */
    TS_QUERY_REFUSED, /* not allowed */
};

/**
 * Runs the query and writes its results to fd. When nobody reads fd any more, or *req->stop is set, it ends
 * early and all is well. error gets what went wrong, notes what is worth telling beside the results; both
 * lines for people.
 */
enum ts_query_end ts_query_run(const struct ts_query_request *req, const struct ts_query_format *format,
                               int fd, bool fail_empty, struct ts_buf *notes, struct ts_buf *error);

#endif
