/*
 * Loops over whole columns of numbers. Eight lanes side by side, so that no step waits for the one before. Thread: any.
 */
#include "config.h"
#include "flux/table/table_fold.h"

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define KERNEL __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define KERNEL
#endif

#define LANES 8

KERNEL double ts_flux_sum_floats(const double *v, size_t n)
{
    double s[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            s[k] += v[i + k];
    for (; i < n; i++)
        s[0] += v[i];
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

KERNEL void ts_flux_slopes(const double *v, const int64_t *t, size_t n, double unit_ns, double *out)
{
    for (size_t i = 1; i < n; i++)
        out[i - 1] = (v[i] - v[i - 1]) / ((double)(t[i] - t[i - 1]) / unit_ns);
}

/* The greatest and the least of n values and `from`, which stays when it is NaN. */
#define EXTREME(name, type, than)                                                                                              \
    KERNEL static type name(const type *v, size_t n, type from)                                                                \
    {                                                                                                                          \
        type s[LANES];                                                                                                         \
        size_t i = 0;                                                                                                          \
        for (size_t k = 0; k < LANES; k++)                                                                                     \
            s[k] = from;                                                                                                       \
        for (; i + LANES <= n; i += LANES)                                                                                     \
            for (size_t k = 0; k < LANES; k++)                                                                                 \
                s[k] = v[i + k] than s[k] ? v[i + k] : s[k];                                                                   \
        for (; i < n; i++)                                                                                                     \
            s[0] = v[i] than s[0] ? v[i] : s[0];                                                                               \
        for (size_t k = 1; k < LANES; k++)                                                                                     \
            s[0] = s[k] than s[0] ? s[k] : s[0];                                                                               \
        return s[0];                                                                                                           \
    }
EXTREME(greatest_float, double, >)
EXTREME(least_float, double, <)
EXTREME(greatest_int, int64_t, >)
EXTREME(least_int, int64_t, <)
EXTREME(greatest_uint, uint64_t, >)
EXTREME(least_uint, uint64_t, <)

bool ts_flux_extreme(enum ts_flux_type type, bool max, const uint64_t *v, size_t n, bool has, union ts_scan_value *best,
                     size_t *row)
{
    union ts_scan_value x, first;
    if (n == 0)
        return false;
    memcpy(&first, v, sizeof first);
    x = has ? *best : first;
    if (type == TS_FLUX_FLOAT)
        x.f = max ? greatest_float((const double *)(const void *)v, n, x.f) : least_float((const double *)(const void *)v, n, x.f);
    else if (type == TS_FLUX_UINT)
        x.u = max ? greatest_uint(v, n, x.u) : least_uint(v, n, x.u);
    else
        x.i = max ? greatest_int((const int64_t *)(const void *)v, n, x.i) : least_int((const int64_t *)(const void *)v, n, x.i);
    if (has && !ts_flux_beats(type, max, x, *best))
        return false;
    *best = x;
    *row = 0;
    while (v[*row] != x.u) /* by its bits: one of them has them, NaN is the first */
        ++*row;
    return true;
}
