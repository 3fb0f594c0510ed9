/*
 * Any bytes as an encoded quantile sketch: what decodes must encode to the same bytes again, give the same
 * merged with nothing, and quantiles that rise.
 */
#include "config.h"
#include "core/sketch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const double qs[] = {0, 0.5, 0.95, 1};
    struct ts_str bytes = {(const char *)data, size};
    struct ts_buf again = TS_BUF_INIT;
    struct ts_sketch sk, empty;
    double v[TS_ARRAY_SIZE(qs)];
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
