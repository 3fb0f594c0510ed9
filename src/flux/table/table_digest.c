/*
 * A merging t-digest: values wait until there are eight times the compression, then all centroids are sorted and merged
 * as far as the scale function k(q) = δ·(asin(2q - 1)/π + 1/2) lets them. Owns its centroids. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_digest.h"

#include "core/err.h"

#include <math.h>
#include <stdlib.h>

void ts_flux_digest_init(struct ts_flux_digest *dig, struct ts_flux_mem *mem, double compression)
{
    *dig = (struct ts_flux_digest){.mem = mem, .compression = compression};
    dig->full = 8 * (size_t)ceil(compression);
    ts_flux_digest_clear(dig);
}

void ts_flux_digest_fini(struct ts_flux_digest *dig)
{
    if (!dig->mem)
        return;
    ts_flux_mem_free(dig->mem, dig->done, dig->cap * sizeof *dig->done);
    ts_flux_mem_free(dig->mem, dig->fresh, dig->fresh_cap * sizeof *dig->fresh);
    *dig = (struct ts_flux_digest){0};
}

void ts_flux_digest_clear(struct ts_flux_digest *dig)
{
    dig->ndone = dig->nfresh = 0;
    dig->weight = 0;
    dig->min = INFINITY;
    dig->max = -INFINITY;
}

static bool grow(struct ts_flux_mem *mem, struct ts_flux_centroid **v, size_t *cap, size_t n)
{
    if (n <= *cap)
        return true;
    size_t want = TS_MAX(n, *cap * 2);
    struct ts_flux_centroid *more = ts_flux_mem_alloc(mem, want * sizeof *more);
    if (!more)
        return false;
    if (*cap)
        memcpy(more, *v, *cap * sizeof *more);
    ts_flux_mem_free(mem, *v, *cap * sizeof *more);
    *v = more;
    *cap = want;
    return true;
}

static int by_mean(const void *a, const void *b)
{
    double x = ((const struct ts_flux_centroid *)a)->mean, y = ((const struct ts_flux_centroid *)b)->mean;
    return (x > y) - (x < y);
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
    if (dig->nfresh == 0)
        return 0;
    size_t n = dig->nfresh + dig->ndone;
    if (!grow(dig->mem, &dig->fresh, &dig->fresh_cap, n) || !grow(dig->mem, &dig->done, &dig->cap, n))
        return -TS_ENOMEM;
    struct ts_flux_centroid *v = dig->fresh;
    for (size_t i = 0; i < dig->nfresh; i++)
        dig->weight += v[i].weight;
    if (dig->ndone)
        memcpy(v + dig->nfresh, dig->done, dig->ndone * sizeof *v);
    qsort(v, n, sizeof *v, by_mean);
    double seen = v[0].weight, limit = dig->weight * q_of(dig, 1);
    dig->done[0] = v[0];
    dig->ndone = 1;
    for (size_t i = 1; i < n; i++) {
        struct ts_flux_centroid *last = &dig->done[dig->ndone - 1];
        if (seen + v[i].weight <= limit) {
            last->weight += v[i].weight;
            last->mean += v[i].weight * (v[i].mean - last->mean) / last->weight;
        } else {
            limit = dig->weight * q_of(dig, k_of(dig, seen / dig->weight) + 1);
            dig->done[dig->ndone++] = v[i];
        }
        seen += v[i].weight;
    }
    dig->nfresh = 0;
    return 0;
}

int ts_flux_digest_add(struct ts_flux_digest *dig, double v)
{
    if (isnan(v))
        return 0;
    if (!grow(dig->mem, &dig->fresh, &dig->fresh_cap, dig->nfresh + 1))
        return -TS_ENOMEM;
    dig->fresh[dig->nfresh++] = (struct ts_flux_centroid){v, 1};
    dig->min = fmin(dig->min, v);
    dig->max = fmax(dig->max, v);
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
