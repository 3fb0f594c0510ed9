/* Moments against values worked out with Python's fractions and statistics modules. */
#include "config.h"
#include "core/stats.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct ts_stats of(const double *values, const double *weights, size_t n)
{
    struct ts_stats st = {0};
    for (size_t i = 0; i < n; i++)
        ts_stats_add(&st, values[i], weights ? weights[i] : 1);
    return st;
}

static void assert_close(double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * fabs(want)))
        fail_msg("%.17g, want %.17g", got, want);
}

/* statistics.pstdev([1e9 + 4, 1e9 + 7, 1e9 + 13]) = sqrt(14) */
static void nothing_cancels(void **state)
{
    static const double values[] = {1e9 + 4, 1e9 + 7, 1e9 + 13};
    (void)state;
    struct ts_stats st = of(values, NULL, 3);
    assert_close(ts_stats_stddev(&st, false), 3.7416573867739413, 1e-12);
    assert_close(ts_stats_stddev(&st, true), 4.58257569495584, 1e-12);
    assert_close(ts_stats_mean(&st), 1000000008, 1e-15);
    assert_true(st.count == 3 && st.min == 1e9 + 4 && st.max == 1e9 + 13 && st.last == 1e9 + 13 && st.sum == 3e9 + 24);
}

/* An outlier first: the shift lies far from the rest, whose deviation is small beside it. */
static void a_far_first_value(void **state)
{
    static const double values[] = {0, 1e9 + 4, 1e9 + 7, 1e9 + 13};
    (void)state;
    struct ts_stats st = of(values, NULL, 4);
    assert_close(ts_stats_stddev(&st, false), 433012705.356321, 1e-12);
}

/* Weights 10, 2, 1 of 1, 4, 8: mean 26/13 = 2, variance (10·1 + 2·4 + 1·36)/13 = 54/13 */
static void weights_count(void **state)
{
    static const double values[] = {1, 4, 8}, weights[] = {10, 2, 1};
    (void)state;
    struct ts_stats st = of(values, weights, 3);
    assert_true(st.count == 13 && st.sum == 26);
    assert_close(ts_stats_mean(&st), 2, 1e-15);
    assert_close(ts_stats_stddev(&st, false), sqrt(54.0 / 13), 1e-14);
    assert_close(ts_stats_stddev(&st, true), sqrt(54.0 / 12), 1e-14);
}

static void one_value(void **state)
{
    static const double value = -2.5;
    (void)state;
    struct ts_stats st = of(&value, NULL, 1);
    assert_true(st.min == -2.5 && st.max == -2.5 && ts_stats_stddev(&st, false) == 0);
    assert_true(isnan(ts_stats_stddev(&st, true)));
}

static void parts_merge_to_the_whole(void **state)
{
    enum { N = 1000 };
    static double values[N];
    (void)state;
    for (unsigned i = 0; i < N; i++)
        values[i] = 1e6 + (double)(i * 7919 % 1009) / 8;
    struct ts_stats whole = of(values, NULL, N);
    for (size_t cut = 0; cut <= N; cut += 125) {
        struct ts_stats a = of(values, NULL, cut), b = of(values + cut, NULL, N - cut), c = b;
        ts_stats_merge(&a, &b, true);
        assert_true(a.count == N && a.min == whole.min && a.max == whole.max && a.last == whole.last);
        assert_close(a.sum, whole.sum, 1e-14);
        assert_close(ts_stats_stddev(&a, false), ts_stats_stddev(&whole, false), 1e-11);
        struct ts_stats front = of(values, NULL, cut);
        ts_stats_merge(&c, &front, false);
        assert_true(c.last == (cut == N ? values[N - 1] : whole.last));
        assert_close(ts_stats_stddev(&c, false), ts_stats_stddev(&whole, false), 1e-11);
    }
}

static void extremes(void **state)
{
    static const double large[] = {1e308, 1e308}, far[] = {1e200, -1e200};
    (void)state;
    struct ts_stats st = of(large, NULL, 2);
    assert_true(ts_stats_mean(&st) == 1e308 && ts_stats_stddev(&st, false) == 0);
    st = of(far, NULL, 2);
    assert_true(ts_stats_mean(&st) == 0);
    assert_true(isnan(ts_stats_stddev(&st, false))); /* the squares do not fit a double: unknown, not 0 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_cancels), cmocka_unit_test(a_far_first_value),        cmocka_unit_test(weights_count),
        cmocka_unit_test(one_value),       cmocka_unit_test(parts_merge_to_the_whole), cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
