/*
 * Deletes: a tomb for each series that the predicate takes, durable at once and seen by every reader from then on; store_purge.c
 * carries it out. Thread: any, under the store's lock.
 */
#include "config.h"
#include "store/store_read.h"

#include "store/store_index.h"
#include "store/store_key.h"

struct deletion {
    int64_t bucket;
    const struct ts_scan_pred *pred;
    int64_t start_ns, stop_ns;
};

static int add_tomb(struct ts_catalog *cat, int64_t bucket, const struct deletion *del, int64_t series, struct ts_err *err)
{
    sqlite3_stmt *stmt =
        ts_db_bind(cat->db, TS_SQL_C_ADD_TOMB, (int64_t[]){cat->seq, bucket, series, del->start_ns, del->stop_ns}, 5);
    if (stmt && series < 0)
        sqlite3_bind_null(stmt, 3);
    return ts_db_run(cat->db, stmt, err);
}

/* A field is no part of a delete: what InfluxDB deletes is points. */
static int add_tombs(struct ts_store *store, void *arg, struct ts_err *err)
{
    const struct deletion *del = arg;
    struct ts_catalog *cat = &store->cat;
    const struct ts_bucket *bck = ts_catalog_bucket_by_id(cat, del->bucket);
    struct ts_buf scratch = TS_BUF_INIT;
    struct ts_walk walk;
    struct ts_str key;
    uint32_t id;
    struct ts_tag tags[TS_TAGS_MAX];
    if (!bck)
        return ts_fail(err, TS_ENOTFOUND, "bucket not found");
    if (!del->pred)
        return add_tomb(cat, bck->id, del, -1, err);
    int rc = ts_walk_open(&walk, cat->db, bck->id, del->pred, err);
    while (rc == 0 && (rc = ts_walk_next(&walk, &id, &key, err)) > 0) {
        struct ts_str measurement;
        unsigned ntags;
        bool open;
        rc = ts_key_decode(key, &scratch, &measurement, tags, &ntags);
        enum ts_truth value = rc ? TS_FALSE : ts_pred_value(del->pred, measurement, tags, ntags, NULL, &open);
        rc = value != TS_TRUE ? 0 : add_tomb(cat, bck->id, del, id, err);
    }
    ts_walk_close(&walk);
    ts_buf_fini(&scratch);
    return rc;
}

int ts_delete_points(struct ts_admin *adm, int64_t bucket, const struct ts_scan_pred *pred, int64_t start_ns, int64_t stop_ns,
                     struct ts_err *err)
{
    struct ts_store *store = ts_store_of_admin(adm);
    struct deletion del = {bucket, pred, start_ns, stop_ns};
    int rc = ts_pred_check(pred, err);
    if (rc)
        return rc;
    if (stop_ns < start_ns)
        return ts_fail(err, TS_EINVAL, "a delete whose stop is before its start");
    pthread_mutex_lock(&store->lock);
    rc = ts_store_change(store, add_tombs, &del, err);
    pthread_mutex_unlock(&store->lock);
    if (rc == 0)
        ts_changes_note(store, start_ns, stop_ns);
    ts_bell_ring(&store->bell);
    return rc;
}
