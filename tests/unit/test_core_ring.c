/*
 * The ring between two real threads: tagged entries, order and contents checked, with a bell on both sides so that neither
 * spins. Part of the proof that ThreadSanitizer cannot give (see core/ring.h).
 */
#include "config.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/ring.h"
#include "core/thread.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ENTRIES 1000000u
#define SLABS   64u /* fewer than the ring's slots at times, more at others */

struct slab {
    uint64_t tag, check;
};

struct lane {
    struct ts_ring there, back;
    struct ts_bell consumer, producer;
};

/* Pops, or sleeps until there is something. */
static void *pop_or_sleep(struct ts_ring *ring, struct ts_bell *bell)
{
    for (;;) {
        void *p = ts_ring_pop(ring);
        if (p)
            return p;
        ts_bell_prepare(bell);
        p = ts_ring_pop(ring);
        if (p) {
            ts_bell_cancel(bell);
            return p;
        }
        ts_bell_sleep(bell, TS_SEC);
    }
}

static void *produce(void *arg)
{
    struct lane *lane = arg;
    for (uint64_t i = 0; i < ENTRIES; i++) {
        struct slab *slab = pop_or_sleep(&lane->back, &lane->producer);
        slab->tag = i;
        slab->check = ~i * 0x9E3779B97F4A7C15u;
        while (!ts_ring_push(&lane->there, slab))
            sched_yield();
        ts_bell_ring(&lane->consumer);
    }
    return NULL;
}

static void entries_come_in_order(void **state)
{
    static struct slab slabs[SLABS];
    static struct lane lane;
    pthread_t thread;
    uint64_t wrong = 0;
    (void)state;
    ts_ring_init(&lane.there, 32);
    ts_ring_init(&lane.back, 128);
    for (unsigned i = 0; i < SLABS; i++)
        assert_true(ts_ring_push(&lane.back, &slabs[i]));
    assert_int_equal(ts_thread_start(&thread, "producer", produce, &lane), 0);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        struct slab *slab = pop_or_sleep(&lane.there, &lane.consumer);
        wrong += slab->tag != i || slab->check != ~i * 0x9E3779B97F4A7C15u;
        while (!ts_ring_push(&lane.back, slab))
            sched_yield();
        ts_bell_ring(&lane.producer);
    }
    pthread_join(thread, NULL);
    assert_int_equal(wrong, 0);
    assert_null(ts_ring_pop(&lane.there));
    assert_int_equal(ts_ring_count(&lane.back), SLABS);
    ts_ring_fini(&lane.there);
    ts_ring_fini(&lane.back);
}

static void full_and_empty(void **state)
{
    struct ts_ring *ring = ts_xalloc_aligned(sizeof *ring, TS_CACHELINE);
    int things[8];
    (void)state;
    ts_ring_init(ring, 8);
    assert_null(ts_ring_pop(ring));
    for (unsigned i = 0; i < 7; i++)
        assert_true(ts_ring_push(ring, &things[i]));
    assert_false(ts_ring_push(ring, &things[7]));
    assert_int_equal(ts_ring_count(ring), 7);
    for (unsigned i = 0; i < 7; i++)
        assert_ptr_equal(ts_ring_pop(ring), &things[i]);
    assert_null(ts_ring_pop(ring));
    ts_ring_fini(ring);
    TS_FREE(ring);
}

static void a_bell_rung_before_sleep_wakes(void **state)
{
    static struct ts_bell bell;
    (void)state;
    int64_t before = ts_clock_mono_ns();
    ts_bell_prepare(&bell);
    ts_bell_ring(&bell);
    ts_bell_sleep(&bell, 60 * TS_SEC);
    assert_true(ts_clock_mono_ns() - before < 30 * TS_SEC);
    ts_bell_prepare(&bell);
    ts_bell_sleep(&bell, TS_MS);
    assert_true(ts_clock_mono_ns() - before >= TS_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_and_empty),
        cmocka_unit_test(a_bell_rung_before_sleep_wakes),
        cmocka_unit_test(entries_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
