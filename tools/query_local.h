#ifndef TSAGG_QUERY_LOCAL_H
#define TSAGG_QUERY_LOCAL_H
/* tsagg-query without a server: the Flux engine in this process, and the formatter. */
#include "query/query.h"

/** A ts_query_source_fn: evaluates the script here. Results come as annotated CSV, as a server would send
 * them. */
int query_local_run(const struct ts_query_request *req, const struct ts_query_http_events *events,
                    struct ts_buf *error) TS_MUST_CHECK;

/** The script in its one form on stdout. error gets what is wrong with it. */
enum ts_query_end query_local_format(struct ts_str script, struct ts_buf *error);

#endif
