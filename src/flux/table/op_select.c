/*
 * Selectors: first, last, min, max keep one row of a table, unique those with a new value; distinct, mode and
 * quantile's exact forms look at the values of one column. A table without values gives an empty one. Thread:
 * the query's.
 */
#include "config.h"
#include "flux/table/table_fold.h"
#include "flux/table/table_group.h"
#include "flux/table/table_scan.h"
#include "flux/table/table_std.h"

#include <math.h>
#include <stdlib.h>

enum kind { FIRST, LAST, MIN, MAX };

struct select_args {
    enum kind kind;
    const struct ts_flux_name *column;
    const struct ts_flux_name *time; /* FIRST and LAST of what storage groups: by time; NULL: by order */
};

struct selected {
    struct ts_flux_chunk *first, *chk; /* of the table; the one that has the row, NULL: none yet */
    size_t row;
    union ts_scan_value v; /* of MIN and MAX the value, by time the time */
};

/* By time, as InfluxDB's storage has it: of equal times the first row for FIRST, and the last for LAST. */
static bool best_time(const struct select_args *args, struct selected *st, const struct ts_flux_column *time,
                      const struct ts_flux_column *col, size_t n)
{
    bool found = false, has = st->chk != NULL;
    for (size_t i = 0; i < n; i++) {
        int64_t t = time->i[i & time->mask];
        if (ts_flux_column_null(col, i) || ts_flux_column_null(time, i) ||
            (has && (args->kind == FIRST ? t >= st->v.i : t < st->v.i)))
            continue;
        has = found = true;
        st->v.i = t;
        st->row = i;
    }
    return found;
}

/* The row of the chunk that wins; false: none does. */
static bool best_row(const struct select_args *args, struct selected *st, const struct ts_flux_column *col,
                     size_t n)
{
    bool found = false;
    if (args->kind == LAST) {
        for (size_t i = n; i > 0 && !found; i--)
            if (!ts_flux_column_null(col, i - 1)) {
                st->row = i - 1;
                found = true;
            }
        return found;
    }
    bool has = st->chk != NULL;
    if (args->kind == FIRST && has)
        return false;
    if (args->kind != FIRST && !col->nulls && !col->konst)
        return ts_flux_extreme(col->type, args->kind == MAX, col->u, n, has, &st->v, &st->row);
    for (size_t i = 0; i < n; i++) {
        union ts_scan_value v = {0};
        if (ts_flux_column_null(col, i))
            continue;
        if (args->kind != FIRST)
            v.i = col->i[i & col->mask];
        if (has && !ts_flux_beats(col->type, args->kind == MAX, v, st->v))
            continue;
        has = found = true;
        st->v = v;
        st->row = i;
        if (args->kind == FIRST)
            break;
    }
    return found;
}

static int select_end(struct ts_flux_cursor *cur)
{
    struct selected *st = cur->st;
    if (!st->first)
        return 0;
    uint32_t row = (uint32_t)st->row;
    struct ts_flux_chunk *out =
        st->chk ? ts_flux_chunk_gather(st->chk, &row, 1) : ts_flux_chunk_slice(st->first, 0, 0);
    ts_flux_chunk_unref(&st->chk);
    ts_flux_chunk_unref(&st->first);
    return ts_flux_emit(cur, out);
}

static int select_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct select_args *args = cur->args;
    struct selected *st = cur->st;
    int rc = cur->new_table ? select_end(cur) : 0;
    if (rc)
        return rc;
    struct ts_flux_column *col = ts_flux_chunk_column(chk, args->column);
    if (!col)
        return ts_flux_fail(cur->run, "no column \"%s\" exists", args->column->z);
    if (args->kind >= MIN && (col->type == TS_FLUX_STRING || col->type == TS_FLUX_BOOL))
        return ts_flux_fail(
            cur->run, "%s: invalid use of function: *universe.%sSelector has no implementation for type %s",
            args->kind == MIN ? "min" : "max", args->kind == MIN ? "Min" : "Max",
            ts_flux_type_text(col->type));
    if (!st->first && !(st->first = ts_flux_chunk_slice(chk, 0, 0)))
        return ts_flux_fail_nomem(cur->run);
    const struct ts_flux_column *time = args->time ? ts_flux_chunk_column(chk, args->time) : NULL;
    bool by_time = time && time->type == TS_FLUX_TIME;
    if (by_time ? best_time(args, st, time, col, chk->n) : best_row(args, st, col, chk->n)) {
        ts_flux_chunk_unref(&st->chk);
        st->chk = ts_flux_chunk_ref(chk);
    }
    return 0;
}

static void select_close(struct ts_flux_cursor *cur)
{
    struct selected *st = cur->st;
    ts_flux_chunk_unref(&st->chk);
    ts_flux_chunk_unref(&st->first);
}

static const struct ts_flux_operator select_op = {.name = "select",
                                                  .state = sizeof(struct selected),
                                                  .feed = select_feed,
                                                  .finish = select_end,
                                                  .close = select_close};

/* Of first and last a scan needs no more than a row of each series. */
static int plan_select(struct ts_flux_run *run, const struct ts_flux_args *args, ts_flux_builtin_fn fn, enum kind kind,
                       struct ts_flux_value *out)
{
    struct select_args sa = {.kind = kind};
    struct ts_flux_stream *from = args->v[0].stream;
    const struct ts_flux_group_args *group = ts_flux_group_of(from);
    struct ts_flux_scan_tune tune = {.want = TS_SCAN_TIMES | TS_SCAN_VALUES,
                                     .rows = kind == FIRST ? TS_FLUX_SCAN_OLDEST : TS_FLUX_SCAN_NEWEST};
    int rc = ts_flux_arg_name(run, args->v[1], "_value", &sa.column);
    rc = rc ? rc : ts_flux_plan_windows(run, from, fn, sa.column, out);
    if (rc || out->type != TS_FLUX_NONE)
        return rc;
    bool value = strcmp(sa.column->z, "_value") == 0;
    if (kind <= LAST && value && group && group->stored)
        rc = ts_flux_arg_name(run, (struct ts_flux_value){0}, "_time", &sa.time);
    if (rc == 0 && kind <= LAST && value && (!group || group->stored))
        rc = ts_flux_scan_tuned(run, from, &tune, &from);
    return rc ? rc : ts_flux_plan(run, &select_op, &sa, sizeof sa, from, out);
}

#define SELECTOR(fn, k)                                                                                      \
    int ts_flux_op_##fn(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out) \
    {                                                                                                        \
        return plan_select(run, args, ts_flux_op_##fn, (k), out);                                            \
    }
SELECTOR(first, FIRST)
SELECTOR(last, LAST)
SELECTOR(min, MIN)
SELECTOR(max, MAX)

/* ---- unique, distinct, mode ---- */

struct column_args {
    const struct ts_flux_name *column;
    double q;
};

static int unique_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct column_args *args = cur->args;
    int at = ts_flux_chunk_col(chk, args->column);
    if (at < 0)
        return ts_flux_fail(cur->run, "no column \"%s\" exists", args->column->z);
    if (chk->cols[at].col->konst || chk->n == 0)
        return ts_flux_emit(cur, ts_flux_chunk_slice(chk, 0, TS_MIN(chk->n, (size_t)1)));
    uint32_t by = (uint32_t)at;
    struct ts_flux_split sp;
    int rc = ts_flux_split_init(cur->run, &sp, chk, &by, 1);
    if (rc)
        return rc;
    struct ts_flux_chunk *out = ts_flux_chunk_gather(chk, sp.first, sp.ngroups);
    ts_flux_split_fini(cur->run, &sp);
    return ts_flux_emit(cur, out);
}

static const struct ts_flux_operator unique_op = {.name = "unique", .whole = true, .feed = unique_feed};

/* The key columns of chk and rows of one column more, which makes no part of the key. */
static int give_values(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, const struct ts_flux_name *name,
                       struct ts_flux_column *values, size_t n)
{
    struct ts_flux_run *run = cur->run;
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    ts_flux_maker_key(&mk, chk);
    ts_flux_maker_add(&mk, name, values);
    struct ts_flux_key *key = ts_flux_key_get(chk->key, name)
                                  ? ts_flux_key_with(run, chk->key, name, (struct ts_flux_value){0})
                                  : ts_flux_key_ref(chk->key);
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, n);
    ts_flux_key_unref(&key);
    return ts_flux_emit(cur, out);
}

static int distinct_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct column_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    const struct ts_flux_name *to;
    int at = ts_flux_chunk_col(chk, args->column),
        rc = ts_flux_arg_name(run, ts_flux_null(TS_FLUX_NULL), "_value", &to);
    if (rc)
        return rc;
    if (at < 0)
        return ts_flux_fail(run, "column \"%s\" does not exist", args->column->z);
    struct ts_flux_column *col = chk->cols[at].col;
    if (col->konst)
        return give_values(cur, chk, to, ts_flux_column_ref(col),
                           ts_flux_key_get(chk->key, args->column) ? 1 : TS_MIN(chk->n, (size_t)1));
    uint32_t by = (uint32_t)at;
    struct ts_flux_split sp;
    rc = ts_flux_split_init(run, &sp, chk, &by, 1);
    if (rc)
        return rc;
    size_t n = sp.ngroups;
    struct ts_flux_column *values = ts_flux_column_gather(col, sp.first, n);
    ts_flux_split_fini(run, &sp);
    return give_values(cur, chk, to, values, n);
}

static const struct ts_flux_operator distinct_op = {.name = "distinct", .whole = true, .feed = distinct_feed};

/* The rows of the values that occur most often, sorted by value; nothing when all occur equally often. */
static size_t modes(const struct ts_flux_split *sp, const struct ts_flux_column *col, uint32_t *rows)
{
    size_t n = 0, best = 0, values = 0;
    for (size_t g = 0; g < sp->ngroups; g++) {
        size_t count = sp->start[g + 1] - sp->start[g];
        if (ts_flux_column_null(col, sp->first[g]))
            continue;
        values++;
        if (count > best) {
            best = count;
            n = 0;
        }
        if (count == best)
            rows[n++] = sp->first[g];
    }
    if (n == values && values > 1)
        return 0;
    for (size_t i = 1; i < n; i++) /* few as a rule */
        for (size_t k = i; k > 0 && ts_flux_value_cmp(ts_flux_column_get(col, rows[k - 1]),
                                                      ts_flux_column_get(col, rows[k])) > 0;
             k--) {
            uint32_t row = rows[k];
            rows[k] = rows[k - 1];
            rows[k - 1] = row;
        }
    return n;
}

static int mode_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct column_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_column *col;
    int rc = ts_flux_need_column(run, chk, args->column, &col);
    if (rc)
        return rc;
    if (col->konst || chk->n == 0)
        return give_values(
            cur, chk, args->column,
            chk->n ? ts_flux_column_ref(col) : ts_flux_column_const(&run->mem, ts_flux_null(col->type)), 1);
    uint32_t by = (uint32_t)ts_flux_chunk_col(chk, args->column);
    struct ts_flux_split sp;
    rc = ts_flux_split_init(run, &sp, chk, &by, 1);
    if (rc)
        return rc;
    size_t bytes = sp.ngroups * sizeof(uint32_t), n = 0;
    uint32_t *rows = ts_flux_mem_alloc(&run->mem, bytes);
    struct ts_flux_column *values = NULL;
    if (rows) {
        n = modes(&sp, col, rows);
        values = n ? ts_flux_column_gather(col, rows, n)
                   : ts_flux_column_const(&run->mem, ts_flux_null(col->type));
    }
    ts_flux_mem_free(&run->mem, rows, bytes);
    ts_flux_split_fini(run, &sp);
    return give_values(cur, chk, args->column, values, TS_MAX(n, (size_t)1));
}

static const struct ts_flux_operator mode_op = {.name = "mode", .whole = true, .feed = mode_feed};

static int plan_column(struct ts_flux_run *run, const struct ts_flux_operator *op,
                       const struct ts_flux_args *args, struct ts_flux_value column, double q,
                       struct ts_flux_value *out)
{
    struct column_args ca = {.q = q};
    int rc = ts_flux_arg_name(run, column, "_value", &ca.column);
    return rc ? rc : ts_flux_plan(run, op, &ca, sizeof ca, args->v[0].stream, out);
}

int ts_flux_op_unique(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_column(run, &unique_op, args, args->v[1], 0, out);
}

int ts_flux_op_distinct(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_column(run, &distinct_op, args, args->v[1], 0, out);
}

int ts_flux_op_mode(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_column(run, &mode_op, args, args->v[1], 0, out);
}

/* ---- quantile, exact ---- */

struct ranked {
    double v;
    uint32_t row;
};

static int by_value(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->v != y->v ? (x->v > y->v) - (x->v < y->v) : (x->row > y->row) - (x->row < y->row);
}

/* The values that are not null, sorted. *bytes: to be given back. */
static int rank(struct ts_flux_run *run, const struct ts_flux_column *col, size_t rows, struct ranked **out,
                size_t *n, size_t *bytes)
{
    *bytes = TS_MAX(rows, (size_t)1) * sizeof **out;
    *n = 0;
    *out = ts_flux_mem_alloc(&run->mem, *bytes);
    if (!*out)
        return ts_flux_fail_nomem(run);
    for (size_t i = 0; i < rows; i++)
        if (!ts_flux_column_null(col, i))
            (*out)[(*n)++] = (struct ranked){ts_flux_column_double(col, i), (uint32_t)i};
    qsort(*out, *n, sizeof **out, by_value);
    return 0;
}

static int exact_mean_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct column_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_column *col;
    struct ranked *v;
    size_t n, bytes;
    int rc = ts_flux_need_column(run, chk, args->column, &col);
    if (rc)
        return rc;
    if (col->type != TS_FLUX_FLOAT && col->type != TS_FLUX_NULL)
        return ts_flux_fail(run, "unsupported aggregate column type %s", ts_flux_type_text(col->type));
    rc = rank(run, col, chk->n, &v, &n, &bytes);
    if (rc)
        return rc;
    struct ts_flux_value q = ts_flux_null(TS_FLUX_FLOAT);
    if (n) {
        double x = args->q * (double)(n - 1), lo = floor(x);
        q = ts_flux_float(x == lo ? v[(size_t)lo].v
                                  : v[(size_t)lo].v * (1 - (x - lo)) + v[(size_t)lo + 1].v * (x - lo));
    }
    ts_flux_mem_free(&run->mem, v, bytes);
    return give_values(cur, chk, args->column, ts_flux_column_const(&run->mem, q), 1);
}

static int exact_selector_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct column_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_column *col;
    struct ts_flux_chunk *sorted, *out;
    int rc = ts_flux_need_column(run, chk, args->column, &col);
    rc = rc ? rc
            : ts_flux_sort_chunk(run, chk,
                                 &(struct ts_flux_cols){1, (const struct ts_flux_name **)&args->column},
                                 false, &sorted);
    if (rc)
        return rc;
    col = ts_flux_chunk_column(sorted, args->column);
    size_t nulls = 0;
    while (nulls < sorted->n && ts_flux_column_null(col, nulls))
        nulls++;
    size_t n = sorted->n - nulls;
    double k = ceil(args->q * (double)n) - 1;
    out = ts_flux_chunk_slice(sorted, n ? nulls + (k > 0 ? (size_t)k : 0) : 0, n ? 1 : 0);
    ts_flux_chunk_unref(&sorted);
    return ts_flux_emit(cur, out);
}

static const struct ts_flux_operator exact_mean_op = {
    .name = "quantile", .whole = true, .feed = exact_mean_feed};
static const struct ts_flux_operator exact_selector_op = {
    .name = "quantile", .whole = true, .feed = exact_selector_feed};

int ts_flux_op_quantile(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    double q = args->v[2].f, compression = ts_flux_arg_float(args->v[3], 0);
    if (!(q >= 0 && q <= 1))
        return ts_flux_fail(run, "quantile must be between 0 and 1");
    if (ts_flux_is(args->v[4], "exact_mean"))
        return plan_column(run, &exact_mean_op, args, args->v[1], q, out);
    if (ts_flux_is(args->v[4], "exact_selector"))
        return plan_column(run, &exact_selector_op, args, args->v[1], q, out);
    if (ts_flux_given(args, 4) && !ts_flux_is(args->v[4], "estimate_tdigest"))
        return ts_flux_fail(
            run, "unknown method: must be \"estimate_tdigest\", \"exact_mean\" or \"exact_selector\"");
    if (compression < 0 || compression > 100000)
        return ts_flux_fail(run, "compression must be between 0 and 100000");
    return ts_flux_plan_digest(run, args, q, compression > 0 ? compression : 1000, args->v[1], out);
}
