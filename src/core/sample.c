/* Tables of kinds and aggregates. Thread: any. */
#include "config.h"
#include "core/sample.h"

static const char *const metric_types[] = {
#define TS_KIND(name, letter, type, text) type,
#include "tbl/kinds.def"
#undef TS_KIND
};

static const char *const aggregate_names[] = {
#define TS_AGGREGATE(name, text) #name,
#include "tbl/aggregates.def"
#undef TS_AGGREGATE
};

const char *ts_kind_metric_type(enum ts_kind kind)
{
    TS_ASSERT(kind < TS_KIND_COUNT);
    return metric_types[kind];
}

const char *ts_aggregate_name(enum ts_aggregate agg)
{
    TS_ASSERT(agg < TS_AGG_COUNT);
    return aggregate_names[agg];
}

bool ts_aggregate_find(struct ts_str name, enum ts_aggregate *out)
{
    for (unsigned i = 0; i < TS_AGG_COUNT; i++) {
        if (ts_str_eq(name, ts_str_of(aggregate_names[i]))) {
            *out = (enum ts_aggregate)i;
            return true;
        }
    }
    return false;
}

uint32_t ts_kind_aggregates(enum ts_kind kind, uint32_t asked)
{
    uint32_t completeness = asked & TS_AGG_BIT(completeness);
    switch (kind) {
    case TS_KIND_COUNTER: return TS_AGG_BIT(count) | TS_AGG_BIT(sum) | TS_AGG_BIT(rate) | completeness;
    case TS_KIND_GAUGE:
        return TS_AGG_BIT(last) | TS_AGG_BIT(min) | TS_AGG_BIT(max) | TS_AGG_BIT(mean) | completeness |
               (asked & (TS_AGG_BIT(first) | TS_AGG_BIT(range) | TS_AGG_BIT(increase)));
    case TS_KIND_SET: return TS_AGG_BIT(distinct) | completeness | (asked & TS_AGG_BIT(sketch));
    case TS_KIND_STRING: return TS_AGG_BIT(last) | completeness;
    case TS_KIND_PASSED: return 0;
    default: return asked;
    }
}
