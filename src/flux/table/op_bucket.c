/*
 * buckets(), and what the schema package asks of series alone: keys and values of tags, from the index of the source, without
 * reading points. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_scan.h"
#include "flux/table/table_std.h"

#include <stdio.h>

struct listing {
    struct ts_flux_run *run;
    struct ts_flux_column *names, *ids, *retentions;
    const char *const *also, *const *also_end; /* names that are to stand among the others, in order */
    int rc;
};

static int push(struct listing *to, struct ts_flux_column *col, struct ts_flux_value v)
{
    if (to->rc == 0 && (!col || ts_flux_column_push(col, v) != 0))
        to->rc = ts_flux_fail_nomem(to->run);
    return to->rc;
}

/* ---- tag keys and values ---- */

struct schema_args {
    struct ts_flux_stream *from;
    struct ts_scan_schema_request req; /* what, tag */
};

struct once {
    bool done;
};

static bool on_value(void *arg, struct ts_str value, enum ts_scan_type type)
{
    struct listing *to = arg;
    (void)type;
    to->rc = ts_flux_tick(to->run, 1);
    while (to->also < to->also_end && ts_str_cmp(ts_str_of(*to->also), value) < 0)
        (void)push(to, to->names, ts_flux_string(ts_str_of(*to->also++)));
    return push(to, to->names, ts_flux_string(value)) == 0;
}

static int give(struct ts_flux_run *run, struct ts_flux_maker *mk, struct ts_flux_key_col *key, size_t nkey, size_t n,
                struct ts_flux_chunk **out)
{
    struct ts_flux_key *made = ts_flux_key_new(&run->mem, key, nkey);
    *out = ts_flux_maker_end(mk, made, n);
    ts_flux_key_unref(&made);
    return *out ? 0 : ts_flux_fail_nomem(run);
}

static int schema_next(struct ts_flux_cursor *cur, struct ts_flux_chunk **out)
{
    static const char *const bounds[] = {"_start", "_stop"}, *const always[] = {"_field", "_measurement"};
    const struct schema_args *args = cur->args;
    struct once *st = cur->st;
    struct ts_flux_run *run = cur->run;
    struct ts_scan_request req;
    struct ts_err err;
    if (st->done)
        return 0;
    st->done = true;
    struct listing to = {.run = run, .names = ts_flux_column_new(&run->mem, TS_FLUX_STRING, 16)};
    struct ts_scan_schema_request ask = args->req;
    const struct ts_flux_name *name = ts_flux_name_of(&run->names, TS_STR("_value"));
    to.rc = to.names && name ? ts_flux_scan_request(run, args->from, &req) : ts_flux_fail_nomem(run);
    if (to.rc == 0 && ask.what == TS_SCAN_TAG_KEYS) {
        for (size_t i = 0; i < TS_ARRAY_SIZE(bounds); i++)
            (void)push(&to, to.names, ts_flux_string(ts_str_of(bounds[i])));
        to.also = always;
        to.also_end = always + TS_ARRAY_SIZE(always);
    }
    if (to.rc == 0) {
        ask.bucket = req.bucket;
        ask.start_ns = req.start_ns;
        ask.stop_ns = req.stop_ns;
        ask.pred = req.pred;
        int rc = ts_scan_schema(run->source, &ask, on_value, &to, &err);
        if (to.rc == 0 && rc)
            to.rc = ts_flux_scan_failed(run, rc, req.bucket, &err);
    }
    while (to.also < to.also_end)
        (void)push(&to, to.names, ts_flux_string(ts_str_of(*to.also++)));
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    size_t n = to.names ? to.names->n : 0;
    if (to.rc)
        ts_flux_column_unref(&to.names);
    else
        ts_flux_maker_add(&mk, name, to.names);
    return to.rc ? to.rc : give(run, &mk, NULL, 0, n, out);
}

static const struct ts_flux_operator schema_op = {.name = "schema", .state = sizeof(struct once), .next = schema_next};

/* What is not for the index alone is left to the steps that the script could write itself. */
static int plan_schema(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_scan_schema_request req,
                       struct ts_flux_value otherwise, struct ts_flux_value *out)
{
    struct schema_args sa = {args->v[0].stream, req};
    if (!ts_flux_scan_of(sa.from) || !sa.from->span.set)
        return ts_flux_call(run, otherwise, NULL, 0, out);
    return ts_flux_plan(run, &schema_op, &sa, sizeof sa, NULL, out);
}

/* tables, tag, otherwise */
int ts_flux_op_tag_values(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    static const char *const rows[] = {"_time", "_value", "_start", "_stop"};
    struct ts_scan_schema_request req = {.what = TS_SCAN_TAG_VALUES, .tag = ts_flux_value_str(args->v[1])};
    for (size_t i = 0; i < TS_ARRAY_SIZE(rows); i++)
        if (ts_flux_is(args->v[1], rows[i]))
            return ts_flux_call(run, args->v[2], NULL, 0, out);
    if (ts_flux_is(args->v[1], "_measurement"))
        req.what = TS_SCAN_MEASUREMENTS;
    else if (ts_flux_is(args->v[1], "_field"))
        req.what = TS_SCAN_FIELD_KEYS;
    return plan_schema(run, args, req, args->v[2], out);
}

/* tables, otherwise */
int ts_flux_op_tag_keys(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_schema(run, args, (struct ts_scan_schema_request){.what = TS_SCAN_TAG_KEYS}, args->v[1], out);
}

/* ---- buckets ---- */

static bool on_bucket(void *arg, struct ts_str value, enum ts_scan_type type)
{
    struct listing *to = arg;
    struct ts_scan_bucket bucket;
    struct ts_err err;
    char id[17];
    (void)type;
    if (ts_scan_bucket(to->run->source, value, &bucket, &err) != 0)
        return true; /* dropped meanwhile */
    snprintf(id, sizeof id, "%016llx", (unsigned long long)bucket.id);
    (void)push(to, to->names, ts_flux_string(value));
    (void)push(to, to->ids, ts_flux_string(ts_str_of(id)));
    return push(to, to->retentions, ts_flux_int(bucket.retention_ns)) == 0;
}

static int buckets_next(struct ts_flux_cursor *cur, struct ts_flux_chunk **out)
{
    static const char *const names[] = {"name", "id", "organizationID", "retentionPolicy", "retentionPeriod"};
    const struct ts_flux_name *nm[TS_ARRAY_SIZE(names)];
    struct once *st = cur->st;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_mem *mem = &run->mem;
    struct ts_scan_schema_request req = {.what = TS_SCAN_BUCKETS, .start_ns = INT64_MIN, .stop_ns = INT64_MAX};
    struct ts_err err;
    if (st->done)
        return 0;
    st->done = true;
    for (size_t i = 0; i < TS_ARRAY_SIZE(names); i++)
        if (!(nm[i] = ts_flux_name_of(&run->names, ts_str_of(names[i]))))
            return ts_flux_fail_nomem(run);
    if (!run->source)
        return ts_flux_scan_failed(run, 0, (struct ts_str){0}, NULL);
    struct listing to = {.run = run,
                         .names = ts_flux_column_new(mem, TS_FLUX_STRING, 8),
                         .ids = ts_flux_column_new(mem, TS_FLUX_STRING, 8),
                         .retentions = ts_flux_column_new(mem, TS_FLUX_INT, 8)};
    int rc = to.names ? ts_scan_schema(run->source, &req, on_bucket, &to, &err) : 0;
    if (to.rc == 0 && rc)
        to.rc = ts_flux_scan_failed(run, rc, (struct ts_str){0}, &err);
    size_t n = to.names ? to.names->n : 0;
    struct ts_flux_key_col key = {nm[2], ts_flux_string(TS_STR(TS_ORG_ID))};
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    ts_flux_maker_add(&mk, nm[0], to.names);
    ts_flux_maker_add(&mk, nm[1], to.ids);
    ts_flux_maker_const(&mk, nm[2], key.v);
    ts_flux_maker_const(&mk, nm[3], ts_flux_string(TS_STR("")));
    ts_flux_maker_add(&mk, nm[4], to.retentions);
    if (to.rc)
        ts_flux_maker_drop(&mk);
    return to.rc ? to.rc : give(run, &mk, &key, 1, n, out);
}

static const struct ts_flux_operator buckets_op = {.name = "buckets", .state = sizeof(struct once), .next = buckets_next};

/* host, org, orgID, token */
int ts_flux_op_buckets(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    if (ts_flux_given(args, 0))
        return ts_flux_fail(run, "buckets() lists this process's own store: it takes no host");
    return ts_flux_plan(run, &buckets_op, NULL, 0, NULL, out);
}
