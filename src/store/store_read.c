/*
 * Views. Thread: any; a view by one at a time. Owns the connections; at most POOL_MAX wait for their next use.
 *
 * A view is of one moment although several files are read: the catalogue's transaction begins first. A shard's that begins later can
 * only have more of what has landed, and says how much, so that nothing is seen twice. What it must not have is something that the
 * catalogue's view does not know yet (points of a later commit; a delete carried out): then the view is begun anew.
 */
#include "config.h"
#include "store/store_read.h"

#include "core/mem.h"

#include <unistd.h>

#define POOL_MAX 64
#define TRIES    100

struct ts_reader {
    struct ts_scan_source src; /* first */
    char *dir;
    pthread_mutex_t lock;
    struct {
        int64_t shard;
        struct ts_db *db;
    } pool[POOL_MAX];
    unsigned npool;
};

int ts_reader_open(const char *dir, struct ts_reader **out, struct ts_err *err)
{
    struct ts_reader *rdr = ts_alloc(sizeof *rdr);
    *out = rdr;
    if (!rdr)
        return ts_fail(err, TS_ENOMEM, "no memory to read %s", dir);
    rdr->src.ops = &ts_store_scan_ops;
    rdr->dir = ts_xstrdup(dir);
    pthread_mutex_init(&rdr->lock, NULL);
    return 0;
}

void ts_reader_close(struct ts_reader **prdr)
{
    struct ts_reader *rdr = *prdr;
    if (!rdr)
        return;
    for (unsigned i = 0; i < rdr->npool; i++)
        ts_db_close(&rdr->pool[i].db);
    pthread_mutex_destroy(&rdr->lock);
    ts_free(rdr->dir);
    TS_FREE(*prdr);
}

struct ts_scan_source *ts_reader_source(struct ts_reader *rdr)
{
    return &rdr->src;
}

void ts_reader_forget(struct ts_reader *rdr, int64_t shard)
{
    pthread_mutex_lock(&rdr->lock);
    for (unsigned i = rdr->npool; i-- > 0;)
        if (rdr->pool[i].shard == shard) {
            ts_db_close(&rdr->pool[i].db);
            rdr->pool[i] = rdr->pool[--rdr->npool];
        }
    pthread_mutex_unlock(&rdr->lock);
}

int ts_reader_take(struct ts_reader *rdr, int64_t shard, struct ts_db **out, struct ts_err *err)
{
    *out = NULL;
    pthread_mutex_lock(&rdr->lock);
    for (unsigned i = rdr->npool; i-- > 0 && !*out;)
        if (rdr->pool[i].shard == shard) {
            *out = rdr->pool[i].db;
            rdr->pool[i] = rdr->pool[--rdr->npool];
        }
    pthread_mutex_unlock(&rdr->lock);
    if (*out)
        return 0;
    struct ts_buf path = TS_BUF_INIT;
    if (shard)
        ts_shard_path(rdr->dir, shard, &path);
    else
        ts_buf_printf(&path, "%s/catalog.db", rdr->dir);
    const char *z = ts_buf_cstr(&path);
    int rc = z ? ts_db_open(z, TS_DB_READ, out, err) : -TS_ENOMEM;
    ts_buf_fini(&path);
    return rc;
}

void ts_reader_give(struct ts_reader *rdr, int64_t shard, struct ts_db *db)
{
    if (!db)
        return;
    for (unsigned i = 0; i < TS_SQL_COUNT; i++)
        if (db->stmts[i])
            sqlite3_reset(db->stmts[i]);
    struct ts_err err;
    bool good = sqlite3_get_autocommit(db->h) || ts_db_run(db, ts_db_stmt(db, TS_SQL_COMMIT), &err) == 0;
    pthread_mutex_lock(&rdr->lock);
    if (good && rdr->npool < POOL_MAX) {
        rdr->pool[rdr->npool].shard = shard;
        rdr->pool[rdr->npool++].db = db;
        db = NULL;
    }
    pthread_mutex_unlock(&rdr->lock);
    ts_db_close(&db);
}

/* ---- parts of a view ---- */

static int meta(struct ts_db *db, enum ts_sql sql, const char *key, int64_t *out, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_stmt(db, sql);
    if (stmt)
        sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    return ts_db_number(db, stmt, 0, out, err);
}

/* Room for one more in an array that grows by doubling; NULL without memory. */
static void *grow(void *p, unsigned n, size_t size)
{
    if (n & (n - 1) || (n > 0 && n < 8))
        return p;
    return ts_resize(p, (n < 8 ? 8 : 2 * (size_t)n) * size);
}

static int find_bucket(struct ts_view *view, struct ts_str name, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_stmt(view->cat, TS_SQL_C_BUCKET);
    if (stmt)
        sqlite3_bind_text(stmt, 1, name.p, (int)name.len, SQLITE_STATIC);
    int rc = ts_db_step(view->cat, stmt, err);
    if (rc == 0)
        return ts_fail(err, TS_ENOTFOUND, "bucket \"%.*s\" not found", (int)TS_MIN(name.len, (size_t)200), name.p);
    if (rc < 0)
        return rc;
    view->bucket = (struct ts_scan_bucket){.id = (uint64_t)sqlite3_column_int64(stmt, 0),
                                           .name = name,
                                           .retention_ns = sqlite3_column_int64(stmt, 2),
                                           .shard_ns = sqlite3_column_int64(stmt, 3)};
    sqlite3_reset(stmt);
    return 0;
}

static int read_tombs(struct ts_view *view, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_bind(view->cat, TS_SQL_C_TOMBS, (int64_t[]){(int64_t)view->bucket.id}, 1);
    int rc;
    while ((rc = ts_db_step(view->cat, stmt, err)) > 0) {
        struct ts_tomb *tombs = grow(view->tombs, view->ntombs, sizeof *tombs);
        if (!tombs)
            return ts_fail(err, TS_ENOMEM, "no memory for deletes");
        view->tombs = tombs;
        bool all = sqlite3_column_type(stmt, 1) == SQLITE_NULL;
        tombs[view->ntombs++] = (struct ts_tomb){sqlite3_column_int64(stmt, 0), all ? -1 : sqlite3_column_int64(stmt, 1),
                                                 sqlite3_column_int64(stmt, 2), sqlite3_column_int64(stmt, 3)};
    }
    return rc;
}

static int read_names(struct ts_view *view, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_stmt(view->cat, TS_SQL_C_NAMES);
    int rc;
    while ((rc = ts_db_step(view->cat, stmt, err)) > 0) {
        uint32_t id = (uint32_t)sqlite3_column_int64(stmt, 0);
        struct ts_str name = ts_db_bytes(stmt, 1);
        bool is_new;
        struct ts_str *texts = grow(view->texts, view->ntexts, sizeof *texts);
        struct ts_map_entry *ent = texts ? ts_map_put(&view->names, (struct ts_str){(char *)&id, 4}, &is_new) : NULL;
        view->texts = texts ? texts : view->texts;
        size_t at = view->text.len;
        ts_buf_put_str(&view->text, name);
        if (!ent || ts_buf_failed(&view->text))
            return ts_fail(err, TS_ENOMEM, "no memory for names of fields");
        ent->value = view->ntexts;
        texts[view->ntexts++] = (struct ts_str){(const char *)(uintptr_t)at, name.len};
    }
    for (unsigned i = 0; i < view->ntexts; i++)
        view->texts[i].p = (view->text.p ? view->text.p : "") + (uintptr_t)view->texts[i].p;
    return rc;
}

struct ts_str ts_view_name(const struct ts_view *view, uint32_t name)
{
    const struct ts_map_entry *ent = ts_map_find(&view->names, (struct ts_str){(char *)&name, 4});
    return ent ? view->texts[ent->value] : TS_STR("");
}

static int read_epochs(struct ts_view_shard *shd, int64_t start_ns, int64_t stop_ns, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_stmt(shd->db, TS_SQL_S_EPOCHS);
    int rc;
    while ((rc = ts_db_step(shd->db, stmt, err)) > 0) {
        struct ts_view_epoch epo = {sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 3),
                                    sqlite3_column_int64(stmt, 4)};
        if (epo.max_ns < start_ns || epo.min_ns >= stop_ns)
            continue;
        struct ts_view_epoch *epochs = grow(shd->epochs, shd->nepochs, sizeof *epochs);
        if (!epochs)
            return ts_fail(err, TS_ENOMEM, "no memory for epochs");
        shd->epochs = epochs;
        epochs[shd->nepochs++] = epo;
    }
    return rc;
}

static int applied_to(struct ts_view_shard *shd, uint32_t group, int64_t *out, struct ts_err *err)
{
    if (shd->db)
        return ts_db_number(shd->db, ts_db_bind(shd->db, TS_SQL_S_APPLIED_OF, (int64_t[]){group}, 1), 0, out, err);
    *out = 0;
    return 0;
}

static int read_landing(struct ts_view *view, struct ts_view_shard *shd, int64_t start_ns, int64_t stop_ns, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_bind(view->cat, TS_SQL_C_LANDING_OF, (int64_t[]){shd->id, start_ns, stop_ns}, 3);
    uint32_t group = UINT32_MAX;
    int64_t applied = 0;
    int rc;
    while ((rc = ts_db_step(view->cat, stmt, err)) > 0) {
        struct ts_view_landing lnd = {.id = sqlite3_column_int64(stmt, 0),
                                      .group = (uint32_t)sqlite3_column_int64(stmt, 1),
                                      .seq = sqlite3_column_int64(stmt, 2),
                                      .part = (uint32_t)sqlite3_column_int64(stmt, 3),
                                      .min_ns = sqlite3_column_int64(stmt, 4),
                                      .max_ns = sqlite3_column_int64(stmt, 5)};
        if (lnd.group != group && (rc = applied_to(shd, group = lnd.group, &applied, err)) != 0)
            break;
        if (lnd.seq <= applied)
            continue;
        struct ts_view_landing *all = grow(shd->landing, shd->nlanding, sizeof *all);
        if (!all)
            return ts_fail(err, TS_ENOMEM, "no memory for landing segments");
        shd->landing = all;
        all[shd->nlanding++] = lnd;
    }
    return rc;
}

/* @return -TS_EAGAIN: the shard knows of something later than this view of the catalogue. */
static int open_shard(struct ts_view *view, struct ts_view_shard *shd, bool has_file, int64_t seq, int64_t start_ns, int64_t stop_ns,
                      struct ts_err *err)
{
    int64_t based_on;
    int rc = 0;
    if (has_file) {
        rc = ts_reader_take(view->rdr, shd->id, &shd->db, err);
        if (rc == -TS_ENOTFOUND) /* dropped meanwhile */
            return -TS_EAGAIN;
        rc = rc ? rc : ts_db_run(shd->db, ts_db_stmt(shd->db, TS_SQL_BEGIN), err);
        rc = rc ? rc : meta(shd->db, TS_SQL_S_META, "based_on", &based_on, err);
        if (rc == 0 && based_on > seq)
            return -TS_EAGAIN;
        rc = rc ? rc : read_epochs(shd, start_ns, stop_ns, err);
    }
    return rc ? rc : read_landing(view, shd, start_ns, stop_ns, err);
}

static int open_shards(struct ts_view *view, int64_t seq, int64_t start_ns, int64_t stop_ns, struct ts_err *err)
{
    sqlite3_stmt *stmt =
        ts_db_bind(view->cat, TS_SQL_C_SHARDS_IN, (int64_t[]){(int64_t)view->bucket.id, start_ns, stop_ns}, 3);
    int rc;
    while ((rc = ts_db_step(view->cat, stmt, err)) > 0) {
        struct ts_view_shard *shards = grow(view->shards, view->nshards, sizeof *shards);
        if (!shards)
            return ts_fail(err, TS_ENOMEM, "no memory for shards");
        view->shards = shards;
        struct ts_view_shard *shd = &shards[view->nshards++];
        *shd = (struct ts_view_shard){
            .id = sqlite3_column_int64(stmt, 0), .start_ns = sqlite3_column_int64(stmt, 2), .end_ns = sqlite3_column_int64(stmt, 3)};
        rc = open_shard(view, shd, sqlite3_column_int64(stmt, 4) != 0, seq, start_ns, stop_ns, err);
        if (rc)
            return rc;
    }
    return rc;
}

/* ---- views ---- */

static void close_landing(struct ts_view_landing *lnd)
{
    ts_seg_fini(&lnd->seg);
    ts_free((char *)(uintptr_t)lnd->data.p);
    ts_free(lnd->series);
    ts_free(lnd->ends);
}

void ts_view_close(struct ts_view *view)
{
    for (unsigned i = 0; i < view->nshards; i++) {
        struct ts_view_shard *shd = &view->shards[i];
        for (unsigned l = 0; l < shd->nlanding; l++)
            close_landing(&shd->landing[l]);
        ts_free(shd->landing);
        ts_free(shd->epochs);
        ts_reader_give(view->rdr, shd->id, shd->db);
    }
    ts_reader_give(view->rdr, 0, view->cat);
    ts_free(view->shards);
    ts_free(view->tombs);
    ts_free(view->texts);
    ts_map_fini(&view->names);
    ts_buf_fini(&view->text);
    *view = (struct ts_view){0};
}

static int try_open(struct ts_reader *rdr, struct ts_str bucket, int64_t start_ns, int64_t stop_ns, struct ts_view *view,
                    struct ts_err *err)
{
    int64_t format, seq;
    *view = (struct ts_view){.rdr = rdr};
    int rc = ts_reader_take(rdr, 0, &view->cat, err);
    if (rc)
        return rc;
    rc = ts_db_run(view->cat, ts_db_stmt(view->cat, TS_SQL_BEGIN), err);
    rc = rc ? rc : meta(view->cat, TS_SQL_C_META, "format", &format, err);
    rc = rc ? rc : meta(view->cat, TS_SQL_C_META, "seq", &seq, err);
    if (rc == 0 && (format < TS_STORE_FORMAT_READ || format > TS_STORE_FORMAT))
        rc = ts_fail(err, TS_ECONF, "the store in %s has format %lld, this tsagg knows %d", rdr->dir, (long long)format,
                     TS_STORE_FORMAT);
    rc = rc ? rc : find_bucket(view, bucket, err);
    rc = rc ? rc : read_tombs(view, err);
    rc = rc ? rc : read_names(view, err);
    return rc ? rc : open_shards(view, seq, start_ns, stop_ns, err);
}

int ts_view_open(struct ts_reader *rdr, struct ts_str bucket, int64_t start_ns, int64_t stop_ns, struct ts_view *view,
                 struct ts_err *err)
{
    for (unsigned i = 0; i < TRIES; i++) {
        int rc = try_open(rdr, bucket, start_ns, stop_ns, view, err);
        if (rc == 0)
            return 0;
        ts_view_close(view);
        if (rc != -TS_EAGAIN)
            return rc;
        if (i > 3)
            usleep(1000);
    }
    return ts_fail(err, TS_EBUSY, "the store in %s changes too fast to be read at one moment", rdr->dir);
}

static int load_landing(struct ts_view_landing *lnd, struct ts_str head, struct ts_str data)
{
    int rc = ts_seg_open(&lnd->seg, head, ts_landing_place(lnd->group, lnd->part));
    if (rc)
        return rc;
    char *copy = ts_alloc(data.len + 1);
    lnd->series = ts_alloc((lnd->seg.nseries + TS_SEG_PAD) * sizeof *lnd->series);
    lnd->ends = ts_alloc((lnd->seg.nseries + TS_SEG_PAD) * sizeof *lnd->ends);
    lnd->data = (struct ts_str){copy, data.len};
    if (!copy || !lnd->series || !lnd->ends)
        return -TS_ENOMEM;
    if (data.len)
        memcpy(copy, data.p, data.len);
    if (!ts_seg_is_whole(&lnd->seg, lnd->data, &lnd->seg.times) || !ts_seg_is_whole(&lnd->seg, lnd->data, &lnd->seg.series))
        return -TS_ECORRUPT;
    return ts_seg_series(&lnd->seg, lnd->data, lnd->series, lnd->ends);
}

int ts_view_load(struct ts_view *view, struct ts_view_landing *lnd, struct ts_err *err)
{
    if (lnd->loaded)
        return lnd->damaged ? -TS_ECORRUPT : 0;
    sqlite3_stmt *stmt = ts_db_bind(view->cat, TS_SQL_C_LANDING, &lnd->id, 1);
    int rc = ts_db_step(view->cat, stmt, err);
    if (rc < 0 && rc != -TS_ECORRUPT)
        return rc;
    if (rc > 0) {
        rc = load_landing(lnd, ts_db_bytes(stmt, 0), ts_db_bytes(stmt, 1));
        sqlite3_reset(stmt);
    } else {
        rc = -TS_ECORRUPT;
    }
    if (rc == -TS_ENOMEM)
        return ts_fail(err, TS_ENOMEM, "no memory for a landing segment");
    lnd->loaded = true;
    lnd->damaged = rc != 0;
    return rc;
}

/* ---- for processes that only read ---- */

int ts_store_open_source(const char *dir, struct ts_scan_source **out, struct ts_err *err)
{
    struct ts_reader *rdr;
    struct ts_db *db;
    *out = NULL;
    int rc = ts_reader_open(dir, &rdr, err);
    if (rc)
        return rc;
    rc = ts_reader_take(rdr, 0, &db, err);
    if (rc == -TS_ENOTFOUND)
        rc = ts_fail(err, TS_ENOTFOUND, "there is no store in %s", dir);
    if (rc == 0)
        ts_reader_give(rdr, 0, db);
    if (rc)
        ts_reader_close(&rdr);
    *out = rdr ? &rdr->src : NULL;
    return rc;
}

void ts_store_close_source(struct ts_scan_source **src)
{
    struct ts_reader *rdr = (struct ts_reader *)*src;
    ts_reader_close(&rdr);
    *src = NULL;
}
