/*
 * InfluxDB 2's API for buckets, organizations and deletes: a table of methods and paths, and what its
 * requests have in common. Bodies are JSON, gathered up to BODY_MAX. Thread: the connection's. Answers and
 * errors are InfluxDB's, which its client libraries read.
 */
#include "config.h"
#include "server/server_priv.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/num.h"

#include <ctype.h>

#define BODY_MAX      ((size_t)1 << 20)
#define LIMIT_DEFAULT 20
#define LIMIT_MAX     100

static const struct ts_route {
    const char *path; /* with a / at the end: a number follows */
    const char *method;
    enum MHD_Result (*fn)(struct ts_call *call);
    bool of_store;
    const char *allow; /* methods of the path */
} routes[] = {
    {"/api/v2/buckets", "GET", ts_api_list_buckets, true, "GET, POST"},
    {"/api/v2/buckets", "POST", ts_api_make_bucket, true, "GET, POST"},
    {"/api/v2/buckets/", "GET", ts_api_get_bucket, true, "GET, PATCH, DELETE"},
    {"/api/v2/buckets/", "PATCH", ts_api_change_bucket, true, "GET, PATCH, DELETE"},
    {"/api/v2/buckets/", "DELETE", ts_api_drop_bucket, true, "GET, PATCH, DELETE"},
    {"/api/v2/delete", "POST", ts_api_delete, true, "POST"},
    {"/api/v2/orgs", "GET", ts_api_list_orgs, false, "GET"},
    {"/api/v2/orgs/", "GET", ts_api_get_org, false, "GET"},
};

static bool is_path(const struct ts_route *route, const char *path, size_t len)
{
    size_t n = strlen(route->path);
    if (route->path[n - 1] == '/')
        return len > n && strncmp(route->path, path, n) == 0 && !memchr(path + n, '/', len - n);
    return len == n && strncmp(route->path, path, n) == 0;
}

static void refuse(struct ts_call *call, unsigned status, const char *message)
{
    call->status = status;
    call->message = message;
    call->req.refused = true;
}

static enum MHD_Result take_data(struct ts_request *req, const char *data, size_t len)
{
    struct ts_call *call = (struct ts_call *)req;
    if (ts_clock_mono_ns() - call->begun_ns > TS_SERVER_BODY_NS)
        return MHD_NO;
    call->thrown_bytes += len;
    if (call->status)
        return call->thrown_bytes <= TS_SERVER_THROWN_MAX ? MHD_YES : MHD_NO;
    ts_buf_put(&call->given, data, len);
    if (ts_buf_failed(&call->given))
        refuse(call, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
    return MHD_YES;
}

static enum MHD_Result end(struct ts_request *req, struct MHD_Connection *con)
{
    struct ts_call *call = (struct ts_call *)req;
    if (call->status)
        return ts_server_error(con, call->status, call->message, call->allow ? MHD_HTTP_HEADER_ALLOW : NULL,
                               call->allow);
    if (call->route->of_store && !call->srv->info.admin)
        return ts_server_error(con, MHD_HTTP_NOT_IMPLEMENTED, "this tsaggd has no embedded store: neither a sink nor http.write wants one",
                               NULL, NULL);
    if (call->route->path[strlen(call->route->path) - 1] == '/' && !ts_api_read_id(call->id, &call->number))
        return ts_server_error(con, MHD_HTTP_BAD_REQUEST, "id must have a length of 16 bytes", NULL, NULL);
    return call->route->fn(call);
}

static void free_call(struct ts_request *req)
{
    struct ts_call *call = (struct ts_call *)req;
    ts_buf_fini(&call->given);
    ts_free(call);
}

static const struct ts_request_ops ops = {.data = take_data, .end = end, .free = free_call};

/* A / behind a path changes nothing. */
bool ts_api_new(struct ts_server *srv, struct MHD_Connection *con, const char *method, const char *path,
                struct ts_request **out)
{
    const struct ts_route *route = NULL, *same_path = NULL;
    size_t len = strlen(path);
    len -= len > 1 && path[len - 1] == '/';
    for (size_t i = 0; i < TS_ARRAY_SIZE(routes) && !route; i++)
        if (is_path(&routes[i], path, len)) {
            same_path = &routes[i];
            route = strcmp(routes[i].method, method) == 0 ? &routes[i] : NULL;
        }
    *out = NULL;
    if (!same_path)
        return false;
    struct ts_call *call = ts_alloc(sizeof *call);
    if (!call)
        return true;
    *call = (struct ts_call){
        .req.ops = &ops, .srv = srv, .con = con, .begun_ns = ts_clock_mono_ns(), .given.limit = BODY_MAX};
    size_t used = strlen(same_path->path);
    if (len > used)
        memcpy(call->id, path + used, TS_MIN(len - used, sizeof call->id - 1));
    if (!ts_server_is_allowed(srv, con)) {
        refuse(call, MHD_HTTP_UNAUTHORIZED, "unauthorized access");
    } else if (!route) {
        refuse(call, MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed");
        call->allow = same_path->allow;
    } else {
        call->route = route;
    }
    *out = &call->req;
    return true;
}

/* ---- what answers share ---- */

enum MHD_Result ts_call_respond(struct ts_call *call, unsigned status, const struct ts_buf *body)
{
    if (ts_buf_failed(body))
        return ts_server_error(call->con, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory", NULL, NULL);
    return ts_server_respond(call->con, status, "application/json; charset=utf-8", ts_buf_str(body), NULL,
                             NULL);
}

enum MHD_Result ts_call_fail(struct ts_call *call, int rc, const struct ts_err *err)
{
    unsigned status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    switch (-rc) {
    case TS_EINVAL:
    case TS_EPARSE:
    case TS_ELIMIT: status = MHD_HTTP_BAD_REQUEST; break;
    case TS_ENOTFOUND: status = MHD_HTTP_NOT_FOUND; break;
    case TS_EREFUSED:
        return ts_server_error_as(call->con, MHD_HTTP_UNPROCESSABLE_CONTENT, "conflict", err->msg, NULL,
                                  NULL);
    case TS_EFULL:
    case TS_EBUSY:
    case TS_ENOMEM: status = MHD_HTTP_SERVICE_UNAVAILABLE; break;
    default: break;
    }
    return ts_server_error(call->con, status, err->msg, NULL, NULL);
}

bool ts_api_read_id(const char *text, int64_t *out)
{
    uint64_t id = 0;
    size_t n = 0;
    for (; n < 16 && isxdigit((unsigned char)text[n]); n++)
        id = id << 4 |
             (uint64_t)(isdigit((unsigned char)text[n]) ? text[n] - '0' : (text[n] | 0x20) - 'a' + 10);
    *out = (int64_t)id;
    return n == 16 && text[n] == 0 && id != 0;
}

bool ts_api_is_org_id(const char *text)
{
    return strcmp(text, TS_ORG_ID) == 0;
}

static bool read_number(struct MHD_Connection *con, const char *name, int64_t *out)
{
    const char *text = ts_server_parameter(con, name);
    return !text[0] || ts_num_read_int(ts_str_of(text), out) == 0;
}

const char *ts_api_read_page(struct MHD_Connection *con, struct ts_api_page *page)
{
    const char *descending = ts_server_parameter(con, "descending");
    *page = (struct ts_api_page){.limit = LIMIT_DEFAULT, .descending = strcmp(descending, "true") == 0};
    if (!read_number(con, "offset", &page->offset))
        return "offset is invalid";
    if (!read_number(con, "limit", &page->limit))
        return "limit is invalid";
    if (page->limit < 1 || page->limit > LIMIT_MAX)
        return "limit must be between 1 and 100";
    if (descending[0] && !page->descending && strcmp(descending, "false") != 0)
        return "descending is invalid";
    return NULL;
}

json_t *ts_api_read_json(struct ts_call *call, const char *prefix, struct ts_err *err)
{
    json_error_t error;
    if (call->given.len == 0) {
        ts_fail(err, TS_EPARSE, "%sEOF", prefix);
        return NULL;
    }
    json_t *body = json_loadb(call->given.p, call->given.len, 0, &error);
    if (!body)
        ts_fail(err, TS_EPARSE, "%s%s", prefix, error.text);
    if (!body || json_is_object(body))
        return body;
    json_decref(body);
    ts_fail(err, TS_EPARSE, "%snot an object", prefix);
    return NULL;
}

void ts_api_put_escaped(struct ts_buf *url, const char *value)
{
    for (const char *p = value; *p; p++)
        if (isalnum((unsigned char)*p) || strchr("-_.~", *p))
            ts_buf_putc(url, *p);
        else
            ts_buf_printf(url, "%%%02X", (unsigned char)*p);
}
