#ifndef TS_SERVER_SERVER_QUERY_H
#define TS_SERVER_SERVER_QUERY_H
/* Inside of the server: what queries have in common, and what belongs to one. @thread server */
#include "core/ask.h"
#include "server/server_priv.h"

#include <jansson.h>

/* ---- how many run, and what was answered lately (server_queries.c) ---- */

/**
 * Waits until the query may run.
 * @return 0, then ts_queries_leave is due; -TS_EFULL too many wait; -TS_ETIMEOUT it waited too long;
 * -TS_EREFUSED is_over said so.
 */
int ts_queries_enter(struct ts_server *srv, bool (*is_over)(void *arg), void *arg) TS_MUST_CHECK;
void ts_queries_leave(struct ts_server *srv);

/** Appends the answer that was kept under the key. @return false: there is none. */
bool ts_queries_find(struct ts_server *srv, struct ts_str key, struct ts_buf *to);

/** The number of the last change before now: to be asked before the query whose answer is kept. */
uint64_t ts_queries_present(const struct ts_server *srv);

/** Keeps an answer until the points of its span change after since, and as long as the configuration says. It
 * is copied. */
void ts_queries_keep(struct ts_server *srv, struct ts_str key, struct ts_str answer, uint64_t since,
                     struct ts_ask_span span);

/** Bytes up to which an answer is kept; 0: none is. */
size_t ts_queries_keep_max(const struct ts_server *srv);

/* ---- one request ---- */

/** A body as it was read: what points into json stays as long as that. */
struct ts_query_body {
    json_t *json;
    struct ts_buf externs;
    bool has_now;
};

/**
 * Fills in ask (script, externs, dialect, now) from a body of that media type.
 * @return 0; -TS_EPARSE: why says what is wrong, as InfluxDB does; -TS_ENOMEM.
 */
int ts_query_body_read(struct ts_query_body *body, const char *type, struct ts_str text, struct ts_ask *ask,
                       struct ts_buf *why) TS_MUST_CHECK;
void ts_query_body_fini(struct ts_query_body *body);

/** What the answers of two requests must agree in to be the same. */
void ts_query_body_put_key(const struct ts_query_body *body, const struct ts_ask *ask, struct ts_buf *to);

/** gzip as it comes (server_deflate.c). */
struct ts_deflate;
struct ts_deflate *ts_deflate_new(void);
/** Appends what in becomes; last: nothing follows. @return 0, -TS_ENOMEM. */
int ts_deflate_put(struct ts_deflate *def, struct ts_str in, bool last, struct ts_buf *to) TS_MUST_CHECK;
void ts_deflate_free(struct ts_deflate **def);

#endif
