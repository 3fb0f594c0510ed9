/*
 * Tags to series, in the catalogue's table `tag`. Thread: one at a time for each connection; changes under
 * the store's lock. Owns nothing. Values are looked at one row after the other until SAME rows have had the
 * same one: from there on a search for the next is cheaper.
 */
#include "config.h"
#include "store/store_index.h"

#include "core/mem.h"
#include "store/store_key.h"

#include <stdlib.h>

#define SAME     16
#define ROWS_MAX 65536 /* gathered at once */

static int change(struct ts_db *cat, enum ts_sql sql, int64_t bucket, uint32_t series, struct ts_str key,
                  struct ts_buf *scratch, struct ts_err *err)
{
    struct ts_tag tags[TS_TAGS_MAX];
    struct ts_str measurement;
    unsigned ntags;
    int rc = ts_key_decode(key, scratch, &measurement, tags, &ntags);
    if (rc == -TS_ENOMEM)
        return ts_fail(err, TS_ENOMEM, "no memory for tags");
    for (unsigned i = 0; i < ntags && rc == 0; i++) { /* a damaged key has no tags */
        sqlite3_stmt *stmt = ts_db_bind(cat, sql, (int64_t[]){bucket, series}, 2);
        if (stmt) {
            ts_db_bind_bytes(stmt, 3, tags[i].key);
            ts_db_bind_bytes(stmt, 4, tags[i].value);
            ts_db_bind_bytes(stmt, 5, measurement);
        }
        rc = ts_db_run(cat, stmt, err);
    }
    return rc == -TS_ECORRUPT ? 0 : rc;
}

int ts_index_put(struct ts_db *cat, int64_t bucket, uint32_t series, struct ts_str key,
                 struct ts_buf *scratch, struct ts_err *err)
{
    return change(cat, TS_SQL_C_ADD_TAG, bucket, series, key, scratch, err);
}

int ts_index_drop(struct ts_db *cat, int64_t bucket, uint32_t series, struct ts_str key,
                  struct ts_buf *scratch, struct ts_err *err)
{
    return change(cat, TS_SQL_C_DROP_TAG, bucket, series, key, scratch, err);
}

/* ---- many at once ---- */

struct ts_index_row {
    int64_t bucket;
    uint32_t series;
    struct ts_str key, value, measurement;
};

static int compare_rows(const void *pa, const void *pb)
{
    const struct ts_index_row *a = pa, *b = pb;
    int c = (a->bucket > b->bucket) - (a->bucket < b->bucket);
    c = c ? c : ts_str_cmp(a->key, b->key);
    c = c ? c : ts_str_cmp(a->value, b->value);
    c = c ? c : ts_str_cmp(a->measurement, b->measurement);
    return c ? c : (a->series > b->series) - (a->series < b->series);
}

static void bind_row(sqlite3_stmt *stmt, int at, const struct ts_index_row *row)
{
    sqlite3_bind_int64(stmt, at + 1, row->bucket);
    sqlite3_bind_int64(stmt, at + 2, row->series);
    ts_db_bind_bytes(stmt, at + 3, row->key);
    ts_db_bind_bytes(stmt, at + 4, row->value);
    ts_db_bind_bytes(stmt, at + 5, row->measurement);
}

int ts_index_flush(struct ts_db *cat, struct ts_index_batch *bat, struct ts_err *err)
{
    int rc = 0;
    if (bat->n > 1)
        qsort(bat->rows, bat->n, sizeof *bat->rows, compare_rows);
    for (uint32_t i = 0, m; i < bat->n && rc == 0; i += m) {
        m = bat->n - i >= TS_SQL_ROWS ? TS_SQL_ROWS : 1;
        sqlite3_stmt *stmt = ts_db_stmt(cat, m > 1 ? TS_SQL_C_ADD_TAG_16 : TS_SQL_C_ADD_TAG);
        for (uint32_t k = 0; stmt && k < m; k++)
            bind_row(stmt, (int)k * 5, &bat->rows[i + k]);
        rc = ts_db_run(cat, stmt, err);
    }
    bat->n = 0;
    return rc;
}

int ts_index_gather(struct ts_db *cat, struct ts_index_batch *bat, int64_t bucket, uint32_t series,
                    struct ts_str key, struct ts_err *err)
{
    struct ts_tag tags[TS_TAGS_MAX];
    struct ts_str measurement;
    unsigned ntags;
    int rc = ts_key_decode(key, &bat->scratch, &measurement, tags, &ntags);
    if (rc != 0 || bat->scratch.len > 0) /* texts in scratch do not last */
        return ts_index_put(cat, bucket, series, key, &bat->scratch, err);
    if (bat->n + ntags > ROWS_MAX)
        rc = ts_index_flush(cat, bat, err);
    if (bat->n + ntags > bat->cap) {
        uint32_t cap = TS_MAX(TS_MAX(64u, bat->cap * 2), bat->n + ntags);
        struct ts_index_row *rows = ts_resize(bat->rows, cap * sizeof *rows);
        if (!rows)
            return ts_fail(err, TS_ENOMEM, "no memory for tags");
        bat->rows = rows;
        bat->cap = cap;
    }
    for (unsigned i = 0; i < ntags; i++)
        bat->rows[bat->n++] = (struct ts_index_row){bucket, series, tags[i].key, tags[i].value, measurement};
    return rc;
}

void ts_index_batch_fini(struct ts_index_batch *bat)
{
    TS_FREE(bat->rows);
    ts_buf_fini(&bat->scratch);
}

/* ---- what there is ---- */

bool ts_index_is_there(struct ts_db *cat)
{
    return ts_db_stmt(cat, TS_SQL_C_TAG_KEY) != NULL;
}

/* @return 1 some series of the measurement has the tag, or the key alone when value is NULL; 0, <0. */
static int exists(struct ts_db *cat, int64_t bucket, struct ts_str key, const struct ts_str *value,
                  struct ts_str measurement, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_bind(cat, value ? TS_SQL_C_HAS_TAG : TS_SQL_C_HAS_TAG_KEY, &bucket, 1);
    if (stmt) {
        ts_db_bind_bytes(stmt, 2, key);
        ts_db_bind_bytes(stmt, 3, measurement);
        if (value)
            ts_db_bind_bytes(stmt, 4, *value);
    }
    int rc = ts_db_step(cat, stmt, err);
    if (rc > 0)
        sqlite3_reset(stmt);
    return rc;
}

int ts_index_keys(struct ts_db *cat, int64_t bucket, const struct ts_str *measurement, ts_index_fn *fn,
                  void *arg, struct ts_err *err)
{
    struct ts_buf last = TS_BUF_INIT;
    int rc;
    for (;;) {
        sqlite3_stmt *stmt = ts_db_bind(cat, TS_SQL_C_TAG_KEY, &bucket, 1);
        if (stmt)
            ts_db_bind_bytes(stmt, 2, ts_buf_str(&last));
        rc = ts_db_step(cat, stmt, err);
        if (rc <= 0)
            break;
        struct ts_str key = ts_db_bytes(stmt, 0);
        struct ts_buf copy = TS_BUF_INIT;
        ts_buf_put_str(&copy, key);
        sqlite3_reset(stmt);
        ts_buf_fini(&last);
        last = copy;
        rc = ts_buf_failed(&last) ? ts_fail(err, TS_ENOMEM, "no memory for tag keys") : 1;
        if (rc > 0 && measurement)
            rc = exists(cat, bucket, ts_buf_str(&last), NULL, *measurement, err);
        rc = rc > 0 ? fn(arg, ts_buf_str(&last)) : rc;
        if (rc)
            break;
    }
    ts_buf_fini(&last);
    return rc;
}

/* From behind the value in `last`, until a search pays. @return 1: go on behind `last`; 0 the end; <0. */
static int read_values(struct ts_db *cat, int64_t bucket, struct ts_str key, const struct ts_str *measurement,
                       struct ts_buf *last, ts_index_fn *fn, void *arg, struct ts_err *err)
{
    struct ts_buf after = TS_BUF_INIT;
    sqlite3_stmt *stmt = ts_db_bind(cat, TS_SQL_C_TAG_VALUES, &bucket, 1);
    unsigned same = 0;
    bool found = false;
    int rc;
    ts_buf_put_str(&after, ts_buf_str(last)); /* bound: it stays as it is */
    if (stmt) {
        ts_db_bind_bytes(stmt, 2, key);
        ts_db_bind_bytes(stmt, 3, ts_buf_str(&after));
    }
    ts_buf_clear(last);
    while ((rc = ts_db_step(cat, stmt, err)) > 0 && same < SAME) {
        struct ts_str value = ts_db_bytes(stmt, 0);
        if (same == 0 || !ts_str_eq(value, ts_buf_str(last))) {
            ts_buf_clear(last);
            ts_buf_put_str(last, value);
            same = 0;
            found = false;
        }
        same++;
        rc = ts_buf_failed(last) || ts_buf_failed(&after)
                 ? ts_fail(err, TS_ENOMEM, "no memory for tag values")
                 : 0;
        if (rc == 0 && !found && (!measurement || ts_str_eq(ts_db_bytes(stmt, 1), *measurement))) {
            found = true;
            rc = fn(arg, value);
        }
        if (rc)
            break;
    }
    if (rc)
        sqlite3_reset(stmt);
    ts_buf_fini(&after);
    if (rc <= 0 || found)
        return rc;
    struct ts_str value = ts_buf_str(last);
    rc = exists(cat, bucket, key, &value, *measurement, err);
    rc = rc > 0 ? fn(arg, value) : rc;
    return rc ? rc : 1;
}

int ts_index_values(struct ts_db *cat, int64_t bucket, struct ts_str key, const struct ts_str *measurement,
                    ts_index_fn *fn, void *arg, struct ts_err *err)
{
    struct ts_buf last = TS_BUF_INIT;
    int rc;
    while ((rc = read_values(cat, bucket, key, measurement, &last, fn, arg, err)) > 0)
        ;
    ts_buf_fini(&last);
    return rc;
}
