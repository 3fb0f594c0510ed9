#ifndef TS_CORE_DD_H
#define TS_CORE_DD_H
/*
 * Sums with twice the digits of a double, as hi + lo with |lo| at most half a unit of hi's last place. What is rounded off is
 * 2^-104 of the numbers, so sums of the same doubles in any order become the same double, but for a chance of one in 2^50.
 * Sources: Knuth, TAOCP 2, 4.2.2 (two-sum); Dekker, "A floating-point technique for extending the available precision", 1971.
 */
#include "core/base.h"

#include <math.h>

struct ts_dd {
    double hi, lo;
};

/** s + e, where e is much smaller; beyond the range of double it stays there. */
static inline struct ts_dd ts_dd_of(double s, double e)
{
    double hi = s + e;
    return isfinite(hi) ? (struct ts_dd){hi, e - (hi - s)} : (struct ts_dd){hi, 0};
}

/** a + b, exactly. */
static inline struct ts_dd ts_dd_sum(double a, double b)
{
    double s = a + b, part = s - a;
    return isfinite(s) ? (struct ts_dd){s, (a - (s - part)) + (b - part)} : (struct ts_dd){s, 0};
}

/** a * b, exactly but for underflow. */
static inline struct ts_dd ts_dd_product(double a, double b)
{
    double p = a * b;
    return isfinite(p) ? (struct ts_dd){p, fma(a, b, -p)} : (struct ts_dd){p, 0};
}

static inline struct ts_dd ts_dd_add(struct ts_dd a, struct ts_dd b)
{
    struct ts_dd s = ts_dd_sum(a.hi, b.hi), t = ts_dd_sum(a.lo, b.lo);
    s = ts_dd_of(s.hi, s.lo + t.hi);
    return ts_dd_of(s.hi, s.lo + t.lo);
}

static inline struct ts_dd ts_dd_mul(struct ts_dd a, struct ts_dd b)
{
    struct ts_dd p = ts_dd_product(a.hi, b.hi);
    return ts_dd_of(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

#endif
