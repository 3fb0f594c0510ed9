/*
 * SQLite as the store wants it. Thread: one at a time for each connection, which SQLite's own lock need not guard. Full or failing:
 * the statement is reset, the code told; the caller rolls back.
 */
#include "config.h"
#include "store/store_db.h"

#include "core/mem.h"

#define BUSY_MS 10000 /* nobody holds a lock for long: recovery after a crash, a checkpoint */

static const char *const texts[] = {
#define TS_SQL(id, text) text,
#include "store/store_sql.def"
#undef TS_SQL
};

int ts_db_fail(struct ts_db *db, struct ts_err *err)
{
    int code = db->h ? sqlite3_errcode(db->h) : SQLITE_NOMEM;
    const char *why = db->h ? sqlite3_errmsg(db->h) : "out of memory";
    enum ts_error is = TS_EIO;
    switch (code & 0xff) {
    case SQLITE_NOMEM: is = TS_ENOMEM; break;
    case SQLITE_FULL: is = TS_EFULL; break;
    case SQLITE_BUSY: is = TS_EBUSY; break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: is = TS_ECORRUPT; break;
    default: break;
    }
    return ts_fail(err, is, "%s: %s", db->path, why);
}

static int set_up(struct ts_db *db, enum ts_db_mode mode, struct ts_err *err)
{
    sqlite3_extended_result_codes(db->h, 1);
    sqlite3_busy_timeout(db->h, BUSY_MS);
    int rc = ts_db_exec(db, "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY", err);
    if (rc == 0 && mode == TS_DB_READ)
        return ts_db_exec(db, "PRAGMA query_only = 1", err);
    if (rc == 0 && mode == TS_DB_CREATE) /* has an effect on a new file only, before anything else */
        rc = ts_db_exec(db, "PRAGMA auto_vacuum = INCREMENTAL", err);
    if (rc == 0)
        rc = ts_db_exec(db,
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; "
                        "PRAGMA journal_size_limit = 16777216",
                        err);
    return rc;
}

/* A reader too wants to write: the log's index, when it comes first after a crash. Only where it must not, it does not. */
static int open_handle(struct ts_db *db, enum ts_db_mode mode)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | (mode == TS_DB_CREATE ? SQLITE_OPEN_CREATE : 0);
    int rc = sqlite3_open_v2(db->path, &db->h, flags, NULL);
    if (rc == SQLITE_OK || mode != TS_DB_READ)
        return rc;
    sqlite3_close(db->h);
    return sqlite3_open_v2(db->path, &db->h, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READONLY, NULL);
}

int ts_db_open(const char *path, enum ts_db_mode mode, struct ts_db **out, struct ts_err *err)
{
    struct ts_db *db = ts_alloc(sizeof *db);
    size_t len = strlen(path) + 1;
    *out = NULL;
    if (db)
        db->path = ts_alloc(len);
    if (!db || !db->path) {
        ts_free(db);
        return ts_fail(err, TS_ENOMEM, "%s: out of memory", path);
    }
    memcpy(db->path, path, len);
    int rc = open_handle(db, mode) == SQLITE_OK ? 0 : ts_db_fail(db, err);
    if (rc != 0 && db->h && (sqlite3_errcode(db->h) & 0xff) == SQLITE_CANTOPEN)
        rc = -TS_ENOTFOUND;
    if (rc == 0)
        rc = set_up(db, mode, err);
    if (rc != 0)
        ts_db_close(&db);
    *out = db;
    return rc;
}

void ts_db_close(struct ts_db **pdb)
{
    struct ts_db *db = *pdb;
    if (!db)
        return;
    for (unsigned i = 0; i < TS_SQL_COUNT; i++)
        sqlite3_finalize(db->stmts[i]);
    int rc = sqlite3_close(db->h);
    TS_ASSERT(rc == SQLITE_OK);
    ts_free(db->path);
    TS_FREE(*pdb);
}

int ts_db_exec(struct ts_db *db, const char *sql, struct ts_err *err)
{
    return sqlite3_exec(db->h, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : ts_db_fail(db, err);
}

sqlite3_stmt *ts_db_stmt(struct ts_db *db, enum ts_sql id)
{
    sqlite3_stmt *stmt = db->stmts[id];
    if (stmt) {
        sqlite3_reset(stmt);
        sqlite3_clear_bindings(stmt);
        return stmt;
    }
    sqlite3_prepare_v3(db->h, texts[id], -1, SQLITE_PREPARE_PERSISTENT, &db->stmts[id], NULL);
    return db->stmts[id];
}

sqlite3_stmt *ts_db_bind(struct ts_db *db, enum ts_sql id, const int64_t *values, int n)
{
    sqlite3_stmt *stmt = ts_db_stmt(db, id);
    for (int i = 0; stmt && i < n; i++)
        sqlite3_bind_int64(stmt, i + 1, values[i]);
    return stmt;
}

int ts_db_step(struct ts_db *db, sqlite3_stmt *stmt, struct ts_err *err)
{
    if (!stmt)
        return ts_db_fail(db, err);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE) {
        sqlite3_reset(stmt);
        return 0;
    }
    rc = ts_db_fail(db, err);
    sqlite3_reset(stmt);
    return rc;
}

int ts_db_run(struct ts_db *db, sqlite3_stmt *stmt, struct ts_err *err)
{
    int rc = ts_db_step(db, stmt, err);
    if (rc > 0)
        sqlite3_reset(stmt);
    return TS_MIN(rc, 0);
}

int ts_db_number(struct ts_db *db, sqlite3_stmt *stmt, int64_t missing, int64_t *out, struct ts_err *err)
{
    int rc = ts_db_step(db, stmt, err);
    *out = missing;
    if (rc <= 0)
        return rc;
    if (sqlite3_column_type(stmt, 0) != SQLITE_NULL)
        *out = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return 0;
}
