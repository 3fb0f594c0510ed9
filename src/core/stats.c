/* Merging moments and reading mean and deviation off them. Thread: any. */
#include "config.h"
#include "core/stats.h"

void ts_stats_merge(struct ts_stats *a, const struct ts_stats *b, bool b_is_later)
{
    if (b->count == 0)
        return;
    if (a->count == 0) {
        *a = *b;
        return;
    }
    /* b's sums moved to a's shift: with e = b.shift - a.shift,
     * sum w(x - a.shift) = sd_b + n_b e and sum w(x - a.shift)² = sd2_b + 2 e sd_b + n_b e². */
    double e = b->shift - a->shift;
    a->sd2 += b->sd2 + 2 * e * b->sd + b->count * e * e;
    a->sd += b->sd + b->count * e;
    a->count += b->count;
    a->sum += b->sum;
    a->min = b->min < a->min ? b->min : a->min;
    a->max = b->max > a->max ? b->max : a->max;
    if (b_is_later)
        a->last = b->last;
}

double ts_stats_mean(const struct ts_stats *st)
{
    double direct = st->sum / st->count;
    return isfinite(direct) ? direct : st->shift + st->sd / st->count;
}

double ts_stats_variance(const struct ts_stats *st, bool sample_form)
{
    double m2 = st->sd2 - st->sd * st->sd / st->count;
    double n = sample_form ? st->count - 1 : st->count;
    if (n <= 0 || !isfinite(m2)) /* one value, or squares beyond the range of double */
        return NAN;
    return m2 > 0 ? m2 / n : 0;
}

double ts_stats_stddev(const struct ts_stats *st, bool sample_form)
{
    return sqrt(ts_stats_variance(st, sample_form));
}
