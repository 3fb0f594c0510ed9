/* What every answer has in common, and who may ask. Thread: server. */
#include "config.h"
#include "server/server_priv.h"

#include <stdio.h>
#include <strings.h>

/* InfluxDB's word for a status, in the body and in X-Platform-Error-Code. */
static const char *code_of(unsigned status)
{
    switch (status) {
    case MHD_HTTP_BAD_REQUEST: return "invalid";
    case MHD_HTTP_UNAUTHORIZED: return "unauthorized";
    case MHD_HTTP_NOT_FOUND: return "not found";
    case MHD_HTTP_METHOD_NOT_ALLOWED: return "method not allowed";
    case MHD_HTTP_REQUEST_TIMEOUT: return "request timeout";
    case MHD_HTTP_CONTENT_TOO_LARGE: return "request too large";
    case MHD_HTTP_UNPROCESSABLE_CONTENT: return "unprocessable entity";
    case MHD_HTTP_TOO_MANY_REQUESTS: return "too many requests";
    case MHD_HTTP_NOT_IMPLEMENTED: return "not implemented";
    case MHD_HTTP_SERVICE_UNAVAILABLE: return "unavailable";
    default: return "internal error";
    }
}

enum MHD_Result ts_server_add_common(struct MHD_Connection *con, struct MHD_Response *rsp)
{
    /* Clients of InfluxDB ask /ping for these two. */
    enum MHD_Result ok = MHD_add_response_header(rsp, "X-Influxdb-Build", "tsagg");
    if (ok)
        ok = MHD_add_response_header(rsp, "X-Influxdb-Version", PACKAGE_VERSION);
    return ok ? ts_server_add_cors(con, rsp) : ok;
}

static enum MHD_Result respond(struct MHD_Connection *con, unsigned status, const char *type,
                               struct ts_str body, const char *header, const char *value, const char *code)
{
    struct MHD_Response *rsp =
        MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.p, MHD_RESPMEM_MUST_COPY);
    if (!rsp)
        return MHD_NO;
    enum MHD_Result ok = ts_server_add_common(con, rsp);
    if (ok && type)
        ok = MHD_add_response_header(rsp, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (ok && code)
        ok = MHD_add_response_header(rsp, "X-Platform-Error-Code", code);
    if (ok && header)
        ok = MHD_add_response_header(rsp, header, value);
    if (ok)
        ok = MHD_queue_response(con, status, rsp);
    MHD_destroy_response(rsp);
    return ok;
}

enum MHD_Result ts_server_respond(struct MHD_Connection *con, unsigned status, const char *type,
                                  struct ts_str body, const char *header, const char *value)
{
    return respond(con, status, type, body, header, value, NULL);
}

enum MHD_Result ts_server_error_as(struct MHD_Connection *con, unsigned status, const char *code,
                                   const char *message, const char *header, const char *value)
{
    struct ts_buf body = TS_BUF_INIT;
    ts_buf_printf(&body, "{\"code\":\"%s\",\"message\":", code);
    ts_buf_put_json(&body, ts_str_of(message));
    ts_buf_puts(&body, "}\n");
    enum MHD_Result rc = ts_buf_failed(&body) ? MHD_NO
                                              : respond(con, status, "application/json; charset=utf-8",
                                                        ts_buf_str(&body), header, value, code);
    ts_buf_fini(&body);
    return rc;
}

enum MHD_Result ts_server_error(struct MHD_Connection *con, unsigned status, const char *message,
                                const char *header, const char *value)
{
    return ts_server_error_as(con, status, code_of(status), message, header, value);
}

const char *ts_server_parameter(struct MHD_Connection *con, const char *name)
{
    const char *value = MHD_lookup_connection_value(con, MHD_GET_ARGUMENT_KIND, name);
    return value ? value : "";
}

const char *ts_server_header(struct MHD_Connection *con, const char *name)
{
    const char *value = MHD_lookup_connection_value(con, MHD_HEADER_KIND, name);
    return value ? value : "";
}

/* ---- other origins ---- */

static bool is_allowed_origin(struct MHD_Connection *con, const char *origin)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(con, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    const struct ts_server *srv = info ? info->socket_context : NULL;
    const char *allowed = srv ? srv->info.conf->http.allow_origin : NULL;
    return origin[0] && allowed && (strcmp(allowed, "*") == 0 || strcmp(allowed, origin) == 0);
}

enum MHD_Result ts_server_add_cors(struct MHD_Connection *con, struct MHD_Response *rsp)
{
    const char *origin = ts_server_header(con, MHD_HTTP_HEADER_ORIGIN);
    if (!is_allowed_origin(con, origin))
        return MHD_YES;
    enum MHD_Result ok = MHD_add_response_header(rsp, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    return ok ? MHD_add_response_header(rsp, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ORIGIN) : ok;
}

enum MHD_Result ts_server_preflight(struct MHD_Connection *con)
{
    if (!is_allowed_origin(con, ts_server_header(con, MHD_HTTP_HEADER_ORIGIN)))
        return ts_server_respond(con, MHD_HTTP_METHOD_NOT_ALLOWED, NULL, TS_STR(""), NULL, NULL);
    struct MHD_Response *rsp =
        MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    if (!rsp)
        return MHD_NO;
    enum MHD_Result ok = ts_server_add_cors(con, rsp);
    if (ok)
        ok = MHD_add_response_header(rsp, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_METHODS,
                                     "POST, GET, OPTIONS, PUT, DELETE, PATCH");
    if (ok)
        ok = MHD_add_response_header(
            rsp, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_HEADERS,
            "Accept, Content-Type, Content-Length, Accept-Encoding, Authorization, User-Agent");
    if (ok)
        ok = MHD_queue_response(con, MHD_HTTP_NO_CONTENT, rsp);
    MHD_destroy_response(rsp);
    return ok;
}

/* ---- who may ask ---- */

/* Equal, in a time that depends on given's length alone; the secret is not empty. */
static bool same_secret(const char *given, const char *secret)
{
    size_t n = strlen(given), m = strlen(secret);
    unsigned char differs = n != m;
    for (size_t i = 0; i < n; i++)
        differs |= (unsigned char)(given[i] ^ secret[i % m]);
    return !differs;
}

bool ts_server_is_allowed(const struct ts_server *srv, struct MHD_Connection *con)
{
    const char *token = srv->info.conf->http.token;
    const char *given = MHD_lookup_connection_value(con, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    if (!token[0])
        return true;
    if (!given)
        return false;
    if (strncasecmp(given, "Token ", 6) == 0)
        return same_secret(given + 6, token);
    if (strncasecmp(given, "Bearer ", 7) == 0)
        return same_secret(given + 7, token);
    return false;
}

bool ts_server_is_allowed_v1(const struct ts_server *srv, struct MHD_Connection *con)
{
    const char *p = MHD_lookup_connection_value(con, MHD_GET_ARGUMENT_KIND, "p");
    const char *given = ts_server_header(con, MHD_HTTP_HEADER_AUTHORIZATION), *colon = strchr(given, ':');
    if (ts_server_is_allowed(srv, con) || (p && same_secret(p, srv->info.conf->http.token)))
        return true;
    if (colon && strncasecmp(given, "Token ", 6) == 0) /* USER:PASSWORD */
        return same_secret(colon + 1, srv->info.conf->http.token);
    char *password = NULL, *user = MHD_basic_auth_get_username_password(con, &password);
    bool allowed = password && same_secret(password, srv->info.conf->http.token);
    MHD_free(user);
    MHD_free(password);
    return allowed;
}
