/*
 * covariance, histogram, histogramQuantile: a table's columns into few numbers. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include <math.h>
#include <stdlib.h>

/* ---- covariance ---- */

struct cov_args {
    struct ts_flux_cols cols;
    const struct ts_flux_name *to;
    bool pearson;
};

static struct ts_flux_value covariance(const struct ts_flux_column *a, const struct ts_flux_column *b,
                                       size_t rows, bool pearson)
{
    double n = 0, mx = 0, my = 0, sx = 0, sy = 0, sxy = 0;
    for (size_t i = 0; i < rows; i++) {
        if (ts_flux_column_null(a, i) || ts_flux_column_null(b, i))
            continue;
        double x = ts_flux_column_double(a, i), y = ts_flux_column_double(b, i), dx = x - mx, dy = y - my;
        n++;
        mx += dx / n;
        my += dy / n;
        sx += dx * (x - mx);
        sy += dy * (y - my);
        sxy += dx * (y - my);
    }
    if (n == 0)
        return ts_flux_null(TS_FLUX_FLOAT);
    if (pearson)
        return ts_flux_float(sxy / (sqrt(sx) * sqrt(sy)));
    return ts_flux_float(n > 1 ? sxy / (n - 1) : NAN);
}

static int cov_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct cov_args *args = cur->args;
    struct ts_flux_column *col[2];
    for (int i = 0; i < 2; i++) {
        col[i] = ts_flux_chunk_column(chk, args->cols.v[i]);
        if (!col[i])
            return ts_flux_fail(cur->run, "specified column does not exist in table: %s", args->cols.v[i]->z);
        if (!ts_flux_is_numeric(col[i]->type) && col[i]->type != TS_FLUX_NULL)
            return ts_flux_fail(cur->run, "covariance does not support %s", ts_flux_type_text(col[i]->type));
    }
    if (col[0]->type != col[1]->type)
        return ts_flux_fail(cur->run, "cannot compute the covariance between different types");
    struct ts_flux_maker mk = TS_FLUX_MAKER(cur->run);
    ts_flux_maker_key(&mk, chk);
    ts_flux_maker_const(&mk, args->to, covariance(col[0], col[1], chk->n, args->pearson));
    return ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, 1));
}

static const struct ts_flux_operator cov_op = {.name = "covariance", .whole = true, .feed = cov_feed};

int ts_flux_op_covariance(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct cov_args ca = {.pearson = ts_flux_arg_bool(args->v[2], false)};
    int rc = ts_flux_arg_cols(run, args->v[1], "", &ca.cols);
    if (rc == 0 && ca.cols.n != 2)
        return ts_flux_fail(run, "must provide exactly two columns");
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[3], "_value", &ca.to);
    return rc ? rc : ts_flux_plan(run, &cov_op, &ca, sizeof ca, args->v[0].stream, out);
}

/* ---- histogram ---- */

struct hist_args {
    const struct ts_flux_name *column, *bound, *count;
    double *bins;
    size_t n;
    bool normalize;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int hist_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct hist_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_column *col;
    int rc = ts_flux_need_column(run, chk, args->column, &col);
    if (rc == 0 && col->type != TS_FLUX_FLOAT && col->type != TS_FLUX_NULL)
        rc = ts_flux_fail(run, "histogram: unsupported column type %s", ts_flux_type_text(col->type));
    if (rc)
        return rc;
    struct ts_flux_column *le = ts_flux_column_new(&run->mem, TS_FLUX_FLOAT, TS_MAX(args->n, (size_t)1));
    struct ts_flux_column *count = ts_flux_column_new(&run->mem, TS_FLUX_FLOAT, TS_MAX(args->n, (size_t)1));
    double total = 0;
    for (size_t k = 0; le && count && k < args->n; k++) {
        le->f[k] = args->bins[k];
        count->f[k] = 0;
        le->n = count->n = k + 1;
    }
    for (size_t i = 0; le && count && i < chk->n; i++) {
        if (ts_flux_column_null(col, i))
            continue;
        double v = col->f[i & col->mask];
        size_t lo = 0, hi = args->n;
        while (lo < hi) { /* the first bound that is not below v */
            size_t mid = (lo + hi) / 2;
            if (args->bins[mid] < v)
                lo = mid + 1;
            else
                hi = mid;
        }
        total++;
        if (lo < args->n)
            count->f[lo]++;
    }
    for (size_t k = 1; count && k < count->n; k++)
        count->f[k] += count->f[k - 1];
    for (size_t k = 0; count && args->normalize && k < count->n; k++)
        count->f[k] /= total;
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    ts_flux_maker_key(&mk, chk);
    ts_flux_maker_add(&mk, args->bound, le);
    ts_flux_maker_add(&mk, args->count, count);
    return ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, args->n));
}

static const struct ts_flux_operator hist_op = {.name = "histogram", .whole = true, .feed = hist_feed};

int ts_flux_op_histogram(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct hist_args ha = {.n = args->v[4].array->n, .normalize = ts_flux_arg_bool(args->v[5], false)};
    ha.bins = ts_flux_arena_alloc(&run->arena, ha.n * sizeof *ha.bins);
    if (!ha.bins)
        return ts_flux_fail_nomem(run);
    for (size_t i = 0; i < ha.n; i++) {
        if (args->v[4].array->v[i].type != TS_FLUX_FLOAT || args->v[4].array->v[i].null)
            return ts_flux_fail(run, "histogram: bins must be floats");
        ha.bins[i] = args->v[4].array->v[i].f;
    }
    qsort(ha.bins, ha.n, sizeof *ha.bins, by_value);
    int rc = ts_flux_arg_name(run, args->v[1], "_value", &ha.column);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[2], "le", &ha.bound);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[3], "_value", &ha.count);
    return rc ? rc : ts_flux_plan(run, &hist_op, &ha, sizeof ha, args->v[0].stream, out);
}

/* ---- histogramQuantile ---- */

struct hq_args {
    const struct ts_flux_name *count, *bound, *value;
    double q, min;
    enum { FAIL, FORCE, DROP } nonmonotonic;
};

struct bucket {
    double le, count;
};

static int by_bound(const void *a, const void *b)
{
    double x = ((const struct bucket *)a)->le, y = ((const struct bucket *)b)->le;
    return (x > y) - (x < y);
}

/* The quantile, by lines between the buckets' bounds; NaN stands for none. */
static struct ts_flux_value bucket_quantile(const struct hq_args *args, const struct bucket *v, size_t n)
{
    double total = v[n - 1].count, rank = args->q * total;
    size_t i = 0;
    if (total == 0)
        return ts_flux_null(TS_FLUX_FLOAT);
    while (i < n && v[i].count <= rank)
        i++;
    if (i == n)
        return ts_flux_float(v[n - 1].le);
    double lc = i ? v[i - 1].count : 0, lb = i ? v[i - 1].le : args->min;
    if (rank == lc)
        return ts_flux_float(lb);
    if (isinf(lb) && lb < 0)
        return ts_flux_float(v[i].le);
    if (isinf(v[i].le) && v[i].le > 0)
        return ts_flux_float(lb);
    return ts_flux_float(lb + (v[i].le - lb) * (rank - lc) / (v[i].count - lc));
}

/* The buckets in order. *drop: they are not cumulative, and the table is to go. */
static int hq_buckets(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, struct bucket *v, bool *drop)
{
    const struct hq_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    const struct ts_flux_column *count = ts_flux_chunk_column(chk, args->count),
                                *le = ts_flux_chunk_column(chk, args->bound);
    for (size_t i = 0; i < chk->n; i++) {
        if (ts_flux_column_null(le, i) || ts_flux_column_null(count, i))
            return ts_flux_fail(run, "unexpected null in the %s column",
                                ts_flux_column_null(le, i) ? "upper bound" : "count");
        v[i] = (struct bucket){ts_flux_column_double(le, i), ts_flux_column_double(count, i)};
    }
    qsort(v, chk->n, sizeof *v, by_bound);
    double before = 0;
    *drop = false;
    for (size_t i = 0; i < chk->n; i++) {
        if (v[i].count < before && args->nonmonotonic == FAIL)
            return ts_flux_fail(run, "histogram records counts are not monotonic");
        if (v[i].count < before && args->nonmonotonic == DROP)
            *drop = true;
        v[i].count = fmax(v[i].count, before);
        before = v[i].count;
    }
    return 0;
}

static int hq_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct hq_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    const struct ts_flux_column *count = ts_flux_chunk_column(chk, args->count),
                                *le = ts_flux_chunk_column(chk, args->bound);
    bool drop = false;
    if (!count || !le)
        return ts_flux_fail(run, "table is missing %s column \"%s\"", count ? "upper bound" : "count",
                            count ? args->bound->z : args->count->z);
    if (!ts_flux_is_numeric(count->type) || !ts_flux_is_numeric(le->type))
        return ts_flux_fail(run, "%s column \"%s\" must be of type float",
                            ts_flux_is_numeric(count->type) ? "upper bound" : "count",
                            ts_flux_is_numeric(count->type) ? args->bound->z : args->count->z);
    if (chk->n == 0)
        return ts_flux_fail(run, "histogram is empty");
    size_t bytes = chk->n * sizeof(struct bucket);
    struct bucket *v = ts_flux_mem_alloc(&run->mem, bytes);
    int rc = v ? hq_buckets(cur, chk, v, &drop) : ts_flux_fail_nomem(run);
    if (rc == 0 && !drop) {
        struct ts_flux_maker mk = TS_FLUX_MAKER(run);
        ts_flux_maker_key(&mk, chk);
        ts_flux_maker_const(&mk, args->value, bucket_quantile(args, v, chk->n));
        rc = ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, 1));
    }
    ts_flux_mem_free(&run->mem, v, bytes);
    return rc;
}

static const struct ts_flux_operator hq_op = {.name = "histogramQuantile", .whole = true, .feed = hq_feed};

int ts_flux_op_histogram_quantile(struct ts_flux_run *run, const struct ts_flux_args *args,
                                  struct ts_flux_value *out)
{
    struct hq_args ha = {.q = ts_flux_arg_float(args->v[1], 0), .min = ts_flux_arg_float(args->v[5], 0)};
    if (ts_flux_is(args->v[6], "force"))
        ha.nonmonotonic = FORCE;
    else if (ts_flux_is(args->v[6], "drop"))
        ha.nonmonotonic = DROP;
    else if (ts_flux_given(args, 6) && !ts_flux_is(args->v[6], "error"))
        return ts_flux_fail(run, "onNonmonotonic must be one of [\"error\", \"force\", \"drop\"]");
    if (!(ha.q >= 0 && ha.q <= 1))
        return ts_flux_fail(run, "quantile must be between 0 and 1");
    int rc = ts_flux_arg_name(run, args->v[2], "_value", &ha.count);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[3], "le", &ha.bound);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[4], "_value", &ha.value);
    return rc ? rc : ts_flux_plan(run, &hq_op, &ha, sizeof ha, args->v[0].stream, out);
}
