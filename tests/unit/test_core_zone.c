/* Days and months of time zones. Expected instants are from the zones' published rules. */
#include "config.h"
#include "core/zone.h"

#include "unit.h"

#include "core/clock.h"

#define H (3600 * TS_SEC)
#define D (24 * H)

static void utc(void **state)
{
    (void)state;
    ts_zone_set("UTC");
    int64_t t = INT64_C(1767225600) * TS_SEC; /* 2026-01-01, a Thursday */
    assert_int_equal(ts_zone_floor(t + 5 * H, TS_CALENDAR_DAY), t);
    assert_int_equal(ts_zone_floor(t - 1, TS_CALENDAR_DAY), t - D);
    assert_int_equal(ts_zone_floor(t, TS_CALENDAR_WEEK), t - 3 * D);
    assert_int_equal(ts_zone_next(t - 3 * D, TS_CALENDAR_WEEK), t + 4 * D);
    assert_int_equal(ts_zone_floor(t + 40 * D, TS_CALENDAR_MONTH), t + 31 * D);
    assert_int_equal(ts_zone_next(t + 31 * D, TS_CALENDAR_MONTH), t + 59 * D);
    assert_int_equal(ts_zone_floor(t - 1, TS_CALENDAR_MONTH), t - 31 * D); /* December */
    assert_int_equal(ts_zone_next(t - 31 * D, TS_CALENDAR_MONTH), t);
    assert_int_equal(ts_zone_floor(t + 364 * D, TS_CALENDAR_YEAR), t);
    assert_int_equal(ts_zone_next(t, TS_CALENDAR_YEAR), t + 365 * D);
    assert_int_equal(ts_zone_floor(-1, TS_CALENDAR_YEAR), -365 * D);
    int64_t feb = INT64_C(1706745600) * TS_SEC; /* 2024-02-01 */
    assert_int_equal(ts_zone_next(feb, TS_CALENDAR_MONTH), feb + 29 * D);
}

/* Clocks are put forward at 01:00 UTC on 2026-03-29, and back on 2026-10-25. */
static void vienna(void **state)
{
    (void)state;
    ts_zone_set("Europe/Vienna");
    int64_t spring = INT64_C(1774742400) * TS_SEC - H; /* 2026-03-29T00:00+01:00 */
    assert_int_equal(ts_zone_floor(spring + 5 * H, TS_CALENDAR_DAY), spring);
    assert_int_equal(ts_zone_next(spring, TS_CALENDAR_DAY), spring + 23 * H);
    int64_t autumn = INT64_C(1792886400) * TS_SEC - 2 * H; /* 2026-10-25T00:00+02:00 */
    assert_int_equal(ts_zone_floor(autumn + 24 * H + H / 2, TS_CALENDAR_DAY), autumn);
    assert_int_equal(ts_zone_next(autumn, TS_CALENDAR_DAY), autumn + 25 * H);
    int64_t march = INT64_C(1772323200) * TS_SEC - H; /* 2026-03-01T00:00+01:00 */
    assert_int_equal(ts_zone_next(march, TS_CALENDAR_MONTH), march + 31 * D - H);
}

/* Days are without gap and overlap where clocks go back or forth at midnight, or a day is left out. */
static void days_tile(const char *zone, int64_t from_ns)
{
    ts_zone_set(zone);
    int64_t start = ts_zone_floor(from_ns, TS_CALENDAR_DAY);
    for (unsigned i = 0; i < 800; i++) {
        int64_t next = ts_zone_next(start, TS_CALENDAR_DAY);
        assert_true(next > start && next - start <= 26 * H);
        for (int64_t t = start; t < next; t += H / 2)
            assert_int_equal(ts_zone_floor(t, TS_CALENDAR_DAY), start);
        assert_int_equal(ts_zone_floor(next - 1, TS_CALENDAR_DAY), start);
        start = next;
    }
}

static void days_without_gap(void **state)
{
    (void)state;
    days_tile("America/Sao_Paulo", INT64_C(1483228800) * TS_SEC); /* 2017: at midnight */
    days_tile("Pacific/Apia", INT64_C(1293840000) * TS_SEC);      /* 2011: without 30 December */
    days_tile("Australia/Lord_Howe", INT64_C(1704067200) * TS_SEC);
}

static void names(void **state)
{
    (void)state;
    assert_true(ts_zone_exists("UTC"));
    assert_true(ts_zone_exists("Europe/Vienna"));
    assert_false(ts_zone_exists("Europe/Wien"));
    assert_false(ts_zone_exists(""));
    assert_false(ts_zone_exists("../../../etc/passwd"));
    assert_false(ts_zone_exists("/etc/localtime"));
    assert_false(ts_zone_exists("Europe"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utc),
        cmocka_unit_test(vienna),
        cmocka_unit_test(days_without_gap),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
