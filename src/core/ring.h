#ifndef TS_CORE_RING_H
#define TS_CORE_RING_H
/*
 * A bounded queue of pointers from one producer thread to one consumer thread: ck_ring (SPSC). The only place that
 * includes Concurrency Kit. A successful push gives the object away; after a refused one the caller still owns it.
 *
 * ThreadSanitizer does not see the fences in ck's inline assembly, so the hand-over is told to it here; that asserts the
 * order rather than proves it, which is why tests/unit/test_core_ring.c stays.
 */
#include "core/base.h"
#include "core/err.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include <ck_ring.h>
#pragma GCC diagnostic pop

#if defined(__SANITIZE_THREAD__)
#define TS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TS_TSAN 1
#endif
#endif
#ifdef TS_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#endif

struct ts_ring {
    ck_ring_t ck TS_ALIGNED;
    ck_ring_buffer_t *slots;
};

/** size is a power of two; size - 1 pointers fit. Ends the process without memory. */
void ts_ring_init(struct ts_ring *ring, unsigned size);
void ts_ring_fini(struct ts_ring *ring);

/** @return false when full. @thread the producer */
TS_INLINE bool ts_ring_push(struct ts_ring *ring, void *p)
{
#ifdef TS_TSAN
    __tsan_release(ring);
#endif
    return ck_ring_enqueue_spsc(&ring->ck, ring->slots, p);
}

/** @return NULL when empty. @thread the consumer */
TS_INLINE void *ts_ring_pop(struct ts_ring *ring)
{
    void *p;
    if (!ck_ring_dequeue_spsc(&ring->ck, ring->slots, &p))
        return NULL;
#ifdef TS_TSAN
    __tsan_acquire(ring);
#endif
    return p;
}

/** Objects inside, as far as the caller can see. @thread any */
static inline unsigned ts_ring_count(const struct ts_ring *ring)
{
    return ck_ring_size(&ring->ck);
}

#endif
