/* Passed points on their way to the journal: what a batch holds, times that do not repeat, and what a full
 * ring costs. */
#include "config.h"
#include "unit.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/rollup.h"
#include "route/route_pass.h"

struct one_way {
    struct ts_ring ring;
    struct ts_bell bell;
    struct ts_counters *cnt;
    _Atomic uint64_t count;
    struct ts_passer *passer;
};

static void set_up(struct one_way *way, enum ts_when_full when_full)
{
    memset(way, 0, sizeof *way);
    ts_ring_init(&way->ring, 4); /* room for 3 */
    way->cnt = ts_counters_new(NULL, NULL);
    struct ts_passer_conf conf = {.out = &way->ring,
                                  .out_bell = &way->bell,
                                  .cnt = way->cnt,
                                  .to = "a,b",
                                  .count = &way->count,
                                  .when_full = when_full,
                                  .block_ns = 20 * TS_MS};
    way->passer = ts_passer_new(&conf);
}

static void tear_down(struct one_way *way)
{
    struct ts_rollup_batch *batch;
    while ((batch = ts_ring_pop(&way->ring)))
        ts_rollup_batch_free(&batch);
    ts_passer_free(&way->passer);
    ts_ring_fini(&way->ring);
    ts_counters_free_all();
}

static void pass(struct one_way *way, const char *series, const char *fields, int64_t time_ns)
{
    struct ts_passed psd = {ts_str_of(series), ts_str_of(fields), time_ns != TS_TIME_NONE, time_ns};
    ts_passer_take(&psd, way->passer);
}

static void points_arrive_with_distinct_times(void **unused)
{
    (void)unused;
    struct one_way way;
    set_up(&way, TS_FULL_BLOCK);
    atomic_store(&way.count, 999999);
    ts_passer_begin(way.passer, 1700000000123456789);
    pass(&way, "s1", "f1", 1600000000 * TS_SEC);
    pass(&way, "series2", "", 1600000000 * TS_SEC);
    pass(&way, "s3", "fields3", TS_TIME_NONE);
    assert_null(ts_ring_pop(&way.ring));
    assert_int_equal(ts_counter_of(way.cnt, TS_C_SAMPLES_PASSED), 0);
    ts_passer_flush(way.passer);
    assert_int_equal(ts_counter_of(way.cnt, TS_C_SAMPLES_PASSED), 3);
    struct ts_rollup_batch *batch = ts_ring_pop(&way.ring);
    assert_non_null(batch);
    assert_true(batch->passed);
    assert_string_equal(batch->to, "a,b");
    assert_int_equal(batch->n, 3);
    assert_true(ts_str_eq(batch->points[0].series, TS_STR("s1")) &&
                ts_str_eq(batch->points[0].fields, TS_STR("f1")));
    assert_true(ts_str_eq(batch->points[1].series, TS_STR("series2")) && batch->points[1].fields.len == 0);
    assert_true(ts_str_eq(batch->points[2].series, TS_STR("s3")) &&
                ts_str_eq(batch->points[2].fields, TS_STR("fields3")));
    assert_int_equal(batch->points[0].time_ns, 1600000000000999999);
    assert_int_equal(batch->points[1].time_ns, 1600000000000000000); /* the number has come round */
    assert_int_equal(batch->points[2].time_ns, 1700000000123000001); /* arrival to the millisecond */
    ts_rollup_batch_free(&batch);
    ts_passer_flush(way.passer);
    assert_null(ts_ring_pop(&way.ring));
    tear_down(&way);
}

static void a_batch_goes_out_when_it_is_full(void **unused)
{
    (void)unused;
    struct one_way way;
    set_up(&way, TS_FULL_BLOCK);
    static char long_text[70000];
    memset(long_text, 'x', sizeof long_text - 1);
    ts_passer_begin(way.passer, TS_SEC);
    for (unsigned i = 0; i < 65; i++)
        pass(&way, "s", "f", TS_SEC);
    pass(&way, "s", long_text, TS_SEC);
    struct ts_rollup_batch *first = ts_ring_pop(&way.ring), *second = ts_ring_pop(&way.ring);
    assert_int_equal(first->n, 64);
    assert_int_equal(second->n, 2);
    assert_int_equal(second->points[1].fields.len, sizeof long_text - 1);
    assert_int_equal(ts_counter_of(way.cnt, TS_C_SAMPLES_PASSED), 66);
    ts_rollup_batch_free(&first);
    ts_rollup_batch_free(&second);
    tear_down(&way);
}

/* Six batches for three places. @return how long that took. */
static int64_t overfill(struct one_way *way)
{
    int64_t since_ns = ts_clock_mono_ns();
    ts_passer_begin(way->passer, TS_SEC);
    for (unsigned i = 0; i < 6 * 64; i++)
        pass(way, "s", "f", TS_SEC);
    ts_passer_flush(way->passer);
    assert_int_equal(ts_counter_of(way->cnt, TS_C_SAMPLES_PASSED), 3 * 64);
    assert_int_equal(ts_counter_of(way->cnt, TS_C_DROPPED_RING_FULL), 3 * 64);
    return ts_clock_mono_ns() - since_ns;
}

static void a_full_ring_drops_at_once_when_asked(void **unused)
{
    (void)unused;
    struct one_way way;
    set_up(&way, TS_FULL_DROP_NEW);
    overfill(&way);
    tear_down(&way);
}

static void a_full_ring_is_waited_for_once(void **unused)
{
    (void)unused;
    struct one_way way;
    set_up(&way, TS_FULL_BLOCK);
    int64_t took_ns = overfill(&way);
    assert_true(took_ns >= 20 * TS_MS);
    struct ts_rollup_batch *batch = ts_ring_pop(&way.ring);
    ts_rollup_batch_free(&batch);
    ts_passer_begin(way.passer, TS_SEC);
    pass(&way, "s", "f", TS_SEC);
    ts_passer_flush(way.passer);
    assert_int_equal(ts_counter_of(way.cnt, TS_C_SAMPLES_PASSED), 3 * 64 + 1);
    tear_down(&way);
}

#ifdef TS_HOSTILE
/* The batch, its points, its texts: whichever cannot be had, one point is dropped, and the next one goes. */
static void memory_may_run_out_anywhere(void **unused)
{
    (void)unused;
    for (long n = 1; n <= 3; n++) {
        struct one_way way;
        set_up(&way, TS_FULL_BLOCK);
        ts_passer_begin(way.passer, TS_SEC);
        ts_alloc_fail_at(n);
        pass(&way, "s", "f", TS_SEC);
        ts_alloc_fail_at(0);
        assert_int_equal(ts_counter_of(way.cnt, TS_C_DROPPED_NO_MEMORY), 1);
        pass(&way, "s", "f", TS_SEC);
        ts_passer_flush(way.passer);
        assert_int_equal(ts_counter_of(way.cnt, TS_C_SAMPLES_PASSED), 1);
        tear_down(&way);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_arrive_with_distinct_times),
        cmocka_unit_test(a_batch_goes_out_when_it_is_full),
        cmocka_unit_test(a_full_ring_drops_at_once_when_asked),
        cmocka_unit_test(a_full_ring_is_waited_for_once),
#ifdef TS_HOSTILE
        cmocka_unit_test(memory_may_run_out_anywhere),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
