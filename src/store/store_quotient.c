/*
 * Columns that can be told from others: the mean of a rollup is its sum divided by its count, its rate the
 * sum divided by a number of seconds. Nobody says so: what a block's columns are divided by each other is
 * tried on some rows. Thread: any; owns its plan.
 *
 * Such a column's sequence is what is to be added to the bits of the quotient: nothing, as a rule. A division
 * of doubles is exact to the last bit everywhere (IEEE 754), but for the bits of NaN: where there is none,
 * the column has its bits alone.
 */
#include "config.h"
#include "store/store_segment_priv.h"

#include "store/store_codec.h"

#include <math.h>

#define ROWS_MIN 16
#define SAMPLE   16
#define FAR      256 /* last bits that may differ */

static uint64_t bits_of(double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

static uint64_t quotient_bits(double a, double b)
{
    double q = a / b;
    return q != q ? 0 : bits_of(q);
}

TS_KERNEL
void ts_quotient_add(const double *a, const double *b, double divisor, unsigned n, uint64_t *v)
{
    if (b)
        for (unsigned i = 0; i < n; i++)
            v[i] += quotient_bits(a[i], b[i]);
    else
        for (unsigned i = 0; i < n; i++)
            v[i] += quotient_bits(a[i], divisor);
}

/* ---- the plan ---- */

static const double *values_of(const struct ts_seg_rows *rows, uint32_t c)
{
    return (const double *)rows->cols[c].v;
}

/* Whether three quarters of a sample are quotients but for their last bits. b NULL: of the divisor. */
static bool fits(const double *x, const double *a, const double *b, double divisor, unsigned n)
{
    unsigned step = (n + SAMPLE - 1) / SAMPLE, sampled = (n + step - 1) / step, misses = 0;
    for (unsigned i = 0; i < n && misses * 4 <= sampled; i += step)
        misses += bits_of(x[i]) - quotient_bits(a[i], b ? b[i] : divisor) + FAR >= 2 * FAR;
    return misses * 4 <= sampled;
}

/* A number of nanoseconds, in seconds, that a is divided by. @return 0: there is none. */
static double divisor_of(const double *x, const double *a, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        double by = rint(a[i] / x[i] * 1e9) / 1e9;
        if (x[i] != 0 && isfinite(by))
            return by > 0 && fits(x, a, NULL, by, n) ? by : 0;
    }
    return 0;
}

static bool is_source(const struct ts_seg_plan *plan, uint32_t c, uint32_t x)
{
    return c != x && plan->cols[c].len && !plan->cols[c].quotient;
}

static bool find(const struct ts_seg_rows *rows, const struct ts_seg_plan *plan, uint32_t x,
                 struct ts_seg_planned *out)
{
    const double *v = values_of(rows, x);
    for (out->a = 0; out->a < plan->n; out->a++) {
        const double *a = values_of(rows, out->a);
        if (!is_source(plan, out->a, x))
            continue;
        out->b = TS_SEG_DIVISOR;
        out->divisor = divisor_of(v, a, rows->n);
        if (out->divisor > 0)
            return true;
        for (out->b = 0; out->b < plan->n; out->b++)
            if (out->b != out->a && is_source(plan, out->b, x) &&
                fits(v, a, values_of(rows, out->b), 0, rows->n))
                return true;
    }
    return false;
}

/* Takes the quotient instead of the column when that is half as long at most. */
static void try_quotient(const struct ts_seg_rows *rows, struct ts_seg_plan *plan, uint32_t x,
                         uint64_t *scratch)
{
    struct ts_seg_planned quo = {.quotient = true, .at = plan->bytes.len};
    struct ts_seg_planned *col = &plan->cols[x];
    if (!find(rows, plan, x, &quo))
        return;
    memset(scratch, 0, rows->n * sizeof *scratch);
    ts_quotient_add(values_of(rows, quo.a), quo.b == TS_SEG_DIVISOR ? NULL : values_of(rows, quo.b),
                    quo.divisor, rows->n, scratch);
    for (unsigned i = 0; i < rows->n; i++)
        scratch[i] = rows->cols[x].v[i] - scratch[i];
    ts_sequence_put(scratch, rows->n, false, false, &plan->bytes);
    quo.len = plan->bytes.len - quo.at;
    if (quo.len * 2 > col->len)
        return;
    *col = quo;
    plan->cols[quo.a].used = true;
    if (quo.b != TS_SEG_DIVISOR)
        plan->cols[quo.b].used = true;
}

void ts_seg_plan(const struct ts_seg_rows *rows, struct ts_seg_plan *plan, uint64_t *scratch)
{
    plan->n = rows->nseries == 0 && rows->n >= ROWS_MIN ? TS_MIN(rows->ncols, TS_SEG_PLANNED) : 0;
    for (uint32_t c = 0; c < plan->n; c++) {
        if (rows->cols[c].type != TS_SCAN_FLOAT || rows->cols[c].present)
            continue;
        plan->cols[c].at = plan->bytes.len;
        ts_sequence_put(rows->cols[c].v, rows->n, true, false, &plan->bytes);
        plan->cols[c].len = plan->bytes.len - plan->cols[c].at;
    }
    /* The longest first: what others are told from cannot be told itself any more. */
    for (uint64_t seen = 0; !ts_buf_failed(&plan->bytes);) {
        uint32_t x = plan->n;
        for (uint32_t c = 0; c < plan->n; c++)
            if (!(seen >> c & 1) && plan->cols[c].len &&
                (x == plan->n || plan->cols[c].len > plan->cols[x].len))
                x = c;
        if (x == plan->n)
            return;
        seen |= UINT64_C(1) << x;
        if (!plan->cols[x].used && plan->cols[x].len > rows->n / 4)
            try_quotient(rows, plan, x, scratch);
    }
}
