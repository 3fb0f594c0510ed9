/* POST /api/v2/delete: {"start": RFC 3339, "stop": RFC 3339, "predicate": …}, both times inclusive. Thread:
 * the connection's. */
#include "config.h"
#include "server/server_priv.h"

#include "core/clock.h"

#include <jansson.h>

#define PREFIX "error decoding json body: "

static enum MHD_Result bad(struct ts_call *call, const char *message)
{
    return ts_server_error(call->con, MHD_HTTP_BAD_REQUEST, message, NULL, NULL);
}

static bool read_time(const json_t *body, const char *name, int64_t *out)
{
    const json_t *value = json_object_get(body, name);
    struct ts_str text = {json_string_value(value), json_string_length(value)};
    /* A day alone is a time for Flux, not for a delete. */
    return text.p && text.len > strlen("2009-01-02") && ts_clock_read_time(text, out) == 0;
}

static enum MHD_Result run(struct ts_call *call, int64_t bucket, const json_t *body)
{
    const json_t *predicate = json_object_get(body, "predicate");
    struct ts_str text = {json_string_value(predicate), json_string_length(predicate)};
    struct ts_predicate pre = {0};
    struct ts_err err;
    int64_t start_ns, stop_ns;
    if (!read_time(body, "start", &start_ns))
        return bad(call, PREFIX
                   "invalid RFC3339Nano for field start, please format your time with RFC3339Nano format, "
                   "example: 2009-01-02T23:00:00Z");
    if (!read_time(body, "stop", &stop_ns))
        return bad(call, PREFIX
                   "invalid RFC3339Nano for field stop, please format your time with RFC3339Nano format, "
                   "example: 2009-01-01T23:00:00Z");
    if (predicate && !text.p && !json_is_null(predicate))
        return bad(call, PREFIX "predicate is not a text");
    int rc = text.len ? ts_predicate_read(text, &pre, &err) : 0;
    if (rc == -TS_EREFUSED)
        return ts_server_error(call->con, MHD_HTTP_NOT_IMPLEMENTED, err.msg, NULL, NULL);
    if (rc == 0 && start_ns <= stop_ns) /* else there is nothing between them */
        rc = ts_admin_delete_points(call->srv->info.admin, bucket, text.len ? &pre.all : NULL, start_ns,
                                    stop_ns, &err);
    ts_predicate_fini(&pre);
    if (rc)
        return ts_call_fail(call, rc, &err);
    return ts_server_respond(call->con, MHD_HTTP_NO_CONTENT, NULL, TS_STR(""), NULL, NULL);
}

/* In the order in which InfluxDB looks at it: organization, body, bucket. */
enum MHD_Result ts_api_delete(struct ts_call *call)
{
    const char *org_id = ts_server_parameter(call->con, "orgID"),
               *name = ts_server_parameter(call->con, "bucket");
    const char *id = ts_server_parameter(call->con, "bucketID");
    struct ts_err err;
    int64_t number, bucket = 0;
    if (!ts_server_parameter(call->con, "org")[0] && !org_id[0])
        return bad(call, "Please provide either orgID or org");
    if (org_id[0] && !ts_api_read_id(org_id, &number))
        return bad(call, "id must have a length of 16 bytes");
    if (org_id[0] && !ts_api_is_org_id(org_id))
        return ts_server_error(call->con, MHD_HTTP_NOT_FOUND, "organization not found", NULL, NULL);
    if (!name[0] && !id[0])
        return bad(call, "Please provide either bucketID or bucket");
    if (id[0] && !ts_api_read_id(id, &bucket))
        return bad(call, "id must have a length of 16 bytes");
    int rc = ts_api_find_bucket(call->srv, id[0] ? "" : name, &bucket, &err);
    if (rc)
        return ts_call_fail(call, rc, &err);
    json_t *body = ts_api_read_json(call, PREFIX, &err);
    if (!body)
        return bad(call, err.msg);
    enum MHD_Result answered = run(call, bucket, body);
    json_decref(body);
    return answered;
}
