/*
 * POST /api/v2/query: a Flux script goes to the engine (ts_server_info.ask), its answer comes back as CSV.
 * Thread: the connection's, which also runs the query: libmicrohttpd asks for as many bytes as the client
 * takes, and only then the next piece is made, so memory stays bounded and a slow client slows its query
 * down. A client that goes away, limits.query_time and the server's stop end the query.
 *
 * Errors before the answer's first byte are answered by a status and JSON; after it the answer ends with a
 * table that tells the error.
 */
#include "config.h"
#include "server/server_query.h"

#include "core/clock.h"
#include "core/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>

#define GZIP_LEAST 1400u              /* bytes: smaller answers are sent as they are */
#define BLOCK      ((size_t)64 << 10) /* what libmicrohttpd asks for at a time, about */
#define GATHER_NS  (2 * TS_MS)        /* small pieces go together when they are made within this time */

struct query {
    struct ts_request req;
    struct ts_server *srv;
    struct MHD_Connection *con;
    unsigned status; /* refused with it; 0 goes on */
    const char *message;
    const char *retry_after;
    int64_t begun_ns;
    uint64_t thrown_bytes, sent_bytes; /* sent: of CSV */
    struct ts_buf given;               /* the body as it comes */
    struct ts_query_body body;
    struct ts_ask ask;
    struct ts_answer *ans;     /* NULL: not begun, or over */
    bool running;              /* ts_queries_leave is due */
    bool silent, silent_error; /* Prefer: nobody wants the rows; or not even the status of an error */
    bool wants_gzip;
    struct ts_deflate *gzip;
    struct ts_buf piece, out; /* CSV; what is to be sent when it is compressed */
    size_t sent;              /* bytes of the present piece, or of out */
    struct ts_buf key, keep;  /* for the cache; keep fails when it is too much */
    uint64_t present;         /* what was the last change when the query began */
    struct ts_buf text;       /* what message points to */
    enum ts_counter end;
};

static void refuse(struct query *qry, unsigned status, const char *message, enum ts_counter end)
{
    qry->req.refused = true;
    qry->status = status;
    qry->message = message;
    qry->end = end;
}

static void count(struct query *qry, enum ts_counter id, uint64_t n)
{
    pthread_mutex_lock(&qry->srv->lock);
    ts_count(qry->srv->cnt, id, n);
    pthread_mutex_unlock(&qry->srv->lock);
}

/* The run is over, however much of its answer is still to be sent. */
static void end_run(struct query *qry)
{
    ts_answer_free(&qry->ans);
    if (qry->running)
        ts_queries_leave(qry->srv);
    qry->running = false;
}

/* ---- the request comes ---- */

/* gzip;q=0 is none of it (RFC 9110, 12.5.3). */
static bool takes_gzip(const char *accept)
{
    for (const char *p = accept; (p = strcasestr(p, "gzip")); p += 4) {
        const char *end = strchrnul(p, ','), *q = strstr(p, "q=0");
        bool none = q && q < end && strspn(q + 2, "0.") == strcspn(q + 2, ", \t");
        if (!none)
            return true;
    }
    return false;
}

static void read_headers(struct query *qry)
{
    const char *prefer = ts_server_header(qry->con, "Prefer");
    qry->wants_gzip = takes_gzip(ts_server_header(qry->con, MHD_HTTP_HEADER_ACCEPT_ENCODING));
    qry->silent_error = strcmp(prefer, "return-no-content-with-error") == 0;
    qry->silent = qry->silent_error || strcmp(prefer, "return-no-content") == 0;
    if (atomic_load(&qry->srv->ending))
        refuse(qry, MHD_HTTP_SERVICE_UNAVAILABLE, "tsaggd is shutting down", TS_C_QUERIES_BUSY);
    else if (!ts_server_is_allowed(qry->srv, qry->con))
        refuse(qry, MHD_HTTP_UNAUTHORIZED, "unauthorized access", TS_C_QUERIES_UNAUTHORIZED);
}

static enum MHD_Result query_data(struct ts_request *req, const char *data, size_t len)
{
    struct query *qry = (struct query *)req;
    if (ts_clock_mono_ns() - qry->begun_ns > TS_SERVER_BODY_NS)
        return MHD_NO;
    if (!qry->status && len > qry->given.limit - qry->given.len)
        refuse(qry, MHD_HTTP_CONTENT_TOO_LARGE, "the query is too long", TS_C_QUERIES_BAD);
    if (qry->status) {
        ts_buf_fini(&qry->given);
        qry->thrown_bytes += len;
        return qry->thrown_bytes <= TS_SERVER_THROWN_MAX ? MHD_YES : MHD_NO;
    }
    ts_buf_put(&qry->given, data, len);
    if (ts_buf_failed(&qry->given))
        refuse(qry, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory", TS_C_QUERIES_BUSY);
    return MHD_YES;
}

static void read_body(struct query *qry)
{
    const char *type = ts_server_header(qry->con, MHD_HTTP_HEADER_CONTENT_TYPE);
    int rc = ts_query_body_read(&qry->body, type, ts_buf_str(&qry->given), &qry->ask, &qry->text);
    const char *why = ts_buf_cstr(&qry->text);
    if (rc == -TS_EPARSE && why)
        refuse(qry, MHD_HTTP_BAD_REQUEST, why, TS_C_QUERIES_BAD);
    else if (rc)
        refuse(qry, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory", TS_C_QUERIES_BUSY);
}

/* ---- the query runs ---- */

/* Whoever asked has closed the connection, or at least its own half of it, as those do that give up. */
static bool is_over(void *arg)
{
    const struct query *qry = arg;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(qry->con, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd fd = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
    if (atomic_load(&qry->srv->ending))
        return true;
    return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void begin(struct query *qry)
{
    const struct ts_server_info *info = &qry->srv->info;
    int rc = ts_queries_enter(qry->srv, is_over, qry);
    if (rc) {
        qry->retry_after = "1";
        refuse(qry, MHD_HTTP_TOO_MANY_REQUESTS, "too many queries at once", TS_C_QUERIES_BUSY);
        return;
    }
    qry->running = true;
    qry->present = ts_queries_present(qry->srv);
    qry->ask.memory_bytes = info->conf->limits.query_memory_bytes;
    if (info->conf->limits.query_time_ns)
        qry->ask.deadline_ns = ts_clock_mono_ns() + info->conf->limits.query_time_ns;
    qry->ask.is_over = is_over;
    qry->ask.arg = qry;
    qry->ans = info->ask(info->ask_arg, &qry->ask);
    if (!qry->ans)
        refuse(qry, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory", TS_C_QUERIES_BUSY);
}

static unsigned status_of(int rc)
{
    switch (rc) {
    case -TS_ENOTFOUND: return MHD_HTTP_NOT_FOUND;
    case -TS_ETIMEOUT: return MHD_HTTP_REQUEST_TIMEOUT;
    case -TS_EIO:
    case -TS_ECORRUPT: return MHD_HTTP_INTERNAL_SERVER_ERROR;
    case -TS_ENOMEM: return MHD_HTTP_SERVICE_UNAVAILABLE;
    default: return MHD_HTTP_BAD_REQUEST;
    }
}

static enum ts_counter end_of(struct query *qry, int rc)
{
    if (is_over(qry))
        return TS_C_QUERIES_GONE;
    return rc == -TS_ELIMIT || rc == -TS_ETIMEOUT ? TS_C_QUERIES_LIMIT : TS_C_QUERIES_FAILED;
}

static void keep_answer(struct query *qry)
{
    struct ts_ask_span span = ts_answer_span(qry->ans);
    bool closed = (!span.clock || qry->body.has_now) && span.stop_ns <= ts_clock_now_ns();
    if (qry->key.len && closed && !ts_buf_failed(&qry->keep) && !ts_buf_failed(&qry->key))
        ts_queries_keep(qry->srv, ts_buf_str(&qry->key), ts_buf_str(&qry->keep), qry->present, span);
    ts_buf_fini(&qry->keep);
}

/* Appends to the piece; when the query ends with an error, that as a table. @return whether the answer goes
 * on. */
static bool read_on(struct query *qry, int *error)
{
    size_t before = qry->piece.len;
    bool more = false;
    int rc = ts_answer_read(qry->ans, &qry->piece, &more);
    *error = rc;
    if (rc == 0 && qry->key.len && !ts_buf_failed(&qry->keep))
        ts_buf_put(&qry->keep, qry->piece.p + before, qry->piece.len - before);
    if (rc == 0 && more)
        return true;
    qry->end = rc ? end_of(qry, rc) : TS_C_QUERIES_OK;
    if (rc == 0)
        keep_answer(qry);
    return false;
}

/* ---- the answer goes ---- */

/* The next bytes for the client into out, compressed. @return whether there are more. */
static bool compress(struct query *qry, bool more)
{
    int rc = ts_deflate_put(qry->gzip, ts_buf_str(&qry->piece), !more, &qry->out);
    ts_buf_clear(&qry->piece);
    qry->out.failed |= rc != 0;
    return more;
}

static const struct ts_buf *going(const struct query *qry)
{
    return qry->gzip ? &qry->out : &qry->piece;
}

/* Makes bytes until there are enough to send, or it takes too long to wait for them, or no more come. @return false: the answer cannot
 * go on. */
static bool refill(struct query *qry)
{
    struct ts_buf *to = qry->gzip ? &qry->out : &qry->piece;
    int64_t began_ns = ts_clock_mono_ns();
    bool more = true;
    int error;
    ts_buf_clear(to);
    qry->sent = 0;
    while (qry->ans && (to->len == 0 || (to->len < BLOCK / 2 && ts_clock_mono_ns() - began_ns < GATHER_NS))) {
        size_t before = qry->piece.len;
        more = read_on(qry, &error);
        if (error)
            ts_answer_put_error(qry->ans, TS_ANSWER_TABLE, &qry->piece);
        qry->sent_bytes += qry->piece.len - before;
        if (qry->gzip)
            compress(qry, more);
        if (!more)
            end_run(qry);
    }
    return !ts_buf_failed(&qry->piece) && !ts_buf_failed(to);
}

static ssize_t on_room(void *arg, uint64_t pos, char *to, size_t max)
{
    struct query *qry = arg;
    (void)pos;
    if (qry->sent == going(qry)->len && !refill(qry))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = TS_MIN(max, going(qry)->len - qry->sent);
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    memcpy(to, going(qry)->p + qry->sent, n);
    qry->sent += n;
    return (ssize_t)n;
}

static enum MHD_Result send_response(struct query *qry, struct MHD_Response *rsp, const char *cache)
{
    enum MHD_Result ok = rsp ? MHD_YES : MHD_NO;
    if (ok)
        ok = ts_server_add_common(qry->con, rsp);
    if (ok)
        ok = MHD_add_response_header(rsp, MHD_HTTP_HEADER_CONTENT_TYPE, "text/csv; charset=utf-8");
    if (ok)
        ok = MHD_add_response_header(rsp, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    if (ok && cache)
        ok = MHD_add_response_header(rsp, "X-Cache", cache);
    if (ok && qry->gzip)
        ok = MHD_add_response_header(rsp, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    if (ok)
        ok = MHD_queue_response(qry->con, MHD_HTTP_OK, rsp);
    if (rsp)
        MHD_destroy_response(rsp);
    return ok;
}

/* The whole answer is there. */
static enum MHD_Result send_whole(struct query *qry, const char *cache)
{
    if (qry->gzip)
        compress(qry, false);
    const struct ts_buf *all = going(qry);
    if (ts_buf_failed(all))
        return ts_server_error(qry->con, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory", NULL, NULL);
    return send_response(qry, MHD_create_response_from_buffer(all->len, all->p, MHD_RESPMEM_MUST_COPY),
                         cache);
}

static enum MHD_Result send_stream(struct query *qry, const char *cache)
{
    if (qry->gzip)
        compress(qry, true);
    qry->sent = 0;
    return send_response(qry, MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_room, qry, NULL),
                         cache);
}

static enum MHD_Result send_refusal(struct query *qry)
{
    bool busy = qry->retry_after != NULL;
    end_run(qry);
    return ts_server_error(qry->con, qry->status, qry->message ? qry->message : "out of memory",
                           busy ? MHD_HTTP_HEADER_RETRY_AFTER : NULL, qry->retry_after);
}

/* Reads the beginning, which decides on the status, and on gzip: InfluxDB does not compress what is small. */
static enum MHD_Result send_answer(struct query *qry, const char *cache)
{
    bool more = true;
    int error = 0;
    while (more && qry->piece.len < GZIP_LEAST) {
        more = read_on(qry, &error);
        if (qry->silent && !error)
            ts_buf_clear(&qry->piece);
    }
    if (error && qry->piece.len == 0 && !qry->silent_error) {
        ts_answer_put_error(qry->ans, TS_ANSWER_LINE, &qry->text);
        refuse(qry, status_of(error), ts_buf_cstr(&qry->text), qry->end);
        return send_refusal(qry);
    }
    if (error)
        ts_answer_put_error(qry->ans, TS_ANSWER_TABLE, &qry->piece);
    if (!more)
        end_run(qry);
    qry->sent_bytes = qry->piece.len;
    if (qry->silent && qry->piece.len == 0)
        return ts_server_respond(qry->con, MHD_HTTP_NO_CONTENT, NULL, TS_STR(""), NULL, NULL);
    if (qry->wants_gzip && qry->piece.len >= GZIP_LEAST)
        qry->gzip = ts_deflate_new();
    return more ? send_stream(qry, cache) : send_whole(qry, cache);
}

/* Whatever was said lately to the same question. */
static bool find_answer(struct query *qry)
{
    qry->keep.limit = ts_queries_keep_max(qry->srv);
    if (!qry->keep.limit)
        return false;
    ts_query_body_put_key(&qry->body, &qry->ask, &qry->key);
    bool found = !ts_buf_failed(&qry->key) && ts_queries_find(qry->srv, ts_buf_str(&qry->key), &qry->piece);
    count(qry, found ? TS_C_QUERY_CACHE_HITS : TS_C_QUERY_CACHE_MISSES, 1);
    return found;
}

static enum MHD_Result answer(struct query *qry)
{
    if (!qry->status)
        read_body(qry);
    if (qry->status)
        return send_refusal(qry);
    if (find_answer(qry)) {
        qry->end = TS_C_QUERIES_OK;
        qry->sent_bytes = qry->piece.len;
        if (qry->silent)
            return ts_server_respond(qry->con, MHD_HTTP_NO_CONTENT, NULL, TS_STR(""), NULL, NULL);
        if (qry->wants_gzip && qry->piece.len >= GZIP_LEAST)
            qry->gzip = ts_deflate_new();
        return send_whole(qry, "hit");
    }
    begin(qry);
    return qry->status ? send_refusal(qry) : send_answer(qry, qry->keep.limit ? "miss" : NULL);
}

/* As long as the query may run, silence on the connection is nobody's fault. */
static enum MHD_Result query_end(struct ts_request *req, struct MHD_Connection *con)
{
    struct query *qry = (struct query *)req;
    (void)con;
    int64_t time_ns = qry->srv->info.conf->limits.query_time_ns;
    MHD_set_connection_option(qry->con, MHD_CONNECTION_OPTION_TIMEOUT,
                              (unsigned)((time_ns + TS_SEC - 1) / TS_SEC));
    return answer(qry);
}

static void query_free(struct ts_request *req)
{
    struct query *qry = (struct query *)req;
    if (qry->ans) /* the connection is gone before the end */
        qry->end = TS_C_QUERIES_GONE;
    end_run(qry);
    count(qry, qry->end, 1);
    count(qry, TS_C_QUERY_BYTES, qry->sent_bytes);
    MHD_set_connection_option(qry->con, MHD_CONNECTION_OPTION_TIMEOUT, TS_SERVER_TIMEOUT_S);
    ts_query_body_fini(&qry->body);
    ts_deflate_free(&qry->gzip);
    ts_buf_fini(&qry->given);
    ts_buf_fini(&qry->piece);
    ts_buf_fini(&qry->out);
    ts_buf_fini(&qry->key);
    ts_buf_fini(&qry->keep);
    ts_buf_fini(&qry->text);
    TS_FREE(qry);
}

static const struct ts_request_ops ops = {query_data, query_end, query_free};

struct ts_request *ts_server_query_new(struct ts_server *srv, struct MHD_Connection *con)
{
    struct query *qry = ts_alloc(sizeof *qry);
    if (!qry)
        return NULL;
    qry->req.ops = &ops;
    qry->srv = srv;
    qry->con = con;
    qry->end = TS_C_QUERIES_GONE;
    qry->begun_ns = ts_clock_mono_ns();
    qry->given.limit = srv->info.conf->http.max_body_bytes;
    read_headers(qry);
    return &qry->req;
}
