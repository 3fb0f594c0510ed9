/*
 * aggregateWindow() with an aggregate or selector of the library, in one pass: no table is made for a window.
 * A table's windows are accumulators in the order of time; rows may come in any order. Over group() the
 * chunks go to the accumulators of their group at once, so that nothing is gathered. What a selector has
 * chosen is copied chunk by chunk, and memory is that of the result. Over from() whole blocks are folded by their statistics.
 * window() with such a function over from() is the same with a table for each window. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "flux/exec/exec_interp.h"
#include "flux/table/table_fold.h"
#include "flux/table/table_group.h"
#include "flux/table/table_index.h"
#include "flux/table/table_scan.h"

struct fold_args {
    struct ts_flux_window win;
    enum ts_flux_fold kind;
    bool create_empty, from_start; /* from_start: the window's beginning is its time */
    bool stored;                   /* columns in the order in which InfluxDB's storage has them */
    bool apart;                    /* a table for each window */
    bool scanned;                  /* from() and filters are all there is below: but for time and value columns are constant */
    const struct ts_flux_name *column, *time, *start, *stop, *time_dst;
    const struct ts_flux_group_args *group; /* of the group() below, which is passed by; NULL: none */
};

struct fold {
    struct ts_flux_index index; /* of tables */
    struct ts_flux_fold_table *tables;
    size_t n, cap;
};

static void fold_close(struct ts_flux_cursor *cur)
{
    struct fold *st = cur->st;
    for (size_t i = 0; i < st->n; i++)
        ts_flux_fold_table_fini(&cur->run->mem, &st->tables[i]);
    ts_flux_mem_free(&cur->run->mem, st->tables, st->cap * sizeof *st->tables);
    ts_flux_index_fini(&st->index);
}

static int fold_open(struct ts_flux_cursor *cur)
{
    struct fold *st = cur->st;
    ts_flux_index_init(&st->index, &cur->run->mem);
    if (!cur->stream->span.set)
        return ts_flux_fail(cur->run, "nil bounds passed to window; use range to set the window range");
    return 0;
}

static struct ts_flux_fold_table *table_of(struct ts_flux_cursor *cur, struct ts_flux_key *key)
{
    struct fold *st = cur->st;
    struct ts_flux_mem *mem = &cur->run->mem;
    size_t at = ts_flux_index_of(&st->index, key);
    if (at < st->n)
        return &st->tables[at];
    if (at == SIZE_MAX)
        return NULL;
    if (st->n == st->cap) {
        size_t cap = TS_MAX(st->cap * 2, (size_t)4);
        struct ts_flux_fold_table *more = ts_flux_mem_alloc(mem, cap * sizeof *more);
        if (!more)
            return NULL;
        if (st->n)
            memcpy(more, st->tables, st->n * sizeof *more);
        ts_flux_mem_free(mem, st->tables, st->cap * sizeof *more);
        st->tables = more;
        st->cap = cap;
    }
    st->tables[st->n] = (struct ts_flux_fold_table){.key = st->index.keys[at]};
    return &st->tables[st->n++];
}

/* Copies the rows selected in this chunk, so that the chunk can go. */
static int keep_selected(struct ts_flux_cursor *cur, struct ts_flux_fold_table *tbl, struct ts_flux_chunk *chk)
{
    struct ts_flux_run *run = cur->run;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    uint32_t *sel = ts_flux_arena_alloc(&run->scratch, tbl->n * sizeof *sel);
    size_t n = 0;
    if (!sel)
        return ts_flux_fail_nomem(run);
    for (size_t i = 0; i < tbl->n; i++)
        if (tbl->v[i].fresh)
            sel[n++] = tbl->v[i].row;
    struct ts_flux_chunk *kept = n ? ts_flux_chunk_gather(chk, sel, n) : NULL;
    ts_flux_arena_release(&run->scratch, mark);
    if (n && !kept)
        return ts_flux_fail_nomem(run);
    for (size_t i = 0, k = 0; i < tbl->n; i++) {
        if (!tbl->v[i].fresh)
            continue;
        ts_flux_chunk_unref(&tbl->v[i].chk);
        tbl->v[i].chk = ts_flux_chunk_ref(kept);
        tbl->v[i].row = (uint32_t)k++;
        tbl->v[i].fresh = false;
    }
    ts_flux_chunk_unref(&kept);
    return 0;
}

/* Of rows that differ in time and value alone, the value is all that is to be kept. */
static bool keeps_rows(const struct fold_args *args, enum ts_flux_type type)
{
    return ts_flux_fold_selects(args->kind) && !(args->scanned && !args->apart && ts_flux_is_numeric(type));
}

/* The end of the rows from i on that are in the window; of a scan they are in order. */
static size_t rows_end(const struct ts_flux_column *time, const struct ts_flux_pane *pan, size_t i, size_t n)
{
    const int64_t *t = time->i;
    size_t to = i + 1, step = 1;
    if (!time->lent) {
        while (to < n && t[to & time->mask] >= pan->start && t[to & time->mask] < pan->stop && !ts_flux_column_null(time, to))
            to++;
        return to;
    }
    while (to + step < n && t[to + step] < pan->stop) {
        to += step;
        step *= 2;
    }
    for (; step; step /= 2)
        while (to + step <= n && t[to + step - 1] < pan->stop)
            to += step;
    return to;
}

static int fold_stats(struct ts_flux_cursor *cur, struct ts_flux_fold_table *tbl, const struct ts_scan_chunk *stats)
{
    const struct fold_args *args = cur->args;
    struct ts_flux_pane *pan = ts_flux_fold_slot(&cur->run->mem, &args->win, tbl, stats->min_ns);
    if (!pan)
        return ts_flux_fail_nomem(cur->run);
    TS_ASSERT(stats->max_ns < pan->stop);
    ts_flux_fold_stats(args->kind, pan, stats);
    return 0;
}

static int check(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, struct ts_flux_column **time,
                 struct ts_flux_column **col)
{
    const struct fold_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    *time = ts_flux_chunk_column(chk, args->time);
    if (!*time || ((*time)->type != TS_FLUX_TIME && (*time)->type != TS_FLUX_NULL))
        return ts_flux_fail(run, "missing time column \"%s\"", args->time->z);
    *col = ts_flux_chunk_column(chk, args->column);
    if (!*col)
        return ts_flux_fold_selects(args->kind) ? ts_flux_fail(run, "no column \"%s\" exists", args->column->z)
                                   : ts_flux_fail(run, "column \"%s\" does not exist", args->column->z);
    enum ts_flux_type type = (*col)->type;
    if ((args->kind == TS_FLUX_FOLD_SUM || args->kind == TS_FLUX_FOLD_MEAN) && !ts_flux_is_numeric(type) && type != TS_FLUX_NULL)
        return ts_flux_fail(run, "unsupported aggregate column type %s", ts_flux_type_text(type));
    if (args->kind >= TS_FLUX_FOLD_MIN && (type == TS_FLUX_STRING || type == TS_FLUX_BOOL))
        return ts_flux_fail(
            run, "%s: invalid use of function: *universe.%sSelector has no implementation for type %s",
            args->kind == TS_FLUX_FOLD_MIN ? "min" : "max", args->kind == TS_FLUX_FOLD_MIN ? "Min" : "Max", ts_flux_type_text(type));
    return 0;
}

static int fold_chunk(struct ts_flux_cursor *cur, struct ts_flux_fold_table *tbl, struct ts_flux_chunk *chk)
{
    const struct fold_args *args = cur->args;
    const struct ts_flux_span *span = &cur->stream->span;
    struct ts_flux_column *time = NULL, *col = NULL;
    int rc = check(cur, chk, &time, &col);
    if (rc == 0 && !ts_flux_fold_selects(args->kind) && ts_flux_key_get(tbl->key, args->column))
        rc = ts_flux_fail(cur->run, "cannot aggregate columns that are part of the group key");
    if (rc == 0 && (ts_flux_fold_selects(args->kind) || tbl->type == 0 || tbl->type != col->type))
        rc = ts_flux_schema_add(cur->run, &tbl->schema, chk);
    if (rc)
        return rc;
    if (col->type != TS_FLUX_NULL)
        tbl->type = col->type;
    const struct ts_scan_chunk *stats = ts_flux_scan_stats(cur->in[0]);
    if (stats)
        return fold_stats(cur, tbl, stats);
    for (size_t i = 0; i < chk->n;) {
        int64_t t = time->i[i & time->mask];
        if (ts_flux_column_null(time, i) || t < span->start || t >= span->stop) {
            i++;
            continue;
        }
        struct ts_flux_pane *slt = ts_flux_fold_slot(&cur->run->mem, &args->win, tbl, t);
        if (!slt)
            return ts_flux_fail_nomem(cur->run);
        size_t to = rows_end(time, slt, i, chk->n);
        if (col->type != TS_FLUX_NULL || args->kind == TS_FLUX_FOLD_COUNT)
            ts_flux_fold_rows(args->kind, slt, col, i, to);
        else
            slt->rows += to - i;
        i = to;
    }
    return keeps_rows(args, tbl->type) ? keep_selected(cur, tbl, chk) : 0;
}

/* ---- results ---- */

/* A pane for each window of the bounds. */
static int fill_windows(struct ts_flux_cursor *cur, struct ts_flux_fold_table *tbl)
{
    const struct fold_args *args = cur->args;
    const struct ts_flux_span *span = &cur->stream->span;
    struct ts_flux_mem *mem = &cur->run->mem;
    struct ts_flux_bounds b = ts_flux_window_at(&args->win, span->start);
    struct ts_flux_fold_table all = {0};
    size_t i = 0;
    int rc = 0;
    while (rc == 0 && b.start < span->stop) {
        struct ts_flux_bounds next = ts_flux_window_step(&args->win, b, 1);
        struct ts_flux_pane *pan = b.stop > span->start ? ts_flux_fold_insert(mem, &all, all.n, b) : NULL;
        while (i < tbl->n && tbl->v[i].start < b.start)
            ts_flux_chunk_unref(&tbl->v[i++].chk);
        if (pan && i < tbl->n && tbl->v[i].start == b.start)
            *pan = tbl->v[i++];
        if (!pan && b.stop > span->start)
            rc = ts_flux_fail_nomem(cur->run);
        rc = rc ? rc : ts_flux_tick(cur->run, 1);
        if (next.start <= b.start)
            break;
        b = next;
    }
    for (; i < tbl->n; i++)
        ts_flux_chunk_unref(&tbl->v[i].chk);
    ts_flux_mem_free(mem, tbl->v, tbl->cap * sizeof *tbl->v);
    tbl->v = all.v;
    tbl->n = all.n;
    tbl->cap = all.cap;
    return rc;
}

static struct ts_flux_value result(const struct fold_args *args, const struct ts_flux_fold_table *tbl,
                                   const struct ts_flux_pane *slt)
{
    enum ts_flux_type type = ts_flux_is_numeric(tbl->type) ? tbl->type : TS_FLUX_FLOAT;
    if (args->kind == TS_FLUX_FOLD_COUNT)
        return ts_flux_int((int64_t)slt->rows);
    if (slt->n == 0)
        return ts_flux_null(args->kind == TS_FLUX_FOLD_MEAN ? TS_FLUX_FLOAT : type);
    if (args->kind != TS_FLUX_FOLD_MEAN)
        return (struct ts_flux_value){.type = (uint8_t)type, .u = slt->v.u};
    double sum = type == TS_FLUX_FLOAT  ? slt->v.f
                 : type == TS_FLUX_UINT ? (double)slt->v.u
                                        : (double)slt->v.i;
    return ts_flux_float(sum / (double)slt->n);
}

static struct ts_flux_column *result_column(struct ts_flux_cursor *cur, const struct ts_flux_fold_table *tbl)
{
    const struct fold_args *args = cur->args;
    enum ts_flux_type type = args->kind == TS_FLUX_FOLD_COUNT             ? TS_FLUX_INT
                             : args->kind == TS_FLUX_FOLD_MEAN            ? TS_FLUX_FLOAT
                             : ts_flux_is_numeric(tbl->type) ? tbl->type
                                                             : TS_FLUX_FLOAT;
    struct ts_flux_column *col = ts_flux_column_new(&cur->run->mem, type, TS_MAX(tbl->n, (size_t)1));
    for (size_t i = 0; col && i < tbl->n; i++)
        if (ts_flux_column_push(col, result(args, tbl, &tbl->v[i])))
            ts_flux_column_unref(&col);
    return col;
}

/* A column of the selected rows; of windows without one, null. */
static struct ts_flux_column *selected_column(struct ts_flux_cursor *cur, const struct ts_flux_fold_table *tbl,
                                              const struct ts_flux_field *fld)
{
    struct ts_flux_mem *mem = &cur->run->mem;
    struct ts_flux_column *out = ts_flux_column_new(mem, fld->type, TS_MAX(tbl->n, (size_t)1));
    for (size_t i = 0; out && i < tbl->n; i++) {
        const struct ts_flux_column *from =
            tbl->v[i].chk ? ts_flux_chunk_column(tbl->v[i].chk, fld->name) : NULL;
        bool null = !from || from->type != fld->type;
        if (null ? ts_flux_column_push(out, ts_flux_null(fld->type))
                 : ts_flux_column_append(out, from, tbl->v[i].row, 1))
            ts_flux_column_unref(&out);
    }
    return out;
}

/* The windows' times, as columns of their own. */
static struct ts_flux_column *time_column(struct ts_flux_cursor *cur, const struct ts_flux_fold_table *tbl)
{
    const struct fold_args *args = cur->args;
    const struct ts_flux_span *span = &cur->stream->span;
    struct ts_flux_column *out = ts_flux_column_new(&cur->run->mem, TS_FLUX_TIME, TS_MAX(tbl->n, (size_t)1));
    for (size_t i = 0; out && i < tbl->n; i++)
        out->i[i] =
            args->from_start ? TS_MAX(tbl->v[i].start, span->start) : TS_MIN(tbl->v[i].stop, span->stop);
    if (out)
        out->n = tbl->n;
    return out;
}

static int give(struct ts_flux_cursor *cur, struct ts_flux_fold_table *tbl)
{
    const struct fold_args *args = cur->args;
    const struct ts_flux_span *span = &cur->stream->span;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    struct ts_flux_value start = ts_flux_time(span->start), stop = ts_flux_time(span->stop);
    bool rows = keeps_rows(args, tbl->type);
    /* the columns as InfluxDB has them: of aggregates the time first, then the key, then the value */
    if (!ts_flux_fold_selects(args->kind) && !args->stored)
        ts_flux_maker_add(&mk, args->time_dst, time_column(cur, tbl));
    for (uint32_t i = 0; i < tbl->schema.n; i++) {
        const struct ts_flux_field *fld = &tbl->schema.fields[i];
        const struct ts_flux_value *v = ts_flux_key_get(tbl->key, fld->name);
        bool bound = fld->name == args->start || fld->name == args->stop;
        if (bound && (v || ts_flux_fold_selects(args->kind)))
            ts_flux_maker_const(&mk, fld->name, fld->name == args->start ? start : stop);
        else if (v)
            ts_flux_maker_const(&mk, fld->name, *v);
        else if (args->stored && !ts_flux_fold_selects(args->kind) && fld->name == args->time)
            ts_flux_maker_add(&mk, args->time_dst, time_column(cur, tbl));
        else if (args->stored && !ts_flux_fold_selects(args->kind) && fld->name == args->column)
            ts_flux_maker_add(&mk, args->column, result_column(cur, tbl));
        else if (!bound && ts_flux_fold_selects(args->kind) && fld->type != TS_FLUX_NULL && fld->name != args->time_dst)
            ts_flux_maker_add(&mk, fld->name, rows ? selected_column(cur, tbl, fld) : result_column(cur, tbl));
        else if (!bound && ts_flux_fold_selects(args->kind) && fld->name == args->time_dst)
            ts_flux_maker_add(&mk, fld->name, time_column(cur, tbl));
    }
    ts_flux_maker_const(&mk, args->start, start);
    ts_flux_maker_const(&mk, args->stop, stop);
    if (ts_flux_fold_selects(args->kind))
        ts_flux_maker_add(&mk, args->time_dst, time_column(cur, tbl));
    else if (!args->stored)
        ts_flux_maker_add(&mk, args->column, result_column(cur, tbl));
    struct ts_flux_key *half = ts_flux_key_with(run, tbl->key, args->start, start);
    struct ts_flux_key *key = half ? ts_flux_key_with(run, half, args->stop, stop) : NULL;
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, tbl->n);
    /* tables that had other bounds, or are of no order, may be one now */
    const struct ts_flux_value *was = ts_flux_key_get(tbl->key, args->start);
    bool merges =
        args->group || (was && was->i != span->start) || ts_flux_key_get(tbl->key, args->stop) == NULL;
    ts_flux_key_unref(&half);
    ts_flux_key_unref(&key);
    if (args->group && args->group->stored && !cur->tables && (cur->tables = ts_flux_tables_new(run)))
        ts_flux_tables_order(cur->tables, args->group->cols.v, args->group->cols.n);
    return merges ? ts_flux_collect(cur, out) : ts_flux_emit(cur, out);
}

/* A window as a table of its own: the selected row as it is, or the key and the result. */
static int give_window(struct ts_flux_cursor *cur, const struct ts_flux_fold_table *tbl, const struct ts_flux_pane *pan)
{
    const struct fold_args *args = cur->args;
    const struct ts_flux_span *span = &cur->stream->span;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    struct ts_flux_value start = ts_flux_time(TS_MAX(pan->start, span->start)),
                         stop = ts_flux_time(TS_MIN(pan->stop, span->stop));
    bool none = ts_flux_fold_selects(args->kind) && !pan->chk;
    for (uint32_t i = 0; i < tbl->schema.n; i++) {
        const struct ts_flux_field *fld = &tbl->schema.fields[i];
        const struct ts_flux_value *v = ts_flux_key_get(tbl->key, fld->name);
        if (fld->name == args->start || fld->name == args->stop)
            ts_flux_maker_const(&mk, fld->name, fld->name == args->start ? start : stop);
        else if (v)
            ts_flux_maker_const(&mk, fld->name, *v);
        else if (none)
            ts_flux_maker_const(&mk, fld->name, ts_flux_null(fld->type));
        else if (pan->chk)
            ts_flux_maker_const(&mk, fld->name, ts_flux_column_get(ts_flux_chunk_column(pan->chk, fld->name), pan->row));
        else if (fld->name == args->column)
            ts_flux_maker_const(&mk, fld->name, result(args, tbl, pan));
    }
    struct ts_flux_key *half = ts_flux_key_with(run, tbl->key, args->start, start);
    struct ts_flux_key *key = half ? ts_flux_key_with(run, half, args->stop, stop) : NULL;
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, none ? 0 : 1);
    ts_flux_key_unref(&half);
    ts_flux_key_unref(&key);
    return ts_flux_emit(cur, out);
}

static int give_windows(struct ts_flux_cursor *cur, const struct ts_flux_fold_table *tbl)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < tbl->n; i++)
        rc = give_window(cur, tbl, &tbl->v[i]);
    return rc;
}

static int end_tables(struct ts_flux_cursor *cur)
{
    const struct fold_args *args = cur->args;
    struct fold *st = cur->st;
    int rc = 0;
    for (size_t i = 0; i < st->n; i++) {
        struct ts_flux_fold_table *tbl = &st->tables[i];
        if (rc == 0 && args->create_empty)
            rc = fill_windows(cur, tbl);
        size_t to = 0;
        for (size_t k = 0; k < tbl->n; k++) { /* a selector gives nothing where there is nothing */
            if (ts_flux_fold_selects(args->kind) && !args->create_empty && tbl->v[k].n == 0)
                continue;
            tbl->v[to++] = tbl->v[k];
        }
        tbl->n = to;
        if (rc == 0 && tbl->n)
            rc = args->apart ? give_windows(cur, tbl) : give(cur, tbl);
        ts_flux_fold_table_fini(&cur->run->mem, tbl);
    }
    st->n = 0;
    ts_flux_index_clear(&st->index);
    return rc;
}

/* A part of a chunk that belongs to one group. */
static int on_part(void *arg, struct ts_flux_chunk *part)
{
    struct ts_flux_cursor *cur = arg;
    struct ts_flux_fold_table *tbl = part ? table_of(cur, part->key) : NULL;
    int rc = tbl ? fold_chunk(cur, tbl, part) : ts_flux_fail_nomem(cur->run);
    ts_flux_chunk_unref(&part);
    return rc;
}

static int fold_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct fold_args *args = cur->args;
    if (args->group)
        return ts_flux_group_chunk(cur->run, args->group, chk, on_part, cur);
    int rc = cur->new_table ? end_tables(cur) : 0;
    return rc ? rc : on_part(cur, ts_flux_chunk_ref(chk));
}

static const struct ts_flux_operator fold_op = {.name = "aggregateWindow",
                                                .state = sizeof(struct fold),
                                                .open = fold_open,
                                                .feed = fold_feed,
                                                .finish = end_tables,
                                                .close = fold_close};

/* ---- the plan ---- */

static int fold_names(struct ts_flux_run *run, const struct ts_flux_args *args, struct fold_args *fa)
{
    struct ts_flux_value none = {0};
    int rc = ts_flux_arg_name(run, args->v[6], "_value", &fa->column);
    rc = rc ? rc : ts_flux_arg_name(run, none, "_time", &fa->time);
    rc = rc ? rc : ts_flux_arg_name(run, none, "_start", &fa->start);
    rc = rc ? rc : ts_flux_arg_name(run, none, "_stop", &fa->stop);
    return rc ? rc : ts_flux_arg_name(run, args->v[8], "_time", &fa->time_dst);
}

static bool is_utc(const struct ts_flux_window *win)
{
    return !win->clock.zone && !win->clock.offset_ns;
}

/* What is below reads no more than this wants. Blocks within a window need not be read when their statistics are known. */
static int plan_fold(struct ts_flux_run *run, struct fold_args *fa, struct ts_flux_stream *from, struct ts_flux_value *out)
{
    struct ts_flux_scan_tune tune = {.want = TS_SCAN_TIMES | (fa->kind == TS_FLUX_FOLD_COUNT ? 0 : TS_SCAN_VALUES)};
    bool selects = ts_flux_fold_selects(fa->kind);
    bool by_value = strcmp(fa->column->z, "_value") == 0 && !(fa->group && ts_flux_group_has(fa->group, fa->column));
    if (!by_value)
        return ts_flux_plan(run, &fold_op, fa, sizeof *fa, from, out);
    fa->scanned = !fa->group && ts_flux_scan_root(from);
    tune.stats = is_utc(&fa->win) && !fa->win.every.months && fa->kind != TS_FLUX_FOLD_FIRST && fa->kind != TS_FLUX_FOLD_LAST &&
                 !(selects && !(fa->scanned && !fa->apart));
    tune.every_ns = fa->win.every.ns;
    tune.offset_ns = fa->win.offset.ns;
    int rc = fa->win.offset.months ? 0 : ts_flux_scan_tuned(run, from, &tune, &from);
    return rc ? rc : ts_flux_plan(run, &fold_op, fa, sizeof *fa, from, out);
}

/* tables, every, fn, period, offset, location, column, timeSrc, timeDst, createEmpty, otherwise */
int ts_flux_op_aggregate_window(struct ts_flux_run *run, const struct ts_flux_args *args,
                                struct ts_flux_value *out)
{
    struct ts_flux_dur every = ts_flux_dur_of(args->v[1]), period = ts_flux_dur_of(args->v[3]);
    struct fold_args fa = {.win = {.every = every, .period = every, .offset = ts_flux_dur_of(args->v[4])},
                           .kind = ts_flux_fold_of(args->v[2].func->builtin ? args->v[2].func->builtin->fn : NULL),
                           .create_empty = args->v[9].b,
                           .from_start = ts_flux_is(args->v[7], "_start")};
    int rc = fold_names(run, args, &fa);
    if (rc)
        return rc;
    bool tumbles =
        (period.months == 0 && period.ns == 0) || (period.months == every.months && period.ns == every.ns);
    bool plain = fa.column != fa.start && fa.column != fa.stop && fa.column != fa.time_dst &&
                 fa.column != fa.time && fa.time_dst != fa.start && fa.time_dst != fa.stop &&
                 fa.time_dst == fa.time;
    if (fa.kind == TS_FLUX_FOLD_NONE || !tumbles || !plain || every.ns == INT64_MAX || (!every.ns && !every.months) ||
        (!fa.from_start && !ts_flux_is(args->v[7], "_stop")))
        return ts_flux_call(run, args->v[10], NULL, 0, out);
    rc = ts_flux_clock_of(run, args->v[5], &fa.win.clock);
    rc = rc ? rc : ts_flux_window_check(run, &fa.win);
    if (rc)
        return rc;
    struct ts_flux_stream *from = args->v[0].stream;
    fa.group = ts_flux_group_of(from);
    fa.stored = ts_flux_scan_stored(from) && is_utc(&fa.win) && ts_flux_is(args->v[6], "_value");
    if (fa.group && ts_flux_group_has(fa.group, fa.time_dst))
        return ts_flux_call(run, args->v[10], NULL, 0, out);
    return plan_fold(run, &fa, fa.group ? from->from[0] : from, out);
}

/* window() |> fn(column) of what storage would window itself. *out stays NONE when it is not that. */
int ts_flux_plan_windows(struct ts_flux_run *run, struct ts_flux_stream *from, ts_flux_builtin_fn fn,
                         const struct ts_flux_name *column, struct ts_flux_value *out)
{
    struct ts_flux_args none = {.v = (const struct ts_flux_value[9]){{0}}, .n = 9};
    struct fold_args fa = {.kind = ts_flux_fold_of(fn), .stored = true, .apart = true};
    *out = (struct ts_flux_value){0};
    if (fa.kind == TS_FLUX_FOLD_NONE || !ts_flux_window_of(from, &fa.win, &fa.create_empty) || !ts_flux_scan_stored(from->from[0]) || !is_utc(&fa.win) ||
        strcmp(column->z, "_value") != 0)
        return 0;
    int rc = fold_names(run, &none, &fa);
    return rc ? rc : plan_fold(run, &fa, from->from[0], out);
}
