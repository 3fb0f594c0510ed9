/*
 * A shard's file while it is worked on: its epochs, its transactions. Thread: the one that tends; it alone writes shards. A
 * transaction that fails is rolled back, and the work on the shard ends for this round.
 */
#include "config.h"
#include "store/store_tend.h"

#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"
#include "store/store_key.h"

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO meta (key, value) VALUES ('format', 1), ('based_on', 0), ('tombs_applied', 0);"
    "CREATE TABLE IF NOT EXISTS applied (grp INTEGER PRIMARY KEY, seq INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS epoch (id INTEGER PRIMARY KEY, rank INTEGER NOT NULL, level INTEGER NOT NULL,"
    " min_ns INTEGER NOT NULL, max_ns INTEGER NOT NULL, blocks INTEGER NOT NULL, rows INTEGER NOT NULL,"
    " points INTEGER NOT NULL, bytes INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS block (id INTEGER PRIMARY KEY, head BLOB NOT NULL, data BLOB NOT NULL);"
    "COMMIT; PRAGMA wal_autocheckpoint = 1000";

static int has_file(struct ts_store *store, void *arg, struct ts_err *err)
{
    const struct ts_shard *shard = arg;
    return ts_db_run(store->cat.db, ts_db_bind(store->cat.db, TS_SQL_C_SHARD_HAS_FILE, &shard->id, 1), err);
}

/* The catalogue may name a file only when it is there for good. */
static int announce(struct ts_shard_work *wrk, struct ts_err *err)
{
    struct ts_store *store = wrk->store;
    if (ts_dir_sync(store->dir) != 0)
        return ts_fail_errno(err, TS_EIO, "cannot sync %s", store->dir);
    pthread_mutex_lock(&store->lock);
    int rc = ts_store_change(store, has_file, &wrk->shard, err);
    for (unsigned i = 0; i < store->cat.nshards && rc == 0; i++)
        if (store->cat.shards[i].id == wrk->shard.id)
            store->cat.shards[i].has_file = true;
    pthread_mutex_unlock(&store->lock);
    return rc;
}

struct ts_epoch *ts_shard_add_epoch(struct ts_shard_work *wrk, int64_t rank)
{
    if (wrk->next_epoch > TS_EPOCH_MAX)
        return NULL;
    if (wrk->nepochs == wrk->epochs_cap) {
        unsigned cap = TS_MAX(32u, wrk->epochs_cap * 2);
        struct ts_epoch *epochs = ts_resize(wrk->epochs, cap * sizeof *epochs);
        if (!epochs)
            return NULL;
        wrk->epochs = epochs;
        wrk->epochs_cap = cap;
    }
    struct ts_epoch *epo = &wrk->epochs[wrk->nepochs++];
    *epo = (struct ts_epoch){.id = wrk->next_epoch++, .rank = rank, .min_ns = INT64_MAX, .max_ns = INT64_MIN};
    return epo;
}

static int load_epochs(struct ts_shard_work *wrk, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_stmt(wrk->db, TS_SQL_S_EPOCHS);
    int rc;
    wrk->next_epoch = 1;
    while ((rc = ts_db_step(wrk->db, stmt, err)) > 0) {
        int64_t next = TS_MAX(wrk->next_epoch, sqlite3_column_int64(stmt, 0) + 1);
        struct ts_epoch *epo = ts_shard_add_epoch(wrk, 0);
        if (!epo) {
            sqlite3_reset(stmt);
            return ts_fail(err, TS_ENOMEM, "no memory for the epochs of %s", wrk->db->path);
        }
        int64_t *v = &epo->id;
        for (int i = 0; i < 9; i++)
            v[i] = sqlite3_column_int64(stmt, i);
        wrk->next_epoch = next;
    }
    return rc;
}

static int load_tombs(struct ts_shard_work *wrk, struct ts_err *err)
{
    struct ts_db *db = wrk->store->work;
    sqlite3_stmt *stmt = ts_db_bind(db, TS_SQL_C_TOMBS, &wrk->shard.bucket, 1);
    unsigned cap = 0;
    int rc;
    while ((rc = ts_db_step(db, stmt, err)) > 0) {
        if (wrk->ntombs == cap) {
            cap = TS_MAX(64u, cap * 2);
            struct ts_tomb *tombs = ts_resize(wrk->tombs, cap * sizeof *tombs);
            if (!tombs) {
                sqlite3_reset(stmt);
                return ts_fail(err, TS_ENOMEM, "no memory for deletes");
            }
            wrk->tombs = tombs;
        }
        bool all = sqlite3_column_type(stmt, 1) == SQLITE_NULL;
        wrk->tombs[wrk->ntombs++] =
            (struct ts_tomb){sqlite3_column_int64(stmt, 0), all ? -1 : sqlite3_column_int64(stmt, 1),
                             sqlite3_column_int64(stmt, 2), sqlite3_column_int64(stmt, 3)};
    }
    return rc;
}

int ts_shard_open(struct ts_store *store, const struct ts_shard *shard, int64_t seq, struct ts_shard_work *wrk, struct ts_err *err)
{
    *wrk = (struct ts_shard_work){.store = store, .shard = *shard, .seq = seq};
    ts_shard_path(store->dir, shard->id, &store->scratch);
    const char *path = ts_buf_cstr(&store->scratch);
    if (!path)
        return ts_fail(err, TS_ENOMEM, "no memory for a path");
    int rc = ts_db_open(path, shard->has_file ? TS_DB_WRITE : TS_DB_CREATE, &wrk->db, err);
    rc = rc ? rc : ts_db_exec(wrk->db, schema, err);
    if (rc == 0 && !shard->has_file)
        rc = announce(wrk, err);
    rc = rc ? rc : load_epochs(wrk, err);
    rc = rc ? rc : load_tombs(wrk, err);
    if (rc)
        ts_shard_close(wrk);
    return rc;
}

void ts_shard_close(struct ts_shard_work *wrk)
{
    ts_db_close(&wrk->db);
    ts_free(wrk->epochs);
    ts_free(wrk->tombs);
    ts_table_fini(&wrk->table);
    ts_seg_fini(&wrk->seg);
    ts_buf_fini(&wrk->head);
    ts_buf_fini(&wrk->data);
    *wrk = (struct ts_shard_work){0};
}

/* ---- transactions ---- */

int ts_shard_begin(struct ts_shard_work *wrk, struct ts_err *err)
{
    wrk->began_ns = ts_clock_mono_ns();
    return ts_db_run(wrk->db, ts_db_stmt(wrk->db, TS_SQL_BEGIN_WRITE), err);
}

void ts_shard_rollback(struct ts_shard_work *wrk)
{
    sqlite3_stmt *stmt = sqlite3_get_autocommit(wrk->db->h) ? NULL : ts_db_stmt(wrk->db, TS_SQL_ROLLBACK);
    if (stmt) {
        sqlite3_step(stmt); /* what fails here has ended the transaction all the same */
        sqlite3_reset(stmt);
    }
}

static int put_epochs(struct ts_shard_work *wrk, struct ts_err *err)
{
    int rc = 0;
    unsigned kept = 0;
    for (unsigned i = 0; i < wrk->nepochs && rc == 0; i++) {
        struct ts_epoch *epo = &wrk->epochs[i];
        if (epo->blocks > 0)
            rc = ts_db_run(wrk->db, ts_db_bind(wrk->db, TS_SQL_S_SET_EPOCH, &epo->id, 9), err);
        else
            rc = ts_db_run(wrk->db, ts_db_bind(wrk->db, TS_SQL_S_DROP_EPOCH, &epo->id, 1), err);
        if (epo->blocks > 0)
            wrk->epochs[kept++] = *epo;
    }
    wrk->nepochs = rc ? wrk->nepochs : kept;
    return rc;
}

int ts_shard_commit(struct ts_shard_work *wrk, struct ts_err *err)
{
    int rc = put_epochs(wrk, err);
    sqlite3_stmt *stmt = rc == 0 ? ts_db_stmt(wrk->db, TS_SQL_S_SET_META) : NULL;
    if (stmt) {
        sqlite3_bind_text(stmt, 1, "based_on", -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 2, wrk->seq);
    }
    rc = rc ? rc : ts_db_run(wrk->db, stmt, err);
    rc = rc ? rc : ts_db_run(wrk->db, ts_db_stmt(wrk->db, TS_SQL_COMMIT), err);
    if (rc)
        ts_shard_rollback(wrk);
    struct ts_store *store = wrk->store;
    int64_t took_ns = ts_clock_mono_ns() - wrk->began_ns;
    pthread_mutex_lock(&store->work_lock);
    store->done.longest_ns = TS_MAX(store->done.longest_ns, (uint64_t)took_ns);
    store->unsaved = true;
    pthread_mutex_unlock(&store->work_lock);
    ts_store_pace(store, wrk->io_bytes);
    wrk->io_bytes = 0;
    return rc;
}

/* ---- blocks ---- */

struct ts_epoch *ts_shard_epoch(struct ts_shard_work *wrk, int64_t id)
{
    for (unsigned i = wrk->nepochs; i-- > 0;)
        if (wrk->epochs[i].id == id)
            return &wrk->epochs[i];
    return NULL;
}

void ts_epoch_count(struct ts_epoch *epo, const struct ts_seg *seg, size_t bytes, int sign)
{
    int64_t points = 0;
    for (unsigned c = 0; c < seg->ncols; c++)
        points += seg->cols[c].count;
    epo->blocks += sign;
    epo->rows += sign * (int64_t)seg->n;
    epo->points += sign * points;
    epo->bytes += sign * (int64_t)bytes;
    if (sign > 0) {
        epo->min_ns = TS_MIN(epo->min_ns, seg->min_ns);
        epo->max_ns = TS_MAX(epo->max_ns, seg->max_ns);
    }
}

static int put_block(struct ts_shard_work *wrk, struct ts_epoch *epo, uint32_t series, unsigned from, unsigned n, struct ts_err *err)
{
    ts_buf_clear(&wrk->head);
    ts_buf_clear(&wrk->data);
    int points = ts_table_encode(&wrk->table, from, n, series, &wrk->head, &wrk->data);
    if (points < 0)
        return ts_fail(err, TS_ENOMEM, "no memory for a block");
    int64_t id = TS_BLOCK_ID(epo->id, series);
    sqlite3_stmt *stmt = ts_db_bind(wrk->db, TS_SQL_S_ADD_BLOCK, &id, 1);
    if (stmt) {
        ts_db_bind_bytes(stmt, 2, ts_buf_str(&wrk->head));
        ts_db_bind_bytes(stmt, 3, ts_buf_str(&wrk->data));
    }
    int rc = ts_db_run(wrk->db, stmt, err);
    size_t bytes = wrk->head.len + wrk->data.len;
    wrk->io_bytes += 2 * bytes; /* to the log, and from there into the file */
    epo->blocks++;
    epo->rows += n;
    epo->points += points;
    epo->bytes += (int64_t)bytes;
    epo->min_ns = TS_MIN(epo->min_ns, wrk->table.times[from]);
    epo->max_ns = TS_MAX(epo->max_ns, wrk->table.times[from + n - 1]);
    struct ts_store *store = wrk->store;
    pthread_mutex_lock(&store->work_lock);
    store->done.blocks_written++;
    store->done.bytes_written += bytes;
    pthread_mutex_unlock(&store->work_lock);
    return rc;
}

int ts_shard_put_blocks(struct ts_shard_work *wrk, uint32_t series, int64_t first_epoch, int64_t rank, struct ts_err *err)
{
    int rc = 0;
    for (unsigned at = 0; at < wrk->table.n && rc == 0; at += TS_BLOCK_ROWS) {
        int64_t id = first_epoch + at / TS_BLOCK_ROWS;
        struct ts_epoch *epo = ts_shard_epoch(wrk, id);
        while (!epo && wrk->next_epoch <= id) {
            epo = ts_shard_add_epoch(wrk, rank);
            if (!epo)
                return ts_fail(err, TS_ENOMEM, "no memory for an epoch");
            epo = epo->id == id ? epo : NULL;
        }
        if (!epo) { /* an empty one of this run, dropped by an earlier transaction of it */
            int64_t next = wrk->next_epoch;
            wrk->next_epoch = id;
            epo = ts_shard_add_epoch(wrk, rank);
            wrk->next_epoch = next;
            if (!epo)
                return ts_fail(err, TS_ENOMEM, "no memory for an epoch");
        }
        rc = put_block(wrk, epo, series, at, TS_MIN(wrk->table.n - at, TS_BLOCK_ROWS), err);
    }
    return rc;
}

void ts_shard_complain(struct ts_shard_work *wrk, uint32_t series, int64_t min_ns, int64_t max_ns, const char *what)
{
    struct ts_buf name = TS_BUF_INIT;
    struct ts_db *db = wrk->store->work;
    sqlite3_stmt *stmt = ts_db_bind(db, TS_SQL_C_SERIES_KEY, (int64_t[]){series}, 1);
    struct ts_err err;
    if (ts_db_step(db, stmt, &err) > 0) {
        ts_key_print(ts_db_bytes(stmt, 0), &name);
        sqlite3_reset(stmt);
    }
    char from[TS_NUM_MAX], to[TS_NUM_MAX];
    int nfrom = (int)ts_clock_put_time(from, min_ns), nto = (int)ts_clock_put_time(to, max_ns);
    ts_log(TS_LOG_ERROR, "store_damaged", "stage=store file=%s series=%s from=%.*s to=%.*s what=%s",
           ts_log_quote_z(wrk->db->path), ts_log_quote(ts_buf_str(&name)).z, nfrom, from, nto, to, ts_log_quote_z(what));
    ts_buf_fini(&name);
}
