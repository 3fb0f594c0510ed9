/*
 * Retention: shards whose time is over are struck from the catalogue, and files that it does not name removed; then series that no
 * point is left of. Thread: the one that tends. Readers that have a file open keep it until they end.
 */
#include "config.h"
#include "store/store_tend.h"

#include "core/log.h"
#include "core/mem.h"
#include "store/store_index.h"
#include "store/store_read.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#define DROP_NS (20 * TS_MS) /* of one transaction in the catalogue */

/* A set of series, a bit each. */
struct series_set {
    uint64_t *bits;
    uint32_t n, left; /* numbers below n; how many are in it */
};

static void set_clear(struct series_set *set, uint32_t series)
{
    if (series < set->n && set->bits[series / 64] >> series % 64 & 1) {
        set->bits[series / 64] &= ~(UINT64_C(1) << series % 64);
        set->left--;
    }
}

/* ---- files ---- */

static void remove_files(struct ts_store *store, int64_t id)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    struct ts_buf path = TS_BUF_INIT;
    ts_reader_forget(store->reader, id);
    for (size_t i = 0; i < TS_ARRAY_SIZE(ends); i++) {
        ts_shard_path(store->dir, id, &path);
        ts_buf_puts(&path, ends[i]);
        const char *z = ts_buf_cstr(&path);
        if (z)
            unlink(z);
    }
    ts_buf_fini(&path);
    ts_log(TS_LOG_INFO, "shard_dropped", "stage=store shard=%lld", (long long)id);
    pthread_mutex_lock(&store->work_lock);
    store->done.shards_dropped++;
    pthread_mutex_unlock(&store->work_lock);
}

static bool is_known(struct ts_store *store, int64_t id)
{
    bool known = false;
    pthread_mutex_lock(&store->lock);
    for (unsigned i = 0; i < store->cat.nshards && !known; i++)
        known = store->cat.shards[i].id == id;
    pthread_mutex_unlock(&store->lock);
    return known;
}

/* Also what a crash, or a bucket that was dropped, has left. */
static void sweep(struct ts_store *store)
{
    DIR *dir = opendir(store->dir);
    struct dirent *ent;
    while (dir && (ent = readdir(dir))) {
        char *rest;
        if (strncmp(ent->d_name, "shard-", 6) != 0)
            continue;
        long long id = strtoll(ent->d_name + 6, &rest, 10);
        if (id > 0 && strcmp(rest, ".db") == 0 && !is_known(store, id))
            remove_files(store, id);
    }
    if (dir)
        closedir(dir);
}

/* ---- series ---- */

static int drop_from_landing(struct ts_db *db, int64_t shard, int64_t since, struct series_set *set, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_bind(db, TS_SQL_C_LANDING_SINCE, (int64_t[]){shard, since}, 2);
    struct ts_seg seg = {0};
    int rc;
    while ((rc = ts_db_step(db, stmt, err)) > 0) {
        struct ts_str data = ts_db_bytes(stmt, 3);
        uint64_t place = ts_landing_place((uint32_t)sqlite3_column_int64(stmt, 0), (uint32_t)sqlite3_column_int64(stmt, 1));
        rc = ts_seg_open(&seg, ts_db_bytes(stmt, 2), place);
        uint32_t *ids = rc ? NULL : ts_alloc((seg.nseries + TS_SEG_PAD) * sizeof *ids);
        uint32_t *ends = rc ? NULL : ts_alloc((seg.nseries + TS_SEG_PAD) * sizeof *ends);
        if (ids && ends && (rc = ts_seg_series(&seg, data, ids, ends)) == 0)
            for (unsigned i = 0; i < seg.nseries; i++)
                set_clear(set, ids[i]);
        else
            rc = rc ? rc : -TS_ENOMEM; /* who knows whose points these are: nothing is dropped */
        ts_free(ids);
        ts_free(ends);
        if (rc) {
            sqlite3_reset(stmt);
            ts_fail(err, TS_EIO, "a landing segment of shard %lld cannot be read", (long long)shard);
            break;
        }
    }
    ts_seg_fini(&seg);
    return rc;
}

static int drop_from_shard(struct ts_store *store, int64_t id, struct series_set *set, struct ts_err *err)
{
    struct ts_db *db;
    ts_shard_path(store->dir, id, &store->scratch);
    const char *path = ts_buf_cstr(&store->scratch);
    int rc = path ? ts_db_open(path, TS_DB_READ, &db, err) : -TS_ENOMEM;
    if (rc)
        return rc;
    sqlite3_stmt *stmt = ts_db_bind(db, TS_SQL_S_BLOCK_IDS, (int64_t[]){0}, 1);
    while (set->left > 0 && (rc = ts_db_step(db, stmt, err)) > 0)
        set_clear(set, (uint32_t)sqlite3_column_int64(stmt, 0));
    ts_db_close(&db);
    return TS_MIN(rc, 0);
}

struct collect {
    int64_t bucket;
    int64_t since; /* sequence number up to which landing was looked through */
    struct series_set set;
    uint64_t *gone; /* those of the set that the change has dropped */
    uint32_t ngone;
};

static bool is_in(const uint64_t *bits, uint64_t series)
{
    return bits[series / 64] >> series % 64 & 1;
}

/* Some of them: writers wait meanwhile. Under the lock, so that no commit comes between the last look and the change. */
static int drop_series(struct ts_store *store, void *arg, struct ts_err *err)
{
    struct collect *col = arg;
    struct ts_catalog *cat = &store->cat;
    int64_t began_ns = ts_clock_mono_ns();
    int rc = ts_catalog_keep(cat, err);
    for (unsigned i = 0; i < cat->nshards && rc == 0; i++)
        if (cat->shards[i].bucket == col->bucket)
            rc = drop_from_landing(cat->db, cat->shards[i].id, col->since, &col->set, err);
    for (uint32_t i = cat->series_kept; i < cat->series.n; i++) /* new ones, whose points are still to come */
        set_clear(&col->set, (uint32_t)cat->series.entries[i].value);
    if (rc == 0)
        ts_catalog_kept(cat);
    struct ts_buf scratch = TS_BUF_INIT;
    memset(col->gone, 0, (col->set.n / 64 + 1) * sizeof *col->gone);
    col->ngone = 0;
    for (uint32_t i = 0; i < cat->series.n && rc == 0; i++) {
        const struct ts_map_entry *ent = &cat->series.entries[i];
        if (ent->value >= col->set.n || !is_in(col->set.bits, ent->value))
            continue;
        if (++col->ngone % 64 == 0 && ts_clock_mono_ns() - began_ns > DROP_NS)
            break;
        col->gone[ent->value / 64] |= UINT64_C(1) << ent->value % 64;
        rc = ts_db_run(cat->db, ts_db_bind(cat->db, TS_SQL_C_DROP_SERIES, (int64_t[]){(int64_t)ent->value}, 1), err);
        rc = rc ? rc
                : ts_index_drop(cat->db, col->bucket, (uint32_t)ent->value, (struct ts_str){ent->key + 12, ent->len - 12}, &scratch, err);
    }
    ts_buf_fini(&scratch);
    return rc;
}

static int drop_some(struct ts_store *store, struct collect *col, struct ts_err *err)
{
    struct ts_catalog *cat = &store->cat;
    struct ts_err again;
    pthread_mutex_lock(&store->lock);
    int rc = ts_store_change(store, drop_series, col, err);
    /* Reading all of it anew takes its time, while writers wait: only after a failure, when what was kept is not certain. */
    if (rc || ts_catalog_forget(cat, col->gone, col->set.n) != 0) {
        int loaded = ts_catalog_load(cat, &again);
        rc = rc ? rc : loaded;
    }
    col->since = cat->seq;
    pthread_mutex_unlock(&store->lock);
    for (uint32_t s = 0; s < col->set.n; s += 64) {
        col->set.left -= (uint32_t)__builtin_popcountll(col->set.bits[s / 64] & col->gone[s / 64]);
        col->set.bits[s / 64] &= ~col->gone[s / 64];
    }
    return rc == 0 && col->ngone == 0 ? ts_fail(err, TS_ECORRUPT, "series without points are not in the catalogue") : rc;
}

static int collect_bucket(struct ts_store *store, int64_t bucket, struct ts_err *err)
{
    struct collect col = {.bucket = bucket};
    struct ts_shard *shards = NULL;
    unsigned nshards = 0;
    pthread_mutex_lock(&store->lock);
    struct ts_catalog *cat = &store->cat;
    col.since = cat->seq;
    col.set.n = cat->next_series;
    col.set.bits = ts_alloc((cat->next_series / 64 + 1) * sizeof *col.set.bits);
    shards = ts_alloc((cat->nshards + 1) * sizeof *shards);
    col.gone = ts_alloc((cat->next_series / 64 + 1) * sizeof *col.gone);
    bool good = col.set.bits && col.gone && shards;
    for (uint32_t i = 0; i < cat->series.n && good; i++) {
        int64_t of;
        uint32_t s = (uint32_t)cat->series.entries[i].value;
        memcpy(&of, cat->series.entries[i].key, 8);
        if (of == bucket) {
            col.set.bits[s / 64] |= UINT64_C(1) << s % 64;
            col.set.left++;
        }
    }
    for (unsigned i = 0; i < cat->nshards && good; i++)
        if (cat->shards[i].bucket == bucket)
            shards[nshards++] = cat->shards[i];
    pthread_mutex_unlock(&store->lock);
    int rc = good ? 0 : ts_fail(err, TS_ENOMEM, "no memory to look for series without points");
    for (unsigned i = nshards; i-- > 0 && rc == 0 && col.set.left > 0;) { /* the newest have most of them */
        rc = drop_from_landing(store->work, shards[i].id, 0, &col.set, err);
        if (rc == 0 && shards[i].has_file)
            rc = drop_from_shard(store, shards[i].id, &col.set, err);
    }
    while (rc == 0 && col.set.left > 0 && !atomic_load_explicit(&store->stopping, memory_order_relaxed))
        rc = drop_some(store, &col, err);
    ts_free(col.set.bits);
    ts_free(col.gone);
    ts_free(shards);
    return rc;
}

/* ---- retention ---- */

static int drop_shard(struct ts_store *store, void *arg, struct ts_err *err)
{
    const int64_t *id = arg;
    int rc = ts_db_run(store->cat.db, ts_db_bind(store->cat.db, TS_SQL_C_DROP_SHARD_LANDING, id, 1), err);
    return rc ? rc : ts_db_run(store->cat.db, ts_db_bind(store->cat.db, TS_SQL_C_DROP_SHARD, id, 1), err);
}

/* Strikes one shard. @return 1 when there was one, and *bucket is whose. */
static int strike_one(struct ts_store *store, int64_t now_ns, int64_t *bucket, struct ts_err *err)
{
    int rc = 0;
    pthread_mutex_lock(&store->lock);
    struct ts_catalog *cat = &store->cat;
    for (unsigned i = 0; i < cat->nshards && rc == 0; i++) {
        const struct ts_bucket *bck = ts_catalog_bucket_by_id(cat, cat->shards[i].bucket);
        if (!bck || bck->retention_ns == 0 || cat->shards[i].end_ns > now_ns - bck->retention_ns)
            continue;
        *bucket = bck->id;
        int64_t id = cat->shards[i].id;
        rc = ts_store_change(store, drop_shard, &id, err);
        if (rc == 0) {
            memmove(&cat->shards[i], &cat->shards[i + 1], (cat->nshards - i - 1) * sizeof *cat->shards);
            cat->nshards--;
            ts_changes_note(store, INT64_MIN, INT64_MAX);
            rc = 1;
        }
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}

int ts_retain(struct ts_store *store, struct ts_err *err)
{
    int64_t now_ns = ts_clock_now_ns(), bucket = 0, former = 0;
    int rc;
    while ((rc = strike_one(store, now_ns, &bucket, err)) > 0) {
        if (former && former != bucket)
            rc = collect_bucket(store, former, err);
        if (rc < 0)
            break;
        former = bucket;
    }
    sweep(store);
    return rc == 0 && former ? collect_bucket(store, former, err) : rc;
}
