/*
 * aggregateWindow() with an aggregate or selector of the library, in one pass: no table is made for a window.
 * A table's windows are accumulators in the order of time; rows may come in any order. Over group() the
 * chunks go to the accumulators of their group at once, so that nothing is gathered. What a selector has
 * chosen is copied chunk by chunk, and memory is that of the result. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "flux/exec/exec_interp.h"
#include "flux/exec/exec_time.h"
#include "flux/table/table_group.h"
#include "flux/table/table_index.h"
#include "flux/table/table_scan.h"

enum kind { COUNT, SUM, MEAN, FIRST, LAST, MIN, MAX, NKINDS };

static const ts_flux_builtin_fn builtins[NKINDS] = {
    [COUNT] = ts_flux_op_count, [SUM] = ts_flux_op_sum, [MEAN] = ts_flux_op_mean, [FIRST] = ts_flux_op_first,
    [LAST] = ts_flux_op_last,   [MIN] = ts_flux_op_min, [MAX] = ts_flux_op_max,
};

struct fold_args {
    struct ts_flux_window win;
    enum kind kind;
    bool create_empty, from_start; /* from_start: the window's beginning is its time */
    bool stored;                   /* columns in the order in which InfluxDB's storage has them */
    const struct ts_flux_name *column, *time, *start, *stop, *time_dst;
    const struct ts_flux_group_args *group; /* of the group() below, which is passed by; NULL: none */
};

union number {
    int64_t i;
    uint64_t u;
    double f;
};

/* A window of a table: start … stop, not yet cut to the bounds. */
struct slot {
    int64_t start, stop;
    uint64_t rows, n;          /* n: that are not null */
    union number v;            /* sum, or the selected value */
    struct ts_flux_chunk *chk; /* the selected row; NULL: none, or (fresh) in the present chunk */
    uint32_t row;
    bool fresh;
};

struct table {
    struct ts_flux_key *key; /* the index's */
    struct ts_flux_schema schema;
    enum ts_flux_type type; /* of the column; 0: nothing has come */
    struct slot *v;
    size_t n, cap, at; /* at: the window that was found last */
};

struct fold {
    struct ts_flux_index index; /* of tables */
    struct table *tables;
    size_t n, cap;
};

static bool selects(enum kind kind)
{
    return kind >= FIRST;
}

static void table_fini(struct ts_flux_mem *mem, struct table *tbl)
{
    for (size_t i = 0; i < tbl->n; i++)
        ts_flux_chunk_unref(&tbl->v[i].chk);
    ts_flux_mem_free(mem, tbl->v, tbl->cap * sizeof *tbl->v);
    ts_flux_schema_fini(&tbl->schema);
}

static void fold_close(struct ts_flux_cursor *cur)
{
    struct fold *st = cur->st;
    for (size_t i = 0; i < st->n; i++)
        table_fini(&cur->run->mem, &st->tables[i]);
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

static struct table *table_of(struct ts_flux_cursor *cur, struct ts_flux_key *key)
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
        struct table *more = ts_flux_mem_alloc(mem, cap * sizeof *more);
        if (!more)
            return NULL;
        if (st->n)
            memcpy(more, st->tables, st->n * sizeof *more);
        ts_flux_mem_free(mem, st->tables, st->cap * sizeof *more);
        st->tables = more;
        st->cap = cap;
    }
    st->tables[st->n] = (struct table){.key = st->index.keys[at]};
    return &st->tables[st->n++];
}

/* Makes room for a window at place i. */
static struct slot *insert(struct ts_flux_mem *mem, struct table *tbl, size_t i, struct ts_flux_bounds b)
{
    if (tbl->n == tbl->cap) {
        size_t cap = TS_MAX(tbl->cap * 2, (size_t)16);
        struct slot *v = ts_flux_mem_alloc(mem, cap * sizeof *v);
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
    tbl->v[i] = (struct slot){.start = b.start, .stop = b.stop};
    return &tbl->v[i];
}

/* The window that t is in. */
static struct slot *slot_of(struct ts_flux_cursor *cur, struct table *tbl, int64_t t)
{
    const struct fold_args *args = cur->args;
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
    return insert(&cur->run->mem, tbl, lo, ts_flux_window_at(&args->win, t));
}

static bool wins(enum kind kind, enum ts_flux_type type, union number v, union number than)
{
    if (type == TS_FLUX_FLOAT)
        return kind == MIN ? v.f < than.f : v.f > than.f;
    if (type == TS_FLUX_UINT)
        return kind == MIN ? v.u < than.u : v.u > than.u;
    return kind == MIN ? v.i < than.i : v.i > than.i;
}

/* Rows from … to, which are all of one window. */
static void fold_run(enum kind kind, struct slot *slt, const struct ts_flux_column *col, size_t from,
                     size_t to)
{
    size_t mask = col->mask;
    slt->rows += to - from;
    if (kind == COUNT)
        return;
    if (!col->nulls && kind <= MEAN) {
        slt->n += to - from;
        if (col->type == TS_FLUX_FLOAT) {
            double sum = slt->v.f;
            for (size_t i = from; i < to; i++)
                sum += col->f[i & mask];
            slt->v.f = sum;
        } else {
            for (size_t i = from; i < to; i++)
                slt->v.u += col->u[i & mask];
        }
        return;
    }
    for (size_t i = from; i < to; i++) {
        if (ts_flux_column_null(col, i))
            continue;
        union number v = {0};
        if (col->type != TS_FLUX_STRING && col->type != TS_FLUX_BOOL)
            v.u = col->u[i & mask];
        if (kind <= MEAN && col->type == TS_FLUX_FLOAT)
            slt->v.f += v.f;
        else if (kind <= MEAN)
            slt->v.u += v.u;
        else if (slt->n == 0 || kind == LAST || (kind >= MIN && wins(kind, col->type, v, slt->v))) {
            slt->v = v;
            slt->row = (uint32_t)i;
            slt->fresh = true;
        }
        slt->n++;
    }
}

/* Copies the rows selected in this chunk, so that the chunk can go. */
static int keep_selected(struct ts_flux_cursor *cur, struct table *tbl, struct ts_flux_chunk *chk)
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
        return selects(args->kind) ? ts_flux_fail(run, "no column \"%s\" exists", args->column->z)
                                   : ts_flux_fail(run, "column \"%s\" does not exist", args->column->z);
    enum ts_flux_type type = (*col)->type;
    if ((args->kind == SUM || args->kind == MEAN) && !ts_flux_is_numeric(type) && type != TS_FLUX_NULL)
        return ts_flux_fail(run, "unsupported aggregate column type %s", ts_flux_type_text(type));
    if (args->kind >= MIN && (type == TS_FLUX_STRING || type == TS_FLUX_BOOL))
        return ts_flux_fail(
            run, "%s: invalid use of function: *universe.%sSelector has no implementation for type %s",
            args->kind == MIN ? "min" : "max", args->kind == MIN ? "Min" : "Max", ts_flux_type_text(type));
    return 0;
}

static int fold_chunk(struct ts_flux_cursor *cur, struct table *tbl, struct ts_flux_chunk *chk)
{
    const struct fold_args *args = cur->args;
    const struct ts_flux_span *span = &cur->stream->span;
    struct ts_flux_column *time = NULL, *col = NULL;
    int rc = check(cur, chk, &time, &col);
    if (rc == 0 && !selects(args->kind) && ts_flux_key_get(tbl->key, args->column))
        rc = ts_flux_fail(cur->run, "cannot aggregate columns that are part of the group key");
    if (rc == 0 && (selects(args->kind) || tbl->type == 0 || tbl->type != col->type))
        rc = ts_flux_schema_add(cur->run, &tbl->schema, chk);
    if (rc)
        return rc;
    if (col->type != TS_FLUX_NULL)
        tbl->type = col->type;
    for (size_t i = 0; i < chk->n;) {
        int64_t t = time->i[i & time->mask];
        if (ts_flux_column_null(time, i) || t < span->start || t >= span->stop) {
            i++;
            continue;
        }
        struct slot *slt = slot_of(cur, tbl, t);
        size_t to = i + 1;
        if (!slt)
            return ts_flux_fail_nomem(cur->run);
        while (to < chk->n && time->i[to & time->mask] >= slt->start &&
               time->i[to & time->mask] < slt->stop && !ts_flux_column_null(time, to))
            to++;
        if (col->type != TS_FLUX_NULL || args->kind == COUNT)
            fold_run(args->kind, slt, col, i, to);
        else
            slt->rows += to - i;
        i = to;
    }
    return selects(args->kind) ? keep_selected(cur, tbl, chk) : 0;
}

/* ---- results ---- */

static int fill_windows(struct ts_flux_cursor *cur, struct table *tbl)
{
    const struct fold_args *args = cur->args;
    const struct ts_flux_span *span = &cur->stream->span;
    struct ts_flux_bounds b = ts_flux_window_at(&args->win, span->start);
    for (size_t i = 0; b.start < span->stop; i++) {
        int rc = ts_flux_tick(cur->run, 1);
        if (rc)
            return rc;
        while (i < tbl->n && tbl->v[i].start < b.start)
            i++;
        if (b.stop > span->start && (i == tbl->n || tbl->v[i].start != b.start) &&
            !insert(&cur->run->mem, tbl, i, b))
            return ts_flux_fail_nomem(cur->run);
        struct ts_flux_bounds next = ts_flux_window_step(&args->win, b, 1);
        if (next.start <= b.start)
            break;
        b = next;
    }
    return 0;
}

static struct ts_flux_value result(const struct fold_args *args, const struct table *tbl,
                                   const struct slot *slt)
{
    enum ts_flux_type type = ts_flux_is_numeric(tbl->type) ? tbl->type : TS_FLUX_FLOAT;
    if (args->kind == COUNT)
        return ts_flux_int((int64_t)slt->rows);
    if (slt->n == 0)
        return ts_flux_null(args->kind == MEAN ? TS_FLUX_FLOAT : type);
    if (args->kind == SUM)
        return (struct ts_flux_value){.type = (uint8_t)type, .u = slt->v.u};
    double sum = type == TS_FLUX_FLOAT  ? slt->v.f
                 : type == TS_FLUX_UINT ? (double)slt->v.u
                                        : (double)slt->v.i;
    return ts_flux_float(sum / (double)slt->n);
}

static struct ts_flux_column *result_column(struct ts_flux_cursor *cur, const struct table *tbl)
{
    const struct fold_args *args = cur->args;
    enum ts_flux_type type = args->kind == COUNT             ? TS_FLUX_INT
                             : args->kind == MEAN            ? TS_FLUX_FLOAT
                             : ts_flux_is_numeric(tbl->type) ? tbl->type
                                                             : TS_FLUX_FLOAT;
    struct ts_flux_column *col = ts_flux_column_new(&cur->run->mem, type, TS_MAX(tbl->n, (size_t)1));
    for (size_t i = 0; col && i < tbl->n; i++)
        if (ts_flux_column_push(col, result(args, tbl, &tbl->v[i])))
            ts_flux_column_unref(&col);
    return col;
}

/* A column of the selected rows; of windows without one, null. */
static struct ts_flux_column *selected_column(struct ts_flux_cursor *cur, const struct table *tbl,
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
static struct ts_flux_column *time_column(struct ts_flux_cursor *cur, const struct table *tbl)
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

static int give(struct ts_flux_cursor *cur, struct table *tbl)
{
    const struct fold_args *args = cur->args;
    const struct ts_flux_span *span = &cur->stream->span;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    struct ts_flux_value start = ts_flux_time(span->start), stop = ts_flux_time(span->stop);
    /* the columns as InfluxDB has them: of aggregates the time first, then the key, then the value */
    if (!selects(args->kind) && !args->stored)
        ts_flux_maker_add(&mk, args->time_dst, time_column(cur, tbl));
    for (uint32_t i = 0; i < tbl->schema.n; i++) {
        const struct ts_flux_field *fld = &tbl->schema.fields[i];
        const struct ts_flux_value *v = ts_flux_key_get(tbl->key, fld->name);
        bool bound = fld->name == args->start || fld->name == args->stop;
        if (bound && (v || selects(args->kind)))
            ts_flux_maker_const(&mk, fld->name, fld->name == args->start ? start : stop);
        else if (v)
            ts_flux_maker_const(&mk, fld->name, *v);
        else if (args->stored && !selects(args->kind) && fld->name == args->time)
            ts_flux_maker_add(&mk, args->time_dst, time_column(cur, tbl));
        else if (args->stored && !selects(args->kind) && fld->name == args->column)
            ts_flux_maker_add(&mk, args->column, result_column(cur, tbl));
        else if (!bound && selects(args->kind) && fld->type != TS_FLUX_NULL)
            ts_flux_maker_add(&mk, fld->name, selected_column(cur, tbl, fld));
    }
    ts_flux_maker_const(&mk, args->start, start);
    ts_flux_maker_const(&mk, args->stop, stop);
    if (selects(args->kind))
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
    return merges ? ts_flux_collect(cur, out) : ts_flux_emit(cur, out);
}

static int end_tables(struct ts_flux_cursor *cur)
{
    const struct fold_args *args = cur->args;
    struct fold *st = cur->st;
    int rc = 0;
    for (size_t i = 0; i < st->n; i++) {
        struct table *tbl = &st->tables[i];
        if (rc == 0 && args->create_empty)
            rc = fill_windows(cur, tbl);
        size_t to = 0;
        for (size_t k = 0; k < tbl->n; k++) { /* a selector gives nothing where there is nothing */
            if (selects(args->kind) && !args->create_empty && !tbl->v[k].chk)
                continue;
            tbl->v[to++] = tbl->v[k];
        }
        tbl->n = to;
        if (rc == 0 && tbl->n)
            rc = give(cur, tbl);
        table_fini(&cur->run->mem, tbl);
    }
    st->n = 0;
    ts_flux_index_clear(&st->index);
    return rc;
}

/* A part of a chunk that belongs to one group. */
static int on_part(void *arg, struct ts_flux_chunk *part)
{
    struct ts_flux_cursor *cur = arg;
    struct table *tbl = part ? table_of(cur, part->key) : NULL;
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

static enum kind kind_of(struct ts_flux_value fn)
{
    const struct ts_flux_builtin *builtin = fn.func->builtin;
    for (enum kind k = 0; builtin && k < NKINDS; k++)
        if (builtins[k] == builtin->fn)
            return k;
    return NKINDS;
}

static int fold_names(struct ts_flux_run *run, const struct ts_flux_args *args, struct fold_args *fa)
{
    struct ts_flux_value none = {0};
    int rc = ts_flux_arg_name(run, args->v[6], "_value", &fa->column);
    rc = rc ? rc : ts_flux_arg_name(run, none, "_time", &fa->time);
    rc = rc ? rc : ts_flux_arg_name(run, none, "_start", &fa->start);
    rc = rc ? rc : ts_flux_arg_name(run, none, "_stop", &fa->stop);
    return rc ? rc : ts_flux_arg_name(run, args->v[8], "_time", &fa->time_dst);
}

/* tables, every, fn, period, offset, location, column, timeSrc, timeDst, createEmpty, otherwise */
int ts_flux_op_aggregate_window(struct ts_flux_run *run, const struct ts_flux_args *args,
                                struct ts_flux_value *out)
{
    struct ts_flux_dur every = ts_flux_dur_of(args->v[1]), period = ts_flux_dur_of(args->v[3]);
    struct fold_args fa = {.win = {.every = every, .period = every, .offset = ts_flux_dur_of(args->v[4])},
                           .kind = kind_of(args->v[2]),
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
    if (fa.kind == NKINDS || !tumbles || !plain || every.ns == INT64_MAX || (!every.ns && !every.months) ||
        (!fa.from_start && !ts_flux_is(args->v[7], "_stop")))
        return ts_flux_call(run, args->v[10], NULL, 0, out);
    rc = ts_flux_clock_of(run, args->v[5], &fa.win.clock);
    rc = rc ? rc : ts_flux_window_check(run, &fa.win);
    if (rc)
        return rc;
    struct ts_flux_stream *from = args->v[0].stream;
    fa.group = ts_flux_group_of(from);
    fa.stored = ts_flux_scan_stored(from) && !fa.win.clock.zone && !fa.win.clock.offset_ns && strcmp(fa.column->z, "_value") == 0;
    if (fa.group && ts_flux_group_has(fa.group, fa.time_dst))
        return ts_flux_call(run, args->v[10], NULL, 0, out);
    return ts_flux_plan(run, &fold_op, &fa, sizeof fa, fa.group ? from->from[0] : from, out);
}
