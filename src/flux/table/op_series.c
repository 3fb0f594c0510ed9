/*
 * Functions of a column's succession: difference, derivative, cumulativeSum, elapsed, moving averages and the
 * oscillators made of them. A table is seen as a whole; other columns keep the rows that remain. Thread: the
 * query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include <math.h>

enum kind { DIFFERENCE, CUMULATIVE, MOVING, EXPONENTIAL, CHANDE, KAUFMAN, RSI, TRIX };

struct series_args {
    enum kind kind;
    struct ts_flux_cols cols;
    int64_t n; /* rows of the average */
    bool non_negative, keep_first, initial_zero, ignore_missing;
};

static const char *kind_name(enum kind kind)
{
    static const char *const names[] = {"difference",
                                        "cumulativeSum",
                                        "movingAverage",
                                        "exponentialMovingAverage",
                                        "chandeMomentumOscillator",
                                        "kaufmansAMA",
                                        "relativeStrengthIndex",
                                        "tripleExponentialDerivative"};
    return names[kind];
}

/* ---- difference, cumulativeSum ---- */

static bool is_less(enum ts_flux_type type, struct ts_flux_value a, struct ts_flux_value b)
{
    return type == TS_FLUX_FLOAT ? a.f < b.f : type == TS_FLUX_UINT ? a.u < b.u : a.i < b.i;
}

static struct ts_flux_column *difference(const struct series_args *args, const struct ts_flux_column *col,
                                         size_t n)
{
    enum ts_flux_type to = col->type == TS_FLUX_UINT ? TS_FLUX_INT : col->type;
    struct ts_flux_column *out = ts_flux_column_new(col->mem, to, TS_MAX(n, (size_t)1));
    struct ts_flux_value before = ts_flux_null(col->type);
    bool ok = out != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        struct ts_flux_value v = ts_flux_column_get(col, i), d = ts_flux_null(to);
        if (!v.null && !before.null) {
            bool falls = args->non_negative && is_less(col->type, v, before);
            d = (struct ts_flux_value){.type = (uint8_t)to};
            if (falls && args->initial_zero)
                d.u = v.u;
            else if (falls)
                d = ts_flux_null(to);
            else if (to == TS_FLUX_FLOAT)
                d.f = v.f - before.f;
            else
                d.u = v.u - before.u;
        }
        ok = ts_flux_column_push(out, d) == 0;
        if (!v.null)
            before = v;
    }
    if (!ok)
        ts_flux_column_unref(&out);
    return out;
}

static struct ts_flux_column *cumulative(const struct ts_flux_column *col, size_t n)
{
    struct ts_flux_column *out = ts_flux_column_new(col->mem, col->type, TS_MAX(n, (size_t)1));
    struct ts_flux_value sum = {.type = col->type};
    for (size_t i = 0; out && i < n; i++) {
        if (!ts_flux_column_null(col, i)) {
            if (col->type == TS_FLUX_FLOAT)
                sum.f += col->f[i & col->mask];
            else
                sum.u += col->u[i & col->mask];
        }
        out->u[i] = sum.u;
        out->n = i + 1;
    }
    return out;
}

/* ---- averages: results for rows [*first, n) ---- */

static struct ts_flux_value average(const struct ts_flux_column *col, size_t from, size_t to)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        if (!ts_flux_column_null(col, i)) {
            sum += ts_flux_column_double(col, i);
            n++;
        }
    return n ? ts_flux_float(sum / (double)n) : ts_flux_null(TS_FLUX_FLOAT);
}

static bool moving(const struct series_args *args, const struct ts_flux_column *col, size_t n,
                   struct ts_flux_column *out)
{
    size_t per = (size_t)args->n, count = 0;
    double sum = 0;
    if (n < per)
        return ts_flux_column_push(out, average(col, 0, n)) == 0;
    for (size_t i = 0; i < n; i++) {
        if (!ts_flux_column_null(col, i)) {
            sum += ts_flux_column_double(col, i);
            count++;
        }
        if (i >= per && !ts_flux_column_null(col, i - per)) {
            sum -= ts_flux_column_double(col, i - per);
            count--;
        }
        if (i + 1 < per)
            continue;
        if (ts_flux_column_push(out,
                                count ? ts_flux_float(sum / (double)count) : ts_flux_null(TS_FLUX_FLOAT)))
            return false;
    }
    return true;
}

/* The first result is the mean of n rows; nulls repeat the one before. v, null: n rows in, n - (per - 1) out.
 */
static bool exponential(size_t per, const struct ts_flux_column *col, size_t n, struct ts_flux_column *out)
{
    if (n < per)
        return ts_flux_column_push(out, average(col, 0, n)) == 0;
    double k = 2.0 / ((double)per + 1);
    struct ts_flux_value ema = average(col, 0, per);
    for (size_t i = per - 1; i < n; i++) {
        if (i >= per && !ts_flux_column_null(col, i)) {
            double v = ts_flux_column_double(col, i);
            ema = ts_flux_float(ema.null ? v : v * k + ema.f * (1 - k));
        }
        if (ts_flux_column_push(out, ema))
            return false;
    }
    return true;
}

static bool chande(const struct series_args *args, const struct ts_flux_column *col, size_t n,
                   struct ts_flux_column *out)
{
    size_t per = (size_t)args->n;
    for (size_t i = per; i < n; i++) {
        double up = 0, down = 0;
        for (size_t k = i - per + 1; k <= i; k++) {
            double d = ts_flux_column_double(col, k) - ts_flux_column_double(col, k - 1);
            if (d > 0)
                up += d;
            else
                down -= d;
        }
        if (ts_flux_column_push(out, ts_flux_float(up + down != 0 ? 100 * (up - down) / (up + down) : 0)))
            return false;
    }
    return true;
}

/* Kaufman's adaptive moving average: the smoothing follows the efficiency ratio, between 2 and 30 rows. */
static bool kaufman(const struct series_args *args, const struct ts_flux_column *col, size_t n,
                    struct ts_flux_column *out)
{
    size_t per = (size_t)args->n;
    const double fast = 2.0 / 3, slow = 2.0 / 31;
    if (n <= per)
        return true;
    double kama = ts_flux_column_double(col, per - 1);
    for (size_t i = per; i < n; i++) {
        double way = 0, v = ts_flux_column_double(col, i);
        for (size_t k = i - per + 1; k <= i; k++)
            way += fabs(ts_flux_column_double(col, k) - ts_flux_column_double(col, k - 1));
        double er = way > 0 ? fabs(v - ts_flux_column_double(col, i - per)) / way : 0;
        double sc = er * (fast - slow) + slow;
        kama += sc * sc * (v - kama);
        if (ts_flux_column_push(out, ts_flux_float(kama)))
            return false;
    }
    return true;
}

/* Averages of rises and falls: plain means over the first n rows, then exponential with 1/n. The first row
 * rises from 0. */
static bool strength(const struct series_args *args, const struct ts_flux_column *col, size_t n,
                     struct ts_flux_column *out)
{
    size_t per = (size_t)args->n, count = 0;
    double up = 0, down = 0, before = 0, k = 1.0 / (double)args->n;
    for (size_t i = 0; i < n; i++) {
        if (!ts_flux_column_null(col, i)) {
            double v = ts_flux_column_double(col, i), d = v - before, rise = d > 0 ? d : 0,
                   fall = d < 0 ? -d : 0;
            if (i < per || count == 0) {
                up = (up * (double)count + rise) / (double)(count + 1);
                down = (down * (double)count + fall) / (double)(count + 1);
            } else {
                up = rise * k + up * (1 - k);
                down = fall * k + down * (1 - k);
            }
            before = v;
            count++;
        }
        if (i < per)
            continue;
        if (ts_flux_column_push(out, count ? ts_flux_float(100 - 100 / (1 + up / down))
                                           : ts_flux_null(TS_FLUX_FLOAT)))
            return false;
    }
    return n > per || ts_flux_column_push(out, ts_flux_float(100 - 100 / (1 + up / down))) == 0;
}

/* The relative change, in percent, of an exponential average taken three times. */
static bool trix(const struct series_args *args, const struct ts_flux_column *col, size_t n,
                 struct ts_flux_column *out)
{
    size_t per = (size_t)args->n;
    if (n < 3 * (per - 1) + 2)
        return ts_flux_column_push(out, ts_flux_null(TS_FLUX_FLOAT)) == 0;
    struct ts_flux_column *e[3] = {NULL, NULL, NULL};
    const struct ts_flux_column *from = col;
    bool ok = true;
    for (int k = 0; ok && k < 3; k++) {
        e[k] = ts_flux_column_new(col->mem, TS_FLUX_FLOAT, n);
        ok = e[k] && exponential(per, from, k ? from->n : n, e[k]);
        from = e[k];
    }
    for (size_t i = 1; ok && i < e[2]->n; i++) {
        bool null = ts_flux_column_null(e[2], i) || ts_flux_column_null(e[2], i - 1);
        ok = ts_flux_column_push(out, null ? ts_flux_null(TS_FLUX_FLOAT)
                                           : ts_flux_float((e[2]->f[i] / e[2]->f[i - 1] - 1) * 100)) == 0;
    }
    for (int k = 0; k < 3; k++)
        ts_flux_column_unref(&e[k]);
    return ok;
}

static struct ts_flux_column *transform(const struct series_args *args, const struct ts_flux_column *col,
                                        size_t n)
{
    if (args->kind == DIFFERENCE)
        return difference(args, col, n);
    if (args->kind == CUMULATIVE)
        return cumulative(col, n);
    struct ts_flux_column *out = ts_flux_column_new(col->mem, TS_FLUX_FLOAT, n);
    bool ok = out != NULL;
    switch (args->kind) {
    case MOVING: ok = ok && moving(args, col, n, out); break;
    case EXPONENTIAL: ok = ok && exponential((size_t)args->n, col, n, out); break;
    case CHANDE: ok = ok && chande(args, col, n, out); break;
    case KAUFMAN: ok = ok && kaufman(args, col, n, out); break;
    case RSI: ok = ok && strength(args, col, n, out); break;
    case TRIX: ok = ok && trix(args, col, n, out); break;
    default: break;
    }
    if (!ok)
        ts_flux_column_unref(&out);
    return out;
}

/* The row that the first result belongs to, of n; where there are too few rows one result stands for the
 * last. */
static size_t first_row(const struct series_args *args, size_t n)
{
    size_t per = (size_t)args->n, first = 0;
    switch (args->kind) {
    case DIFFERENCE:
    case CUMULATIVE: return 0;
    case MOVING:
    case EXPONENTIAL: first = per - 1; break;
    case CHANDE:
    case KAUFMAN: return TS_MIN(per, n);
    case RSI: first = per; break;
    case TRIX: first = 3 * (per - 1) + 1; break;
    }
    return first < n ? first : n - 1;
}

static bool takes(const struct series_args *args, enum ts_flux_type type)
{
    return ts_flux_is_numeric(type) || (type == TS_FLUX_NULL && args->kind != DIFFERENCE);
}

static int series_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct series_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    bool found = false;
    for (uint32_t i = 0; i < chk->ncols; i++) {
        struct ts_flux_slot slot = chk->cols[i];
        if (!ts_flux_cols_has(&args->cols, slot.name))
            continue;
        found = true;
        if (args->kind == DIFFERENCE && slot.col->type == TS_FLUX_TIME)
            return ts_flux_fail(run, "difference does not support time columns. Try the elapsed function");
        if (!takes(args, slot.col->type))
            return ts_flux_fail(run, "%s does not support column \"%s\" of type \"%s\"",
                                kind_name(args->kind), slot.name->z, ts_flux_type_text(slot.col->type));
    }
    if (!found && !args->ignore_missing)
        return ts_flux_fail(run, "cannot find column \"%s\"", args->cols.n ? args->cols.v[0]->z : "");
    if (chk->n == 0 && args->kind == DIFFERENCE)
        return ts_flux_emit(cur, ts_flux_chunk_ref(chk));
    size_t first = chk->n ? first_row(args, chk->n) : 0;
    struct ts_flux_chunk *rest = ts_flux_chunk_slice(chk, first, chk->n - first);
    if (!rest)
        return ts_flux_fail_nomem(run);
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    for (uint32_t i = 0; i < chk->ncols; i++) {
        if (!ts_flux_cols_has(&args->cols, chk->cols[i].name) || chk->cols[i].col->type == TS_FLUX_NULL)
            ts_flux_maker_share(&mk, rest, i);
        else if (chk->n)
            ts_flux_maker_add(&mk, chk->cols[i].name, transform(args, chk->cols[i].col, chk->n));
        else
            ts_flux_maker_const(&mk, chk->cols[i].name, ts_flux_null(TS_FLUX_FLOAT));
    }
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, chk->key, rest->n);
    ts_flux_chunk_unref(&rest);
    if (out && args->kind == DIFFERENCE && !args->keep_first) {
        struct ts_flux_chunk *all = out;
        out = ts_flux_chunk_slice(all, 1, all->n - 1);
        ts_flux_chunk_unref(&all);
    }
    return ts_flux_emit(cur, out);
}

static const struct ts_flux_operator series_op = {.name = "series", .whole = true, .feed = series_feed};

static int plan_series(struct ts_flux_run *run, const struct ts_flux_args *args, struct series_args sa,
                       struct ts_flux_value columns, struct ts_flux_value *out)
{
    if (sa.kind >= MOVING && (sa.n <= 0 || sa.n > INT32_MAX))
        return ts_flux_fail(run, "cannot take %s with a period of %lld (must be greater than 0)",
                            kind_name(sa.kind), (long long)sa.n);
    int rc = ts_flux_arg_cols(run, columns, "_value", &sa.cols);
    return rc ? rc : ts_flux_plan(run, &series_op, &sa, sizeof sa, args->v[0].stream, out);
}

int ts_flux_op_difference(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_series(run, args,
                       (struct series_args){.kind = DIFFERENCE,
                                            .non_negative = ts_flux_arg_bool(args->v[1], false),
                                            .keep_first = ts_flux_arg_bool(args->v[3], false),
                                            .initial_zero = ts_flux_arg_bool(args->v[4], false),
                                            .ignore_missing = true},
                       args->v[2], out);
}

int ts_flux_op_cumulative_sum(struct ts_flux_run *run, const struct ts_flux_args *args,
                              struct ts_flux_value *out)
{
    return plan_series(run, args, (struct series_args){.kind = CUMULATIVE, .ignore_missing = true},
                       args->v[1], out);
}

#define AVERAGE(fn, k)                                                                                       \
    int ts_flux_op_##fn(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out) \
    {                                                                                                        \
        return plan_series(run, args, (struct series_args){.kind = (k), .n = args->v[1].i}, args->v[2],      \
                           out);                                                                             \
    }
AVERAGE(moving_average, MOVING)
AVERAGE(exponential_moving_average, EXPONENTIAL)
AVERAGE(chande, CHANDE)
AVERAGE(rsi, RSI)
AVERAGE(trix, TRIX)

int ts_flux_op_kaufmans_ama(struct ts_flux_run *run, const struct ts_flux_args *args,
                            struct ts_flux_value *out)
{
    struct series_args sa = {.kind = KAUFMAN, .n = args->v[1].i};
    const struct ts_flux_name **name = ts_flux_arena_alloc(&run->arena, sizeof *name);
    if (!name)
        return ts_flux_fail_nomem(run);
    int rc = ts_flux_arg_name(run, args->v[2], "_value", name);
    if (rc == 0 && (sa.n <= 0 || sa.n > INT32_MAX))
        return ts_flux_fail(run, "cannot take kaufmansAMA with a period of %lld (must be greater than 0)",
                            (long long)sa.n);
    sa.cols = (struct ts_flux_cols){1, name};
    return rc ? rc : ts_flux_plan(run, &series_op, &sa, sizeof sa, args->v[0].stream, out);
}
