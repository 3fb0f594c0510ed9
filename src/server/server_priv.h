#ifndef TS_SERVER_SERVER_PRIV_H
#define TS_SERVER_SERVER_PRIV_H
#include "core/ledger.h"
#include "core/scan.h"
#include "server/server.h"

#include <gnutls/gnutls.h>
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#define TS_SERVER_TIMEOUT_S 10u /* a connection silent for so long is closed */

#define TS_SERVER_CONNECTIONS 64u

/** A connection, and since when its headers are to come; 0: they have. */
struct ts_server_slot {
    struct MHD_Connection *con;
    int fd;
    int64_t since_ns;
};

struct ts_server {
    struct ts_server_info info;
    struct MHD_Daemon *mhd;
    uint16_t port;
    gnutls_datum_t certificate, key; /* PEM; empty without TLS */
    /* Sequentially consistent, both: a request counts itself in and then looks whether it may; whoever ends
     * the writes says so and then looks at the count. */
    _Atomic unsigned writes; /* requests in progress */
    _Atomic bool writes_ended;
    pthread_mutex_t lock; /* of cnt */
    struct ts_counters *cnt;
    _Atomic bool ending; /* the server stops: queries end */
    struct ts_queries *queries;
    struct ts_server_slot slots[TS_SERVER_CONNECTIONS]; /* under slots_lock */
    pthread_mutex_t slots_lock;
    pthread_t slow;
    bool slow_started;
    _Atomic bool slow_stopping;
};

/* The pages. Each appends its body; a failed buffer becomes status 500. @thread server */
void ts_server_metrics(const struct ts_server_info *info, struct ts_buf *body);
void ts_server_status(const struct ts_server_info *info, struct ts_buf *body);
void ts_server_cardinality(const struct ts_server_info *info, struct ts_buf *body);
/* Parts of the first two above. */
void ts_server_listeners_status(struct ts_buf *body);
void ts_server_sources_status(struct ts_buf *body);
void ts_server_stages_status(const struct ts_server_info *info, struct ts_buf *body);

#define TS_SERVER_SINKS_MAX 256

/** The ledger and the sinks at one moment. */
struct ts_server_look {
    struct ts_ledger ledger;
    struct ts_sink_status sinks[TS_SERVER_SINKS_MAX];
    unsigned nsinks;
    bool balanced; /* all of it */
};
void ts_server_look(const struct ts_server_info *info, struct ts_server_look *look);

void ts_server_health(const struct ts_server_info *info, struct ts_buf *body);
void ts_server_ready(const struct ts_server_info *info, struct ts_buf *body);

/** Answers POST /api/v1/reload (server_reload.c). */
enum MHD_Result ts_server_reload(const struct ts_server *srv, struct MHD_Connection *con);

/* ---- answers (server_answer.c) ---- */

/** Sends body (which is copied) with a header of the caller's choice. */
enum MHD_Result ts_server_respond(struct MHD_Connection *con, unsigned status, const char *type,
                                  struct ts_str body, const char *header, const char *value);

/** The headers that every answer has. */
enum MHD_Result ts_server_add_common(struct MHD_Connection *con, struct MHD_Response *rsp);

/** InfluxDB 2's form of an error: {"code":…,"message":…}. */
enum MHD_Result ts_server_error(struct MHD_Connection *con, unsigned status, const char *message,
                                const char *header, const char *value);

/** The same with another word for the status, as InfluxDB has for some. */
enum MHD_Result ts_server_error_as(struct MHD_Connection *con, unsigned status, const char *code,
                                   const char *message, const char *header, const char *value);

/** What a browser wants to see before it gives a script the answer, when http.allow_origin has the request's
 * origin. Every answer has it. */
enum MHD_Result ts_server_add_cors(struct MHD_Connection *con, struct MHD_Response *rsp);
/** OPTIONS of any path, by which a browser asks beforehand. */
enum MHD_Result ts_server_preflight(struct MHD_Connection *con);

/** Whether the request has the token of the configuration, if there is one: as Authorization: Token or
 * Bearer. */
bool ts_server_is_allowed(const struct ts_server *srv, struct MHD_Connection *con);

/** The same, and what InfluxDB 1's clients have: Authorization: Basic, or the parameter p. */
bool ts_server_is_allowed_v1(const struct ts_server *srv, struct MHD_Connection *con);

/* ---- clients whose headers do not end (server_slow.c) ---- */

/** @return 0, -TS_ENOMEM; either way ts_slow_stop is due. */
int ts_slow_start(struct ts_server *srv) TS_MUST_CHECK;
void ts_slow_stop(struct ts_server *srv);
/** What becomes of a connection. */
void ts_slow_connected(struct ts_server *srv, struct MHD_Connection *con);
void ts_slow_asked(struct ts_server *srv, struct MHD_Connection *con);
void ts_slow_answered(struct ts_server *srv, struct MHD_Connection *con);
void ts_slow_closed(struct ts_server *srv, struct MHD_Connection *con);

/* ---- HTTPS (server_tls.c) ---- */

#define TS_SERVER_TLS_OPTIONS 4

/** Reads the files of the configuration and sees whether they fit. @return 0, -TS_EINVAL, -TS_ENOMEM. */
int ts_server_tls_open(struct ts_server *srv, struct ts_err *err) TS_MUST_CHECK;
void ts_server_tls_close(struct ts_server *srv);

/** What the daemon is to be started with; it borrows them. */
void ts_server_tls_options(const struct ts_server *srv, struct MHD_OptionItem options[TS_SERVER_TLS_OPTIONS]);

/* ---- requests with a body ---- */

struct ts_request;

struct ts_request_ops {
    /** Bytes of the body. @return MHD_NO to close the connection. */
    enum MHD_Result (*data)(struct ts_request *req, const char *data, size_t len);
    /** The body is complete: answers. */
    enum MHD_Result (*end)(struct ts_request *req, struct MHD_Connection *con);
    /** It has been answered, or its connection is gone. */
    void (*free)(struct ts_request *req);
};

/** The first member of whatever handles a request. One that is refused by its headers is answered at once
 * when the client waits for 100-continue; else its body is thrown away first, because closing a connection
 * with unread bytes would take the answer away from the client. */
struct ts_request {
    const struct ts_request_ops *ops;
    bool refused;
};

/** POST /api/v2/write and /write (server_write.c); the headers have come. version: of InfluxDB whose clients
 * ask.
 * @return NULL without memory. */
struct ts_request *ts_write_new(struct ts_server *srv, struct MHD_Connection *con, unsigned version);

/** Longest time that a body may take to come, and bytes of one that is refused. */
#define TS_SERVER_BODY_NS    (300 * TS_SEC)
#define TS_SERVER_THROWN_MAX ((uint64_t)256 << 20)

/** A value of the query or of the headers; "" when it is not there. */
const char *ts_server_parameter(struct MHD_Connection *con, const char *name);
const char *ts_server_header(struct MHD_Connection *con, const char *name);

/* ---- POST /api/v2/query (server_query.c, server_queries.c) ---- */

struct ts_queries;
struct ts_queries *ts_queries_new(void); /* @return NULL without memory */
void ts_queries_free(struct ts_queries **qs);

/** The headers have come. @return NULL without memory. */
struct ts_request *ts_server_query_new(struct ts_server *srv, struct MHD_Connection *con);

/* Parts of the status and of the readings. */
void ts_server_queries_status(const struct ts_server_info *info, struct ts_buf *body);
void ts_server_queries_readings(const struct ts_server_info *info, struct ts_readings *out);

/* ---- InfluxDB's API beside these (server_api.c) ---- */

struct ts_call {
    struct ts_request req; /* first */
    struct ts_server *srv;
    struct MHD_Connection *con;
    const struct ts_route *route; /* of server_api.c; NULL: refused */
    char id[32];                  /* what follows the path, cut; "" nothing */
    int64_t number;               /* the same read, for paths that a number follows */
    int64_t begun_ns;
    uint64_t thrown_bytes;
    unsigned status; /* refused with it; 0 goes on */
    const char *message, *allow;
    struct ts_buf given;
};

/** For a path of the API: *out is what handles it, NULL without memory. @return false: it is no such path. */
bool ts_api_new(struct ts_server *srv, struct MHD_Connection *con, const char *method, const char *path,
                struct ts_request **out);

enum MHD_Result ts_call_respond(struct ts_call *call, unsigned status, const struct ts_buf *body);
/** Answers with what an operation on the store has failed with. */
enum MHD_Result ts_call_fail(struct ts_call *call, int rc, const struct ts_err *err);

/** 16 hexadecimal digits, not all 0. */
bool ts_api_read_id(const char *text, int64_t *out);
bool ts_api_is_org_id(const char *text);
/** limit, offset and descending, as lists take them. @return NULL, or what is wrong with them. */
struct ts_api_page {
    int64_t limit, offset;
    bool descending;
};
const char *ts_api_read_page(struct MHD_Connection *con, struct ts_api_page *page);

/** The request's body, an object; the caller's to json_decref. NULL: err says what is wrong behind `prefix`.
 */
json_t *ts_api_read_json(struct ts_call *call, const char *prefix, struct ts_err *err);
/** Appends a value of a URL's query. */
void ts_api_put_escaped(struct ts_buf *url, const char *value);

/* Answers; each is in the table of server_api.c, which says whether it needs the store. */
enum MHD_Result ts_api_list_buckets(struct ts_call *call);
enum MHD_Result ts_api_make_bucket(struct ts_call *call);
enum MHD_Result ts_api_get_bucket(struct ts_call *call);
enum MHD_Result ts_api_change_bucket(struct ts_call *call);
enum MHD_Result ts_api_drop_bucket(struct ts_call *call);
enum MHD_Result ts_api_list_orgs(struct ts_call *call);
enum MHD_Result ts_api_get_org(struct ts_call *call);
enum MHD_Result ts_api_delete(struct ts_call *call);

/** Finds a bucket of the store by name or, when name is empty, by number. @return 0, -TS_ENOTFOUND, or as
 * ts_admin_list. */
int ts_api_find_bucket(struct ts_server *srv, const char *name, int64_t *id,
                       struct ts_err *err) TS_MUST_CHECK;

/**
 * The name of the bucket that a write request means: InfluxDB 2 has its number too (16 hexadecimal digits), 1
 * a database and a retention policy, where DB stands for DB/autogen as well. What is not found stays as it
 * is.
 */
void ts_api_resolve_bucket(struct ts_server *srv, unsigned version, struct ts_buf *bucket);

/* ---- predicates of deletes (server_predicate.c) ---- */

#define TS_PREDICATE_TERMS 64

struct ts_predicate {
    struct ts_scan_pred all; /* AND of the terms */
    struct ts_scan_pred terms[TS_PREDICATE_TERMS];
    const struct ts_scan_pred *args[TS_PREDICATE_TERMS];
    unsigned n;
    char *texts; /* those that were in quotes; others are the text's, which must outlive it */
};

/**
 * Reads InfluxDB's delete predicate: comparisons = and != of tags and _measurement, joined with AND, in
 * parentheses or not.
 * @return 0, and pre is to be freed; -TS_EPARSE; -TS_EREFUSED it compares the field; -TS_ELIMIT; -TS_ENOMEM.
 * err says it in InfluxDB's words.
 */
int ts_predicate_read(struct ts_str text, struct ts_predicate *pre, struct ts_err *err) TS_MUST_CHECK;
void ts_predicate_fini(struct ts_predicate *pre);

/**
 * Inflates gzip, members one behind the other included, into out, up to out's limit.
 * @return 0; -TS_EPARSE no gzip, or damaged; -TS_ELIMIT; -TS_ENOMEM.
 */
int ts_server_gunzip(struct ts_str in, struct ts_buf *out) TS_MUST_CHECK;

#endif
