#ifndef TS_QUERY_HTTP_H
#define TS_QUERY_HTTP_H
/* One query to an InfluxDB 2 server: POST /api/v2/query. */
#include "core/ask.h"
#include "core/base.h"
#include "core/buf.h"
#include "query/query_target.h"

#include <signal.h>

struct ts_query_request;
struct ts_query_http_events;

/** Who answers a request: ts_query_http_run, or an engine in this process. Returns and errors as there. */
typedef int (*ts_query_source_fn)(const struct ts_query_request *req, const struct ts_query_http_events *events,
                                  struct ts_buf *error);

/** All borrowed. */
struct ts_query_request {
    ts_query_source_fn source;         /* NULL: ts_query_http_run */
    struct ts_query_target target; /* host is set; the rest may be NULL */
    struct ts_str script;
    const char *now; /* RFC 3339; NULL: the server's clock */
    const struct ts_ask_param *params;
    unsigned nparams;
    int64_t timeout_ns;                /* of the whole request; 0: none */
    const char *store;                 /* directory that a query in this process reads; NULL: the default */
    uint64_t memory_bytes;             /* that a query in this process may take; 0: any */
    const char *ca;                    /* file of certificates to trust; NULL: the system's */
    bool verify;                       /* the server's certificate */
    const volatile sig_atomic_t *stop; /* not 0: end the request; may be NULL */
};

struct ts_query_http_events {
    /** The next bytes of a successful answer. Not 0 ends the request and is returned from it. */
    int (*body)(void *arg, struct ts_str bytes);
    /** Called after every few bytes, and ten times a second while none come. */
    void (*tick)(void *arg);
    void *arg;
};

/** The request's JSON body. */
void ts_query_request_put_body(const struct ts_query_request *req, struct ts_buf *to);

/**
 * Runs the query.
 * @return 0, also when stopped; -TS_ECONNECT: no answer, a broken one, or not one of InfluxDB; -TS_EAUTH:
 * refused; -TS_EQUERY: the server says that the query is wrong or failed; what body returned. error says
 * more.
 */
int ts_query_http_run(const struct ts_query_request *req, const struct ts_query_http_events *events,
                      struct ts_buf *error) TS_MUST_CHECK;

#endif
