#ifndef TS_CORE_HLL_H
#define TS_CORE_HLL_H
/*
 * Distinct counts of a set: exact up to 64 members, then HyperLogLog with 2^12 registers (Flajolet, Fusy,
 * Gandouet, Meunier, "HyperLogLog", 2007; estimator of Ertl, "New cardinality estimation algorithms for
 * HyperLogLog sketches", 2017, section 3.1, which needs no bias tables). Standard error 1.04 / sqrt(4096)
 * = 1.6 %.
 */
#include "core/base.h"
#include "core/buf.h"

struct ts_hll;

/** @return NULL without memory. */
struct ts_hll *ts_hll_new(void);
void ts_hll_free(struct ts_hll **hll);

/** Adds a member by its 64-bit hash. @return false without memory: the member is not in. */
bool ts_hll_add(struct ts_hll *hll, uint64_t hash);

double ts_hll_estimate(const struct ts_hll *hll);

/** Adds what b has seen to a, which then is what one of all members would be. @return 0; -TS_ENOMEM, a is as
 * it was. */
int ts_hll_merge(struct ts_hll *a, const struct ts_hll *b) TS_MUST_CHECK;

/** Appends it in the form that docs/SKETCHES.md tells; equal sets have equal bytes. @return 0, -TS_ENOMEM. */
int ts_hll_encode(const struct ts_hll *hll, struct ts_buf *buf) TS_MUST_CHECK;

/** Whether the bytes are one. */
bool ts_hll_is(struct ts_str bytes);

/** Reads it. *out is the caller's. @return 0, -TS_ECORRUPT, -TS_ENOMEM. */
int ts_hll_decode(struct ts_str bytes, struct ts_hll **out) TS_MUST_CHECK;

#endif
