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

/* Two doubles that are added at once: the compiler's own idea of which belong together costs more than it saves. */
typedef double ts_stats_pair __attribute__((vector_size(16)));

TS_INLINE void ts_stats_add_pair(double *to, ts_stats_pair more)
{
    ts_stats_pair pair;
    memcpy(&pair, to, sizeof pair);
    pair += more;
    memcpy(to, &pair, sizeof pair);
}

TS_INLINE void ts_stats_add(struct ts_stats *st, double value, double weight)
{
    if (TS_UNLIKELY(!(st->count > 0))) {
        st->shift = st->min = st->max = value;
    }
    double d = value - st->shift, wd = weight * d;
    ts_stats_add_pair(&st->count, (ts_stats_pair){weight, weight * value});
    ts_stats_add_pair(&st->sd, (ts_stats_pair){wd, wd * d});
    st->min = value < st->min ? value : st->min;
    st->max = value > st->max ? value : st->max;
    st->last = value;
}

_Static_assert(offsetof(struct ts_stats, sum) == offsetof(struct ts_stats, count) + sizeof(double) &&
                   offsetof(struct ts_stats, sd2) == offsetof(struct ts_stats, sd) + sizeof(double),
               "each pair lies together");

/** Adds what b has seen to a; last stays b's when b is the later one. Exact but for rounding. */
void ts_stats_merge(struct ts_stats *a, const struct ts_stats *b, bool b_is_later);

double ts_stats_mean(const struct ts_stats *st);

/** Population form (divide by n), or the sample form (n - 1; NaN for n <= 1); NaN when squares overflow. */
double ts_stats_stddev(const struct ts_stats *st, bool sample_form);

/** Its square. */
double ts_stats_variance(const struct ts_stats *st, bool sample_form);

#endif
