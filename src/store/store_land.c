/*
 * Landing segments to blocks, group by group, each group in one transaction of the shard. Thread: the one that tends. The landing
 * segments go from the catalogue afterwards; the shard knows up to which number it has them, so that nobody counts them twice
 * meanwhile, nor after a crash.
 */
#include "config.h"
#include "store/store_tend.h"

#include "core/log.h"
#include "core/mem.h"

#include <time.h>

#define FEW_ROWS  32         /* of a series in a segment: less than this, and all of it is decoded at once, */
#define ALL_BYTES (16 << 20) /* up to this for a group */
#define FORGET_NS (5 * TS_MS) /* of one transaction in the catalogue, which writers wait for; */
#define YIELD_NS  TS_MS       /* between two of them */

struct landed {
    int64_t seq;
    struct ts_seg seg;
    char *bytes;
    struct ts_str data;
    uint32_t *series, *ends;
    unsigned next;         /* of the directory */
    struct ts_seg_all all; /* decoded, when a series has few rows of it */
};

struct group {
    struct landed *landed;
    size_t all_bytes;
    unsigned n, cap;
};

static void group_fini(struct group *grp)
{
    for (unsigned i = 0; i < grp->n; i++) {
        ts_seg_fini(&grp->landed[i].seg);
        ts_free(grp->landed[i].bytes);
        ts_free(grp->landed[i].series);
        ts_free(grp->landed[i].ends);
        ts_all_free(&grp->landed[i].all);
    }
    ts_free(grp->landed);
    *grp = (struct group){0};
}

/* Parts that are not what was written are left out: a column by its values, others with all of the segment. */
static int open_parts(struct landed *lnd)
{
    struct ts_seg *seg = &lnd->seg;
    if (seg->nseries == 0 || !ts_seg_is_whole(seg, lnd->data, &seg->times) || !ts_seg_is_whole(seg, lnd->data, &seg->series))
        return -TS_ECORRUPT;
    lnd->series = ts_alloc((seg->nseries + TS_SEG_PAD) * sizeof *lnd->series);
    lnd->ends = ts_alloc((seg->nseries + TS_SEG_PAD) * sizeof *lnd->ends);
    if (!lnd->series || !lnd->ends)
        return -TS_ENOMEM;
    int rc = ts_seg_series(seg, lnd->data, lnd->series, lnd->ends);
    unsigned kept = 0;
    for (unsigned c = 0; c < seg->ncols && rc == 0; c++)
        if (ts_seg_column_is_whole(seg, lnd->data, &seg->cols[c]))
            seg->cols[kept++] = seg->cols[c];
    if (rc == 0 && kept < seg->ncols) {
        seg->ncols = kept;
        return -TS_EAGAIN;
    }
    return rc;
}

/* One row at a time, decoding would be most of the work. */
static int decode_all(struct group *grp, struct landed *lnd)
{
    size_t bytes = ts_all_bytes(&lnd->seg);
    if (lnd->seg.nseries == 0 || lnd->seg.n / lnd->seg.nseries >= FEW_ROWS || grp->all_bytes + bytes > ALL_BYTES)
        return 0;
    int rc = ts_all_decode(&lnd->all, &lnd->seg, lnd->data);
    grp->all_bytes += rc == 0 ? bytes : 0;
    return rc == -TS_ECORRUPT ? 0 : rc; /* those series that are whole will do */
}

static int add_landed(struct ts_shard_work *wrk, struct group *grp, uint32_t group, sqlite3_stmt *stmt)
{
    if (grp->n == grp->cap) {
        unsigned cap = TS_MAX(64u, grp->cap * 2);
        struct landed *more = ts_resize(grp->landed, cap * sizeof *more);
        if (!more)
            return -TS_ENOMEM;
        grp->landed = more;
        grp->cap = cap;
    }
    struct landed *lnd = &grp->landed[grp->n++];
    struct ts_str head = ts_db_bytes(stmt, 3), data = ts_db_bytes(stmt, 4);
    *lnd = (struct landed){.seq = sqlite3_column_int64(stmt, 1), .bytes = ts_alloc(data.len + 1)};
    if (!lnd->bytes)
        return -TS_ENOMEM;
    if (data.len)
        memcpy(lnd->bytes, data.p, data.len);
    wrk->io_bytes += head.len + data.len;
    lnd->data = (struct ts_str){lnd->bytes, data.len};
    int rc = ts_seg_open(&lnd->seg, head, ts_landing_place(group, (uint32_t)sqlite3_column_int64(stmt, 2)));
    rc = rc ? rc : open_parts(lnd);
    if (rc == -TS_EAGAIN || rc == -TS_ECORRUPT) {
        ts_shard_complain(wrk, UINT32_MAX, lnd->seg.min_ns, lnd->seg.max_ns, "a landing segment, of up to 1,024 series");
        if (rc == -TS_ECORRUPT)
            lnd->seg.nseries = 0;
        rc = 0;
    }
    return rc ? rc : decode_all(grp, lnd);
}

static int read_group(struct ts_shard_work *wrk, uint32_t group, struct group *grp, struct ts_err *err)
{
    struct ts_db *db = wrk->store->work;
    int64_t applied;
    int rc = ts_db_number(wrk->db, ts_db_bind(wrk->db, TS_SQL_S_APPLIED_OF, (int64_t[]){group}, 1), 0, &applied, err);
    if (rc)
        return rc;
    sqlite3_stmt *stmt =
        ts_db_bind(db, TS_SQL_C_LANDING_GROUP, (int64_t[]){wrk->shard.id, group, applied, wrk->upto}, 4);
    while ((rc = ts_db_step(db, stmt, err)) > 0) {
        rc = add_landed(wrk, grp, group, stmt);
        if (rc) {
            sqlite3_reset(stmt);
            return ts_fail(err, TS_ENOMEM, "no memory for landing segments");
        }
    }
    return rc;
}

/* All rows of the series that comes next. @return false when none is left. */
static bool next_series(const struct group *grp, uint32_t *out)
{
    bool any = false;
    for (unsigned i = 0; i < grp->n; i++) {
        const struct landed *lnd = &grp->landed[i];
        if (lnd->next < lnd->seg.nseries && (!any || lnd->series[lnd->next] < *out)) {
            *out = lnd->series[lnd->next];
            any = true;
        }
    }
    return any;
}

static int gather(struct ts_shard_work *wrk, struct group *grp, uint32_t series)
{
    int rc = 0;
    ts_table_clear(&wrk->table);
    for (unsigned i = 0; i < grp->n && rc == 0; i++) {
        struct landed *lnd = &grp->landed[i];
        if (lnd->next == lnd->seg.nseries || lnd->series[lnd->next] != series)
            continue;
        uint32_t from = lnd->next ? lnd->ends[lnd->next - 1] : 0, n = lnd->ends[lnd->next] - from;
        lnd->next++;
        unsigned before = wrk->table.n;
        rc = ts_table_append(&wrk->table, &lnd->seg, lnd->data, lnd->all.bytes ? &lnd->all : NULL, from, n, lnd->seq, series, wrk->tombs, wrk->ntombs);
        if (rc == -TS_ECORRUPT) { /* with good checksums: the writer's fault, not the disk's */
            ts_shard_complain(wrk, series, lnd->seg.min_ns, lnd->seg.max_ns, "a landing segment cannot be decoded");
            wrk->table.n = before;
            rc = 0;
        }
    }
    return rc ? rc : ts_table_sort(&wrk->table);
}

static int land_group(struct ts_shard_work *wrk, uint32_t group, int64_t first_epoch, struct ts_err *err)
{
    struct group grp = {0};
    uint32_t series = 0;
    int rc = read_group(wrk, group, &grp, err);
    if (rc == 0 && grp.n > 0) {
        rc = ts_shard_begin(wrk, err);
        while (rc == 0 && next_series(&grp, &series)) {
            rc = gather(wrk, &grp, series);
            if (rc)
                ts_fail(err, TS_ENOMEM, "no memory to compact");
            else
                rc = ts_shard_put_blocks(wrk, series, first_epoch, wrk->upto, err);
        }
        rc = rc ? rc : ts_db_run(wrk->db, ts_db_bind(wrk->db, TS_SQL_S_SET_APPLIED, (int64_t[]){group, wrk->upto}, 2), err);
        if (rc)
            ts_shard_rollback(wrk);
        else
            rc = ts_shard_commit(wrk, err);
    }
    group_fini(&grp);
    return rc;
}

int ts_land(struct ts_shard_work *wrk, struct ts_err *err)
{
    struct ts_db *db = wrk->store->work;
    sqlite3_stmt *stmt = ts_db_bind(db, TS_SQL_C_LANDING_GROUPS, (int64_t[]){wrk->shard.id, wrk->upto}, 2);
    uint32_t *groups = NULL, n = 0, cap = 0;
    int rc;
    while ((rc = ts_db_step(db, stmt, err)) > 0) {
        if (n == cap) {
            cap = TS_MAX(64u, cap * 2);
            uint32_t *more = ts_resize(groups, cap * sizeof *groups);
            if (!more) {
                sqlite3_reset(stmt);
                rc = ts_fail(err, TS_ENOMEM, "no memory to compact");
                break;
            }
            groups = more;
        }
        groups[n++] = (uint32_t)sqlite3_column_int64(stmt, 0);
    }
    int64_t first_epoch = wrk->next_epoch;
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = land_group(wrk, groups[i], first_epoch, err);
    ts_free(groups);
    return rc;
}

/* ---- the catalogue afterwards ---- */

struct forget {
    int64_t shard, seq;
    uint32_t groups[256];
    unsigned n, done;
};

static int drop_some(struct ts_store *store, void *arg, struct ts_err *err)
{
    struct forget *fgt = arg;
    int64_t began_ns = ts_clock_mono_ns();
    int rc = 0;
    do {
        const int64_t values[] = {fgt->shard, fgt->groups[fgt->done++], fgt->seq};
        rc = ts_db_run(store->cat.db, ts_db_bind(store->cat.db, TS_SQL_C_DROP_LANDING, values, 3), err);
    } while (rc == 0 && fgt->done < fgt->n && ts_clock_mono_ns() - began_ns < FORGET_NS);
    return rc;
}

int ts_land_forget(struct ts_store *store, int64_t shard, int64_t seq, struct ts_err *err)
{
    for (;;) {
        struct forget fgt = {.shard = shard, .seq = seq};
        sqlite3_stmt *stmt = ts_db_bind(store->work, TS_SQL_C_LANDING_GROUPS, (int64_t[]){shard, seq}, 2);
        int rc;
        while ((rc = ts_db_step(store->work, stmt, err)) > 0 && fgt.n < TS_ARRAY_SIZE(fgt.groups))
            fgt.groups[fgt.n++] = (uint32_t)sqlite3_column_int64(stmt, 0);
        if (rc > 0)
            sqlite3_reset(stmt);
        if (rc < 0)
            return rc;
        bool last = fgt.n < TS_ARRAY_SIZE(fgt.groups);
        while (fgt.done < fgt.n) {
            pthread_mutex_lock(&store->lock);
            rc = ts_store_change(store, drop_some, &fgt, err);
            pthread_mutex_unlock(&store->lock);
            if (rc)
                return rc;
            nanosleep(&(struct timespec){0, YIELD_NS}, NULL); /* or who waits for the lock would find it taken again */
        }
        if (last)
            return 0;
    }
}
