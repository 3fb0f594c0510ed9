/*
 * Any bytes as an encoded quantile sketch: what decodes must encode to the same bytes again, give the same
 * merged with nothing, and quantiles that rise. As a saved one, what loads must be the same when it is saved again.
 */
#include "config.h"
#include "core/sketch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void saved(struct ts_str bytes)
{
    struct ts_buf encoded = TS_BUF_INIT, again = TS_BUF_INIT, saved = TS_BUF_INIT;
    struct ts_sketch sk, same;
    if (ts_sketch_load(bytes, &sk) != 0)
        return;
    TS_ASSERT(ts_sketch_encode(&sk, &encoded) == 0 && ts_sketch_save(&sk, &saved) == 0);
    TS_ASSERT(ts_sketch_load(ts_buf_str(&saved), &same) == 0);
    TS_ASSERT(ts_sketch_encode(&same, &again) == 0 && ts_str_eq(ts_buf_str(&encoded), ts_buf_str(&again)));
    ts_sketch_fini(&same);
    ts_sketch_fini(&sk);
    ts_buf_fini(&encoded);
    ts_buf_fini(&again);
    ts_buf_fini(&saved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const double qs[] = {0, 0.5, 0.95, 1};
    struct ts_str bytes = {(const char *)data, size};
    struct ts_buf again = TS_BUF_INIT;
    struct ts_sketch sk, empty;
    double v[TS_ARRAY_SIZE(qs)];
    saved(bytes);
    int rc = ts_sketch_decode(bytes, &sk);
    TS_ASSERT(ts_sketch_quantiles(bytes, TS_ARRAY_SIZE(qs), qs, v) == rc);
    if (rc)
        return 0;
    TS_ASSERT(!(v[0] > v[1]) && !(v[1] > v[2]) && !(v[2] > v[3]));
    ts_sketch_init(&empty, sk.limit);
    TS_ASSERT(ts_sketch_merge(&empty, &sk) == 0);
    TS_ASSERT(ts_sketch_encode(&empty, &again) == 0);
    TS_ASSERT(ts_str_eq(ts_buf_str(&again), bytes));
    ts_sketch_fini(&empty);
    ts_sketch_fini(&sk);
    ts_buf_fini(&again);
    return 0;
}
