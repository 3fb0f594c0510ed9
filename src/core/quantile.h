#ifndef TS_CORE_QUANTILE_H
#define TS_CORE_QUANTILE_H
/*
 * The quantiles that a rule asks for, by their names: p50, p99, p99.9. The field's name has '_' for the
 * point, as in p99_9: queries can then write it without quotes.
 */
#include "core/base.h"
#include "core/err.h"

#define TS_QUANTILES_MAX 16
#define TS_QUANTILE_ONE  1000000u /* q = 1 */
#define TS_QUANTILE_NAME 16       /* bytes of a name */

/** Rising, in millionths. */
struct ts_quantiles {
    uint32_t n;
    uint32_t q[TS_QUANTILES_MAX];
};

/**
 * Reads pNN or pNN.N with up to four decimals, and puts it in its place.
 * @return 0; -TS_ENOTFOUND no such name; -TS_EINVAL not between p0 and p100, or more decimals; -TS_ELIMIT
 * full. One that is there already is not added again.
 */
int ts_quantiles_add(struct ts_quantiles *set, struct ts_str name) TS_MUST_CHECK;

/** The name, with this character for the decimal point; terminated. */
void ts_quantile_name(uint32_t q, char point, char out[TS_QUANTILE_NAME]);

#endif
