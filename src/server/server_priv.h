#ifndef TS_SERVER_SERVER_PRIV_H
#define TS_SERVER_SERVER_PRIV_H
#include "core/counters.h"
#include "server/server.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#define TS_SERVER_TIMEOUT_S 10u /* a connection silent for so long is closed */

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
};

/* The pages. Each appends its body; a failed buffer becomes status 500. @thread server */
void ts_server_metrics(const struct ts_server_info *info, struct ts_buf *body);
void ts_server_status(const struct ts_server_info *info, struct ts_buf *body);
void ts_server_cardinality(const struct ts_server_info *info, struct ts_buf *body);
/* Parts of the first two above. */
void ts_server_listeners_metrics(struct ts_buf *body);
void ts_server_listeners_status(struct ts_buf *body);
void ts_server_sources_status(struct ts_buf *body);
void ts_server_stages_status(const struct ts_server_info *info, struct ts_buf *body);
/** {label="value"} */
void ts_server_put_label(struct ts_buf *body, const char *label, const char *value);

void ts_server_health(const struct ts_server_info *info, struct ts_buf *body);
void ts_server_ready(const struct ts_server_info *info, struct ts_buf *body);

/* ---- answers (server_answer.c) ---- */

/** Sends body (which is copied) with a header of the caller's choice. */
enum MHD_Result ts_server_respond(struct MHD_Connection *con, unsigned status, const char *type,
                                  struct ts_str body, const char *header, const char *value);

/** InfluxDB 2's form of an error: {"code":…,"message":…}. */
enum MHD_Result ts_server_error(struct MHD_Connection *con, unsigned status, const char *message,
                                const char *header, const char *value);

/** Whether the request has the token of the configuration, if there is one: as Authorization: Token or
 * Bearer. */
bool ts_server_is_allowed(const struct ts_server *srv, struct MHD_Connection *con);

/** The same, and what InfluxDB 1's clients have: Authorization: Basic, or the parameter p. */
bool ts_server_is_allowed_v1(const struct ts_server *srv, struct MHD_Connection *con);

/* ---- HTTPS (server_tls.c) ---- */

#define TS_SERVER_TLS_OPTIONS 4

/** Reads the files of the configuration and sees whether they fit. @return 0, -TS_EINVAL, -TS_ENOMEM. */
int ts_server_tls_open(struct ts_server *srv, struct ts_err *err) TS_MUST_CHECK;
void ts_server_tls_close(struct ts_server *srv);

/** What the daemon is to be started with; it borrows them. */
void ts_server_tls_options(const struct ts_server *srv, struct MHD_OptionItem options[TS_SERVER_TLS_OPTIONS]);

/* ---- POST /api/v2/write and /write (server_write.c) ---- */

struct ts_write;

/** The headers have come. @return NULL without memory. */
struct ts_write *ts_write_new(struct ts_server *srv, struct MHD_Connection *con, unsigned version);

/** Whether it is refused already while the client waits for a word before it sends the body: ts_write_end is
 * due. */
bool ts_write_is_over(const struct ts_write *wr, struct MHD_Connection *con);

/** Bytes of the body. @return MHD_NO to close the connection. */
enum MHD_Result ts_write_data(struct ts_write *wr, const char *data, size_t len);

/** The body is complete: takes it and answers. */
enum MHD_Result ts_write_end(struct ts_write *wr, struct MHD_Connection *con);

/** The request has been answered, or its connection is gone. */
void ts_write_free(struct ts_write **wr);

/**
 * Inflates gzip, members one behind the other included, into out, up to out's limit.
 * @return 0; -TS_EPARSE no gzip, or damaged; -TS_ELIMIT; -TS_ENOMEM.
 */
int ts_server_gunzip(struct ts_str in, struct ts_buf *out) TS_MUST_CHECK;

#endif
