#ifndef TS_WINDOW_WINDOW_HLL_H
#define TS_WINDOW_WINDOW_HLL_H
/*
 * Distinct counts of a set: exact up to 64 members, then HyperLogLog with 2^12 registers (Flajolet, Fusy, Gandouet, Meunier,
 * "HyperLogLog", 2007; estimator of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017,
 * section 3.1, which needs no bias tables). Standard error 1.04 / sqrt(4096) = 1.6 %.
 */
#include "core/base.h"

struct ts_hll;

/** @return NULL without memory. */
struct ts_hll *ts_hll_new(void);
void ts_hll_free(struct ts_hll **hll);

/** Adds a member by its 64-bit hash. @return false without memory: the member is not in. */
bool ts_hll_add(struct ts_hll *hll, uint64_t hash);

double ts_hll_estimate(const struct ts_hll *hll);

#endif
