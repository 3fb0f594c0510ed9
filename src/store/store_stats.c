/*
 * Looking at a store from outside: its sizes, and whether all of it can be read. Thread: the caller's; opens its own connections, so
 * that it can be done while tsaggd writes.
 */
#include "config.h"
#include "store/store_read.h"

#include "core/mem.h"

#include <stdio.h>
#include <sys/stat.h>

#define YOUNG  256 /* rows a block: as in store_merge.c */
#define MIDDLE 2048

static void add_file(const char *dir, int64_t shard, struct ts_store_stats *out)
{
    struct ts_buf path = TS_BUF_INIT;
    struct stat st;
    for (int log = 0; log < 2; log++) {
        if (shard)
            ts_shard_path(dir, shard, &path);
        else
            ts_buf_printf(&path, "%s/catalog.db", dir);
        if (log)
            ts_buf_puts(&path, "-wal");
        const char *z = ts_buf_cstr(&path);
        if (z && stat(z, &st) == 0)
            *(log ? &out->log_bytes : &out->file_bytes) += (uint64_t)st.st_size;
        ts_buf_clear(&path);
    }
    ts_buf_fini(&path);
}

static int count(struct ts_db *db, const char *sql, uint64_t *out, struct ts_err *err)
{
    sqlite3_stmt *stmt = NULL;
    int64_t n = 0;
    sqlite3_prepare_v2(db->h, sql, -1, &stmt, NULL);
    int rc = ts_db_number(db, stmt, 0, &n, err);
    sqlite3_finalize(stmt);
    *out = (uint64_t)n;
    return rc;
}

static int add_epochs(struct ts_reader *rdr, int64_t shard, struct ts_store_stats *out, struct ts_err *err)
{
    struct ts_db *db;
    int rc = ts_reader_take(rdr, shard, &db, err);
    if (rc)
        return rc == -TS_ENOTFOUND ? 0 : rc; /* dropped meanwhile */
    sqlite3_stmt *stmt = ts_db_stmt(db, TS_SQL_S_EPOCHS);
    while ((rc = ts_db_step(db, stmt, err)) > 0) {
        int64_t blocks = sqlite3_column_int64(stmt, 5), rows = sqlite3_column_int64(stmt, 6);
        int64_t avg = blocks ? rows / blocks : 0;
        struct ts_store_level *lvl = &out->levels[avg < YOUNG ? 0 : avg < MIDDLE ? 1 : 2];
        lvl->epochs++;
        lvl->blocks += (uint64_t)blocks;
        lvl->rows += (uint64_t)rows;
        lvl->points += (uint64_t)sqlite3_column_int64(stmt, 7);
        lvl->bytes += (uint64_t)sqlite3_column_int64(stmt, 8);
    }
    ts_reader_give(rdr, shard, db);
    return rc;
}

int ts_work_read(struct ts_db *cat, struct ts_store_work *work, uint64_t *io_limit, struct ts_err *err)
{
    int64_t values[TS_WORK_FIELDS] = {0};
    int rc = 0;
    for (size_t i = 0; i < TS_WORK_FIELDS && rc == 0; i++) {
        sqlite3_stmt *stmt = ts_db_stmt(cat, TS_SQL_C_META);
        if (stmt)
            sqlite3_bind_text(stmt, 1, ts_work_names[i], -1, SQLITE_STATIC);
        rc = ts_db_number(cat, stmt, 0, &values[i], err);
    }
    memcpy(work, values, sizeof *work);
    *io_limit = (uint64_t)values[TS_WORK_FIELDS - 1];
    return rc;
}

static int read_catalog(struct ts_reader *rdr, const char *dir, struct ts_store_stats *out, struct ts_err *err)
{
    struct ts_db *db;
    int rc = ts_reader_take(rdr, 0, &db, err);
    if (rc == -TS_ENOTFOUND)
        return ts_fail(err, TS_ENOTFOUND, "there is no store in %s", dir);
    if (rc)
        return rc;
    add_file(dir, 0, out);
    rc = count(db, "SELECT count(*) FROM bucket", &out->buckets, err);
    rc = rc ? rc : count(db, "SELECT count(*) FROM series", &out->series, err);
    rc = rc ? rc : count(db, "SELECT count(*) FROM field", &out->fields, err);
    rc = rc ? rc : count(db, "SELECT count(*) FROM tomb", &out->tombs, err);
    rc = rc ? rc : count(db, "SELECT count(*) FROM landing", &out->landed, err);
    rc = rc ? rc : count(db, "SELECT sum(points) FROM landing", &out->landed_points, err);
    rc = rc ? rc : count(db, "SELECT sum(length(head) + length(data)) FROM landing", &out->landed_bytes, err);
    rc = rc ? rc : ts_work_read(db, &out->work, &out->io_limit, err);
    sqlite3_stmt *stmt = ts_db_stmt(db, TS_SQL_C_SHARDS);
    while (rc == 0 && (rc = ts_db_step(db, stmt, err)) > 0) {
        int64_t id = sqlite3_column_int64(stmt, 0);
        out->shards++;
        add_file(dir, id, out);
        rc = sqlite3_column_int64(stmt, 4) ? add_epochs(rdr, id, out, err) : 0;
    }
    ts_reader_give(rdr, 0, db);
    return rc;
}

int ts_store_stats(const char *dir, struct ts_store_stats *out, struct ts_err *err)
{
    struct ts_reader *rdr;
    *out = (struct ts_store_stats){0};
    int rc = ts_reader_open(dir, &rdr, err);
    rc = rc ? rc : read_catalog(rdr, dir, out, err);
    ts_reader_close(&rdr);
    return rc;
}

/* ---- check ---- */

struct check {
    struct ts_scan_source *src;
    ts_store_complaint_fn *fn;
    void *arg;
    uint64_t *points;
    char (*buckets)[1025];
    unsigned nbuckets;
    bool no_memory;
};

static bool note_bucket(void *arg, struct ts_str name, enum ts_scan_type type)
{
    struct check *chk = arg;
    (void)type;
    void *more = ts_resize(chk->buckets, (chk->nbuckets + 1) * sizeof *chk->buckets);
    chk->no_memory = !more;
    if (!more || name.len >= sizeof *chk->buckets)
        return false;
    chk->buckets = more;
    memcpy(chk->buckets[chk->nbuckets], name.p, name.len);
    chk->buckets[chk->nbuckets++][name.len] = 0;
    return true;
}

static int check_bucket(struct check *chk, const char *bucket, struct ts_err *err)
{
    struct ts_scan_request req = {.bucket = ts_str_of(bucket),
                                  .start_ns = INT64_MIN,
                                  .stop_ns = INT64_MAX,
                                  .want = TS_SCAN_TIMES | TS_SCAN_VALUES};
    struct ts_scan_cursor *cur;
    const struct ts_scan_chunk *chunk;
    unsigned n = 0, told = 0;
    int rc = ts_scan_open(chk->src, &req, &cur, err);
    if (rc)
        return rc;
    while ((rc = ts_scan_next(cur, &chunk, err)) == 0 && chunk)
        *chk->points += chunk->n;
    const struct ts_scan_damage *dmg = ts_scan_damage(cur, &n);
    for (; told < TS_MIN(n, (unsigned)TS_SCAN_DAMAGE_MAX); told++)
        chk->fn(chk->arg, &dmg[told]);
    if (n > told) {
        char what[64];
        snprintf(what, sizeof what, "and %u more", n - told);
        chk->fn(chk->arg, &(struct ts_scan_damage){.series = TS_STR(""), .min_ns = INT64_MIN, .max_ns = INT64_MAX, .what = what});
    }
    ts_scan_close(&cur);
    return rc;
}

int ts_store_check(const char *dir, ts_store_complaint_fn *fn, void *arg, uint64_t *points, struct ts_err *err)
{
    struct check chk = {.fn = fn, .arg = arg, .points = points};
    *points = 0;
    int rc = ts_store_open_source(dir, &chk.src, err);
    if (rc)
        return rc;
    rc = ts_scan_schema(chk.src, &(struct ts_scan_schema_request){.what = TS_SCAN_BUCKETS}, note_bucket, &chk, err);
    if (rc == 0 && chk.no_memory)
        rc = ts_fail(err, TS_ENOMEM, "no memory for the list of buckets");
    for (unsigned i = 0; i < chk.nbuckets && rc == 0; i++)
        rc = check_bucket(&chk, chk.buckets[i], err);
    ts_free(chk.buckets);
    ts_store_close_source(&chk.src);
    return rc;
}
