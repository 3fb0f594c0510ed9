/* What gives way at which part of limits.memory, and when it ends: the table of core/pressure.h, step by step. */
#include "config.h"
#include "unit.h"

#include "core/pressure.h"

#define WAIT     TS_PRESSURE_WAIT
#define DROP     TS_PRESSURE_DROP
#define OVERFLOW TS_PRESSURE_OVERFLOW

static unsigned at(unsigned percent, int64_t ms)
{
    ts_pressure_set(percent * UINT64_C(1000), ms * TS_MS);
    return atomic_load(&ts_pressure_bits);
}

static void test_quickly_up_and_down(void **state)
{
    (void)state;
    ts_pressure_init(100000);
    assert_int_equal(at(84, 0), 0);
    assert_int_equal(at(85, 10), WAIT);
    assert_int_equal(at(80, 20), WAIT);
    assert_int_equal(at(91, 30), WAIT);
    assert_int_equal(at(92, 40), WAIT | DROP);
    assert_int_equal(at(88, 50), WAIT | DROP);
    assert_int_equal(at(87, 60), WAIT);
    assert_int_equal(at(97, 70), WAIT | DROP | OVERFLOW);
    assert_int_equal(at(88, 80), WAIT | DROP | OVERFLOW);
    assert_int_equal(at(87, 90), OVERFLOW); /* little grows: streams are read on */
    assert_int_equal(at(91, 9000), OVERFLOW);
    assert_int_equal(at(92, 9010), WAIT | DROP | OVERFLOW);
    assert_int_equal(at(79, 9020), 0);
    assert_int_equal(at(84, 9030), 0);
}

static void test_a_second_of_dropping(void **state)
{
    (void)state;
    ts_pressure_init(100000);
    assert_int_equal(at(50, 0), 0);
    assert_int_equal(at(93, 100), WAIT | DROP);
    assert_int_equal(at(87, 500), WAIT); /* an interruption does not count */
    assert_int_equal(at(93, 600), WAIT | DROP);
    assert_int_equal(at(93, 1099), WAIT | DROP);
    assert_int_equal(at(93, 1100), WAIT | DROP | OVERFLOW);
    assert_int_equal(at(70, 1200), 0);
}

static void test_five_seconds_of_waiting(void **state)
{
    (void)state;
    ts_pressure_init(100000);
    assert_int_equal(at(50, 0), 0);
    assert_int_equal(at(86, 1000), WAIT);
    assert_int_equal(at(86, 5999), WAIT);
    assert_int_equal(at(86, 6000), WAIT | OVERFLOW);
    assert_int_equal(at(86, 6010), OVERFLOW);
    assert_int_equal(at(81, 60000), OVERFLOW);
    assert_int_equal(at(79, 60010), 0);
}

static void test_without_a_limit(void **state)
{
    struct ts_memory_status mem;
    (void)state;
    ts_pressure_init(100000);
    assert_int_equal(at(99, 0), WAIT | DROP | OVERFLOW);
    ts_pressure_init(0);
    assert_false(ts_pressure_has(~0u));
    assert_int_equal(ts_pressure_look(), TS_SEC);
    ts_memory_status(&mem);
    assert_true(mem.used_bytes > 100 << 10 && mem.limit_bytes == 0);
    assert_string_equal(mem.state, "ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quickly_up_and_down), cmocka_unit_test(test_a_second_of_dropping),
                                       cmocka_unit_test(test_five_seconds_of_waiting), cmocka_unit_test(test_without_a_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
