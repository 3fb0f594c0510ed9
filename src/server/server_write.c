/*
 * POST /api/v2/write (InfluxDB 2) and /write (InfluxDB 1): a body of line protocol, gathered, inflated, and
 * given to ts_server_info.write, which may make the client wait. Thread: the connection's. Owns the body
 * until the request is completed.
 */
#include "config.h"
#include "server/server_priv.h"

#include "core/body.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/pressure.h"

#include <inttypes.h>
#include <strings.h>
#include <time.h>

#define MEMORY_WAIT_NS (10 * TS_SEC)
#define MEMORY_LOOK_NS (10 * TS_MS)

struct ts_write {
    struct ts_request req; /* first */
    struct ts_server *srv;
    unsigned version; /* of InfluxDB whose clients ask */
    unsigned status;  /* refused with it; 0 goes on */
    const char *message;
    bool gzip;
    int64_t begun_ns, precision_ns;
    uint64_t thrown_bytes;
    struct ts_buf bucket; /* BUCKET, or DB or DB/RP */
    struct ts_buf given;  /* the body as it comes */
};

static const struct precision {
    const char *name;
    unsigned version; /* 0: both */
    int64_t ns;
} precisions[] = {
    {"ns", 0, 1},     {"n", 1, 1},      {"us", 0, TS_US},      {"u", 1, TS_US},
    {"ms", 0, TS_MS}, {"s", 0, TS_SEC}, {"m", 1, 60 * TS_SEC}, {"h", 1, 3600 * TS_SEC},
};

static void refuse(struct ts_write *wr, unsigned status, const char *message)
{
    wr->status = status;
    wr->message = message;
    wr->req.refused = true;
    ts_buf_fini(&wr->given);
}

static void refuse_size(struct ts_write *wr)
{
    refuse(wr, MHD_HTTP_CONTENT_TOO_LARGE,
           wr->version == 1 ? "Request Entity Too Large" : "unable to read data: points batch is too large");
}

static bool read_precision(struct ts_write *wr, const char *name)
{
    wr->precision_ns = 1;
    if (!name[0])
        return true;
    for (size_t i = 0; i < TS_ARRAY_SIZE(precisions); i++) {
        const struct precision *pre = &precisions[i];
        if (strcmp(pre->name, name) == 0 && (pre->version == 0 || pre->version == wr->version)) {
            wr->precision_ns = pre->ns;
            return true;
        }
    }
    return false;
}

/* In the order in which InfluxDB looks at them. */
static void read_headers(struct ts_write *wr, struct MHD_Connection *con)
{
    bool v1 = wr->version == 1;
    uint64_t len;
    const char *coding = ts_server_header(con, MHD_HTTP_HEADER_CONTENT_ENCODING);
    wr->gzip = strcasecmp(coding, "gzip") == 0 || strcasecmp(coding, "x-gzip") == 0;
    if (atomic_load(&wr->srv->writes_ended))
        refuse(wr, MHD_HTTP_SERVICE_UNAVAILABLE, "tsaggd is shutting down");
    else if (!(v1 ? ts_server_is_allowed_v1(wr->srv, con) : ts_server_is_allowed(wr->srv, con)))
        refuse(wr, MHD_HTTP_UNAUTHORIZED, v1 ? "authorization failed" : "unauthorized access");
    else if (!read_precision(wr, ts_server_parameter(con, "precision")))
        refuse(wr, MHD_HTTP_BAD_REQUEST,
               v1 ? "invalid precision; valid precision units are n, u, ms, s, m, and h"
                  : "invalid precision; valid precision units are ns, us, ms, and s");
    else if (v1 && !ts_server_parameter(con, "db")[0])
        refuse(wr, MHD_HTTP_BAD_REQUEST, "database is required");
    else if (!v1 && !ts_server_parameter(con, "bucket")[0])
        refuse(wr, MHD_HTTP_NOT_FOUND, "bucket not found");
    else if (!v1 && !ts_server_parameter(con, "org")[0] && !ts_server_parameter(con, "orgID")[0])
        refuse(wr, MHD_HTTP_BAD_REQUEST, "Please provide either orgID or org");
    else if (ts_num_read_uint(ts_str_of(ts_server_header(con, MHD_HTTP_HEADER_CONTENT_LENGTH)), &len) == 0 &&
             len > wr->given.limit)
        refuse_size(wr);
}

static void read_bucket(struct ts_write *wr, struct MHD_Connection *con)
{
    bool v1 = wr->version == 1;
    const char *policy = v1 ? ts_server_parameter(con, "rp") : "";
    ts_buf_printf(&wr->bucket, "%s%s%s", ts_server_parameter(con, v1 ? "db" : "bucket"), policy[0] ? "/" : "", policy);
}

/* Memory is scarce: nothing more of the body is read, and the client waits. @return false: for too long. */
static bool wait_for_memory(struct ts_server *srv)
{
    int64_t until_ns = ts_clock_mono_ns() + MEMORY_WAIT_NS;
    while (ts_pressure_has(TS_PRESSURE_WAIT)) {
        if (ts_clock_mono_ns() >= until_ns || atomic_load(&srv->writes_ended))
            return false;
        nanosleep(&(struct timespec){0, MEMORY_LOOK_NS}, NULL);
    }
    return true;
}

static enum MHD_Result take_data(struct ts_request *req, const char *data, size_t len)
{
    struct ts_write *wr = (struct ts_write *)req;
    if (ts_clock_mono_ns() - wr->begun_ns > TS_SERVER_BODY_NS)
        return MHD_NO;
    if (wr->status) {
        wr->thrown_bytes += len;
        return wr->thrown_bytes <= TS_SERVER_THROWN_MAX ? MHD_YES : MHD_NO;
    }
    if (!wait_for_memory(wr->srv)) {
        refuse(wr, MHD_HTTP_SERVICE_UNAVAILABLE, "limits.memory is nearly reached; try again later");
        return MHD_YES;
    }
    if (len > wr->given.limit - wr->given.len) {
        refuse_size(wr);
        return MHD_YES;
    }
    ts_buf_put(&wr->given, data, len);
    if (ts_buf_failed(&wr->given))
        refuse(wr, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
    return MHD_YES;
}

static void count(struct ts_server *srv, unsigned status, bool partial)
{
    enum ts_counter id = TS_C_WRITES_BAD;
    switch (status) {
    case MHD_HTTP_NO_CONTENT: id = TS_C_WRITES_TAKEN; break;
    case MHD_HTTP_UNPROCESSABLE_CONTENT: id = TS_C_WRITES_PARTIAL; break;
    case MHD_HTTP_BAD_REQUEST: id = partial ? TS_C_WRITES_PARTIAL : TS_C_WRITES_BAD; break;
    case MHD_HTTP_UNAUTHORIZED: id = TS_C_WRITES_UNAUTHORIZED; break;
    case MHD_HTTP_CONTENT_TOO_LARGE: id = TS_C_WRITES_TOO_LARGE; break;
    case MHD_HTTP_SERVICE_UNAVAILABLE: id = TS_C_WRITES_UNAVAILABLE; break;
    default: break;
    }
    pthread_mutex_lock(&srv->lock);
    ts_count(srv->cnt, id, 1);
    pthread_mutex_unlock(&srv->lock);
}

/* {"error":…} and the same in X-Influxdb-Error, where everything but plain text becomes a blank. */
static enum MHD_Result respond_v1(struct MHD_Connection *con, unsigned status, const char *message)
{
    struct ts_buf body = TS_BUF_INIT, plain = TS_BUF_INIT;
    enum MHD_Result rc = MHD_NO;
    ts_buf_puts(&body, "{\"error\":");
    ts_buf_put_json(&body, ts_str_of(message));
    ts_buf_puts(&body, "}\n");
    for (const char *p = message; *p; p++)
        ts_buf_putc(&plain, *p >= ' ' && *p < 0x7f ? *p : ' ');
    bool login = status == MHD_HTTP_UNAUTHORIZED;
    if (!ts_buf_failed(&body) && ts_buf_cstr(&plain))
        rc = ts_server_respond(con, status, "application/json", ts_buf_str(&body),
                               login ? MHD_HTTP_HEADER_WWW_AUTHENTICATE : "X-Influxdb-Error",
                               login ? "Basic realm=\"tsagg\"" : plain.p);
    ts_buf_fini(&body);
    ts_buf_fini(&plain);
    return rc;
}

static enum MHD_Result respond(const struct ts_write *wr, struct MHD_Connection *con)
{
    if (wr->status == MHD_HTTP_NO_CONTENT)
        return ts_server_respond(con, wr->status, NULL, TS_STR(""), NULL, NULL);
    if (wr->version == 1)
        return respond_v1(con, wr->status, wr->message);
    bool later = wr->status == MHD_HTTP_SERVICE_UNAVAILABLE;
    return ts_server_error(con, wr->status, wr->message, later ? MHD_HTTP_HEADER_RETRY_AFTER : NULL, later ? "5" : NULL);
}

static void inflate(struct ts_write *wr, struct ts_buf *text)
{
    text->limit = wr->given.limit;
    int rc = ts_server_gunzip(ts_buf_str(&wr->given), text);
    if (rc == -TS_EPARSE)
        refuse(wr, MHD_HTTP_BAD_REQUEST, "unable to read data: gzip: invalid header, checksum or data");
    else if (rc == -TS_ELIMIT)
        refuse_size(wr);
    else if (rc)
        refuse(wr, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
}

/* Why nothing was taken. */
static void refuse_failed(struct ts_write *wr, int rc, const struct ts_body *body, struct ts_buf *message)
{
    ts_buf_put_str(message, ts_buf_str(&body->refusal));
    const char *why = message->len ? ts_buf_cstr(message) : NULL;
    if (rc == -TS_ENOTFOUND) {
        ts_buf_clear(message);
        ts_buf_printf(message, wr->version == 1 ? "database not found: \"%.*s\"" : "bucket \"%.*s\" not found", (int)wr->bucket.len,
                      wr->bucket.p);
        why = ts_buf_cstr(message);
        refuse(wr, MHD_HTTP_NOT_FOUND, why ? why : "not found");
    } else if (rc == -TS_EBUSY && !why) {
        refuse(wr, MHD_HTTP_SERVICE_UNAVAILABLE, "tsaggd is shutting down");
    } else {
        refuse(wr, MHD_HTTP_SERVICE_UNAVAILABLE, why ? why : "out of memory");
    }
}

/* Bad lines, or points that the store refuses: InfluxDB 1 says both with 400, 2 the latter with 422. */
static void refuse_some(struct ts_write *wr, const struct ts_body *body, struct ts_buf *message)
{
    bool some = body->accepted > 0 || body->refused > 0, only_points = body->rejected == 0;
    if (only_points && wr->version == 2)
        ts_buf_puts(message, "failure writing points to database: ");
    ts_buf_puts(message, some ? "partial write: " : "");
    ts_buf_put_str(message, ts_buf_str(only_points ? &body->refusal : &body->why));
    if (some)
        ts_buf_printf(message, " dropped=%" PRIu64, body->rejected + body->refused);
    const char *text = ts_buf_cstr(message);
    refuse(wr, only_points && wr->version == 2 ? MHD_HTTP_UNPROCESSABLE_CONTENT : MHD_HTTP_BAD_REQUEST, text ? text : "unable to parse");
}

/* Gives the body away and says what became of it. message holds what wr->message points to. */
static void take(struct ts_write *wr, struct ts_body *body, struct ts_buf *message)
{
    const struct ts_server_info *info = &wr->srv->info;
    int rc = body->len ? info->write(info->write_arg, body) : 0;
    if (rc)
        refuse_failed(wr, rc, body, message);
    else if (body->rejected == 0 && body->refused == 0)
        refuse(wr, MHD_HTTP_NO_CONTENT, "");
    else
        refuse_some(wr, body, message);
}

static enum MHD_Result end(struct ts_request *req, struct MHD_Connection *con)
{
    struct ts_write *wr = (struct ts_write *)req;
    struct ts_buf text = TS_BUF_INIT, message = TS_BUF_INIT;
    if (!wr->status)
        ts_api_resolve_bucket(wr->srv, wr->version, &wr->bucket);
    struct ts_body body = {
        .received_bytes = wr->given.len, .bucket = ts_buf_str(&wr->bucket), .precision_ns = wr->precision_ns, .whole = wr->version == 2};
    if (!wr->status && wr->gzip && wr->given.len)
        inflate(wr, &text);
    if (!wr->status) {
        body.text = wr->gzip ? text.p : wr->given.p;
        body.len = wr->gzip ? text.len : wr->given.len;
        /* While the windows have no room the connection is silent, but not the client's fault. Setting it
         * anew starts the time again. */
        MHD_set_connection_option(con, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
        take(wr, &body, &message);
        MHD_set_connection_option(con, MHD_CONNECTION_OPTION_TIMEOUT, TS_SERVER_TIMEOUT_S);
    }
    count(wr->srv, wr->status, body.accepted > 0);
    enum MHD_Result rc = respond(wr, con);
    ts_body_fini(&body);
    ts_buf_fini(&text);
    ts_buf_fini(&message);
    return rc;
}

static void free_write(struct ts_request *req)
{
    struct ts_write *wr = (struct ts_write *)req;
    ts_buf_fini(&wr->given);
    ts_buf_fini(&wr->bucket);
    atomic_fetch_sub(&wr->srv->writes, 1);
    ts_free(wr);
}

static const struct ts_request_ops ops = {.data = take_data, .end = end, .free = free_write};

struct ts_request *ts_write_new(struct ts_server *srv, struct MHD_Connection *con, unsigned version)
{
    struct ts_write *wr = ts_alloc(sizeof *wr);
    if (!wr)
        return NULL;
    wr->req.ops = &ops;
    wr->srv = srv;
    wr->version = version;
    wr->begun_ns = ts_clock_mono_ns();
    wr->given.limit = srv->info.conf->http.max_body_bytes;
    atomic_fetch_add(&srv->writes, 1);
    read_headers(wr, con);
    read_bucket(wr, con);
    return &wr->req;
}
