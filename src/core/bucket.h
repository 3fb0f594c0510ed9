#ifndef TS_CORE_BUCKET_H
#define TS_CORE_BUCKET_H
/* The buckets of a rule's histograms: upper bounds, each bucket with its bound. What is above the last is
 * counted in one more. */
#include "core/base.h"
#include "core/err.h"

#define TS_BUCKETS_MAX 64
#define TS_BUCKET_NAME 48 /* bytes of a name */

struct ts_buckets {
    uint32_t n;
    double bounds[TS_BUCKETS_MAX]; /* rising */
};

/**
 * Reads a list with commas: rising numbers; or exponential,FIRST,FACTOR,N; or linear,FIRST,WIDTH,N.
 * @return 0; -TS_EPARSE another word, or no number; -TS_EINVAL they do not rise, or are not finite;
 * -TS_ELIMIT more than TS_BUCKETS_MAX.
 */
int ts_buckets_read(struct ts_str list, struct ts_buckets *out) TS_MUST_CHECK;

/** The bucket of a value: from 0 to n. */
uint32_t ts_buckets_find(const struct ts_buckets *set, double value);

/** Its field's name, le_0_5 for 0.5, and le_inf for n; terminated. */
void ts_bucket_name(const struct ts_buckets *set, uint32_t i, char out[TS_BUCKET_NAME]);

#endif
