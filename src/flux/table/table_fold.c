/*
 * Windows of a table as accumulators, in the order of time; rows may come in any order. Memory is that of the windows there are.
 * Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_fold.h"

#include "flux/table/table_std.h"

static const ts_flux_builtin_fn builtins[TS_FLUX_FOLD_NONE] = {
    [TS_FLUX_FOLD_COUNT] = ts_flux_op_count, [TS_FLUX_FOLD_SUM] = ts_flux_op_sum,     [TS_FLUX_FOLD_MEAN] = ts_flux_op_mean,
    [TS_FLUX_FOLD_FIRST] = ts_flux_op_first, [TS_FLUX_FOLD_LAST] = ts_flux_op_last,   [TS_FLUX_FOLD_MIN] = ts_flux_op_min,
    [TS_FLUX_FOLD_MAX] = ts_flux_op_max,
};

enum ts_flux_fold ts_flux_fold_of(ts_flux_builtin_fn fn)
{
    enum ts_flux_fold k = TS_FLUX_FOLD_COUNT;
    while (k < TS_FLUX_FOLD_NONE && builtins[k] != fn)
        k++;
    return k;
}

void ts_flux_fold_table_fini(struct ts_flux_mem *mem, struct ts_flux_fold_table *tbl)
{
    for (size_t i = 0; i < tbl->n; i++)
        ts_flux_chunk_unref(&tbl->v[i].chk);
    ts_flux_mem_free(mem, tbl->v, tbl->cap * sizeof *tbl->v);
    ts_flux_schema_fini(&tbl->schema);
}

struct ts_flux_pane *ts_flux_fold_insert(struct ts_flux_mem *mem, struct ts_flux_fold_table *tbl, size_t i, struct ts_flux_bounds b)
{
    if (tbl->n == tbl->cap) {
        size_t cap = TS_MAX(tbl->cap * 2, (size_t)16);
        struct ts_flux_pane *v = ts_flux_mem_alloc(mem, cap * sizeof *v);
        if (!v)
            return NULL;
        if (tbl->n)
            memcpy(v, tbl->v, tbl->n * sizeof *v);
        ts_flux_mem_free(mem, tbl->v, tbl->cap * sizeof *v);
        tbl->v = v;
        tbl->cap = cap;
    }
    memmove(tbl->v + i + 1, tbl->v + i, (tbl->n - i) * sizeof *tbl->v);
    tbl->n++;
    tbl->v[i] = (struct ts_flux_pane){.start = b.start, .stop = b.stop};
    return &tbl->v[i];
}

struct ts_flux_pane *ts_flux_fold_slot(struct ts_flux_mem *mem, const struct ts_flux_window *win, struct ts_flux_fold_table *tbl,
                                       int64_t t)
{
    size_t lo = 0, hi = tbl->n;
    if (tbl->at < tbl->n && t >= tbl->v[tbl->at].start) {
        lo = tbl->at;
        if (lo + 1 < tbl->n && t >= tbl->v[lo + 1].start && t < tbl->v[lo + 1].stop)
            lo++;
    }
    while (lo < hi) { /* the first window that ends after t */
        size_t mid = tbl->v[lo].stop > t ? lo : lo + (hi - lo) / 2;
        if (tbl->v[mid].stop <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    tbl->at = lo;
    if (lo < tbl->n && tbl->v[lo].start <= t)
        return &tbl->v[lo];
    return ts_flux_fold_insert(mem, tbl, lo, ts_flux_window_at(win, t));
}

void ts_flux_fold_rows(enum ts_flux_fold fold, struct ts_flux_pane *slt, const struct ts_flux_column *col, size_t from,
                     size_t to)
{
    size_t mask = col->mask;
    slt->rows += to - from;
    if (fold == TS_FLUX_FOLD_COUNT)
        return;
    if (!col->nulls && fold <= TS_FLUX_FOLD_MEAN) {
        slt->n += to - from;
        if (col->type == TS_FLUX_FLOAT) {
            if (mask)
                slt->v.f += ts_flux_sum_floats(col->f + from, to - from);
            else
                slt->v.f += col->f[0] * (double)(to - from);
        } else {
            for (size_t i = from; i < to; i++)
                slt->v.u += col->u[i & mask];
        }
        return;
    }
    if (fold >= TS_FLUX_FOLD_MIN && !col->nulls && mask) {
        size_t row;
        bool has = slt->n != 0;
        slt->n += to - from;
        if (ts_flux_extreme(col->type, fold == TS_FLUX_FOLD_MAX, col->u + from, to - from, has, &slt->v, &row)) {
            slt->row = (uint32_t)(from + row);
            slt->fresh = true;
        }
        return;
    }
    if (fold == TS_FLUX_FOLD_LAST && !col->nulls && from < to) /* no other row counts */
        slt->n += to - 1 - from, from = to - 1;
    for (size_t i = from; i < to; i++) {
        if (ts_flux_column_null(col, i))
            continue;
        union ts_scan_value v = {0};
        if (col->type != TS_FLUX_STRING && col->type != TS_FLUX_BOOL)
            v.u = col->u[i & mask];
        if (fold <= TS_FLUX_FOLD_MEAN && col->type == TS_FLUX_FLOAT)
            slt->v.f += v.f;
        else if (fold <= TS_FLUX_FOLD_MEAN)
            slt->v.u += v.u;
        else if (slt->n == 0 || fold == TS_FLUX_FOLD_LAST || (fold >= TS_FLUX_FOLD_MIN && ts_flux_beats(col->type, fold == TS_FLUX_FOLD_MAX, v, slt->v))) {
            slt->v = v;
            slt->row = (uint32_t)i;
            slt->fresh = true;
        }
        slt->n++;
    }
}

void ts_flux_fold_stats(enum ts_flux_fold fold, struct ts_flux_pane *slt, const struct ts_scan_chunk *chk)
{
    bool is_float = chk->series->type == TS_SCAN_FLOAT;
    enum ts_flux_type type = is_float ? TS_FLUX_FLOAT : chk->series->type == TS_SCAN_UINT ? TS_FLUX_UINT : TS_FLUX_INT;
    const union ts_scan_value *v = fold == TS_FLUX_FOLD_MIN ? &chk->min : &chk->max;
    slt->rows += chk->n;
    if (fold == TS_FLUX_FOLD_COUNT)
        return;
    if (fold <= TS_FLUX_FOLD_MEAN && is_float)
        slt->v.f += chk->sum.f;
    else if (fold <= TS_FLUX_FOLD_MEAN)
        slt->v.u += chk->sum.u;
    else if (slt->n == 0 || ts_flux_beats(type, fold == TS_FLUX_FOLD_MAX, *v, slt->v))
        slt->v = *v;
    slt->n += chk->n;
}
