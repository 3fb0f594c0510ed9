/*
 * Deletes carried out: blocks that a tomb touches are written anew without the points, or removed. Thread: the one that tends. Until
 * then, and meanwhile, readers leave the points out themselves.
 */
#include "config.h"
#include "store/store_tend.h"

#include "core/mem.h"

#define STEP_BLOCKS 256 /* touched blocks of a transaction */

static int64_t newest(const struct ts_shard_work *wrk)
{
    int64_t seq = 0;
    for (unsigned i = 0; i < wrk->ntombs; i++)
        seq = TS_MAX(seq, wrk->tombs[i].seq);
    return seq;
}

static int put_block(struct ts_shard_work *wrk, int64_t id, struct ts_err *err)
{
    if (wrk->table.n == 0)
        return ts_db_run(wrk->db, ts_db_bind(wrk->db, TS_SQL_S_DROP_BLOCK, &id, 1), err);
    sqlite3_stmt *stmt = ts_db_bind(wrk->db, TS_SQL_S_SET_BLOCK, &id, 1);
    if (stmt) {
        ts_db_bind_bytes(stmt, 2, ts_buf_str(&wrk->head));
        ts_db_bind_bytes(stmt, 3, ts_buf_str(&wrk->data));
    }
    return ts_db_run(wrk->db, stmt, err);
}

/* @return 1 when it was touched. */
static int purge_block(struct ts_shard_work *wrk, struct ts_epoch *epo, int64_t id, struct ts_err *err)
{
    uint32_t series = (uint32_t)id;
    if (!ts_tombs_touch(wrk->tombs, wrk->ntombs, series, epo->rank, epo->min_ns, epo->max_ns))
        return 0;
    sqlite3_stmt *stmt = ts_db_bind(wrk->db, TS_SQL_S_BLOCK, &id, 1);
    int rc = ts_db_step(wrk->db, stmt, err);
    if (rc <= 0)
        return rc;
    struct ts_str head = ts_db_bytes(stmt, 0), data = ts_db_bytes(stmt, 1);
    rc = ts_seg_open(&wrk->seg, head, series);
    if (rc == 0 && !ts_tombs_touch(wrk->tombs, wrk->ntombs, series, epo->rank, wrk->seg.min_ns, wrk->seg.max_ns)) {
        sqlite3_reset(stmt);
        return 0;
    }
    ts_table_clear(&wrk->table);
    bool whole = rc == 0 && ts_seg_is_whole(&wrk->seg, data, &wrk->seg.times);
    for (unsigned c = 0; whole && c < wrk->seg.ncols; c++)
        whole = ts_seg_column_is_whole(&wrk->seg, data, &wrk->seg.cols[c]);
    if (rc == 0)
        rc = !whole ? -TS_ECORRUPT
                    : ts_table_append(&wrk->table, &wrk->seg, data, NULL, 0, wrk->seg.n, epo->rank, series, wrk->tombs, wrk->ntombs);
    size_t bytes = head.len + data.len;
    sqlite3_reset(stmt);
    if (rc == -TS_ECORRUPT) {
        ts_shard_complain(wrk, series, epo->min_ns, epo->max_ns, "a block cannot be read to delete points of it");
        return 0;
    }
    ts_buf_clear(&wrk->head);
    ts_buf_clear(&wrk->data);
    rc = rc ? rc : ts_table_sort(&wrk->table);
    if (rc == 0 && wrk->table.n > 0)
        rc = TS_MIN(0, ts_table_encode(&wrk->table, 0, wrk->table.n, series, &wrk->head, &wrk->data));
    if (rc)
        return ts_fail(err, TS_ENOMEM, "no memory to delete points");
    ts_epoch_count(epo, &wrk->seg, bytes, -1);
    rc = put_block(wrk, id, err);
    if (rc == 0 && wrk->table.n > 0 && ts_seg_open(&wrk->seg, ts_buf_str(&wrk->head), series) == 0)
        ts_epoch_count(epo, &wrk->seg, wrk->head.len + wrk->data.len, 1);
    return rc ? rc : 1;
}

static int purge_epoch(struct ts_shard_work *wrk, int64_t epoch, struct ts_err *err)
{
    int64_t next = TS_BLOCK_ID(epoch, 0);
    int rc = 0;
    while (rc == 0) {
        unsigned touched = 0;
        rc = ts_shard_begin(wrk, err);
        while (rc == 0 && touched < STEP_BLOCKS) {
            int64_t id;
            rc = ts_db_number(wrk->db, ts_db_bind(wrk->db, TS_SQL_S_BLOCK_IDS, &next, 1), INT64_MAX, &id, err);
            if (rc || id >> 32 != epoch) {
                next = INT64_MAX;
                break;
            }
            next = id + 1;
            rc = purge_block(wrk, ts_shard_epoch(wrk, epoch), id, err);
            touched += rc > 0;
            rc = TS_MIN(rc, 0);
        }
        if (rc)
            ts_shard_rollback(wrk);
        else
            rc = ts_shard_commit(wrk, err);
        if (next == INT64_MAX)
            break;
    }
    return rc;
}

int ts_purge(struct ts_shard_work *wrk, struct ts_err *err)
{
    int64_t applied, seq = newest(wrk);
    sqlite3_stmt *stmt = ts_db_stmt(wrk->db, TS_SQL_S_META);
    if (stmt)
        sqlite3_bind_text(stmt, 1, "tombs_applied", -1, SQLITE_STATIC);
    int rc = ts_db_number(wrk->db, stmt, 0, &applied, err);
    if (rc || applied >= seq)
        return rc;
    for (unsigned i = 0; i < wrk->nepochs && rc == 0; i++) {
        int64_t id = wrk->epochs[i].id;
        if (wrk->epochs[i].rank >= seq)
            continue;
        unsigned before = wrk->nepochs;
        rc = purge_epoch(wrk, id, err);
        i -= wrk->nepochs < before; /* it is empty, and gone */
    }
    rc = rc ? rc : ts_shard_begin(wrk, err);
    if (rc)
        return rc;
    stmt = ts_db_stmt(wrk->db, TS_SQL_S_SET_META);
    if (stmt) {
        sqlite3_bind_text(stmt, 1, "tombs_applied", -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 2, seq);
    }
    rc = ts_db_run(wrk->db, stmt, err);
    if (rc)
        ts_shard_rollback(wrk);
    return rc ? rc : ts_shard_commit(wrk, err);
}
