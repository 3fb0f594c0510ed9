/* Lanes between ingest threads and workers. Thread: main. */
#include "config.h"
#include "core/lane.h"

#include "core/mem.h"

#define LANE_BYTES (TS_LANE_SLABS * sizeof(struct ts_slab))

void ts_lane_init(struct ts_lane *lane, struct ts_bell *worker_bell, struct ts_bell *ingest_bell)
{
    /* A ring of twice the slabs' number never refuses one. */
    ts_ring_init(&lane->full, 2 * TS_LANE_SLABS);
    ts_ring_init(&lane->empty, 2 * TS_LANE_SLABS);
    lane->worker_bell = worker_bell;
    lane->ingest_bell = ingest_bell;
    lane->slabs = ts_xalloc_aligned(LANE_BYTES, TS_CACHELINE);
    for (unsigned i = 0; i < TS_LANE_SLABS; i++) {
        bool pushed = ts_ring_push(&lane->empty, &lane->slabs[i]);
        TS_ASSERT(pushed);
    }
}

void ts_lane_fini(struct ts_lane *lane)
{
    ts_ring_fini(&lane->full);
    ts_ring_fini(&lane->empty);
    TS_FREE(lane->slabs);
}
