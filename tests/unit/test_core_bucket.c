/* Buckets of histograms: their lists, what falls where, and names. */
#include "config.h"
#include "core/bucket.h"
#include "unit.h"

static void lists(void **unused)
{
    static const struct {
        const char *list;
        int rc;
        unsigned n;
        double bounds[4];
    } cases[] = {
        {"1", 0, 1, {1}},
        {"-2.5,0,1e3", 0, 3, {-2.5, 0, 1000}},
        {"exponential,0.5,2,4", 0, 4, {0.5, 1, 2, 4}},
        {"linear,-10,5,3", 0, 3, {-10, -5, 0}},
        {"", -TS_EPARSE, 0, {0}},
        {"a", -TS_EPARSE, 0, {0}},
        {"1,,2", -TS_EPARSE, 0, {0}},
        {"inf", -TS_EPARSE, 0, {0}},
        {"linear", -TS_EPARSE, 0, {0}},
        {"linear,1,2", -TS_EPARSE, 0, {0}},
        {"linear,1,2,3,4", -TS_EPARSE, 0, {0}},
        {"linear,1,2,1.5", -TS_EPARSE, 0, {0}},
        {"linear,1,2,0", -TS_ELIMIT, 0, {0}},
        {"linear,1,2,65", -TS_ELIMIT, 0, {0}},
        {"1,1", -TS_EINVAL, 0, {0}},
        {"2,1", -TS_EINVAL, 0, {0}},
        {"linear,1,0,2", -TS_EINVAL, 0, {0}},
        {"exponential,1,0.5,2", -TS_EINVAL, 0, {0}},
        {"exponential,0,2,2", -TS_EINVAL, 0, {0}},
        {"exponential,1e300,10,20", -TS_EINVAL, 0, {0}},
    };
    (void)unused;
    for (unsigned i = 0; i < TS_ARRAY_SIZE(cases); i++) {
        struct ts_buckets set;
        int rc = ts_buckets_read(ts_str_of(cases[i].list), &set);
        if (rc != cases[i].rc)
            fail_msg("%s: %d", cases[i].list, rc);
        if (rc)
            continue;
        assert_int_equal(set.n, cases[i].n);
        assert_memory_equal(set.bounds, cases[i].bounds, set.n * sizeof *set.bounds);
    }
}

static void values_and_names(void **unused)
{
    static const struct {
        double value;
        unsigned bucket;
        const char *name;
    } cases[] = {{-7, 0, "le_-2_5"},     {-2.5, 0, "le_-2_5"}, {-2.4, 1, "le_0"},    {0, 1, "le_0"},
                 {1e-300, 2, "le_1000"}, {1000, 2, "le_1000"}, {1000.1, 3, "le_inf"}};
    (void)unused;
    struct ts_buckets set;
    assert_int_equal(ts_buckets_read(TS_STR("-2.5,0,1e3"), &set), 0);
    for (unsigned i = 0; i < TS_ARRAY_SIZE(cases); i++) {
        char name[TS_BUCKET_NAME];
        assert_int_equal(ts_buckets_find(&set, cases[i].value), cases[i].bucket);
        ts_bucket_name(&set, cases[i].bucket, name);
        assert_string_equal(name, cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(values_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
