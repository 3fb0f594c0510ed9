/*
 * Small blocks to large ones: some epochs that follow each other in rank become one (or several, of 4,096 rows a block each). Thread: the
 * one that tends. A step takes a range of series, as many as fit into STEP_BYTES, in one transaction: at any moment a series has
 * its rows either in the old epochs or in the new one. A damaged block stays where it is, and its series with it; the epoch is
 * then set aside.
 */
#include "config.h"
#include "store/store_tend.h"

#include "core/mem.h"

#include <stdlib.h>

#define STEP_BYTES (16 << 20)
#define YOUNG      256  /* rows a block, below which an epoch waits for 7 others */
#define OLD        2048 /* from here on it is left alone */
#define FAN_IN     8
#define INPUTS_MAX 64
#define ROWS_MAX   65536 /* of a series, on average, at once */

struct merge {
    int64_t ids[INPUTS_MAX]; /* oldest first */
    unsigned n;
    int64_t rank, first_epoch;
};

static int64_t rows_per_block(const struct ts_epoch *epo)
{
    return epo->blocks ? epo->rows / epo->blocks : 0;
}

static int compare_epochs(const void *pa, const void *pb)
{
    const struct ts_epoch *a = pa, *b = pb;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

/* Blocks of one series that were written in one run do not overlap; those of different runs may. */
static bool overlaps_next(const struct ts_shard_work *wrk, unsigned from)
{
    for (unsigned j = from + 1; j < wrk->nepochs; j++)
        if (wrk->epochs[j].rank != wrk->epochs[from].rank && wrk->epochs[j].level != TS_EPOCH_SET_ASIDE &&
            wrk->epochs[j].min_ns <= wrk->epochs[from].max_ns && wrk->epochs[j].max_ns >= wrk->epochs[from].min_ns)
            return true;
    return false;
}

/*
 * The result has the rank of the newest input and counts as newer than its siblings (epochs of one run: of the same rank, their
 * blocks of a series do not overlap). So none of them may be left behind, unless the inputs are siblings themselves; and then
 * there is nothing to be gained.
 */
static void cut_siblings(const struct ts_shard_work *wrk, unsigned from, unsigned *n)
{
    while (*n > 0 && from + *n < wrk->nepochs && wrk->epochs[from + *n].rank == wrk->epochs[from + *n - 1].rank)
        --*n;
    if (*n > 0 && wrk->epochs[from].rank == wrk->epochs[from + *n - 1].rank)
        *n = 1;
}

/* The first run of epochs that is worth it. */
static bool choose(const struct ts_shard_work *wrk, bool full, bool over, unsigned *from, unsigned *n)
{
    for (unsigned i = 0; i < wrk->nepochs; i += *n ? *n : 1) {
        unsigned young = 0;
        int64_t rows = 0;
        *from = i;
        for (*n = 0; i + *n < wrk->nepochs && *n < INPUTS_MAX; ++*n) {
            const struct ts_epoch *epo = &wrk->epochs[i + *n];
            int64_t avg = rows_per_block(epo);
            bool take = epo->level != TS_EPOCH_SET_ASIDE && (avg < OLD || (full && (overlaps_next(wrk, i + *n) || *n > 0)));
            if (!take || rows + avg > ROWS_MAX)
                break;
            rows += avg;
            young += avg < YOUNG;
        }
        cut_siblings(wrk, *from, n);
        if (*n >= 2 && (full || over || young >= FAN_IN || rows >= TS_BLOCK_ROWS))
            return true;
    }
    return false;
}

/* ---- one step ---- */

struct input {
    int64_t id;
    struct ts_str head, data; /* in bytes */
    size_t head_at, data_at;
};

struct step {
    struct input *inputs; /* by epoch, then series */
    unsigned n, cap;
    unsigned from[INPUTS_MAX + 1]; /* where the inputs of an epoch begin */
    struct ts_buf bytes;
};

static int read_epoch(struct ts_shard_work *wrk, struct step *stp, int64_t epoch, int64_t first, int64_t end, struct ts_err *err)
{
    sqlite3_stmt *stmt =
        ts_db_bind(wrk->db, TS_SQL_S_BLOCKS, (int64_t[]){TS_BLOCK_ID(epoch, first), TS_BLOCK_ID(epoch, end)}, 2);
    int rc;
    while ((rc = ts_db_step(wrk->db, stmt, err)) > 0) {
        if (stp->n == stp->cap) {
            unsigned cap = TS_MAX(256u, stp->cap * 2);
            struct input *more = ts_resize(stp->inputs, cap * sizeof *more);
            if (!more)
                break;
            stp->inputs = more;
            stp->cap = cap;
        }
        struct input *inp = &stp->inputs[stp->n++];
        struct ts_str head = ts_db_bytes(stmt, 1), data = ts_db_bytes(stmt, 2);
        *inp = (struct input){.id = sqlite3_column_int64(stmt, 0), .head = head, .data = data, .head_at = stp->bytes.len};
        ts_buf_put_str(&stp->bytes, head);
        inp->data_at = stp->bytes.len;
        ts_buf_put_str(&stp->bytes, data);
        wrk->io_bytes += head.len + data.len;
        if (ts_buf_failed(&stp->bytes))
            break;
    }
    if (rc > 0) {
        sqlite3_reset(stmt);
        return ts_fail(err, TS_ENOMEM, "no memory to merge blocks");
    }
    return rc;
}

/* @return 0; -TS_ECORRUPT: left out. */
static int append(struct ts_shard_work *wrk, const struct input *inp, uint32_t series, int64_t rank)
{
    struct ts_seg *seg = &wrk->seg;
    int rc = ts_seg_open(seg, inp->head, series);
    if (rc == 0 && (seg->nseries || !ts_seg_is_whole(seg, inp->data, &seg->times)))
        rc = -TS_ECORRUPT;
    for (unsigned c = 0; rc == 0 && c < seg->ncols; c++)
        if (!ts_seg_column_is_whole(seg, inp->data, &seg->cols[c]))
            rc = -TS_ECORRUPT;
    return rc ? rc
              : ts_table_append(&wrk->table, seg, inp->data, NULL, 0, seg->n, rank, series, wrk->tombs, wrk->ntombs);
}

static int drop_block(struct ts_shard_work *wrk, struct ts_epoch *epo, const struct input *inp, struct ts_err *err)
{
    if (ts_seg_open(&wrk->seg, inp->head, (uint32_t)inp->id) == 0)
        ts_epoch_count(epo, &wrk->seg, inp->head.len + inp->data.len, -1);
    return ts_db_run(wrk->db, ts_db_bind(wrk->db, TS_SQL_S_DROP_BLOCK, &inp->id, 1), err);
}

static int merge_series(struct ts_shard_work *wrk, struct merge *mrg, struct step *stp, const unsigned *at, uint32_t series,
                        struct ts_err *err)
{
    int rc = 0;
    ts_table_clear(&wrk->table);
    for (unsigned e = 0; e < mrg->n && rc == 0; e++) {
        const struct input *inp = &stp->inputs[at[e]];
        struct ts_epoch *epo = ts_shard_epoch(wrk, mrg->ids[e]);
        if (at[e] == stp->from[e + 1] || (uint32_t)inp->id != series)
            continue;
        TS_ASSERT(epo);
        rc = append(wrk, inp, series, epo->rank);
        if (rc == -TS_ECORRUPT) {
            ts_shard_complain(wrk, series, epo->min_ns, epo->max_ns, "a block cannot be merged; it stays as it is");
            epo->level = TS_EPOCH_SET_ASIDE;
            return 0;
        }
    }
    rc = rc ? rc : ts_table_sort(&wrk->table);
    if (rc)
        return ts_fail(err, TS_ENOMEM, "no memory to merge blocks");
    for (unsigned e = 0; e < mrg->n && rc == 0; e++) {
        const struct input *inp = &stp->inputs[at[e]];
        if (at[e] < stp->from[e + 1] && (uint32_t)inp->id == series)
            rc = drop_block(wrk, ts_shard_epoch(wrk, mrg->ids[e]), inp, err);
    }
    return rc ? rc : ts_shard_put_blocks(wrk, series, mrg->first_epoch, mrg->rank, err);
}

/* Goes through the inputs of all epochs in order of series. */
static int merge_inputs(struct ts_shard_work *wrk, struct merge *mrg, struct step *stp, struct ts_err *err)
{
    unsigned at[INPUTS_MAX];
    int rc = 0;
    memcpy(at, stp->from, sizeof at);
    while (rc == 0) {
        uint32_t series = UINT32_MAX;
        bool any = false;
        for (unsigned e = 0; e < mrg->n; e++)
            if (at[e] < stp->from[e + 1]) {
                series = TS_MIN(series, (uint32_t)stp->inputs[at[e]].id);
                any = true;
            }
        if (!any)
            break;
        rc = merge_series(wrk, mrg, stp, at, series, err);
        for (unsigned e = 0; e < mrg->n; e++)
            at[e] += at[e] < stp->from[e + 1] && (uint32_t)stp->inputs[at[e]].id == series;
    }
    return rc;
}

static int merge_step(struct ts_shard_work *wrk, struct merge *mrg, int64_t first, int64_t end, struct ts_err *err)
{
    struct step stp = {0};
    int rc = 0;
    for (unsigned e = 0; e < mrg->n && rc == 0; e++) {
        stp.from[e] = stp.n;
        rc = read_epoch(wrk, &stp, mrg->ids[e], first, end, err);
    }
    stp.from[mrg->n] = stp.n;
    for (unsigned i = 0; i < stp.n; i++) {
        stp.inputs[i].head.p = stp.bytes.p + stp.inputs[i].head_at;
        stp.inputs[i].data.p = stp.bytes.p + stp.inputs[i].data_at;
    }
    if (rc == 0 && stp.n > 0) {
        rc = ts_shard_begin(wrk, err);
        rc = rc ? rc : merge_inputs(wrk, mrg, &stp, err);
        if (rc)
            ts_shard_rollback(wrk);
        else
            rc = ts_shard_commit(wrk, err);
    }
    ts_free(stp.inputs);
    ts_buf_fini(&stp.bytes);
    return rc;
}

/* The next series that any of the epochs has a block of, from `first` on. */
static int next_block(struct ts_shard_work *wrk, const struct merge *mrg, int64_t first, int64_t *out, struct ts_err *err)
{
    *out = INT64_MAX;
    for (unsigned e = 0; e < mrg->n; e++) {
        int64_t id;
        int rc = ts_db_number(wrk->db, ts_db_bind(wrk->db, TS_SQL_S_BLOCK_IDS, (int64_t[]){TS_BLOCK_ID(mrg->ids[e], first)}, 1),
                              INT64_MAX, &id, err);
        if (rc)
            return rc;
        if (id >> 32 == mrg->ids[e])
            *out = TS_MIN(*out, id & UINT32_MAX);
    }
    return 0;
}

int ts_merge(struct ts_shard_work *wrk, bool full, bool *more, struct ts_err *err)
{
    unsigned from, n;
    struct merge mrg = {.first_epoch = wrk->next_epoch};
    bool over = wrk->shard.end_ns < ts_clock_now_ns() - 3600 * TS_SEC;
    if (wrk->nepochs > 1)
        qsort(wrk->epochs, wrk->nepochs, sizeof *wrk->epochs, compare_epochs);
    *more = choose(wrk, full, over, &from, &n);
    if (!*more)
        return 0;
    int64_t bytes = 0, blocks = 1;
    for (unsigned i = from; i < from + n; i++) {
        mrg.ids[mrg.n++] = wrk->epochs[i].id;
        mrg.rank = wrk->epochs[i].rank;
        bytes += wrk->epochs[i].bytes;
        blocks = TS_MAX(blocks, wrk->epochs[i].blocks);
    }
    int64_t series_step = TS_MAX(1, TS_MIN(TS_GROUP_SERIES, STEP_BYTES / TS_MAX(1, bytes / blocks)));
    int rc = 0;
    for (int64_t first = 0; rc == 0;) {
        rc = next_block(wrk, &mrg, first, &first, err);
        if (rc || first == INT64_MAX)
            break;
        rc = merge_step(wrk, &mrg, first, first + series_step, err);
        first += series_step;
    }
    return rc;
}
