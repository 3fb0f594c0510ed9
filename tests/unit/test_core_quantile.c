/* Names of quantiles: what is one, in which order they stand, and back. */
#include "config.h"
#include "core/quantile.h"
#include "unit.h"

static void names(void **unused)
{
    static const struct {
        const char *name;
        int rc;
        uint32_t q;
        const char *field;
    } cases[] = {
        {"p50", 0, 500000, "p50"},
        {"p99", 0, 990000, "p99"},
        {"p99.9", 0, 999000, "p99_9"},
        {"p99.99", 0, 999900, "p99_99"},
        {"p5", 0, 50000, "p5"},
        {"p05", 0, 50000, "p5"},
        {"p0.5", 0, 5000, "p0_5"},
        {"p99.50", 0, 995000, "p99_5"},
        {"p0.0001", 0, 1, "p0_0001"},
        {"p99.9999", 0, 999999, "p99_9999"},
        {"p12.0304", 0, 120304, "p12_0304"},
        {"p0", -TS_EINVAL, 0, ""},
        {"p100", -TS_EINVAL, 0, ""},
        {"p101", -TS_EINVAL, 0, ""},
        {"p99.99999", -TS_EINVAL, 0, ""},
        {"p18446744073709551666", -TS_EINVAL, 0, ""},
        {"", -TS_ENOTFOUND, 0, ""},
        {"p", -TS_ENOTFOUND, 0, ""},
        {"p.5", -TS_ENOTFOUND, 0, ""},
        {"p5.", -TS_ENOTFOUND, 0, ""},
        {"p5.5.5", -TS_ENOTFOUND, 0, ""},
        {"p-5", -TS_ENOTFOUND, 0, ""},
        {"p5x", -TS_ENOTFOUND, 0, ""},
        {"q50", -TS_ENOTFOUND, 0, ""},
        {"P50", -TS_ENOTFOUND, 0, ""},
    };
    (void)unused;
    for (unsigned i = 0; i < TS_ARRAY_SIZE(cases); i++) {
        struct ts_quantiles set = {0};
        char name[TS_QUANTILE_NAME];
        int rc = ts_quantiles_add(&set, ts_str_of(cases[i].name));
        if (rc != cases[i].rc || set.q[0] != cases[i].q)
            fail_msg("%s: %d, %u", cases[i].name, rc, set.q[0]);
        if (rc)
            continue;
        ts_quantile_name(set.q[0], '_', name);
        assert_string_equal(name, cases[i].field);
    }
}

static void they_stand_in_order_and_once(void **unused)
{
    static const char *const given[] = {"p99", "p1", "p50", "p99.0", "p7.5"};
    (void)unused;
    struct ts_quantiles set = {0};
    for (unsigned i = 0; i < TS_ARRAY_SIZE(given); i++)
        assert_int_equal(ts_quantiles_add(&set, ts_str_of(given[i])), 0);
    assert_true(set.n == 4 && set.q[0] == 10000 && set.q[1] == 75000 && set.q[2] == 500000 &&
                set.q[3] == 990000);
    for (unsigned i = 4; i < TS_QUANTILES_MAX; i++) {
        char name[8];
        snprintf(name, sizeof name, "p%u", 20 + i);
        assert_int_equal(ts_quantiles_add(&set, ts_str_of(name)), 0);
    }
    assert_int_equal(ts_quantiles_add(&set, TS_STR("p98")), -TS_ELIMIT);
    assert_int_equal(ts_quantiles_add(&set, TS_STR("p99")), 0); /* is there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(they_stand_in_order_and_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
