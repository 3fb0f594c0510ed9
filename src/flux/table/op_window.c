/*
 * window(): rows into tables by time. Windows come from the calendar and the clock of a place, cut to the
 * bounds that range() gave the plan. Rows in order of time are given as slices; others by their numbers.
 * Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "flux/table/table_fold.h"

#include <stdlib.h>

struct window_args {
    struct ts_flux_window win;
    bool all; /* every: inf: one window, the bounds */
    bool create_empty;
    const struct ts_flux_name *time, *start_col, *stop_col;
};

/* Times of a chunk in ascending order, and whose they are; rows NULL: row i is the i-th. */
struct times {
    const int64_t *t;
    uint32_t *rows;
    size_t n;
};

static struct ts_flux_bounds cut(const struct ts_flux_cursor *cur, struct ts_flux_bounds b)
{
    const struct ts_flux_span *span = &cur->stream->span;
    return (struct ts_flux_bounds){.start = TS_MAX(b.start, span->start), .stop = TS_MIN(b.stop, span->stop)};
}

/* The chunk's columns with these bounds, which are the key's now. */
static struct ts_flux_chunk *with_bounds(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk,
                                         struct ts_flux_bounds b)
{
    const struct window_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    struct ts_flux_key *half = ts_flux_key_with(run, chk->key, args->start_col, ts_flux_time(b.start));
    struct ts_flux_key *key = half ? ts_flux_key_with(run, half, args->stop_col, ts_flux_time(b.stop)) : NULL;
    for (uint32_t i = 0; i < chk->ncols; i++) {
        const struct ts_flux_value *v = ts_flux_key_get(chk->key, chk->cols[i].name);
        if (v && !chk->cols[i].col->konst)
            ts_flux_maker_const(&mk, chk->cols[i].name, *v);
        else
            ts_flux_maker_share(&mk, chk, i);
    }
    ts_flux_maker_const(&mk, args->start_col, ts_flux_time(b.start));
    ts_flux_maker_const(&mk, args->stop_col, ts_flux_time(b.stop));
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, chk->n);
    ts_flux_key_unref(&half);
    ts_flux_key_unref(&key);
    return out;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Rows from .. to of times belong to the window b. */
static int give_rows(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, const struct times *tm,
                     size_t from, size_t to, struct ts_flux_bounds b)
{
    struct ts_flux_run *run = cur->run;
    struct ts_flux_chunk *part = NULL;
    b = cut(cur, b);
    if (b.start >= b.stop)
        return 0;
    if (!tm->rows) {
        part = ts_flux_chunk_slice(chk, from, to - from);
    } else { /* rows of one window keep the order they have in the table */
        size_t bytes = (to - from) * sizeof(uint32_t);
        uint32_t *sel = ts_flux_mem_alloc(&run->mem, bytes);
        if (sel) {
            memcpy(sel, tm->rows + from, bytes);
            qsort(sel, to - from, sizeof *sel, by_number);
            part = ts_flux_chunk_gather(chk, sel, to - from);
        }
        ts_flux_mem_free(&run->mem, sel, bytes);
    }
    struct ts_flux_chunk *out = part ? with_bounds(cur, part, b) : NULL;
    ts_flux_chunk_unref(&part);
    return ts_flux_collect(cur, out);
}

/* The first of tm->t[from ..] that is not before t. */
static size_t not_before(const struct times *tm, size_t from, int64_t t)
{
    size_t to = tm->n;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (tm->t[mid] < t)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

/* The earliest window that has t, or else the first one after it. */
static struct ts_flux_bounds first_window(const struct ts_flux_window *win, int64_t t)
{
    struct ts_flux_bounds b = ts_flux_window_at(win, t), before = b;
    while (before.stop > t) {
        b = before;
        before = ts_flux_window_step(win, b, -1);
    }
    return b;
}

static int split_times(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, const struct times *tm)
{
    const struct window_args *args = cur->args;
    if (tm->n == 0)
        return 0;
    if (args->all)
        return give_rows(cur, chk, tm, 0, tm->n,
                         (struct ts_flux_bounds){.start = INT64_MIN, .stop = INT64_MAX});
    struct ts_flux_bounds b = first_window(&args->win, tm->t[0]);
    size_t from = 0;
    while (b.start <= tm->t[tm->n - 1]) {
        from = not_before(tm, 0, b.start);
        size_t to = not_before(tm, from, b.stop);
        int rc = from < to ? give_rows(cur, chk, tm, from, to, b) : ts_flux_tick(cur->run, 1);
        if (rc)
            return rc;
        struct ts_flux_bounds next = ts_flux_window_step(&args->win, b, 1);
        if (from == to && from < tm->n) { /* nothing here: on to the next row */
            struct ts_flux_bounds far = first_window(&args->win, tm->t[from]);
            if (far.start > next.start)
                next = far;
        }
        if (next.start <= b.start) /* the end of time */
            break;
        b = next;
    }
    return 0;
}

/* The present table's windows, all that are within the bounds, as empty tables. */
static int create_empty(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct window_args *args = cur->args;
    const struct ts_flux_span *span = &cur->stream->span;
    struct ts_flux_chunk *none = ts_flux_chunk_slice(chk, 0, 0);
    if (!none)
        return ts_flux_fail_nomem(cur->run);
    struct ts_flux_bounds b = first_window(&args->win, span->start);
    int rc = 0;
    while (rc == 0 && b.start < span->stop) {
        struct ts_flux_bounds c = cut(cur, b);
        if (c.start < c.stop)
            rc = ts_flux_collect(cur, with_bounds(cur, none, c));
        if (rc == 0)
            rc = ts_flux_tick(cur->run, 1);
        struct ts_flux_bounds next = ts_flux_window_step(&args->win, b, 1);
        if (next.start <= b.start)
            break;
        b = next;
    }
    ts_flux_chunk_unref(&none);
    return rc;
}

struct at {
    int64_t t;
    uint32_t row;
};

static int by_time(const void *a, const void *b)
{
    const struct at *x = a, *y = b;
    return x->t != y->t ? (x->t > y->t) - (x->t < y->t) : (x->row > y->row) - (x->row < y->row);
}

/* A chunk whose times are not in order, are constant or have nulls. */
static int window_unordered(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk,
                            const struct ts_flux_column *time)
{
    struct ts_flux_mem *mem = &cur->run->mem;
    size_t n = 0, bytes = chk->n * (sizeof(struct at) + sizeof(int64_t) + sizeof(uint32_t));
    struct at *at = ts_flux_mem_alloc(mem, bytes);
    if (!at)
        return ts_flux_fail_nomem(cur->run);
    int64_t *t = (int64_t *)(at + chk->n);
    uint32_t *rows = (uint32_t *)(t + chk->n);
    for (size_t i = 0; i < chk->n; i++)
        if (!ts_flux_column_null(time, i))
            at[n++] = (struct at){time->i[i & time->mask], (uint32_t)i};
    qsort(at, n, sizeof *at, by_time);
    for (size_t i = 0; i < n; i++) {
        t[i] = at[i].t;
        rows[i] = at[i].row;
    }
    int rc = split_times(cur, chk, &(struct times){t, rows, n});
    ts_flux_mem_free(mem, at, bytes);
    return rc;
}

static int window_open(struct ts_flux_cursor *cur)
{
    if (!cur->stream->span.set)
        return ts_flux_fail(cur->run, "nil bounds passed to window; use range to set the window range");
    return 0;
}

static int window_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct window_args *args = cur->args;
    const struct ts_flux_column *time = ts_flux_chunk_column(chk, args->time);
    if (!time)
        return ts_flux_fail(cur->run, "missing time column \"%s\"", args->time->z);
    if (time->type != TS_FLUX_TIME && time->type != TS_FLUX_NULL)
        return ts_flux_fail(cur->run, "column \"%s\" is a %s, not a time", args->time->z,
                            ts_flux_type_text(time->type));
    int rc = cur->new_table && args->create_empty && !args->all ? create_empty(cur, chk) : 0;
    if (rc || chk->n == 0)
        return rc;
    bool ordered = !time->konst && !time->nulls;
    for (size_t i = 1; ordered && i < chk->n; i++)
        ordered = time->i[i - 1] <= time->i[i];
    return ordered ? split_times(cur, chk, &(struct times){time->i, NULL, chk->n})
                   : window_unordered(cur, chk, time);
}

static const struct ts_flux_operator window_op = {.name = "window", .open = window_open, .feed = window_feed};

bool ts_flux_window_of(const struct ts_flux_stream *stream, struct ts_flux_window *win, bool *create_empty)
{
    const struct window_args *args = stream->args;
    if (stream->op != &window_op || args->all || args->win.every.ns != args->win.period.ns ||
        args->win.every.months != args->win.period.months || strcmp(args->time->z, "_time") != 0 ||
        strcmp(args->start_col->z, "_start") != 0 || strcmp(args->stop_col->z, "_stop") != 0)
        return false;
    *win = args->win;
    *create_empty = args->create_empty;
    return true;
}

int ts_flux_op_window(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct window_args wa = {.create_empty = ts_flux_arg_bool(args->v[8], false)};
    struct ts_flux_window *win = &wa.win;
    *win = (struct ts_flux_window){.every = ts_flux_dur_of(args->v[1]),
                                   .period = ts_flux_dur_of(args->v[2]),
                                   .offset = ts_flux_dur_of(args->v[3])};
    bool no_every = !win->every.months && !win->every.ns, no_period = !win->period.months && !win->period.ns;
    if (no_every && no_period)
        return ts_flux_fail(
            run, "window function requires at least one of \"every\" or \"period\" to be set and non-zero");
    if (no_every)
        win->every = win->period;
    if (no_period)
        win->period = win->every;
    wa.all = win->every.ns == INT64_MAX;
    int rc = ts_flux_clock_of(run, args->v[4], &win->clock);
    if (rc == 0 && !wa.all)
        rc = ts_flux_window_check(run, win);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[5], "_time", &wa.time);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[6], "_start", &wa.start_col);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[7], "_stop", &wa.stop_col);
    return rc ? rc : ts_flux_plan(run, &window_op, &wa, sizeof wa, args->v[0].stream, out);
}

/* ---- table.fill: one row of nulls in a table that has none ---- */

static int fill_row_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    if (chk->n)
        return ts_flux_emit(cur, ts_flux_chunk_ref(chk));
    struct ts_flux_maker mk = TS_FLUX_MAKER(cur->run);
    for (uint32_t i = 0; i < chk->ncols; i++) {
        const struct ts_flux_value *v = ts_flux_key_get(chk->key, chk->cols[i].name);
        ts_flux_maker_const(&mk, chk->cols[i].name, v ? *v : ts_flux_null(chk->cols[i].col->type));
    }
    return ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, 1));
}

static const struct ts_flux_operator fill_row_op = {
    .name = "table.fill", .whole = true, .feed = fill_row_feed};

int ts_flux_op_table_fill(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return ts_flux_plan(run, &fill_row_op, NULL, 0, args->v[0].stream, out);
}
