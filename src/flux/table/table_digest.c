/*
 * A merging t-digest: values wait until there are eight times the compression, then they are sorted and
 * merged with the centroids as far as the scale function k(q) = δ·(asin(2q - 1)/π + 1/2) lets them. Owns its
 * centroids. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_digest.h"

#include "core/err.h"

#include <math.h>

void ts_flux_digest_init(struct ts_flux_digest *dig, struct ts_flux_mem *mem, double compression)
{
    *dig = (struct ts_flux_digest){.mem = mem, .compression = compression};
    dig->full = 8 * (size_t)ceil(compression);
    dig->sin_step = compression > 1 ? sin(M_PI / compression) : 0;
    dig->cos_step = compression > 1 ? cos(M_PI / compression) : -1;
    ts_flux_digest_clear(dig);
}

/* Room for as many values again, and to sort them; small tables need little. */
static bool widen(struct ts_flux_digest *dig)
{
    size_t cap = TS_MIN(TS_MAX(dig->fresh_cap * 2, (size_t)32), dig->full + 1);
    uint64_t *fresh = ts_flux_mem_alloc(dig->mem, 2 * cap * sizeof *fresh);
    if (!fresh)
        return false;
    if (dig->nfresh)
        memcpy(fresh, dig->fresh, dig->nfresh * sizeof *fresh);
    ts_flux_mem_free(dig->mem, dig->fresh, 2 * dig->fresh_cap * sizeof *fresh);
    dig->fresh = fresh;
    dig->fresh_cap = cap;
    return true;
}

void ts_flux_digest_fini(struct ts_flux_digest *dig)
{
    if (!dig->mem)
        return;
    ts_flux_mem_free(dig->mem, dig->done, dig->cap * sizeof *dig->done);
    ts_flux_mem_free(dig->mem, dig->next, dig->cap * sizeof *dig->next);
    ts_flux_mem_free(dig->mem, dig->fresh, 2 * dig->fresh_cap * sizeof *dig->fresh);
    *dig = (struct ts_flux_digest){0};
}

void ts_flux_digest_clear(struct ts_flux_digest *dig)
{
    dig->ndone = dig->nfresh = 0;
    dig->weight = 0;
    dig->min = INFINITY;
    dig->max = -INFINITY;
}

/* Room for n centroids in both lists. */
static bool grow(struct ts_flux_digest *dig, size_t n)
{
    if (n <= dig->cap)
        return true;
    size_t cap = TS_MAX(n, dig->cap * 2);
    struct ts_flux_centroid *done = ts_flux_mem_alloc(dig->mem, cap * sizeof *done);
    struct ts_flux_centroid *next = ts_flux_mem_alloc(dig->mem, cap * sizeof *next);
    if (!done || !next) {
        ts_flux_mem_free(dig->mem, done, cap * sizeof *done);
        ts_flux_mem_free(dig->mem, next, cap * sizeof *next);
        return false;
    }
    if (dig->ndone)
        memcpy(done, dig->done, dig->ndone * sizeof *done);
    ts_flux_mem_free(dig->mem, dig->done, dig->cap * sizeof *done);
    ts_flux_mem_free(dig->mem, dig->next, dig->cap * sizeof *next);
    dig->done = done;
    dig->next = next;
    dig->cap = cap;
    return true;
}

/* A double as an integer of the same order, and back. */
static uint64_t ordered(double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u & UINT64_C(1) << 63 ? ~u : u | UINT64_C(1) << 63;
}

static double unordered(uint64_t u)
{
    double v;
    u = u & UINT64_C(1) << 63 ? u & ~(UINT64_C(1) << 63) : ~u;
    memcpy(&v, &u, sizeof v);
    return v;
}

#define RADIX 11
#define DIGIT(u, shift) ((u) >> (shift) & ((1u << RADIX) - 1))

/* @return false, with some of them moved, when that would take more than so many steps. */
static bool sort_by_insertion(uint64_t *v, size_t n, size_t steps)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t u = v[i];
        size_t k = i;
        for (; k > 0 && v[k - 1] > u && steps; k--, steps--)
            v[k] = v[k - 1];
        v[k] = u;
        if (!steps)
            return false;
    }
    return true;
}

/* By the bits from `from` on up to the 33rd above it, in three passes. */
static void sort_by_radix(uint64_t *v, uint64_t *tmp, size_t n, unsigned from)
{
    uint32_t count[3][1 << RADIX] = {{0}};
    for (size_t i = 0; i < n; i++)
        for (unsigned p = 0; p < 3; p++)
            count[p][DIGIT(v[i] >> from, RADIX * p)]++;
    for (unsigned p = 0; p < 3; p++) {
        uint32_t sum = 0;
        for (size_t d = 0; d < 1 << RADIX; d++) {
            uint32_t c = count[p][d];
            count[p][d] = sum;
            sum += c;
        }
        for (size_t i = 0; i < n; i++)
            tmp[count[p][DIGIT(v[i] >> from, RADIX * p)]++] = v[i];
        uint64_t *swap = v;
        v = tmp;
        tmp = swap;
    }
    memcpy(tmp, v, n * sizeof *v);
}

/* Sorts v[0..n); tmp has room for n. The 33 highest bits of those that differ leave little to be put in order, as a rule. */
static void sort_values(uint64_t *v, uint64_t *tmp, size_t n)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < n; i++)
        differ |= v[i] ^ v[0];
    if (n <= 64 || !differ) {
        (void)sort_by_insertion(v, n, SIZE_MAX);
        return;
    }
    unsigned top = 64 - (unsigned)__builtin_clzll(differ), from = top > 3 * RADIX ? top - 3 * RADIX : 0;
    sort_by_radix(v, tmp, n, from);
    if (from == 0 || sort_by_insertion(v, n, 8 * n))
        return;
    sort_by_radix(v, tmp, n, 0); /* then all of it: passes keep the order of those before */
    sort_by_radix(v, tmp, n, 3 * RADIX);
}

/* Where the scale function is one more than at q: the sine of the sum of two angles. */
static double one_further(const struct ts_flux_digest *dig, double q)
{
    double x = 2 * q - 1;
    if (x >= dig->cos_step)
        return 1;
    return (x * dig->cos_step + sqrt(fmax(1 - x * x, 0)) * dig->sin_step + 1) / 2;
}

static int merge(struct ts_flux_digest *dig)
{
    size_t nfresh = dig->nfresh, ndone = dig->ndone, i = 0, k = 0, n = 0;
    if (nfresh == 0)
        return 0;
    if (!grow(dig, nfresh + ndone))
        return -TS_ENOMEM;
    sort_values(dig->fresh, dig->fresh + dig->fresh_cap, nfresh);
    dig->weight += (double)nfresh;
    struct ts_flux_centroid *out = dig->next;
    /* The present centroid is base + off / weight, so that it is exact as long as its values are equal. */
    double seen = 0, limit = dig->weight * one_further(dig, 0), base = 0, off = 0, weight = 0;
    while (i < nfresh || k < ndone) {
        double value = i < nfresh ? unordered(dig->fresh[i]) : INFINITY;
        bool fresh = k == ndone || (i < nfresh && value <= dig->done[k].mean);
        struct ts_flux_centroid c = fresh ? (struct ts_flux_centroid){value, 1} : dig->done[k];
        i += fresh;
        k += !fresh;
        if (weight > 0 && seen + c.weight <= limit) {
            off += c.weight * (c.mean - base);
            weight += c.weight;
        } else {
            if (weight > 0) {
                out[n++] = (struct ts_flux_centroid){base + off / weight, weight};
                limit = dig->weight * one_further(dig, seen / dig->weight);
            }
            base = c.mean;
            off = 0;
            weight = c.weight;
        }
        seen += c.weight;
    }
    out[n++] = (struct ts_flux_centroid){base + off / weight, weight};
    dig->next = dig->done;
    dig->done = out;
    dig->ndone = n;
    dig->nfresh = 0;
    return 0;
}

int ts_flux_digest_add(struct ts_flux_digest *dig, double v)
{
    return ts_flux_digest_add_all(dig, &v, 1);
}

int ts_flux_digest_add_all(struct ts_flux_digest *dig, const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i] != v[i])
            continue;
        if (dig->nfresh == dig->fresh_cap && !widen(dig))
            return -TS_ENOMEM;
        dig->fresh[dig->nfresh++] = ordered(v[i]);
        dig->min = v[i] < dig->min ? v[i] : dig->min;
        dig->max = v[i] > dig->max ? v[i] : dig->max;
        if (dig->nfresh > dig->full && merge(dig) != 0)
            return -TS_ENOMEM;
    }
    return 0;
}

/* Between two centroids, as near to each as the weights say; equal ones stay exact, infinite ones too. */
static double between(double a, double wa, double b, double wb)
{
    double lo = fmin(a, b), hi = fmax(a, b);
    return fmax(lo, fmin((a * wa + b * wb) / (wa + wb), hi));
}

int ts_flux_digest_quantile(struct ts_flux_digest *dig, double q, double *out)
{
    int rc = merge(dig);
    *out = NAN;
    if (rc || dig->ndone == 0)
        return rc;
    const struct ts_flux_centroid *c = dig->done;
    size_t n = dig->ndone;
    double index = q * dig->weight, middle = c[0].weight / 2;
    if (n == 1 || index <= middle) {
        *out = n == 1 ? c[0].mean : dig->min + index / middle * (c[0].mean - dig->min);
        return 0;
    }
    for (size_t i = 1; i < n; i++) { /* middle: the weight up to the middle of centroid i - 1 */
        double next = middle + (c[i - 1].weight + c[i].weight) / 2;
        if (index <= next) {
            *out = between(c[i - 1].mean, next - index, c[i].mean, index - middle);
            return 0;
        }
        middle = next;
    }
    double z = index - middle, half = c[n - 1].weight / 2;
    *out = between(c[n - 1].mean, fmax(half - z, 0), dig->max, z);
    return 0;
}
