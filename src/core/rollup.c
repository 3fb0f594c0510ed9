/* Making and freeing batches of rollup points. Thread: any. */
#include "config.h"
#include "core/rollup.h"

#include "core/mem.h"

struct ts_rollup_batch *ts_rollup_batch_new(void)
{
    return ts_rollup_batch_sized(TS_ROLLUP_BATCH_MAX);
}

struct ts_rollup_batch *ts_rollup_batch_sized(unsigned points)
{
    struct ts_rollup_batch *batch = ts_alloc(sizeof *batch);
    if (!batch)
        return NULL;
    batch->points = ts_alloc(points * sizeof *batch->points);
    if (!batch->points)
        TS_FREE(batch);
    return batch;
}

void ts_rollup_batch_free(struct ts_rollup_batch **batch)
{
    if (*batch) {
        if ((*batch)->returned) /* release: whoever sees the number may free what the batch borrowed */
            atomic_fetch_add_explicit((*batch)->returned, 1, memory_order_release);
        ts_buf_fini(&(*batch)->texts);
        ts_free((*batch)->points);
        TS_FREE(*batch);
    }
}
