/*
 * What there is: buckets, measurements, tag keys and values, fields, from the series index alone. Thread: any. Values are told
 * once each, in order: as they come from the index of tags, or gathered and sorted; then memory is that of the distinct values.
 */
#include "config.h"
#include "store/store_read.h"

#include "core/mem.h"
#include "store/store_index.h"
#include "store/store_key.h"

#include <stdlib.h>

struct answer {
    struct ts_map values; /* a text, for fields with its type in front, to nothing */
    const struct ts_scan_schema_request *req;
    struct ts_view *view;
    struct ts_buf key;
    ts_scan_schema_fn *fn; /* who asks */
    void *arg;
    bool told; /* the text in key */
};

static int add(struct answer *ans, struct ts_str value, enum ts_scan_type type)
{
    bool is_new;
    ts_buf_clear(&ans->key);
    ts_buf_put_str(&ans->key, value);
    ts_buf_putc(&ans->key, (char)type);
    return !ts_buf_failed(&ans->key) && ts_map_put(&ans->values, ts_buf_str(&ans->key), &is_new) ? 0 : -TS_ENOMEM;
}

/* Fields of the measurement that the predicate takes for this series; with fn NULL only whether there is one. */
static int fields_of(struct answer *ans, struct ts_str measurement, const struct ts_tag *tags, unsigned ntags, bool tell, bool *any,
                     struct ts_err *err)
{
    struct ts_db *db = ans->view->cat;
    int64_t bucket = (int64_t)ans->view->bucket.id;
    sqlite3_stmt *stmt = ts_db_bind(db, TS_SQL_C_FIELDS_OF, &bucket, 1);
    if (stmt)
        ts_db_bind_bytes(stmt, 2, measurement);
    int rc;
    *any = false;
    while ((rc = ts_db_step(db, stmt, err)) > 0) {
        struct ts_str name = ts_view_name(ans->view, (uint32_t)sqlite3_column_int64(stmt, 0));
        bool open;
        if (ts_pred_value(ans->req->pred, measurement, tags, ntags, &name, &open) != TS_TRUE)
            continue;
        *any = true;
        if (!tell || add(ans, name, (enum ts_scan_type)sqlite3_column_int64(stmt, 1)) != 0) {
            sqlite3_reset(stmt);
            return tell ? ts_fail(err, TS_ENOMEM, "no memory for names of fields") : 0;
        }
    }
    return rc;
}

static int add_series(struct answer *ans, struct ts_str measurement, const struct ts_tag *tags, unsigned ntags)
{
    int rc = 0;
    switch (ans->req->what) {
    case TS_SCAN_MEASUREMENTS: return add(ans, measurement, TS_SCAN_STRING);
    case TS_SCAN_TAG_KEYS:
        for (unsigned i = 0; i < ntags && rc == 0; i++)
            rc = add(ans, tags[i].key, TS_SCAN_STRING);
        return rc;
    case TS_SCAN_TAG_VALUES:
        for (unsigned i = 0; i < ntags && rc == 0; i++)
            if (ts_str_eq(tags[i].key, ans->req->tag))
                rc = add(ans, tags[i].value, TS_SCAN_STRING);
        return rc;
    default: return 0;
    }
}

/* What goes for all series of a measurement, or for none, is asked once. */
static bool is_of_measurement(const struct answer *ans)
{
    return ans->req->what == TS_SCAN_MEASUREMENTS || ans->req->what == TS_SCAN_FIELD_KEYS;
}

static bool knows_tags(const struct ts_scan_pred *pred)
{
    bool knows = pred && (pred->on == TS_SCAN_TAG && pred->op > TS_SCAN_NOT);
    for (unsigned i = 0; pred && i < pred->nargs && !knows; i++)
        knows = knows_tags(pred->args[i]);
    return knows;
}

static int read_series(struct answer *ans, struct ts_err *err)
{
    struct ts_buf scratch = TS_BUF_INIT;
    struct ts_tag tags[TS_TAGS_MAX];
    struct ts_walk walk;
    struct ts_str key;
    uint32_t id;
    bool once = is_of_measurement(ans) && !knows_tags(ans->req->pred);
    int rc = ts_walk_open(&walk, ans->view->cat, (int64_t)ans->view->bucket.id, ans->req->pred, err);
    while (rc == 0 && (rc = ts_walk_next(&walk, &id, &key, err)) > 0) {
        struct ts_str measurement;
        unsigned ntags;
        bool open, any = true;
        rc = 0;
        if (ts_key_decode(key, &scratch, &measurement, tags, &ntags) != 0)
            continue;
        enum ts_truth value = ts_pred_value(ans->req->pred, measurement, tags, ntags, NULL, &open);
        bool wanted = value == TS_TRUE || (value == TS_UNKNOWN && open), fields = ans->req->what == TS_SCAN_FIELD_KEYS;
        if (wanted && (fields || open))
            rc = fields_of(ans, measurement, tags, ntags, fields, &any, err);
        if (rc == 0 && wanted && any && add_series(ans, measurement, tags, ntags) != 0)
            rc = ts_fail(err, TS_ENOMEM, "no memory for the values of a schema query");
        if (rc == 0 && once)
            rc = ts_walk_skip_measurement(&walk, err);
    }
    ts_walk_close(&walk);
    ts_buf_fini(&scratch);
    return rc;
}

/* From the index texts come in order, one or two times: they need not be gathered. @return -TS_EAGAIN no more are wanted. */
static int tell_text(void *arg, struct ts_str text)
{
    struct answer *ans = arg;
    if (ans->told && ts_str_eq(ts_buf_str(&ans->key), text))
        return 0;
    ts_buf_clear(&ans->key);
    ts_buf_put_str(&ans->key, text);
    ans->told = true;
    if (ts_buf_failed(&ans->key))
        return -TS_ENOMEM;
    return ans->fn(ans->arg, text, TS_SCAN_STRING) ? 0 : -TS_EAGAIN;
}

/* Tags of a bucket, or of a measurement, from the index. @return 1: that does not answer it. */
static int read_tags(struct answer *ans, struct ts_err *err)
{
    const struct ts_scan_pred *pred = ans->req->pred;
    struct ts_db *cat = ans->view->cat;
    int64_t bucket = (int64_t)ans->view->bucket.id;
    struct ts_str measurement;
    bool of_one = pred && pred->op == TS_SCAN_EQ && ts_pred_measurement(pred, &measurement);
    if (is_of_measurement(ans) || (pred && !of_one) || !ts_index_is_there(cat))
        return 1;
    int rc = ans->req->what == TS_SCAN_TAG_KEYS
                 ? ts_index_keys(cat, bucket, of_one ? &measurement : NULL, tell_text, ans, err)
                 : ts_index_values(cat, bucket, ans->req->tag, of_one ? &measurement : NULL, tell_text, ans, err);
    if (rc == -TS_EAGAIN)
        return 0;
    return rc == -TS_ENOMEM ? ts_fail(err, TS_ENOMEM, "no memory for the values of a schema query") : rc;
}

static int compare_entries(const void *pa, const void *pb)
{
    const struct ts_map_entry *a = pa, *b = pb;
    struct ts_str sa = {a->key, a->len - 1}, sb = {b->key, b->len - 1};
    int c = ts_str_cmp(sa, sb);
    return c ? c : a->key[a->len - 1] - b->key[b->len - 1];
}

/* A field whose type differs between measurements is told once for each. */
static void tell(struct answer *ans)
{
    struct ts_map *map = &ans->values;
    if (map->n > 1)
        qsort(map->entries, map->n, sizeof *map->entries, compare_entries); /* nothing is looked up any more */
    for (uint32_t i = 0; i < map->n; i++) {
        const struct ts_map_entry *ent = &map->entries[i];
        if (!ans->fn(ans->arg, (struct ts_str){ent->key, ent->len - 1}, (enum ts_scan_type)ent->key[ent->len - 1]))
            return;
    }
}

static int read_buckets(struct ts_reader *rdr, ts_scan_schema_fn *fn, void *arg, struct ts_err *err)
{
    struct ts_db *db;
    int rc = ts_reader_take(rdr, 0, &db, err);
    if (rc)
        return rc;
    sqlite3_stmt *stmt = ts_db_stmt(db, TS_SQL_C_BUCKETS);
    while ((rc = ts_db_step(db, stmt, err)) > 0)
        if (!fn(arg, ts_db_bytes(stmt, 1), TS_SCAN_STRING))
            break;
    ts_reader_give(rdr, 0, db);
    return TS_MIN(rc, 0);
}

int ts_schema_read(struct ts_reader *rdr, const struct ts_scan_schema_request *req, ts_scan_schema_fn *fn, void *arg,
                   struct ts_err *err)
{
    if (req->what == TS_SCAN_BUCKETS)
        return read_buckets(rdr, fn, arg, err);
    struct ts_view view;
    int rc = ts_pred_check(req->pred, err);
    rc = rc ? rc : ts_view_open(rdr, req->bucket, req->start_ns, req->stop_ns, &view, err);
    if (rc)
        return rc;
    struct answer ans = {.req = req, .view = &view, .fn = fn, .arg = arg};
    rc = view.nshards > 0 ? read_tags(&ans, err) : 0;
    if (rc > 0)
        rc = read_series(&ans, err);
    if (rc == 0)
        tell(&ans);
    ts_map_fini(&ans.values);
    ts_buf_fini(&ans.key);
    ts_view_close(&view);
    return rc;
}

int ts_bucket_read(struct ts_reader *rdr, struct ts_str name, struct ts_scan_bucket *out, struct ts_err *err)
{
    struct ts_db *db;
    int rc = ts_reader_take(rdr, 0, &db, err);
    if (rc)
        return rc;
    sqlite3_stmt *stmt = ts_db_stmt(db, TS_SQL_C_BUCKET);
    if (stmt)
        sqlite3_bind_text(stmt, 1, name.p, (int)name.len, SQLITE_STATIC);
    rc = ts_db_step(db, stmt, err);
    if (rc > 0)
        *out = (struct ts_scan_bucket){(uint64_t)sqlite3_column_int64(stmt, 0), name, sqlite3_column_int64(stmt, 2),
                                       sqlite3_column_int64(stmt, 3)};
    ts_reader_give(rdr, 0, db);
    if (rc == 0)
        return ts_fail(err, TS_ENOTFOUND, "bucket \"%.*s\" not found", (int)TS_MIN(name.len, (size_t)200), name.p);
    return TS_MIN(rc, 0);
}
