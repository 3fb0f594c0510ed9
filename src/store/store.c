/*
 * The store as a whole: opening, the lock, changes of the catalogue. Thread: any; changes take the store's lock for the length of one
 * transaction. A change that fails is rolled back, in memory too.
 */
#include "config.h"
#include "store/store_priv.h"

#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"
#include "store/store_key.h"
#include "store/store_read.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- open and close ---- */

static int take_lock(struct ts_store *store, struct ts_err *err)
{
    struct ts_buf path = TS_BUF_INIT;
    ts_buf_printf(&path, "%s/lock", store->dir);
    const char *z = ts_buf_cstr(&path);
    int rc = 0;
    store->lock_fd = z ? open(z, O_RDWR | O_CREAT | O_CLOEXEC, 0640) : -1;
    if (store->lock_fd < 0)
        rc = ts_fail_errno(err, TS_EIO, "cannot open %s/lock", store->dir);
    else if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0)
        rc = errno == EWOULDBLOCK ? ts_fail(err, TS_EBUSY, "another process writes to the store in %s", store->dir)
                                  : ts_fail_errno(err, TS_EIO, "cannot lock %s/lock", store->dir);
    ts_buf_fini(&path);
    return rc;
}

static int open_all(struct ts_store *store, struct ts_err *err)
{
    struct ts_buf path = TS_BUF_INIT;
    if (ts_dir_make(store->dir) != 0)
        return ts_fail_errno(err, TS_EIO, "cannot make %s", store->dir);
    int rc = take_lock(store, err);
    rc = rc ? rc : ts_catalog_open(store->dir, &store->cat, err);
    if (rc)
        return rc;
    ts_buf_printf(&path, "%s/catalog.db", store->dir);
    const char *z = ts_buf_cstr(&path);
    rc = z ? ts_db_open(z, TS_DB_READ, &store->work, err) : -TS_ENOMEM;
    ts_buf_fini(&path);
    return rc ? rc : ts_reader_open(store->dir, &store->reader, err);
}

int ts_store_open(const char *dir, struct ts_store **out, struct ts_err *err)
{
    struct ts_store *store = ts_xalloc(sizeof *store);
    store->writer.ops = &ts_store_writer_ops;
    store->dir = ts_xstrdup(dir);
    store->lock_fd = -1;
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->tending, NULL);
    pthread_mutex_init(&store->work_lock, NULL);
    int rc = open_all(store, err);
    if (rc)
        ts_store_close(&store);
    *out = store;
    return rc;
}

static void stop_thread(struct ts_store *store)
{
    if (!store->started)
        return;
    atomic_store_explicit(&store->stopping, true, memory_order_release); /* the thread looks when it wakes */
    ts_bell_ring(&store->bell);
    pthread_join(store->thread, NULL);
    store->started = false;
}

void ts_store_close(struct ts_store **pstore)
{
    struct ts_store *store = *pstore;
    if (!store)
        return;
    stop_thread(store);
    ts_reader_close(&store->reader);
    ts_db_close(&store->work);
    if (store->cat.db) /* what waits in the log need not be read by the next start */
        sqlite3_wal_checkpoint_v2(store->cat.db->h, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    ts_catalog_close(&store->cat);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->tending);
    pthread_mutex_destroy(&store->work_lock);
    ts_buf_fini(&store->scratch);
    ts_free(store->dir);
    TS_FREE(*pstore);
}

struct ts_writer *ts_store_writer(struct ts_store *store)
{
    return &store->writer;
}

struct ts_scan_source *ts_store_source(struct ts_store *store)
{
    return ts_reader_source(store->reader);
}

void ts_store_work(struct ts_store *store, struct ts_store_work *out)
{
    pthread_mutex_lock(&store->work_lock);
    *out = store->done;
    pthread_mutex_unlock(&store->work_lock);
}

/* ---- changes ---- */

int ts_store_change(struct ts_store *store, int (*fn)(struct ts_store *store, void *arg, struct ts_err *err), void *arg,
                    struct ts_err *err)
{
    struct ts_catalog *cat = &store->cat;
    unsigned nshards = cat->nshards;
    int rc = ts_db_run(cat->db, ts_db_stmt(cat->db, TS_SQL_BEGIN_WRITE), err);
    if (rc)
        return rc;
    cat->seq++;
    rc = fn(store, arg, err);
    rc = rc ? rc : ts_catalog_keep(cat, err);
    rc = rc ? rc : ts_db_run(cat->db, ts_db_stmt(cat->db, TS_SQL_COMMIT), err);
    if (rc == 0) {
        ts_catalog_kept(cat);
        return 0;
    }
    if (!sqlite3_get_autocommit(cat->db->h)) {
        sqlite3_stmt *stmt = ts_db_stmt(cat->db, TS_SQL_ROLLBACK);
        if (stmt) {
            sqlite3_step(stmt); /* what fails here has ended the transaction all the same */
            sqlite3_reset(stmt);
        }
    }
    cat->seq--;
    ts_catalog_rolled_back(cat, nshards);
    return rc;
}

struct bucket_change {
    struct ts_str name, to;
    int64_t retention_ns, id;
};

static int put_bucket(struct ts_store *store, void *arg, struct ts_err *err)
{
    struct bucket_change *chg = arg;
    struct ts_db *db = store->cat.db;
    const struct ts_bucket *bck = ts_catalog_bucket(&store->cat, chg->name);
    if (bck)
        return ts_db_run(db, ts_db_bind(db, TS_SQL_C_SET_RETENTION, (int64_t[]){bck->id, chg->retention_ns}, 2), err);
    sqlite3_stmt *stmt = ts_db_stmt(db, TS_SQL_C_ADD_BUCKET);
    if (stmt) {
        sqlite3_bind_text(stmt, 1, chg->name.p, (int)chg->name.len, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 2, chg->retention_ns);
        sqlite3_bind_int64(stmt, 3, ts_shard_duration(chg->retention_ns));
        sqlite3_bind_int64(stmt, 4, ts_clock_now_ns());
    }
    return ts_db_run(db, stmt, err);
}

static int rename_bucket(struct ts_store *store, void *arg, struct ts_err *err)
{
    struct bucket_change *chg = arg;
    const struct ts_bucket *bck = ts_catalog_bucket(&store->cat, chg->name);
    if (!bck)
        return ts_fail(err, TS_ENOTFOUND, "bucket \"%.*s\" not found", (int)TS_MIN(chg->name.len, (size_t)200), chg->name.p);
    if (ts_catalog_bucket(&store->cat, chg->to))
        return ts_fail(err, TS_EINVAL, "bucket with name %.*s already exists", (int)TS_MIN(chg->to.len, (size_t)200), chg->to.p);
    sqlite3_stmt *stmt = ts_db_bind(store->cat.db, TS_SQL_C_RENAME_BUCKET, (int64_t[]){bck->id}, 1);
    if (stmt)
        sqlite3_bind_text(stmt, 2, chg->to.p, (int)chg->to.len, SQLITE_STATIC);
    return ts_db_run(store->cat.db, stmt, err);
}

/* The shards' files go with the next round of tending: no row names them any more. */
static int drop_bucket(struct ts_store *store, void *arg, struct ts_err *err)
{
    static const enum ts_sql drops[] = {TS_SQL_C_DROP_BUCKET_SERIES, TS_SQL_C_DROP_BUCKET_FIELDS, TS_SQL_C_DROP_BUCKET_TOMBS,
                                        TS_SQL_C_DROP_BUCKET};
    struct bucket_change *chg = arg;
    struct ts_catalog *cat = &store->cat;
    const struct ts_bucket *bck = ts_catalog_bucket(cat, chg->name);
    if (!bck)
        return ts_fail(err, TS_ENOTFOUND, "bucket \"%.*s\" not found", (int)TS_MIN(chg->name.len, (size_t)200), chg->name.p);
    int rc = ts_catalog_keep(cat, err); /* what is not kept yet would be written later */
    if (rc == 0)
        ts_catalog_kept(cat);
    for (unsigned i = 0; i < cat->nshards && rc == 0; i++) {
        if (cat->shards[i].bucket != bck->id)
            continue;
        rc = ts_db_run(cat->db, ts_db_bind(cat->db, TS_SQL_C_DROP_SHARD_LANDING, &cat->shards[i].id, 1), err);
        rc = rc ? rc : ts_db_run(cat->db, ts_db_bind(cat->db, TS_SQL_C_DROP_SHARD, &cat->shards[i].id, 1), err);
    }
    for (size_t i = 0; i < TS_ARRAY_SIZE(drops) && rc == 0; i++)
        rc = ts_db_run(cat->db, ts_db_bind(cat->db, drops[i], &bck->id, 1), err);
    return rc;
}

static int change_bucket(struct ts_store *store, int (*fn)(struct ts_store *, void *, struct ts_err *), struct bucket_change *chg,
                         struct ts_err *err)
{
    pthread_mutex_lock(&store->lock);
    int rc = ts_store_change(store, fn, chg, err);
    /* Also after a failure: what drop_bucket noted as kept may have been rolled back. */
    struct ts_err again;
    int loaded = rc == 0 || fn == drop_bucket ? ts_catalog_load(&store->cat, rc ? &again : err) : 0;
    pthread_mutex_unlock(&store->lock);
    return rc ? rc : loaded;
}

int ts_store_put_bucket(struct ts_store *store, struct ts_str name, int64_t retention_ns, struct ts_err *err)
{
    if (name.len == 0 || name.len > 1024)
        return ts_fail(err, TS_EINVAL, "a bucket's name has 1 to 1024 bytes");
    if (retention_ns != 0 && retention_ns < TS_STORE_RETENTION_MIN)
        return ts_fail(err, TS_EINVAL, "a bucket's retention is at least an hour, or 0 for ever");
    return change_bucket(store, put_bucket, &(struct bucket_change){.name = name, .retention_ns = retention_ns}, err);
}

int ts_store_rename_bucket(struct ts_store *store, struct ts_str name, struct ts_str to, struct ts_err *err)
{
    if (to.len == 0 || to.len > 1024)
        return ts_fail(err, TS_EINVAL, "a bucket's name has 1 to 1024 bytes");
    return change_bucket(store, rename_bucket, &(struct bucket_change){.name = name, .to = to}, err);
}

int ts_store_drop_bucket(struct ts_store *store, struct ts_str name, struct ts_err *err)
{
    int rc = change_bucket(store, drop_bucket, &(struct bucket_change){.name = name}, err);
    ts_bell_ring(&store->bell);
    return rc;
}
