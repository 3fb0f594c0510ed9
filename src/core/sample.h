#ifndef TS_CORE_SAMPLE_H
#define TS_CORE_SAMPLE_H
/* What a series measures, and what can be said about it. */
#include "core/base.h"

enum ts_kind {
#define TS_KIND(name, letter, type, text) TS_KIND_##name,
#include "tbl/kinds.def"
#undef TS_KIND
    TS_KIND_COUNT
};

enum ts_aggregate {
#define TS_AGGREGATE(name, text) TS_AGG_##name,
#include "tbl/aggregates.def"
#undef TS_AGGREGATE
    TS_AGG_COUNT
};

#define TS_AGG_BIT(name) (1u << TS_AGG_##name)

/** Value of the tag metric_type, NULL for kinds other than statsd's. */
const char *ts_kind_metric_type(enum ts_kind kind);

/** Field name of an aggregate, such as "stddev". */
const char *ts_aggregate_name(enum ts_aggregate agg);

/** Finds an aggregate by its name. @return false when there is none. */
bool ts_aggregate_find(struct ts_str name, enum ts_aggregate *out);

/** The aggregates (bits) that a series of this kind gives under a rule that asks for `asked`. */
uint32_t ts_kind_aggregates(enum ts_kind kind, uint32_t asked);

#endif
