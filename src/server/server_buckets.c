/*
 * /api/v2/buckets: list with filters and pages, make, show, change, drop. Thread: the connection's. A list is
 * gathered under the store's lock and written without it.
 */
#include "config.h"
#include "server/server_priv.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/num.h"

#include <inttypes.h>
#include <stdlib.h>

#define JSON_WRONG "failed to unmarshal json: "

static enum MHD_Result bad(struct ts_call *call, const char *message)
{
    return ts_server_error(call->con, MHD_HTTP_BAD_REQUEST, message, NULL, NULL);
}

/* ---- what the store has ---- */

struct gathered {
    struct ts_bucket_info *all; /* texts are theirs */
    unsigned n, cap;
    bool failed;
    const char *name; /* NULL: any */
    int64_t id;       /* 0: any */
};

static void gathered_fini(struct gathered *got)
{
    for (unsigned i = 0; i < got->n; i++)
        ts_free((char *)(uintptr_t)got->all[i].name.p);
    ts_free(got->all);
}

static bool gather(void *arg, const struct ts_bucket_info *bck)
{
    struct gathered *got = arg;
    if ((got->name && !ts_str_eq(bck->name, ts_str_of(got->name))) || (got->id && bck->id != got->id))
        return true;
    if (got->n == got->cap) {
        unsigned cap = TS_MAX(16u, got->cap * 2);
        struct ts_bucket_info *all = ts_resize(got->all, cap * sizeof *all);
        got->failed = !all;
        if (!all)
            return false;
        got->all = all;
        got->cap = cap;
    }
    char *text = ts_alloc(bck->name.len + bck->description.len + 1);
    got->failed = !text;
    if (!text)
        return false;
    if (bck->name.len)
        memcpy(text, bck->name.p, bck->name.len);
    if (bck->description.len)
        memcpy(text + bck->name.len, bck->description.p, bck->description.len);
    struct ts_bucket_info *to = &got->all[got->n++];
    *to = *bck;
    to->name.p = text;
    to->description.p = text + bck->name.len;
    return true;
}

static int read_buckets(struct ts_server *srv, struct gathered *got, struct ts_err *err)
{
    int rc = ts_admin_list(srv->info.admin, gather, got, err);
    return rc == 0 && got->failed ? ts_fail(err, TS_ENOMEM, "out of memory") : rc;
}

int ts_api_find_bucket(struct ts_server *srv, const char *name, int64_t *id, struct ts_err *err)
{
    struct gathered got = {.name = name[0] ? name : NULL, .id = name[0] ? 0 : *id};
    int rc = read_buckets(srv, &got, err);
    if (rc == 0 && got.n == 0)
        rc = name[0] ? ts_fail(err, TS_ENOTFOUND, "bucket \"%.200s\" not found", name)
                     : ts_fail(err, TS_ENOTFOUND, "bucket not found");
    else if (rc == 0)
        *id = got.all[0].id;
    gathered_fini(&got);
    return rc;
}

void ts_api_resolve_bucket(struct ts_server *srv, unsigned version, struct ts_buf *bucket)
{
    static const char autogen[] = "/autogen";
    struct gathered got = {.n = 0};
    struct ts_err err;
    int64_t id;
    const char *name = ts_buf_cstr(bucket);
    if (!srv->info.admin || !name)
        return;
    if (version == 2) {
        if (ts_api_read_id(name, &got.id) && read_buckets(srv, &got, &err) == 0 && got.n == 1) {
            ts_buf_clear(bucket);
            ts_buf_put_str(bucket, got.all[0].name);
        }
        gathered_fini(&got);
        return;
    }
    size_t len = bucket->len, tail = strlen(autogen);
    if (ts_api_find_bucket(srv, name, &id, &err) != -TS_ENOTFOUND)
        return;
    if (len > tail && strcmp(name + len - tail, autogen) == 0)
        bucket->len = len - tail;
    else if (!strchr(name, '/'))
        ts_buf_puts(bucket, autogen);
    name = ts_buf_cstr(bucket);
    if ((!name || ts_api_find_bucket(srv, name, &id, &err) != 0) &&
        bucket->len > len) /* as it was asked for, for the answer */
        bucket->len = len;
}

/* ---- how they are shown ---- */

static void put_time(struct ts_buf *body, const char *name, int64_t t_ns)
{
    char time[TS_NUM_MAX];
    ts_buf_printf(body, "\"%s\":\"%.*s\",", name, (int)ts_clock_put_time(time, t_ns), time);
}

static void put_bucket(struct ts_buf *body, const struct ts_bucket_info *bck)
{
    static const char *const links[] = {"labels", "members", "owners"};
    uint64_t id = (uint64_t)bck->id;
    ts_buf_printf(body, "{\"id\":\"%016" PRIx64 "\",\"orgID\":\"" TS_ORG_ID "\",\"type\":\"user\",", id);
    if (bck->description.len) {
        ts_buf_puts(body, "\"description\":");
        ts_buf_put_json(body, bck->description);
        ts_buf_putc(body, ',');
    }
    ts_buf_puts(body, "\"name\":");
    ts_buf_put_json(body, bck->name);
    ts_buf_printf(body,
                  ",\"retentionRules\":[{\"type\":\"expire\",\"everySeconds\":%" PRId64
                  ",\"shardGroupDurationSeconds\":%" PRId64 "}],",
                  bck->retention_ns / TS_SEC, bck->shard_ns / TS_SEC);
    put_time(body, "createdAt", bck->created_ns);
    put_time(body, "updatedAt", bck->updated_ns);
    ts_buf_puts(body, "\"links\":{");
    for (size_t i = 0; i < TS_ARRAY_SIZE(links); i++)
        ts_buf_printf(body, "\"%s\":\"/api/v2/buckets/%016" PRIx64 "/%s\",", links[i], id, links[i]);
    ts_buf_printf(body, "\"org\":\"/api/v2/orgs/" TS_ORG_ID "\",\"self\":\"/api/v2/buckets/%016" PRIx64 "\",",
                  id);
    ts_buf_printf(body, "\"write\":\"/api/v2/write?org=" TS_ORG_ID "&bucket=%016" PRIx64 "\"},\"labels\":[]}",
                  id);
}

static enum MHD_Result show(struct ts_call *call, unsigned status, int64_t id, const char *name)
{
    struct gathered got = {.id = id, .name = name};
    struct ts_buf body = TS_BUF_INIT;
    struct ts_err err;
    int rc = read_buckets(call->srv, &got, &err);
    if (rc == 0 && got.n == 0)
        rc = ts_fail(&err, TS_ENOTFOUND, "bucket not found");
    if (rc == 0)
        put_bucket(&body, &got.all[0]);
    gathered_fini(&got);
    ts_buf_putc(&body, '\n');
    enum MHD_Result answered = rc ? ts_call_fail(call, rc, &err) : ts_call_respond(call, status, &body);
    ts_buf_fini(&body);
    return answered;
}

/* ---- list ---- */

static int by_name(const void *pa, const void *pb)
{
    const struct ts_bucket_info *a = pa, *b = pb;
    return ts_str_cmp(a->name, b->name);
}

/* The request as InfluxDB repeats it, with another offset. */
static void put_link(struct ts_call *call, struct ts_buf *body, const char *rel,
                     const struct ts_api_page *page, int64_t offset)
{
    static const char *const texts[][2] = {
        {"after", "after"}, {"bucket", "name"}, {"id", "id"}, {"org", "org"}, {"orgID", "orgID"}};
    struct ts_buf url = TS_BUF_INIT;
    ts_buf_printf(&url, "/api/v2/buckets?descending=%s&limit=%" PRId64 "&offset=%" PRId64,
                  page->descending ? "true" : "false", page->limit, offset);
    for (size_t i = 0; i < TS_ARRAY_SIZE(texts); i++) {
        const char *value = ts_server_parameter(call->con, texts[i][1]);
        if (!value[0])
            continue;
        ts_buf_printf(&url, "&%s=", texts[i][0]);
        ts_api_put_escaped(&url, value);
    }
    ts_buf_printf(body, "\"%s\":", rel);
    ts_buf_put_json(body, ts_buf_str(&url));
    ts_buf_fini(&url);
}

static void put_list(struct ts_call *call, struct ts_buf *body, const struct gathered *got,
                     const struct ts_api_page *page, int64_t after)
{
    struct ts_buf buckets = TS_BUF_INIT;
    int64_t skip = TS_MAX(page->offset, 0), n = 0;
    for (unsigned i = 0; i < got->n && n < page->limit; i++) {
        const struct ts_bucket_info *bck = &got->all[page->descending ? got->n - 1 - i : i];
        if ((after && bck->id <= after) || skip-- > 0)
            continue;
        if (n++)
            ts_buf_putc(&buckets, ',');
        put_bucket(&buckets, bck);
    }
    ts_buf_puts(body, "{\"links\":{");
    if (page->offset > 0) {
        put_link(call, body, "prev", page, TS_MAX(page->offset - page->limit, 0));
        ts_buf_putc(body, ',');
    }
    put_link(call, body, "self", page, page->offset);
    if (n == page->limit) {
        ts_buf_putc(body, ',');
        put_link(call, body, "next", page, page->offset + page->limit);
    }
    ts_buf_puts(body, "},\"buckets\":[");
    ts_buf_put_str(body, ts_buf_str(&buckets));
    ts_buf_puts(body, "]}\n");
    body->failed |= ts_buf_failed(&buckets);
    ts_buf_fini(&buckets);
}

enum MHD_Result ts_api_list_buckets(struct ts_call *call)
{
    const char *name = ts_server_parameter(call->con, "name"), *id = ts_server_parameter(call->con, "id");
    const char *org_id = ts_server_parameter(call->con, "orgID"),
               *after_id = ts_server_parameter(call->con, "after");
    struct gathered got = {.name = name[0] ? name : NULL};
    struct ts_api_page page;
    struct ts_buf body = TS_BUF_INIT;
    struct ts_err err;
    int64_t number, after = 0;
    const char *wrong = ts_api_read_page(call->con, &page);
    if (!wrong && after_id[0] && !ts_api_read_id(after_id, &after))
        wrong = "decoding after: id must have a length of 16 bytes";
    if (!wrong &&
        ((org_id[0] && !ts_api_read_id(org_id, &number)) || (id[0] && !ts_api_read_id(id, &got.id))))
        wrong = "id must have a length of 16 bytes";
    if (wrong)
        return bad(call, wrong);
    int rc = org_id[0] && !ts_api_is_org_id(org_id) ? 0 : read_buckets(call->srv, &got, &err);
    if (rc == 0 && id[0] && got.n == 0)
        rc = ts_fail(&err, TS_ENOTFOUND, "bucket not found");
    if (got.n > 1 &&
        (org_id[0] || ts_server_parameter(call->con, "org")[0])) /* else they are in order of their numbers */
        qsort(got.all, got.n, sizeof *got.all, by_name);
    put_list(call, &body, &got, &page, after);
    enum MHD_Result answered = rc ? ts_call_fail(call, rc, &err) : ts_call_respond(call, MHD_HTTP_OK, &body);
    gathered_fini(&got);
    ts_buf_fini(&body);
    return answered;
}

/* ---- one ---- */

enum MHD_Result ts_api_get_bucket(struct ts_call *call)
{
    return show(call, MHD_HTTP_OK, call->number, NULL);
}

enum MHD_Result ts_api_drop_bucket(struct ts_call *call)
{
    struct ts_err err;
    int rc = ts_admin_drop(call->srv->info.admin, call->number, &err);
    return rc ? ts_call_fail(call, rc, &err)
              : ts_server_respond(call->con, MHD_HTTP_NO_CONTENT, NULL, TS_STR(""), NULL, NULL);
}

/* ---- make and change ---- */

/* What a body asks for; texts are its. */
struct wish {
    struct ts_str name, description;
    bool has_name, has_description, has_retention;
    int64_t retention_ns, shard_ns;
};

static bool read_text(const json_t *body, const char *name, struct ts_str *out, bool *there)
{
    const json_t *value = json_object_get(body, name);
    *there = value && !json_is_null(value);
    *out = *there ? (struct ts_str){json_string_value(value), json_string_length(value)} : TS_STR("");
    return out->p != NULL;
}

static bool read_seconds(const json_t *rule, const char *name, int64_t *out_ns)
{
    const json_t *value = json_object_get(rule, name);
    *out_ns = 0;
    return !value ||
           (json_is_integer(value) && !__builtin_mul_overflow(json_integer_value(value), TS_SEC, out_ns));
}

/* *status stays 0 when all is well. @return what is wrong. */
static const char *read_wish(const json_t *body, struct wish *wish, unsigned *status)
{
    const json_t *rules = json_object_get(body, "retentionRules"), *rule = json_array_get(rules, 0);
    *wish = (struct wish){0};
    *status = MHD_HTTP_BAD_REQUEST;
    if (!read_text(body, "name", &wish->name, &wish->has_name) ||
        !read_text(body, "description", &wish->description, &wish->has_description))
        return JSON_WRONG "name and description are texts";
    if (rules && !json_is_array(rules) && !json_is_null(rules))
        return JSON_WRONG "retentionRules is an array";
    if (!read_seconds(rule, "everySeconds", &wish->retention_ns) ||
        !read_seconds(rule, "shardGroupDurationSeconds", &wish->shard_ns))
        return JSON_WRONG "everySeconds and shardGroupDurationSeconds are integers of up to 292 years";
    wish->has_retention = rule != NULL;
    *status = MHD_HTTP_UNPROCESSABLE_CONTENT;
    if (json_array_size(rules) > 1)
        return "buckets cannot have more than one retention rule at this time";
    if (wish->retention_ns < 0 || wish->shard_ns < 0)
        return "expiration seconds cannot be negative";
    *status = MHD_HTTP_INTERNAL_SERVER_ERROR; /* InfluxDB's */
    if (wish->retention_ns != 0 && wish->retention_ns < 3600 * TS_SEC)
        return "retention policy duration must be at least 1h0m0s";
    *status = 0;
    return NULL;
}

/* @return what is wrong, in *message too when it has the name. */
static const char *check_name(struct ts_str name, struct ts_buf *message)
{
    const char *why = name.len && name.p[0] == '_' ? "Buckets may not start with underscore"
                      : name.len && memchr(name.p, '"', name.len)
                          ? "Bucket names may not include quotation marks"
                          : NULL;
    if (!why)
        return NULL;
    ts_buf_printf(message, "bucket name %.*s is invalid. %s", (int)TS_MIN(name.len, (size_t)200), name.p,
                  why);
    const char *text = ts_buf_cstr(message);
    return text ? text : why;
}

static enum MHD_Result make(struct ts_call *call, const json_t *body)
{
    const json_t *org = json_object_get(body, "orgID");
    const char *org_id = json_string_value(org);
    struct ts_buf message = TS_BUF_INIT;
    struct ts_err err;
    struct wish wish;
    unsigned status;
    int64_t number;
    const char *wrong = read_wish(body, &wish, &status);
    if (wrong)
        return ts_server_error(call->con, status, wrong, NULL, NULL);
    if (!org_id || !org_id[0])
        return bad(call, "organization id must be provided");
    if (!ts_api_read_id(org_id, &number))
        return bad(call, JSON_WRONG "id must have a length of 16 bytes");
    if (!ts_api_is_org_id(org_id))
        return ts_server_error(call->con, MHD_HTTP_NOT_FOUND, "organization not found", NULL, NULL);
    wrong = check_name(wish.name, &message);
    enum MHD_Result answered = wrong ? bad(call, wrong) : MHD_NO;
    ts_buf_fini(&message);
    if (wrong)
        return answered;
    struct ts_bucket_info bck = {.name = wish.name,
                                 .description = wish.description,
                                 .retention_ns = wish.retention_ns,
                                 .shard_ns = wish.shard_ns};
    int rc = ts_admin_make(call->srv->info.admin, &bck, &err);
    return rc ? ts_call_fail(call, rc, &err)
              : show(call, MHD_HTTP_CREATED, 0, json_string_value(json_object_get(body, "name")));
}

static enum MHD_Result change(struct ts_call *call, const json_t *body)
{
    struct ts_buf message = TS_BUF_INIT;
    struct ts_err err;
    struct wish wish;
    unsigned status;
    const char *wrong = read_wish(body, &wish, &status);
    if (wrong)
        return ts_server_error(call->con, status, wrong, NULL, NULL);
    wrong = wish.has_name ? check_name(wish.name, &message) : NULL;
    enum MHD_Result answered = wrong ? bad(call, wrong) : MHD_NO;
    ts_buf_fini(&message);
    if (wrong)
        return answered;
    struct ts_bucket_edit edit = {.name = wish.has_name ? &wish.name : NULL,
                                  .description = wish.has_description ? &wish.description : NULL,
                                  .retention_ns = wish.has_retention ? &wish.retention_ns : NULL};
    int rc = ts_admin_change(call->srv->info.admin, call->number, &edit, &err);
    return rc ? ts_call_fail(call, rc, &err) : show(call, MHD_HTTP_OK, call->number, NULL);
}

/* Of the body, an object. */
static enum MHD_Result with_body(struct ts_call *call, enum MHD_Result (*fn)(struct ts_call *call, const json_t *body))
{
    struct ts_err err;
    json_t *body = ts_api_read_json(call, JSON_WRONG, &err);
    if (!body)
        return bad(call, err.msg);
    enum MHD_Result answered = fn(call, body);
    json_decref(body);
    return answered;
}

enum MHD_Result ts_api_make_bucket(struct ts_call *call)
{
    return with_body(call, make);
}

enum MHD_Result ts_api_change_bucket(struct ts_call *call)
{
    return with_body(call, change);
}
