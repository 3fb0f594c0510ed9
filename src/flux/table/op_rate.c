/*
 * derivative, elapsed, integral, interpolate.linear: values over the time between rows. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "flux/exec/exec_time.h"
#include "flux/table/table_fold.h"
#include "flux/table/table_scan.h"

struct rate_args {
    struct ts_flux_cols cols;
    const struct ts_flux_name *time, *name, *start, *stop;
    double unit_ns;
    bool non_negative, initial_zero, linear;
};

static int time_column(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, struct ts_flux_column **out)
{
    const struct rate_args *args = cur->args;
    int rc = ts_flux_need_column(cur->run, chk, args->time, out);
    if (rc == 0 && (*out)->type != TS_FLUX_TIME)
        rc = ts_flux_fail(cur->run, "column \"%s\" is a %s, not a time", args->time->z,
                          ts_flux_type_text((*out)->type));
    return rc;
}

/* ---- derivative ---- */

/* From a to b; integers without a detour by double: their last digits would go. */
static double difference_by(enum ts_flux_type type, union ts_scan_value a, union ts_scan_value b, double units)
{
    double d = b.f - a.f;
    if (type == TS_FLUX_INT)
        d = (double)(int64_t)(b.u - a.u);
    if (type == TS_FLUX_UINT)
        d = b.u < a.u ? -(double)(a.u - b.u) : (double)(b.u - a.u);
    return d / units;
}

static struct ts_flux_value slope(const struct rate_args *args, const struct ts_flux_column *col, uint32_t a,
                                  uint32_t b, double ns)
{
    union ts_scan_value x = {.u = col->u[a & col->mask]}, y = {.u = col->u[b & col->mask]};
    double d = difference_by(col->type, x, y, ns / args->unit_ns);
    if (args->non_negative && d < 0)
        return args->initial_zero ? ts_flux_float(0) : ts_flux_null(TS_FLUX_FLOAT);
    return ts_flux_float(d);
}

/* The column's derivative at rows sel[1..n). */
static struct ts_flux_column *derive(const struct rate_args *args, const struct ts_flux_column *col,
                                     const struct ts_flux_column *time, const uint32_t *sel, size_t n)
{
    struct ts_flux_column *out = ts_flux_column_new(col->mem, TS_FLUX_FLOAT, n);
    size_t before = ts_flux_column_null(col, sel[0]) ? SIZE_MAX : 0;
    bool ok = out != NULL;
    for (size_t i = 1; ok && i < n; i++) {
        bool null = ts_flux_column_null(col, sel[i]);
        struct ts_flux_value v = ts_flux_null(TS_FLUX_FLOAT);
        if (!null && before != SIZE_MAX)
            v = slope(args, col, sel[before], sel[i],
                      (double)(time->i[sel[i] & time->mask] - time->i[sel[before] & time->mask]));
        ok = ts_flux_column_push(out, v) == 0;
        if (!null)
            before = i;
    }
    if (!ok)
        ts_flux_column_unref(&out);
    return out;
}

/* Rows whose time is later than that of the row before. */
static int later_rows(struct ts_flux_cursor *cur, const struct ts_flux_column *time, size_t rows,
                      const char *what, uint32_t *sel, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < rows; i++) {
        if (ts_flux_column_null(time, i))
            return ts_flux_fail(cur->run, "%s found null time in time column", what);
        int64_t t = time->i[i & time->mask], last = *n ? time->i[sel[*n - 1] & time->mask] : INT64_MIN;
        if (t < last)
            return ts_flux_fail(cur->run, "%s found out-of-order times in time column", what);
        if (*n == 0 || t > last)
            sel[(*n)++] = (uint32_t)i;
    }
    return 0;
}

static int derivative_give(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk,
                           const struct ts_flux_column *time, const uint32_t *sel, size_t n)
{
    const struct rate_args *args = cur->args;
    struct ts_flux_maker mk = TS_FLUX_MAKER(cur->run);
    for (uint32_t i = 0; i < chk->ncols; i++) {
        struct ts_flux_slot slot = chk->cols[i];
        if (!ts_flux_cols_has(&args->cols, slot.name)) {
            ts_flux_maker_add(&mk, slot.name, ts_flux_column_gather(slot.col, sel + 1, n - 1));
        } else if (ts_flux_is_numeric(slot.col->type)) {
            ts_flux_maker_add(&mk, slot.name, derive(args, slot.col, time, sel, n));
        } else {
            ts_flux_maker_drop(&mk);
            return ts_flux_fail(cur->run, "unsupported derivative column type %s:%s", slot.name->z,
                                ts_flux_type_text(slot.col->type));
        }
    }
    return ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, n - 1));
}

static int derivative_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    struct ts_flux_run *run = cur->run;
    struct ts_flux_column *time;
    size_t n = 0, bytes = TS_MAX(chk->n, (size_t)1) * sizeof(uint32_t);
    int rc = time_column(cur, chk, &time);
    if (rc)
        return rc;
    uint32_t *sel = ts_flux_mem_alloc(&run->mem, bytes);
    rc = sel ? later_rows(cur, time, chk->n, "derivative", sel, &n) : ts_flux_fail_nomem(run);
    if (rc == 0)
        rc = derivative_give(cur, chk, time, sel, TS_MAX(n, (size_t)1));
    ts_flux_mem_free(&run->mem, sel, bytes);
    return rc;
}

static const struct ts_flux_operator derivative_op = {
    .name = "derivative", .whole = true, .feed = derivative_feed};

/* ---- derivative of what a scan gives: _value over _time, ascending and without nulls, chunk by chunk ---- */

struct derived {
    bool any; /* of the present table there was a row: the last one */
    int64_t t;
    union ts_scan_value v;
};

/* The chunk's values from row 1 on, and row 0 when there was one before it. */
static struct ts_flux_column *derive_chunk(const struct rate_args *args, const struct derived *st, const struct ts_flux_column *col,
                                           const int64_t *t, size_t n)
{
    size_t skip = st->any ? 0 : 1;
    struct ts_flux_column *out = ts_flux_column_new(col->mem, TS_FLUX_FLOAT, TS_MAX(n, (size_t)1));
    if (!out || n <= skip)
        return out;
    if (!skip)
        out->f[0] = difference_by(col->type, st->v, (union ts_scan_value){.u = col->u[0]}, (double)(t[0] - st->t) / args->unit_ns);
    if (col->type == TS_FLUX_FLOAT)
        ts_flux_slopes(col->f, t, n, args->unit_ns, out->f + 1 - skip);
    else
        for (size_t i = 1; i < n; i++)
            out->f[i - skip] = difference_by(col->type, (union ts_scan_value){.u = col->u[i - 1]}, (union ts_scan_value){.u = col->u[i]},
                                             (double)(t[i] - t[i - 1]) / args->unit_ns);
    out->n = n - skip;
    for (size_t i = 0; args->non_negative && out && i < out->n; i++)
        if (out->f[i] < 0) {
            out->f[i] = 0;
            if (!args->initial_zero && ts_flux_column_set_null(out, i) != 0)
                ts_flux_column_unref(&out);
        }
    return out;
}

/* A column without its first rows. */
static struct ts_flux_column *rest_of(struct ts_flux_column *col, size_t skip)
{
    if (col->konst || skip == 0)
        return ts_flux_column_ref(col);
    struct ts_flux_column *out = ts_flux_column_new(col->mem, col->type, TS_MAX(col->n, (size_t)1));
    if (out && ts_flux_column_append(out, col, skip, col->n - skip) != 0)
        ts_flux_column_unref(&out);
    return out;
}

static int derived_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct rate_args *args = cur->args;
    struct derived *st = cur->st;
    struct ts_flux_column *time, *col;
    int rc = time_column(cur, chk, &time);
    rc = rc ? rc : ts_flux_need_column(cur->run, chk, args->cols.v[0], &col);
    if (rc)
        return rc;
    if (!ts_flux_is_numeric(col->type))
        return ts_flux_fail(cur->run, "unsupported derivative column type %s:%s", args->cols.v[0]->z, ts_flux_type_text(col->type));
    if (cur->new_table)
        st->any = false;
    size_t skip = st->any || chk->n == 0 ? 0 : 1;
    struct ts_flux_maker mk = TS_FLUX_MAKER(cur->run);
    for (uint32_t i = 0; i < chk->ncols; i++) {
        struct ts_flux_slot slot = chk->cols[i];
        ts_flux_maker_add(&mk, slot.name, slot.col == col ? derive_chunk(args, st, col, time->i, chk->n) : rest_of(slot.col, skip));
    }
    if (chk->n)
        *st = (struct derived){true, time->i[chk->n - 1], {.u = col->u[chk->n - 1]}};
    return ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, chk->n - skip));
}

static const struct ts_flux_operator derived_op = {.name = "derivative", .state = sizeof(struct derived), .feed = derived_feed};

static int unit_of(struct ts_flux_run *run, struct ts_flux_value v, const char *what, double *out)
{
    *out = 1e9;
    if (v.type != TS_FLUX_DURATION)
        return 0;
    *out = (double)v.i;
    return v.months || v.i <= 0
               ? ts_flux_fail(run, "%s: unit must be greater than zero and without months", what)
               : 0;
}

int ts_flux_op_derivative(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct rate_args ra = {.non_negative = ts_flux_arg_bool(args->v[2], false),
                           .initial_zero = ts_flux_arg_bool(args->v[5], false)};
    int rc = unit_of(run, args->v[1], "derivative", &ra.unit_ns);
    if (rc == 0)
        rc = ts_flux_arg_cols(run, args->v[3], "_value", &ra.cols);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[4], "_time", &ra.time);
    if (rc)
        return rc;
    struct ts_flux_stream *from = args->v[0].stream;
    bool plain = ra.cols.n == 1 && strcmp(ra.cols.v[0]->z, "_value") == 0 && strcmp(ra.time->z, "_time") == 0;
    return ts_flux_plan(run, plain && ts_flux_scan_root(from) ? &derived_op : &derivative_op, &ra, sizeof ra, from, out);
}

/* ---- elapsed ---- */

static int elapsed_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct rate_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_column *time;
    int rc = time_column(cur, chk, &time);
    if (rc)
        return rc;
    size_t n = chk->n ? chk->n - 1 : 0;
    struct ts_flux_chunk *rest = ts_flux_chunk_slice(chk, chk->n - n, n);
    if (!rest)
        return ts_flux_fail_nomem(run);
    struct ts_flux_column *out = ts_flux_column_new(&run->mem, TS_FLUX_INT, TS_MAX(n, (size_t)1));
    for (size_t i = 0; out && i < n; i++) {
        out->i[i] = (time->i[(i + 1) & time->mask] - time->i[i & time->mask]) / (int64_t)args->unit_ns;
        out->n = i + 1;
    }
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    ts_flux_maker_share_all(&mk, rest);
    ts_flux_maker_add(&mk, args->name, out);
    ts_flux_chunk_unref(&rest);
    return ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, n));
}

static const struct ts_flux_operator elapsed_op = {.name = "elapsed", .whole = true, .feed = elapsed_feed};

int ts_flux_op_elapsed(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct rate_args ra = {0};
    int rc = unit_of(run, args->v[1], "elapsed", &ra.unit_ns);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[2], "_time", &ra.time);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[3], "elapsed", &ra.name);
    return rc ? rc : ts_flux_plan(run, &elapsed_op, &ra, sizeof ra, args->v[0].stream, out);
}

/* ---- integral ---- */

struct point {
    double t, v; /* t: ns since the table's start */
};

static double area(struct point a, struct point b)
{
    return (a.v + b.v) / 2 * (b.t - a.t);
}

static double at(struct point a, struct point b, double t)
{
    return a.v + (b.v - a.v) * (t - a.t) / (b.t - a.t);
}

/* Trapezoids between the rows; linear: the first and last lines go on to the table's bounds. */
static int integrate(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, const struct ts_flux_column *col,
                     const struct ts_flux_column *time, double *out)
{
    const struct rate_args *args = cur->args;
    const struct ts_flux_value *from = ts_flux_key_get(chk->key, args->start),
                               *to = ts_flux_key_get(chk->key, args->stop);
    struct point first[2] = {{0}}, last[2] = {{0}};
    size_t n = 0;
    int64_t before = INT64_MIN;
    *out = 0;
    for (size_t i = 0; i < chk->n; i++) {
        int64_t t = time->i[i & time->mask];
        if (ts_flux_column_null(time, i) || t < before)
            return ts_flux_fail(cur->run, "integral found %s in time column",
                                t < before ? "out-of-order times" : "null time");
        if ((i && t == before) || ts_flux_column_null(col, i)) {
            before = t;
            continue;
        }
        before = t;
        struct point p = {(double)(t - from->i), ts_flux_column_double(col, i)};
        if (n < 2)
            first[n] = p;
        if (n)
            *out += area(last[1], p);
        last[0] = last[1];
        last[1] = p;
        n++;
    }
    if (args->linear && n) {
        double end = (double)(to->i - from->i);
        struct point a = {0, n == 1 ? first[0].v : at(first[0], first[1], 0)};
        struct point b = {end, n == 1 ? first[0].v : at(last[0], last[1], end)};
        *out += area(a, first[0]) + area(last[1], b);
    }
    *out /= args->unit_ns;
    return 0;
}

static int integral_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct rate_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_column *time, *col;
    const struct ts_flux_value *from = ts_flux_key_get(chk->key, args->start),
                               *to = ts_flux_key_get(chk->key, args->stop);
    if (!from || !to || from->type != TS_FLUX_TIME || to->type != TS_FLUX_TIME || from->null || to->null)
        return ts_flux_fail(run, "integral function needs %s column to be part of group key",
                            from ? "_stop" : "_start");
    double v;
    int rc = time_column(cur, chk, &time);
    if (rc == 0)
        rc = ts_flux_need_column(run, chk, args->name, &col);
    if (rc == 0 && !ts_flux_is_numeric(col->type))
        rc = ts_flux_fail(run, "cannot perform integral over %s", ts_flux_type_text(col->type));
    if (rc == 0)
        rc = integrate(cur, chk, col, time, &v);
    if (rc)
        return rc;
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    ts_flux_maker_key(&mk, chk);
    ts_flux_maker_const(&mk, args->name, ts_flux_float(v));
    return ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, 1));
}

static const struct ts_flux_operator integral_op = {.name = "integral", .whole = true, .feed = integral_feed};

int ts_flux_op_integral(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct rate_args ra = {.linear = ts_flux_is(args->v[4], "linear")};
    struct ts_flux_value none = {0};
    int rc = unit_of(run, args->v[1], "integral", &ra.unit_ns);
    if (rc == 0 && ts_flux_given(args, 4) && !ra.linear && !ts_flux_is(args->v[4], ""))
        rc = ts_flux_fail(run, "interpolate must be \"linear\" or \"\"");
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[2], "_time", &ra.time);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[3], "_value", &ra.name);
    if (rc == 0)
        rc = ts_flux_arg_name(run, none, "_start", &ra.start);
    if (rc == 0)
        rc = ts_flux_arg_name(run, none, "_stop", &ra.stop);
    return rc ? rc : ts_flux_plan(run, &integral_op, &ra, sizeof ra, args->v[0].stream, out);
}

/* ---- interpolate.linear ---- */

struct linear_args {
    struct ts_flux_window win;
    const struct ts_flux_name *time, *value;
};

static int linear_rows(struct ts_flux_cursor *cur, const struct ts_flux_column *time,
                       const struct ts_flux_column *value, size_t n, struct ts_flux_column *t,
                       struct ts_flux_column *v)
{
    const struct linear_args *args = cur->args;
    for (size_t i = 0; i < n; i++) {
        if (ts_flux_column_null(time, i) || ts_flux_column_null(value, i))
            return ts_flux_fail(cur->run, "null _%s found during linear interpolation",
                                ts_flux_column_null(time, i) ? "time" : "value");
        int64_t x1 = time->i[i & time->mask];
        double y1 = value->f[i & value->mask];
        if (i) {
            int64_t x0 = time->i[(i - 1) & time->mask];
            double y0 = value->f[(i - 1) & value->mask], m = (y1 - y0) / (double)(x1 - x0);
            struct ts_flux_bounds b = ts_flux_window_at(&args->win, x0);
            for (int64_t x = b.stop; x < x1; b = ts_flux_window_step(&args->win, b, 1), x = b.stop) {
                if (ts_flux_tick(cur->run, 1))
                    return -TS_EQUERY;
                if (ts_flux_column_push(t, ts_flux_time(x)) ||
                    ts_flux_column_push(v, ts_flux_float(y0 + m * (double)(x - x0))))
                    return ts_flux_fail_nomem(cur->run);
            }
        }
        if (ts_flux_column_push(t, ts_flux_time(x1)) || ts_flux_column_push(v, ts_flux_float(y1)))
            return ts_flux_fail_nomem(cur->run);
    }
    return 0;
}

static int linear_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct linear_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_column *time, *value;
    int rc = ts_flux_need_column(run, chk, args->time, &time);
    if (rc == 0)
        rc = ts_flux_need_column(run, chk, args->value, &value);
    if (rc == 0 && (value->type != TS_FLUX_FLOAT || time->type != TS_FLUX_TIME))
        rc = ts_flux_fail(run, "cannot interpolate %s values; expected float values",
                          ts_flux_type_text(value->type));
    for (uint32_t i = 0; rc == 0 && i < chk->ncols; i++)
        if (chk->cols[i].name != args->time && chk->cols[i].name != args->value &&
            !ts_flux_key_get(chk->key, chk->cols[i].name))
            rc = ts_flux_fail(run, "interpolate.linear requires column \"%s\" to be in group key",
                              chk->cols[i].name->z);
    if (rc)
        return rc;
    struct ts_flux_column *t = ts_flux_column_new(&run->mem, TS_FLUX_TIME, chk->n + 1);
    struct ts_flux_column *v = ts_flux_column_new(&run->mem, TS_FLUX_FLOAT, chk->n + 1);
    rc = t && v ? linear_rows(cur, time, value, chk->n, t, v) : ts_flux_fail_nomem(run);
    if (rc) {
        ts_flux_column_unref(&t);
        ts_flux_column_unref(&v);
        return rc;
    }
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    size_t n = t->n;
    ts_flux_maker_key(&mk, chk);
    ts_flux_maker_add(&mk, args->time, t);
    ts_flux_maker_add(&mk, args->value, v);
    return ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, n));
}

static const struct ts_flux_operator linear_op = {
    .name = "interpolate.linear", .whole = true, .feed = linear_feed};

int ts_flux_op_linear(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct linear_args la = {.win.every = ts_flux_dur_of(args->v[1]),
                             .win.period = ts_flux_dur_of(args->v[1])};
    struct ts_flux_value none = {0};
    int rc = ts_flux_window_check(run, &la.win);
    if (rc == 0)
        rc = ts_flux_arg_name(run, none, "_time", &la.time);
    if (rc == 0)
        rc = ts_flux_arg_name(run, none, "_value", &la.value);
    return rc ? rc : ts_flux_plan(run, &linear_op, &la, sizeof la, args->v[0].stream, out);
}
