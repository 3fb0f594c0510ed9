/* Counters of several threads added up, and the ledger that a reader makes of them while they count. */
#include "config.h"
#include "core/ledger.h"
#include "core/thread.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define THREADS 2
#define ROUNDS  200000u

static _Atomic unsigned running;

/* As an ingest thread and its worker would: a whole is counted before its parts; a rejected line is a sample
 * too. */
static void *count(void *arg)
{
    struct ts_counters *cnt = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        ts_count(cnt, TS_C_LINES_RECEIVED, 3);
        ts_count(cnt, TS_C_SAMPLES_RECEIVED, 5);
        ts_count(cnt, TS_C_LINES_ACCEPTED, 2);
        ts_count(cnt, TS_C_REJECTED_BAD_RATE, 1);
        ts_count(cnt, TS_C_SAMPLES_AGGREGATED, 3);
        ts_count(cnt, TS_C_DROPPED_LATE, 1);
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

static void a_reader_never_sees_more_parts_than_whole(void **state)
{
    pthread_t threads[THREADS];
    struct ts_ledger led;
    (void)state;
    atomic_store(&running, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(ts_thread_start(&threads[i], "count", count, ts_counters_new(NULL, NULL)), 0);
    unsigned wrong = 0;
    do {
        ts_ledger_read(&led);
        wrong +=
            led.in_flight < 0 || led.v[TS_C_LINES_ACCEPTED] + led.lines_rejected > led.v[TS_C_LINES_RECEIVED];
    } while (atomic_load(&running));
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(wrong, 0);
    ts_ledger_read(&led);
    assert_true(led.balanced);
    assert_int_equal(led.in_flight, 0);
    assert_int_equal(led.v[TS_C_LINES_RECEIVED], 3 * THREADS * ROUNDS);
    assert_int_equal(led.lines_rejected, THREADS * ROUNDS);
    assert_int_equal(led.samples_dropped, THREADS * ROUNDS);
    ts_counters_free_all();
    assert_int_equal(ts_counter_sum(TS_C_LINES_RECEIVED), 0);
}

static void imbalance_shows(void **state)
{
    struct ts_counters *cnt = ts_counters_new(NULL, NULL);
    struct ts_ledger led;
    (void)state;
    ts_ledger_read(&led);
    assert_true(led.balanced);
    ts_count(cnt, TS_C_LINES_RECEIVED, 1);
    ts_ledger_read(&led);
    assert_false(led.balanced);
    ts_count(cnt, TS_C_REJECTED_NOT_TEXT, 1);
    ts_count(cnt, TS_C_SAMPLES_RECEIVED, 1);
    ts_ledger_read(&led);
    assert_true(led.balanced && led.in_flight == 0);
    ts_count(cnt, TS_C_SAMPLES_RECEIVED, 5);
    ts_ledger_read(&led);
    assert_true(led.balanced && led.in_flight == 5);
    ts_count(cnt, TS_C_SAMPLES_PASSED, 2);
    ts_ledger_read(&led);
    assert_true(led.balanced && led.in_flight == 3);
    ts_count(cnt, TS_C_DROPPED_RING_FULL, 4);
    ts_ledger_read(&led);
    assert_true(!led.balanced && led.in_flight == -1);
    assert_true(ts_ledger_sink_balances(6, 3, 2, 1, 0));
    assert_false(ts_ledger_sink_balances(6, 3, 2, 0, 0));
    ts_counters_free_all();
}

/* Counters of one name stand together, or /metrics would not be well-formed. */
static void the_table_is_well_formed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TS_C_COUNT; i++) {
        const struct ts_counter_info *a = ts_counter_info((enum ts_counter)i);
        for (unsigned j = i + 1; j < TS_C_COUNT; j++) {
            const struct ts_counter_info *b = ts_counter_info((enum ts_counter)j);
            if (strcmp(a->name, b->name) != 0)
                continue;
            assert_string_equal(ts_counter_info((enum ts_counter)(j - 1))->name, a->name);
            assert_string_equal(a->label, b->label);
            assert_string_not_equal(a->value, b->value);
        }
        assert_true(a->help[0] ||
                    (i && strcmp(ts_counter_info((enum ts_counter)(i - 1))->name, a->name) == 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_never_sees_more_parts_than_whole),
        cmocka_unit_test(imbalance_shows),
        cmocka_unit_test(the_table_is_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
