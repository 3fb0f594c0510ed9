#ifndef TS_FLUX_TABLE_DIGEST_H
#define TS_FLUX_TABLE_DIGEST_H
/* t-digest (Dunning, Ertl: "Computing extremely accurate quantiles using t-digests", merging form, arcsine
 * scale). */
#include "flux/flux_mem.h"

struct ts_flux_centroid {
    double mean, weight;
};

struct ts_flux_digest {
    struct ts_flux_mem *mem;
    double compression, weight, min, max;
    double sin_step, cos_step; /* of the angle that is one step of the scale function */
    struct ts_flux_centroid *done, *next; /* merged ones in order; room for the next merge */
    uint64_t *fresh; /* values that wait, as integers of the same order, and behind them room to sort them */
    size_t ndone, nfresh, cap, fresh_cap, full; /* full: values that wait at most */
};

void ts_flux_digest_init(struct ts_flux_digest *dig, struct ts_flux_mem *mem, double compression);
void ts_flux_digest_fini(struct ts_flux_digest *dig);
/** NaN is ignored. @return 0, -TS_ENOMEM. */
int ts_flux_digest_add(struct ts_flux_digest *dig, double v) TS_MUST_CHECK;
int ts_flux_digest_add_all(struct ts_flux_digest *dig, const double *v, size_t n) TS_MUST_CHECK;
/** Forgets the values, keeps the memory. */
void ts_flux_digest_clear(struct ts_flux_digest *dig);
/** @return 0, -TS_ENOMEM; *out is NaN when nothing was added. */
int ts_flux_digest_quantile(struct ts_flux_digest *dig, double q, double *out) TS_MUST_CHECK;

#endif
