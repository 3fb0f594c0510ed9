#ifndef TESTS_UNIT_ROLLUPS_H
#define TESTS_UNIT_ROLLUPS_H
/* Batches for the tests of codec, journal and sinks. Series bytes belong to a static pool of this file's
 * includer. */
#include "core/rollup.h"

static struct ts_buf series_pool[4096];
static unsigned series_used;

/** An encoded series from "key=value,…" pairs given as tags. */
static inline struct ts_str make_series(enum ts_kind kind, const char *name, const char *field,
                                        unsigned ntags, const char *const *tags)
{
    struct ts_series_view view = {
        .kind = kind, .name = ts_str_of(name), .field = ts_str_of(field), .ntags = ntags};
    for (unsigned i = 0; i < ntags; i++)
        view.tags[i] = (struct ts_tag){ts_str_of(tags[2 * i]), ts_str_of(tags[2 * i + 1])};
    TS_ASSERT(series_used < TS_ARRAY_SIZE(series_pool));
    struct ts_buf *buf = &series_pool[series_used++];
    TS_ASSERT(ts_series_encode(&view, buf) == 0);
    return ts_buf_str(buf);
}

static inline void free_series(void)
{
    while (series_used)
        ts_buf_fini(&series_pool[--series_used]);
}

static inline struct ts_rollup_batch *make_batch(const char *to, int64_t start_ns)
{
    struct ts_rollup_batch *batch = ts_rollup_batch_new();
    TS_ASSERT(batch);
    batch->rule = "r10s";
    batch->to = to;
    batch->start_ns = start_ns;
    batch->end_ns = start_ns + INT64_C(10000000000);
    batch->aggregates = TS_AGG_BIT(count) | TS_AGG_BIT(sum) | TS_AGG_BIT(min) | TS_AGG_BIT(max) |
                        TS_AGG_BIT(mean) | TS_AGG_BIT(stddev);
    return batch;
}

static inline void add_numbers(struct ts_rollup_batch *batch, struct ts_str series, unsigned n,
                               const double *values)
{
    struct ts_rollup *pt = &batch->points[batch->n++];
    *pt = (struct ts_rollup){.series = series, .last_text = TS_STR("")};
    for (unsigned i = 0; i < n; i++)
        ts_stats_add(&pt->stats, values[i], 1);
}

#endif
