/* The census and its map, each beside a plain list of what is there. */
#include "config.h"
#include "unit.h"

#include "core/census.h"
#include "core/map64.h"
#include "core/mem.h"

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return *state;
}

static void a_map_that_things_come_to_and_go_from(void **unused)
{
    (void)unused;
    enum { KEYS = 5000, STEPS = 400000 };
    struct ts_map64 map;
    static uint32_t there[KEYS];
    uint64_t state = 88172645463325252u;
    uint32_t count = 0;
    ts_map64_init(&map);
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t i = (uint32_t)(draw(&state) % KEYS);
        /* Four share a home, which lies anywhere, the last places and the first among them; one is 0. */
        uint64_t key = i == 4 ? 1 : (uint64_t)(uint32_t)(i / 4 * 0x9e3779b1u) | (uint64_t)(i % 4) << 40;
        uint32_t *value = ts_map64_find(&map, key);
        assert_int_equal(value ? *value : 0, there[i]);
        if (i == 4)
            continue; /* 1, which stands for 0 too */
        if (!value) {
            value = ts_map64_add(&map, key);
            assert_non_null(value);
            *value = there[i] = step + 1;
            count++;
        } else if (draw(&state) % 2) {
            ts_map64_remove(&map, key);
            there[i] = 0;
            count--;
        }
        assert_int_equal(map.count, count);
        if (i == 0)
            there[4] = there[0];
    }
    ts_map64_fini(&map);
}

static struct ts_series_view view;
static struct ts_buf series;

static enum ts_census_verdict judge(struct ts_census *cen, const char *name, const char *value, uint64_t *hash)
{
    enum ts_census_verdict verdict;
    view = (struct ts_series_view){.kind = TS_KIND_COUNTER, .name = ts_str_of(name)};
    if (value) {
        view.tags[0] = (struct ts_tag){TS_STR("k"), ts_str_of(value)};
        view.tags[1] = (struct ts_tag){TS_STR("z"), TS_STR("same")};
        view.ntags = 2;
    }
    assert_int_equal(ts_census_judge(cen, &view, &series, hash, &verdict), 0);
    return verdict;
}

static const char *series_text(void)
{
    static char text[200];
    struct ts_buf buf = TS_BUF_INIT;
    assert_int_equal(ts_series_decode(ts_buf_str(&series), &view), 0);
    ts_series_print(&view, &buf);
    snprintf(text, sizeof text, "%s", ts_buf_cstr(&buf));
    ts_buf_fini(&buf);
    return text;
}

static void hold(struct ts_census *cen, uint64_t hash, enum ts_census_verdict verdict)
{
    assert_int_equal(ts_census_hold(cen, ts_buf_str(&series), hash, verdict), 0);
}

static void what_the_limits_say(void **unused)
{
    (void)unused;
    struct ts_census *cen = ts_census_new(4, 2);
    uint64_t hash;
    assert_int_equal(ts_census_reserve(4), 16);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(judge(cen, "m", i ? "b" : "a", &hash), TS_CENSUS_OWN);
        hold(cen, hash, TS_CENSUS_OWN);
    }
    assert_int_equal(judge(cen, "m", "c", &hash), TS_CENSUS_TAG_VALUES);
    assert_string_equal(series_text(), "m,k=_overflow,z=same");
    hold(cen, hash, TS_CENSUS_TAG_VALUES);
    assert_int_equal(judge(cen, "m", "a", &hash), TS_CENSUS_OWN); /* known */
    assert_int_equal(judge(cen, "n", "c", &hash), TS_CENSUS_OWN); /* values of another measurement's tag */
    hold(cen, hash, TS_CENSUS_OWN);
    /* Four live. */
    assert_int_equal(judge(cen, "n", "d", &hash), TS_CENSUS_SERIES);
    assert_string_equal(series_text(), "n,_overflow=true");
    hold(cen, hash, TS_CENSUS_SERIES);
    assert_int_equal(judge(cen, "m", "d", &hash), TS_CENSUS_TAG_VALUES); /* that series is there */
    assert_int_equal(judge(cen, "x", NULL, &hash), TS_CENSUS_SERIES);
    assert_int_equal(ts_census_hold(cen, ts_buf_str(&series), hash, TS_CENSUS_OWN), -TS_EAGAIN);
    for (unsigned i = 0; i < 15; i++) {
        char name[8];
        snprintf(name, sizeof name, "x%u", i);
        assert_int_equal(judge(cen, name, NULL, &hash), TS_CENSUS_SERIES);
        hold(cen, hash, TS_CENSUS_SERIES);
    }
    assert_int_equal(judge(cen, "y", NULL, &hash), TS_CENSUS_REFUSED);
    assert_int_equal(judge(cen, "n", "e", &hash), TS_CENSUS_SERIES);
    assert_int_equal(ts_census_count(cen), 20);
    /* One goes, with its value, and there is room for another of each. */
    assert_int_equal(judge(cen, "m", "b", &hash), TS_CENSUS_OWN);
    hold(cen, hash, TS_CENSUS_OWN);
    ts_census_release(cen, ts_buf_str(&series), hash);
    assert_int_equal(ts_census_count(cen), 20); /* held twice */
    ts_census_release(cen, ts_buf_str(&series), hash);
    assert_int_equal(ts_census_count(cen), 19);
    assert_int_equal(judge(cen, "m", "d", &hash), TS_CENSUS_OWN);
    assert_string_equal(series_text(), "m,k=d,z=same");
    ts_census_free(&cen);
}

static void who_is_to_blame(void **unused)
{
    (void)unused;
    enum { MANY = 70000 }; /* more measurements than are followed */
    struct ts_census *cen = ts_census_new(100000, 1000);
    static struct ts_census_report report;
    char name[16], value[16];
    uint64_t hash;
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "once%u", i);
        enum ts_census_verdict verdict = judge(cen, name, NULL, &hash);
        hold(cen, hash, verdict);
        if (i % 50 == 0) {
            snprintf(value, sizeof value, "v%u", i);
            verdict = judge(cen, "culprit", value, &hash);
            hold(cen, hash, verdict);
        }
    }
    ts_census_report(cen, &report);
    assert_int_equal(report.series, MANY + 1001); /* 1,000 values of the culprit's and _overflow */
    assert_false(report.complete);
    assert_string_equal(report.measurements[0].measurement, "culprit");
    assert_int_equal(report.measurements[0].series, 1001);
    assert_int_equal(report.measurements[0].overflowed, 400);
    assert_int_equal(report.nmeasurements, TS_CENSUS_ROWS);
    assert_int_equal(report.ntags, 2);
    assert_string_equal(report.tags[0].key, "k");
    assert_int_equal(report.tags[0].values, 1000);
    assert_int_equal(report.tags[0].overflowed, 400);
    assert_int_equal(report.tags[1].values, 1);
    assert_int_equal(report.tags[1].series, 1001);
    ts_census_free(&cen);
    ts_buf_fini(&series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_that_things_come_to_and_go_from),
        cmocka_unit_test(what_the_limits_say),
        cmocka_unit_test(who_is_to_blame),
    };
    return cmocka_run_group_tests_name("core_census", tests, NULL, NULL);
}
