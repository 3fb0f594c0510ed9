/*
 * GET /api/v2/orgs and /api/v2/orgs/ID. There is one organization, because buckets have none; clients ask for
 * theirs by name, before they make a bucket, so it has whatever name they ask for. Thread: the connection's.
 */
#include "config.h"
#include "server/server_priv.h"

#include "core/clock.h"
#include "core/num.h"

#define NAME "tsagg"

static void put_org(struct ts_call *call, struct ts_buf *body, const char *name)
{
    static const char *const of_name[] = {"buckets", "dashboards", "tasks"};
    static const char *const of_id[] = {"labels", "logs", "members", "owners", "secrets"};
    char time[TS_NUM_MAX];
    int n = (int)ts_clock_put_time(time, call->srv->info.started_ns);
    struct ts_buf url = TS_BUF_INIT;
    ts_buf_puts(body, "{\"links\":{");
    for (size_t i = 0; i < TS_ARRAY_SIZE(of_name); i++) {
        ts_buf_clear(&url);
        ts_buf_printf(&url, "/api/v2/%s?org=", of_name[i]);
        ts_api_put_escaped(&url, name);
        ts_buf_printf(body, "\"%s\":", of_name[i]);
        ts_buf_put_json(body, ts_buf_str(&url));
        ts_buf_putc(body, ',');
    }
    for (size_t i = 0; i < TS_ARRAY_SIZE(of_id); i++)
        ts_buf_printf(body, "\"%s\":\"/api/v2/orgs/" TS_ORG_ID "/%s\",", of_id[i], of_id[i]);
    ts_buf_puts(body, "\"self\":\"/api/v2/orgs/" TS_ORG_ID "\"},\"id\":\"" TS_ORG_ID "\",\"name\":");
    ts_buf_put_json(body, ts_str_of(name));
    ts_buf_printf(body, ",\"description\":\"\",\"createdAt\":\"%.*s\",\"updatedAt\":\"%.*s\"}", n, time, n,
                  time);
    ts_buf_fini(&url);
}

enum MHD_Result ts_api_list_orgs(struct ts_call *call)
{
    const char *name = ts_server_parameter(call->con, "org"), *id = ts_server_parameter(call->con, "orgID");
    struct ts_api_page page;
    struct ts_buf body = TS_BUF_INIT;
    int64_t number;
    const char *wrong = ts_api_read_page(call->con, &page);
    if (wrong)
        return ts_server_error(call->con, MHD_HTTP_BAD_REQUEST, wrong, NULL, NULL);
    if (ts_api_read_id(id, &number) && !ts_api_is_org_id(id))
        return ts_server_error(call->con, MHD_HTTP_NOT_FOUND, "organization not found", NULL, NULL);
    ts_buf_puts(&body, "{\"links\":{\"self\":\"/api/v2/orgs\"},\"orgs\":[");
    if (page.offset <= 0 && !ts_server_parameter(call->con, "userID")[0])
        put_org(call, &body, name[0] ? name : NAME);
    ts_buf_puts(&body, "]}\n");
    enum MHD_Result rc = ts_call_respond(call, MHD_HTTP_OK, &body);
    ts_buf_fini(&body);
    return rc;
}

enum MHD_Result ts_api_get_org(struct ts_call *call)
{
    struct ts_buf body = TS_BUF_INIT;
    if (!ts_api_is_org_id(call->id))
        return ts_server_error(call->con, MHD_HTTP_NOT_FOUND, "organization not found", NULL, NULL);
    put_org(call, &body, NAME);
    enum MHD_Result rc = ts_call_respond(call, MHD_HTTP_OK, &body);
    ts_buf_fini(&body);
    return rc;
}
