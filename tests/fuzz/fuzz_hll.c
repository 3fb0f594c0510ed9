/* Any bytes as an encoded distinct count: what decodes encodes to the same bytes, and merged with nothing, or with itself, it says the same. */
#include "config.h"
#include "core/hll.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_str bytes = {(const char *)data, size};
    struct ts_buf again = TS_BUF_INIT;
    struct ts_hll *hll, *empty;
    if (ts_hll_decode(bytes, &hll) != 0)
        return 0;
    TS_ASSERT(ts_hll_is(bytes));
    double n = ts_hll_estimate(hll);
    TS_ASSERT(n >= 0);
    empty = ts_hll_new();
    TS_ASSERT(empty && ts_hll_merge(empty, hll) == 0 && ts_hll_merge(empty, hll) == 0);
    TS_ASSERT(ts_hll_estimate(empty) == n);
    TS_ASSERT(ts_hll_encode(empty, &again) == 0 && ts_str_eq(ts_buf_str(&again), bytes));
    ts_hll_free(&empty);
    ts_hll_free(&hll);
    ts_buf_fini(&again);
    return 0;
}
