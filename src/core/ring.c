/* Making and freeing rings. Thread: main. */
#include "config.h"
#include "core/ring.h"

#include "core/mem.h"

void ts_ring_init(struct ts_ring *ring, unsigned size)
{
    TS_ASSERT(size >= 4 && (size & (size - 1)) == 0);
    ring->slots = ts_xalloc(size * sizeof *ring->slots);
    ck_ring_init(&ring->ck, size);
}

void ts_ring_fini(struct ts_ring *ring)
{
    TS_FREE(ring->slots);
}
