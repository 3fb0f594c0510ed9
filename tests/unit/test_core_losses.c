/* Kept and lost samples by time: sums at seconds and further back, stops of the process, restarts; worked out by hand. */
#include "config.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/losses.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define T0 (INT64_C(1700000040) * TS_SEC) /* a whole minute, no quarter of an hour */

static struct ts_counters *cnt;

static int begin(void **state)
{
    (void)state;
    ts_losses_forget();
    ts_losses_watch();
    return 0;
}

static void keep(uint64_t n)
{
    ts_count(cnt, TS_C_SAMPLES_RECEIVED, n);
    ts_count(cnt, TS_C_SAMPLES_AGGREGATED, n);
}

static void lose(enum ts_counter reason, uint64_t n)
{
    ts_count(cnt, TS_C_SAMPLES_RECEIVED, reason == TS_C_KERNEL_DROPPED_SAMPLES ? 0 : n);
    ts_count(cnt, reason, n);
}

static void assert_between(double from_s, double to_s, double kept, double lost)
{
    struct ts_losses got = ts_losses_between(T0 + (int64_t)(from_s * 1e9), T0 + (int64_t)(to_s * 1e9));
    if (got.kept != kept || got.lost != lost)
        print_error("from %g to %g: kept %g, lost %g\n", from_s, to_s, got.kept, got.lost);
    assert_true(got.kept == kept && got.lost == lost);
}

/* Ticks up to the second, with so many samples in each of them. */
static void go(int64_t from_s, int64_t to_s, uint64_t kept, uint64_t lost)
{
    for (int64_t tick = 20 * from_s + 1; tick <= 20 * to_s; tick++) {
        keep(kept);
        lose(TS_C_DROPPED_RATE_LIMIT, lost);
        ts_losses_look(T0 + tick * TS_TICK_NS);
    }
}

static void sums_of_seconds(void **state)
{
    (void)state;
    ts_losses_look(T0);
    go(0, 3, 2, 1);
    go(3, 5, 5, 0);
    assert_between(0, 3, 120, 60);
    assert_between(3, 5, 200, 0);
    assert_between(2, 4, 140, 20);
    assert_between(0.5, 1.5, 80, 40); /* outwards */
    assert_between(-100, 1, 40, 20);  /* before there was anything */
    assert_between(-100, -50, 0, 0);
    keep(7);
    lose(TS_C_DROPPED_LATE, 3);
    struct ts_losses now = ts_losses_between(T0 + 5 * TS_SEC, INT64_MAX);
    assert_true(now.kept == 7 && now.lost == 3);
    assert_true(ts_losses_share(now) == 0.7);
}

static void every_reason_is_on_its_side(void **state)
{
    (void)state;
    static const enum ts_counter losing[] = {TS_C_DROPPED_RING_FULL,     TS_C_DROPPED_LATE,         TS_C_DROPPED_FUTURE,
                                             TS_C_DROPPED_SERIES_LIMIT,  TS_C_DROPPED_NO_MEMORY,    TS_C_DROPPED_MEMORY_LIMIT,
                                             TS_C_DROPPED_RATE_LIMIT,    TS_C_DROPPED_SERIES_TOO_LONG, TS_C_DROPPED_STAGE_RATE_LIMIT,
                                             TS_C_DROPPED_STAGE_ERROR,   TS_C_KERNEL_DROPPED_SAMPLES};
    static const enum ts_counter meant[] = {TS_C_DROPPED_NO_ROLLUP, TS_C_DROPPED_FILTERED, TS_C_DROPPED_SAMPLED_OUT, TS_C_DROPPED_DUPLICATE,
                                            TS_C_REJECTED_SYNTAX, TS_C_SAMPLES_PASSED};
    struct ts_losses before = ts_losses_between(0, INT64_MAX), after;
    for (unsigned i = 0; i < TS_ARRAY_SIZE(losing); i++)
        lose(losing[i], 1);
    for (unsigned i = 0; i < TS_ARRAY_SIZE(meant); i++)
        lose(meant[i], 1);
    after = ts_losses_between(0, INT64_MAX);
    assert_true(after.lost - before.lost == TS_ARRAY_SIZE(losing) && after.kept == before.kept);
    /* Every reason for a drop is one or the other. */
    unsigned reasons = 0;
    for (unsigned i = 0; i < TS_C_COUNT; i++)
        reasons += strcmp(ts_counter_info((enum ts_counter)i)->name, "samples_dropped_total") == 0;
    assert_int_equal(reasons, TS_ARRAY_SIZE(losing) - 1 + TS_ARRAY_SIZE(meant) - 2);
}

static void a_stopped_process(void **state)
{
    (void)state;
    ts_losses_look(T0);
    go(0, 2, 1, 0);
    keep(10); /* read after the stop, at 7.4 s */
    lose(TS_C_KERNEL_DROPPED_SAMPLES, 90);
    ts_losses_look(T0 + 7400 * TS_MS);
    go(8, 9, 1, 0);
    assert_between(0, 2, 40, 0);
    assert_between(2, 7, 0, 0);
    assert_between(7, 8, 10, 90);
    assert_between(8, 9, 20, 0);
}

static void minutes_and_more_further_back(void **state)
{
    (void)state;
    ts_losses_look(T0);
    for (int64_t s = 1; s <= 40000; s++) {
        keep(1);
        ts_losses_look(T0 + s * TS_SEC - 1);
        lose(TS_C_DROPPED_LATE, s > 3600 && s <= 3660);
        ts_losses_look(T0 + s * TS_SEC);
    }
    assert_between(39000, 39001, 1, 0); /* 1,024 seconds are known */
    assert_between(3540, 3600, 60, 0);  /* minutes */
    assert_between(3600, 3660, 60, 60);
    assert_between(3610, 3650, 0, 0);   /* both lie in one minute */
    assert_between(0, 40000, 40000, 60);
}

static void a_share_is_one_without_losses(void **state)
{
    (void)state;
    assert_true(ts_losses_share((struct ts_losses){0, 0}) == 1);
    assert_true(ts_losses_share((struct ts_losses){5, 0}) == 1);
    assert_true(ts_losses_share((struct ts_losses){-2, 0}) == 1);
    assert_true(ts_losses_share((struct ts_losses){-2, 4}) == 0);
    assert_true(ts_losses_share((struct ts_losses){0, 4}) == 0);
}

static void history_outlives_the_process(void **state)
{
    struct ts_losses_mark marks[TS_LOSSES_SAVED];
    ts_losses_look(T0);
    go(0, 200, 1, 1);
    unsigned n = ts_losses_save(marks);
    assert_true(n > 64 && n <= TS_LOSSES_SAVED);
    begin(state); /* whose counters did not begin at 0 either */
    keep(1000);
    for (unsigned i = 0; i < n; i++)
        assert_true(ts_losses_load(&marks[i]));
    go(203, 206, 1, 0);
    assert_between(190, 200, 200, 200);
    assert_between(190, 206, 260, 200);
    assert_between(200, 203, 0, 0);
    assert_between(120, 200, 1600, 1600); /* a minute that is known; seconds are from 137 on */
    assert_between(0, 206, 4060, 4000);
    struct ts_losses_mark bad = {.level = TS_LOSSES_LEVELS + 2};
    assert_false(ts_losses_load(&bad));
    bad = (struct ts_losses_mark){.level = 0, .at_ns = T0 + 900 * TS_SEC}; /* none before it */
    assert_false(ts_losses_load(&bad));
    bad = (struct ts_losses_mark){.level = TS_LOSSES_LEVELS, .sums = {NAN, 0}};
    assert_false(ts_losses_load(&bad));
}

static void nothing_when_nobody_asks(void **state)
{
    struct ts_losses_mark marks[TS_LOSSES_SAVED], mark = {.level = TS_LOSSES_LEVELS};
    (void)state;
    ts_losses_forget();
    ts_losses_look(T0);
    lose(TS_C_DROPPED_LATE, 1);
    assert_between(-1, 1e6, 0, 0);
    assert_int_equal(ts_losses_save(marks), 0);
    assert_true(ts_losses_load(&mark));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sums_of_seconds, begin),
        cmocka_unit_test_setup(every_reason_is_on_its_side, begin),
        cmocka_unit_test_setup(a_stopped_process, begin),
        cmocka_unit_test_setup(minutes_and_more_further_back, begin),
        cmocka_unit_test(a_share_is_one_without_losses),
        cmocka_unit_test_setup(history_outlives_the_process, begin),
        cmocka_unit_test_setup(nothing_when_nobody_asks, begin),
    };
    cnt = ts_counters_new(NULL, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ts_counters_free_all();
    return failed;
}
