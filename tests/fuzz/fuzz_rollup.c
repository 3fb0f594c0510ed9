/*
 * Any bytes as an encoded batch of rollup points: what decodes must encode to the same bytes again; version 1
 * to bytes of version 2 that do.
 */
#include "config.h"
#include "core/rollup.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_str bytes = {(const char *)data, size};
    struct ts_rollup_batch *batch = ts_rollup_batch_new();
    struct ts_rollup_head head;
    struct ts_buf again = TS_BUF_INIT;
    TS_ASSERT(batch);
    int rc = ts_rollup_batch_decode(bytes, batch);
    if (rc == 0) {
        TS_ASSERT(ts_rollup_head_decode(bytes, &head) == 0 && head.n == batch->n);
        TS_ASSERT(ts_rollup_batch_encode(batch, &again) == 0);
        struct ts_buf third = TS_BUF_INIT;
        TS_ASSERT(head.version == 1 || ts_str_eq(ts_buf_str(&again), bytes));
        TS_ASSERT(ts_rollup_batch_decode(ts_buf_str(&again), batch) == 0);
        TS_ASSERT(ts_rollup_batch_encode(batch, &third) == 0);
        TS_ASSERT(ts_str_eq(ts_buf_str(&again), ts_buf_str(&third)));
        ts_buf_fini(&third);
    }
    ts_buf_fini(&again);
    ts_rollup_batch_free(&batch);
    return 0;
}
