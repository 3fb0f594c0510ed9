/* Durations, RFC 3339, floors, the fake clock; times checked with date(1). */
#include "config.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/num.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {{"10s", 10 * TS_SEC},
                {"1m30s", 90 * TS_SEC},
                {"1.5s", 1500 * TS_MS},
                {"0s", 0},
                {"2d", 172800 * TS_SEC},
                {"1w", 604800 * TS_SEC},
                {"1h1m1s1ms1us1ns", 3661001001001},
                {".5ms", 500 * TS_US},
                {"15250w", INT64_C(15250) * 604800 * TS_SEC}};
    static const char *const bad[] = {"",    "10",     "s",  "10x", "10 s",   "-1s", "+1s",
                                      "1s2", "1.2.3s", ".s", "1S",  "1month", "1e3s"};
    int64_t ns;
    (void)state;
    for (size_t i = 0; i < TS_ARRAY_SIZE(good); i++) {
        assert_int_equal(ts_clock_read_duration(ts_str_of(good[i].text), &ns), 0);
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < TS_ARRAY_SIZE(bad); i++)
        assert_int_equal(ts_clock_read_duration(ts_str_of(bad[i]), &ns), -TS_EPARSE);
    assert_int_equal(ts_clock_read_duration(TS_STR("99999w"), &ns), -TS_ELIMIT);
    assert_int_equal(ts_clock_read_duration(TS_STR("15250w15250w"), &ns), -TS_ELIMIT);
}

static void durations_read_back(void **state)
{
    static const int64_t all[] = {0,         1,        TS_SEC, 90 * TS_SEC, 1500 * TS_MS, 86400 * TS_SEC,
                                  123456789, INT64_MAX};
    char text[TS_NUM_MAX];
    int64_t ns;
    (void)state;
    for (size_t i = 0; i < TS_ARRAY_SIZE(all); i++) {
        size_t n = ts_clock_put_duration(text, all[i]);
        assert_int_equal(ts_clock_read_duration((struct ts_str){text, n}, &ns), 0);
        assert_int_equal(ns, all[i]);
    }
    assert_int_equal(ts_clock_put_duration(text, 90 * TS_SEC), 5);
    assert_memory_equal(text, "1m30s", 5);
}

static void times_are_printed(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } all[] = {{0, "1970-01-01T00:00:00Z"},
               {INT64_C(1700000000123456789), "2023-11-14T22:13:20.123456789Z"},
               {INT64_C(951782400500000000), "2000-02-29T00:00:00.5Z"},
               {-1, "1969-12-31T23:59:59.999999999Z"},
               {INT64_MAX, "2262-04-11T23:47:16.854775807Z"}};
    char text[TS_NUM_MAX + 1];
    (void)state;
    for (size_t i = 0; i < TS_ARRAY_SIZE(all); i++) {
        text[ts_clock_put_time(text, all[i].ns)] = 0;
        assert_string_equal(text, all[i].text);
    }
}

static void floors(void **state)
{
    (void)state;
    assert_int_equal(ts_clock_floor(25, 10), 20);
    assert_int_equal(ts_clock_floor(20, 10), 20);
    assert_int_equal(ts_clock_floor(-1, 10), -10);
    assert_int_equal(ts_clock_floor(-10, 10), -10);
    assert_int_equal(ts_clock_to_tick(0), 50 * TS_MS);
    assert_int_equal(ts_clock_to_tick(100 * TS_MS - 1), 1);
    assert_int_equal(ts_clock_to_tick(-1), 1);
}

static void the_clock_can_be_set(void **state)
{
    (void)state;
    ts_clock_set_fake(42);
    assert_int_equal(ts_clock_now_ns(), 42);
    ts_clock_set_fake(TS_TIME_NONE);
    assert_true(ts_clock_now_ns() > INT64_C(1700000000) * TS_SEC);
    int64_t before = ts_clock_mono_ns();
    assert_true(ts_clock_mono_ns() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),   cmocka_unit_test(durations_read_back),
        cmocka_unit_test(times_are_printed),    cmocka_unit_test(floors),
        cmocka_unit_test(the_clock_can_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
