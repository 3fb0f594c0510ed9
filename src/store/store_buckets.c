/*
 * Buckets: list, make, change, drop. Thread: any; a change takes the store's lock for the length of one
 * transaction, and so does a list.
 */
#include "config.h"
#include "store/store_priv.h"

static int not_found(struct ts_err *err)
{
    return ts_fail(err, TS_ENOTFOUND, "bucket not found");
}

static void bind_text(sqlite3_stmt *stmt, int at, const struct ts_str *text)
{
    if (text) /* else it stays NULL: as it was */
        sqlite3_bind_text(stmt, at, text->len ? text->p : "", (int)text->len, SQLITE_STATIC);
}

static int check(const struct ts_bucket_edit *edit, struct ts_err *err)
{
    if (edit->name && (edit->name->len == 0 || edit->name->len > TS_BUCKET_NAME_MAX))
        return ts_fail(err, TS_EINVAL, "a bucket's name has 1 to %d bytes", TS_BUCKET_NAME_MAX);
    if (edit->description && edit->description->len > TS_BUCKET_DESCRIPTION_MAX)
        return ts_fail(err, TS_EINVAL, "a bucket's description has up to %d bytes",
                       TS_BUCKET_DESCRIPTION_MAX);
    if (edit->retention_ns && *edit->retention_ns != 0 && *edit->retention_ns < TS_STORE_RETENTION_MIN)
        return ts_fail(err, TS_EINVAL, "a bucket's retention is at least an hour, or 0 for ever");
    return 0;
}

/* ---- make and change; in a transaction ---- */

struct make {
    struct ts_bucket_info bck;
    bool or_set; /* one that there is gets the retention */
};

static int set_bucket(struct ts_store *store, int64_t id, const struct ts_bucket_edit *edit,
                      struct ts_err *err)
{
    struct ts_db *db = store->cat.db;
    sqlite3_stmt *stmt = ts_db_bind(db, TS_SQL_C_SET_BUCKET, &id, 1);
    if (stmt) {
        bind_text(stmt, 2, edit->name);
        bind_text(stmt, 3, edit->description);
        if (edit->retention_ns)
            sqlite3_bind_int64(stmt, 4, *edit->retention_ns);
        sqlite3_bind_int64(stmt, 5, ts_clock_now_ns());
    }
    return ts_db_run(db, stmt, err);
}

static int make_bucket(struct ts_store *store, void *arg, struct ts_err *err)
{
    const struct make *mk = arg;
    const struct ts_bucket_info *bck = &mk->bck;
    struct ts_db *db = store->cat.db;
    const struct ts_bucket *there = ts_catalog_bucket(&store->cat, bck->name);
    if (there && mk->or_set)
        return there->retention_ns == bck->retention_ns
                   ? 0
                   : set_bucket(store, there->id,
                                &(struct ts_bucket_edit){.retention_ns = &bck->retention_ns}, err);
    if (there)
        return ts_fail(err, TS_EREFUSED, "bucket with name %.*s already exists",
                       (int)TS_MIN(bck->name.len, (size_t)200), bck->name.p);
    sqlite3_stmt *stmt = ts_db_stmt(db, TS_SQL_C_ADD_BUCKET);
    if (stmt) {
        bind_text(stmt, 1, &bck->name);
        bind_text(stmt, 2, &bck->description);
        sqlite3_bind_int64(stmt, 3, bck->retention_ns);
        sqlite3_bind_int64(stmt, 4, bck->shard_ns ? bck->shard_ns : ts_shard_duration(bck->retention_ns));
        sqlite3_bind_int64(stmt, 5, ts_clock_now_ns());
    }
    return ts_db_run(db, stmt, err);
}

struct change {
    int64_t id;
    const struct ts_bucket_edit *edit;
};

static int change_bucket(struct ts_store *store, void *arg, struct ts_err *err)
{
    const struct change *chg = arg;
    const struct ts_str *name = chg->edit->name;
    if (!ts_catalog_bucket_by_id(&store->cat, chg->id))
        return not_found(err);
    const struct ts_bucket *there = name ? ts_catalog_bucket(&store->cat, *name) : NULL;
    if (there && there->id != chg->id)
        return ts_fail(err, TS_EREFUSED, "bucket name is not unique");
    return set_bucket(store, chg->id, chg->edit, err);
}

/* The shards' files go with the next round of tending: no row names them any more. */
static int drop_bucket(struct ts_store *store, void *arg, struct ts_err *err)
{
    static const enum ts_sql drops[] = {TS_SQL_C_DROP_BUCKET_TAGS, TS_SQL_C_DROP_BUCKET_SERIES, TS_SQL_C_DROP_BUCKET_FIELDS,
                                        TS_SQL_C_DROP_BUCKET_TOMBS, TS_SQL_C_DROP_BUCKET};
    const int64_t *id = arg;
    struct ts_catalog *cat = &store->cat;
    if (!ts_catalog_bucket_by_id(cat, *id))
        return not_found(err);
    int rc = ts_catalog_keep(cat, err); /* what is not kept yet would be written later */
    if (rc == 0)
        ts_catalog_kept(cat);
    for (unsigned i = 0; i < cat->nshards && rc == 0; i++) {
        if (cat->shards[i].bucket != *id)
            continue;
        rc = ts_db_run(cat->db, ts_db_bind(cat->db, TS_SQL_C_DROP_SHARD_LANDING, &cat->shards[i].id, 1), err);
        rc = rc ? rc
                : ts_db_run(cat->db, ts_db_bind(cat->db, TS_SQL_C_DROP_SHARD, &cat->shards[i].id, 1), err);
    }
    for (size_t i = 0; i < TS_ARRAY_SIZE(drops) && rc == 0; i++)
        rc = ts_db_run(cat->db, ts_db_bind(cat->db, drops[i], id, 1), err);
    return rc;
}

/* ---- the operations ---- */

/* What is known of buckets is read anew; that of series and shards as well when some may have gone. */
static int run(struct ts_store *store, int (*fn)(struct ts_store *, void *, struct ts_err *), void *arg,
               struct ts_err *err)
{
    struct ts_err again;
    pthread_mutex_lock(&store->lock);
    int rc = ts_store_change(store, fn, arg, err), loaded = 0;
    /* Also after a failure: what drop_bucket noted as kept may have been rolled back. */
    if (fn == drop_bucket)
        loaded = ts_catalog_load(&store->cat, rc ? &again : err);
    else if (rc == 0)
        loaded = ts_catalog_load_buckets(&store->cat, err);
    pthread_mutex_unlock(&store->lock);
    if (rc == 0)
        ts_changes_note(store, INT64_MIN, INT64_MAX);
    return rc ? rc : loaded;
}

int ts_store_put_bucket(struct ts_store *store, struct ts_str name, int64_t retention_ns, struct ts_err *err)
{
    struct make mk = {.bck = {.name = name, .retention_ns = retention_ns}, .or_set = true};
    int rc = check(&(struct ts_bucket_edit){.name = &name, .retention_ns = &retention_ns}, err);
    return rc ? rc : run(store, make_bucket, &mk, err);
}

static int op_make(struct ts_admin *adm, const struct ts_bucket_info *bck, struct ts_err *err)
{
    struct make mk = {.bck = *bck};
    struct ts_bucket_edit edit = {&bck->name, &bck->description, &bck->retention_ns};
    int rc = check(&edit, err);
    if (rc == 0 && bck->shard_ns != 0 && bck->shard_ns < TS_STORE_RETENTION_MIN)
        rc = ts_fail(err, TS_EINVAL, "a bucket's shards are of at least an hour");
    return rc ? rc : run(ts_store_of_admin(adm), make_bucket, &mk, err);
}

static int op_change(struct ts_admin *adm, int64_t id, const struct ts_bucket_edit *edit, struct ts_err *err)
{
    int rc = check(edit, err);
    return rc ? rc : run(ts_store_of_admin(adm), change_bucket, &(struct change){id, edit}, err);
}

static int op_drop(struct ts_admin *adm, int64_t id, struct ts_err *err)
{
    struct ts_store *store = ts_store_of_admin(adm);
    int rc = run(store, drop_bucket, &id, err);
    ts_bell_ring(&store->bell);
    return rc;
}

static int op_list(struct ts_admin *adm, ts_bucket_fn *fn, void *arg, struct ts_err *err)
{
    struct ts_store *store = ts_store_of_admin(adm);
    bool more = true;
    int rc = 0;
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *stmt = ts_db_stmt(store->cat.db, TS_SQL_C_ALL_OF_BUCKETS);
    while (more && (rc = ts_db_step(store->cat.db, stmt, err)) > 0)
        more = fn(arg, &(struct ts_bucket_info){.id = sqlite3_column_int64(stmt, 0),
                                                .retention_ns = sqlite3_column_int64(stmt, 1),
                                                .shard_ns = sqlite3_column_int64(stmt, 2),
                                                .created_ns = sqlite3_column_int64(stmt, 3),
                                                .updated_ns = sqlite3_column_int64(stmt, 4),
                                                .name = ts_db_bytes(stmt, 5),
                                                .description = ts_db_bytes(stmt, 6)});
    if (!more)
        sqlite3_reset(stmt);
    pthread_mutex_unlock(&store->lock);
    return TS_MIN(rc, 0);
}

const struct ts_admin_ops ts_store_admin_ops = {.list = op_list,
                                                .make = op_make,
                                                .change = op_change,
                                                .drop = op_drop,
                                                .delete_points = ts_delete_points};
