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

/* Sorts v[0..n) by radix, eleven bits at a time; tmp has room for n. Digits that all share cost one pass over
 * counts. */
static void sort_values(uint64_t *v, uint64_t *tmp, size_t n)
{
    uint64_t *from = v, *to = tmp;
    uint32_t count[2048];
    for (size_t i = 1; n <= 64 && i < n; i++) { /* few: by insertion */
        uint64_t u = v[i];
        size_t k = i;
        for (; k > 0 && v[k - 1] > u; k--)
            v[k] = v[k - 1];
        v[k] = u;
    }
    if (n <= 64)
        return;
    for (unsigned shift = 0; shift < 64; shift += 11) {
        uint32_t sum = 0;
        memset(count, 0, sizeof count);
        for (size_t i = 0; i < n; i++)
            count[from[i] >> shift & 2047]++;
        if (count[from[0] >> shift & 2047] == n)
            continue;
        for (size_t d = 0; d < 2048; d++) {
            uint32_t c = count[d];
            count[d] = sum;
            sum += c;
        }
        for (size_t i = 0; i < n; i++)
            to[count[from[i] >> shift & 2047]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != v)
        memcpy(v, from, n * sizeof *v);
}

static double q_of(const struct ts_flux_digest *dig, double k)
{
    return (sin(fmin(k, dig->compression) * M_PI / dig->compression - M_PI / 2) + 1) / 2;
}

static double k_of(const struct ts_flux_digest *dig, double q)
{
    return dig->compression * (asin(2 * q - 1) + M_PI / 2) / M_PI;
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
    double seen = 0, limit = dig->weight * q_of(dig, 1);
    while (i < nfresh || k < ndone) {
        double value = i < nfresh ? unordered(dig->fresh[i]) : INFINITY;
        bool fresh = k == ndone || (i < nfresh && value <= dig->done[k].mean);
        struct ts_flux_centroid c = fresh ? (struct ts_flux_centroid){value, 1} : dig->done[k];
        i += fresh;
        k += !fresh;
        if (n && seen + c.weight <= limit) {
            struct ts_flux_centroid *last = &out[n - 1];
            last->weight += c.weight;
            last->mean += c.weight * (c.mean - last->mean) / last->weight;
        } else {
            if (n)
                limit = dig->weight * q_of(dig, k_of(dig, seen / dig->weight) + 1);
            out[n++] = c;
        }
        seen += c.weight;
    }
    dig->next = dig->done;
    dig->done = out;
    dig->ndone = n;
    dig->nfresh = 0;
    return 0;
}

int ts_flux_digest_add(struct ts_flux_digest *dig, double v)
{
    if (isnan(v))
        return 0;
    if (dig->nfresh == dig->fresh_cap && !widen(dig))
        return -TS_ENOMEM;
    dig->fresh[dig->nfresh++] = ordered(v);
    if (v < dig->min)
        dig->min = v;
    if (v > dig->max)
        dig->max = v;
    return dig->nfresh > dig->full ? merge(dig) : 0;
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
