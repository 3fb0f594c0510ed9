/* The token bucket, at times of the test's own. */
#include "config.h"
#include "ingest/ingest_limit.h"

#include "core/clock.h"
#include "unit.h"

#include <stdlib.h>

/* @return lines let through of n. */
static unsigned send(struct ts_limit *limit, unsigned n)
{
    char text[3 * 100];
    uint64_t over;
    assert_true(n <= 100);
    for (unsigned i = 0; i < n; i++)
        memcpy(text + 3 * (size_t)i, "ab\n", 3);
    size_t len = ts_limit_take(limit, text, 3 * (size_t)n, &over);
    assert_int_equal(len, 3 * (n - over));
    return n - (unsigned)over;
}

static void burst_then_rate(void **state)
{
    struct ts_limit limit;
    int64_t t = 5 * TS_SEC;
    (void)state;
    ts_limit_init(&limit, 10, 25, t);
    assert_int_equal(send(&limit, 20), 20);
    assert_int_equal(send(&limit, 20), 5);
    assert_int_equal(send(&limit, 20), 0);
    ts_limit_fill(&limit, t += 99 * TS_MS);
    assert_int_equal(send(&limit, 1), 0);
    ts_limit_fill(&limit, t += 1 * TS_MS);
    assert_int_equal(send(&limit, 5), 1);
    ts_limit_fill(&limit, t += 1250 * TS_MS);
    assert_int_equal(send(&limit, 50), 12);
    ts_limit_fill(&limit, t += 50 * TS_MS);
    assert_int_equal(send(&limit, 50), 1);
    ts_limit_fill(&limit, t + 3600 * TS_SEC);
    assert_int_equal(send(&limit, 100), 25);
}

static void burst_is_a_second_by_default(void **state)
{
    struct ts_limit limit;
    (void)state;
    ts_limit_init(&limit, 7, 0, 0);
    assert_int_equal(send(&limit, 100), 7);
}

/* In any steps, the sum is what the time allows. */
static void rounding_loses_nothing(void **state)
{
    struct ts_limit limit;
    uint64_t sent = 0;
    int64_t t = 0;
    (void)state;
    srand(1);
    ts_limit_init(&limit, 333, 100, 0);
    sent += send(&limit, 100);
    while (t < 30 * TS_SEC) {
        t += 1 + rand() % 5000000;
        ts_limit_fill(&limit, t);
        sent += send(&limit, 100);
    }
    assert_int_equal(sent, 100 + (uint64_t)t * 333 / 1000000000);
}

static void extremes(void **state)
{
    struct ts_limit limit;
    (void)state;
    ts_limit_init(&limit, 1000000000, 1000000000, 0);
    assert_int_equal(send(&limit, 100), 100);
    ts_limit_fill(&limit, INT64_MAX);
    assert_int_equal(limit.level, UINT64_C(1000000000) * 1000000000);
    ts_limit_init(&limit, 1, 1000000000, 0);
    limit.level = 0;
    ts_limit_fill(&limit, 30 * TS_SEC);
    assert_int_equal(send(&limit, 100), 30);
    ts_limit_fill(&limit, INT64_MAX);
    assert_int_equal(limit.level, UINT64_C(1000000000) * 1000000000);
}

static void empty_lines_take_none(void **state)
{
    static const char text[] = "\n\r\na\n\n\r\nb\r\n\nlast";
    struct ts_limit limit;
    uint64_t over;
    (void)state;
    ts_limit_init(&limit, 1, 3, 0);
    assert_int_equal(ts_limit_take(&limit, text, sizeof text - 1, &over), sizeof text - 1);
    assert_int_equal(over, 0);
    ts_limit_init(&limit, 1, 1, 0);
    assert_int_equal(ts_limit_take(&limit, text, sizeof text - 1, &over), 5);
    assert_int_equal(over, 2);
    assert_int_equal(ts_limit_take(&limit, text, sizeof text - 1, &over), 0);
    assert_int_equal(over, 3);
    assert_int_equal(ts_limit_take(&limit, "\n\n", 2, &over), 2);
    assert_int_equal(over, 0);
}

/* Sockets of one listener fill it in turns, each with a time that it took before it had the lock. */
static void times_that_cross(void **state)
{
    struct ts_limit limit;
    int64_t t = 5 * TS_SEC;
    (void)state;
    ts_limit_init(&limit, 10, 10, t);
    assert_int_equal(send(&limit, 20), 10);
    ts_limit_fill(&limit, t + 500 * TS_MS);
    ts_limit_fill(&limit, t + 400 * TS_MS);
    ts_limit_fill(&limit, t + 500 * TS_MS);
    assert_int_equal(send(&limit, 20), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_then_rate),        cmocka_unit_test(burst_is_a_second_by_default),
        cmocka_unit_test(rounding_loses_nothing), cmocka_unit_test(extremes),
        cmocka_unit_test(empty_lines_take_none),  cmocka_unit_test(times_that_cross),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
