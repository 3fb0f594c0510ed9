#ifndef TS_CORE_STATS_H
#define TS_CORE_STATS_H
/*
 * The moments of one window of one series in one cache line, and how two of them combine.
 *
 * Variance comes from sums of differences to the window's first value (shift): var = (sd2 - sd²/n) / n. As long
 * as the shift lies near the data, nothing cancels, and adding a sample needs no division (Chan, Golub, LeVeque,
 * "Algorithms for computing the sample variance", 1983, section 3: shifted data).
 */
#include "core/base.h"

#include <math.h>

struct ts_stats {
    double count; /* sum of weights; 0: no sample yet and the rest is meaningless */
    double sum;   /* sum of weight * value */
    double sd;    /* sum of weight * (value - shift) */
    double sd2;   /* sum of weight * (value - shift)^2 */
    double shift; /* first value */
    double min, max;
    double last;
};

TS_INLINE void ts_stats_add(struct ts_stats *st, double value, double weight)
{
    if (TS_UNLIKELY(st->count == 0)) {
        st->shift = st->min = st->max = value;
    }
    double d = value - st->shift, wd = weight * d;
    st->count += weight;
    st->sum += weight * value;
    st->sd += wd;
    st->sd2 += wd * d;
    st->min = value < st->min ? value : st->min;
    st->max = value > st->max ? value : st->max;
    st->last = value;
}

/** Adds what b has seen to a; last stays b's when b is the later one. Exact but for rounding. */
void ts_stats_merge(struct ts_stats *a, const struct ts_stats *b, bool b_is_later);

double ts_stats_mean(const struct ts_stats *st);

/** Population form (divide by n), or the sample form (n - 1; NaN for n <= 1); NaN when squares overflow. */
double ts_stats_stddev(const struct ts_stats *st, bool sample_form);

/** Its square. */
double ts_stats_variance(const struct ts_stats *st, bool sample_form);

#endif
