#ifndef TS_STORE_DB_H
#define TS_STORE_DB_H
/* Connections to SQLite: opened the same way everywhere, statements prepared once from store_sql.def. @thread one at a time */
#include "core/base.h"
#include "core/err.h"

#include <sqlite3.h>

/* Statements whose name ends in 16 insert so many rows, which takes a third of the time. */
#define TS_SQL_ROWS 16
#define TS_SQL_4(row)  row ", " row ", " row ", " row
#define TS_SQL_16(row) TS_SQL_4(TS_SQL_4(row))

enum ts_sql {
#define TS_SQL(id, text) TS_SQL_##id,
#include "store/store_sql.def"
#undef TS_SQL
    TS_SQL_COUNT
};

struct ts_db {
    sqlite3 *h;
    char *path;
    sqlite3_stmt *stmts[TS_SQL_COUNT];
};

enum ts_db_mode { TS_DB_READ, TS_DB_WRITE, TS_DB_CREATE };

/**
 * Opens a database in WAL mode with synchronous=FULL; nothing checkpoints by itself.
 * @return 0; -TS_ENOTFOUND there is no such file (READ, WRITE); -TS_EIO, -TS_ECORRUPT, -TS_ENOMEM, -TS_EBUSY.
 */
int ts_db_open(const char *path, enum ts_db_mode mode, struct ts_db **out, struct ts_err *err) TS_MUST_CHECK;
void ts_db_close(struct ts_db **db);

/** What SQLite's last error on this connection is for us; err says it with the file. */
int ts_db_fail(struct ts_db *db, struct ts_err *err);

/** Runs statements without results. @return 0, or as ts_db_fail. */
int ts_db_exec(struct ts_db *db, const char *sql, struct ts_err *err) TS_MUST_CHECK;

/** A statement, reset and without bindings; NULL when it cannot be prepared (ts_db_fail says why). */
sqlite3_stmt *ts_db_stmt(struct ts_db *db, enum ts_sql id);

/** Binds integers in order: ts_db_bind(db, TS_SQL_X, (const int64_t[]){1, 2}, 2). NULL as above. */
sqlite3_stmt *ts_db_bind(struct ts_db *db, enum ts_sql id, const int64_t *values, int n);

/** @return 1 there is a row, 0 the end (the statement is reset), or as ts_db_fail (reset too). */
int ts_db_step(struct ts_db *db, sqlite3_stmt *stmt, struct ts_err *err) TS_MUST_CHECK;

/** Runs a statement that gives no row. @return 0, or as ts_db_fail. */
int ts_db_run(struct ts_db *db, sqlite3_stmt *stmt, struct ts_err *err) TS_MUST_CHECK;

/** One number; `missing` when there is no row, or NULL. @return 0, or as ts_db_fail. */
int ts_db_number(struct ts_db *db, sqlite3_stmt *stmt, int64_t missing, int64_t *out, struct ts_err *err) TS_MUST_CHECK;

static inline struct ts_str ts_db_bytes(sqlite3_stmt *stmt, int column)
{
    const char *p = sqlite3_column_blob(stmt, column);
    return (struct ts_str){p, (size_t)sqlite3_column_bytes(stmt, column)};
}

/** Binds bytes that outlive the statement's run; empty ones as an empty blob. */
static inline void ts_db_bind_bytes(sqlite3_stmt *stmt, int at, struct ts_str s)
{
    sqlite3_bind_blob64(stmt, at, s.len ? s.p : "", s.len, SQLITE_STATIC);
}

#endif
