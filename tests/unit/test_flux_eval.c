/* What Flux expressions are worth, what is refused before a run, and the limits of one. */
#include "config.h"
#include "flux_eval.h"

#include "flux/exec/exec_time.h"

static void test_arithmetic(void **state)
{
    (void)state;
    IS("1 + 2 * 3", "7");
    IS("7 / 2", "3");
    IS("-7 / 2", "-3");
    IS("-7 % 3", "-1");
    IS("7.0 / 2.0", "3.5");
    IS("1.0 / 0.0", "+Inf");
    IS("2 ^ 10", "1024");
    IS("9223372036854775807 + 1", "-9223372036854775808");
    IS("-9223372036854775808 / -1", "-9223372036854775808");
    IS("uint(v: 3) - uint(v: 5)", "18446744073709551614");
    IS("\"a\" + \"b\"", "ab");
    IS("1h + 30m", "1h30m");
    IS("-(1mo)", "-1mo");
    FAILS("x = 1 / 0", "cannot divide by zero");
    FAILS("x = 1 % 0", "cannot divide by zero");
}

static void test_comparison(void **state)
{
    (void)state;
    IS("1 < 2.5", "true");
    IS("-1 < uint(v: 0)", "true");
    IS("\"a\" < \"b\"", "true");
    IS("2020-01-01 < 2020-01-02", "true");
    IS("[1, 2] == [1, 2]", "true");
    IS("{a: 1} != {a: 2}", "true");
    SHOWS("import \"math\"", "[math.NaN() == math.NaN(), math.NaN() != 1.0, math.NaN() < 1.0]",
          "[false, true, false]");
    IS("\"abc\" =~ /^a.c$/", "true");
    IS("\"abc\" !~ /x/", "true");
    SHOWS("import \"strings\"", "strings.repeat(v: \"ab\", i: 20000) =~ /^(a|b)*$/", "true"); /* deep, but finite */
}

static void test_nulls(void **state)
{
    const char *d = "import d \"internal/debug\"\nn = d.null(type: \"int\")\nb = d.null(type: \"bool\")";
    (void)state;
    SHOWS(d, "n + 1", "<null>");
    SHOWS(d, "n == n", "<null>");
    SHOWS(d, "[b and false, b and true, b or true, b or false]",
          "[\n    false,\n    <null>,\n    true,\n    <null>\n]");
    SHOWS(d, "if b then 1 else 2", "2");
    SHOWS(d, "exists n", "false");
    SHOWS(d, "not b", "<null>");
    SHOWS(d, "float(v: n)", "<null>");
    SHOWS(d, "\"x${n}\"", "a null in an interpolated text");
}

static void test_functions(void **state)
{
    (void)state;
    SHOWS("f = (a, b=10) => a + b", "[f(a: 1), f(a: 1, b: 2)]", "[11, 3]");
    SHOWS("f = (x=<-, y) => x * y", "2 |> f(y: 3) |> f(y: 4)", "24");
    SHOWS("add = (a) => (b) => a + b\nadd5 = add(a: 5)", "add5(b: 1)", "6");
    SHOWS("f = (x) => {\n y = x + 1\n z = y * 2\n return z\n}", "f(x: 3)", "8");
    SHOWS("x = 1\nf = () => x", "f()", "1");
}

static void test_collections(void **state)
{
    (void)state;
    IS("{b: 1, a: \"x\"}", "{a: x, b: 1}");
    SHOWS("r = {a: 1, b: 2}", "{r with b: 3, c: 4}", "{a: 1, b: 3, c: 4}");
    IS("{\"a b\": 1}[\"a b\"]", "1");
    IS("[10, 20, 30][1]", "20");
    IS("[\"b\": 2, \"a\": 1, \"b\": 3]", "[a: 1, b: 3]");
    IS("[:]", "[:]");
    IS("\"a${1 + 1}b${\"c${3}\"}\"", "a2bc3");
    IS("\"${1.5} ${2020-01-01} ${1d} ${true}\"", "1.5 2020-01-01T00:00:00.000000000Z 1d true");
    FAILS("x = [1][1]", "cannot access element 1 of array of length 1");
}

static void test_options(void **state)
{
    (void)state;
    IS("now()", "2026-01-01T00:00:00.000000000Z");
    SHOWS("option now = () => 2020-05-05T00:00:00Z", "today()", "2020-05-05T00:00:00.000000000Z");
    SHOWS("option task = {name: \"a\", every: 1h}", "task.every", "1h");
    SHOWS(
        "import \"timezone\"\nimport \"date\"\noption location = timezone.location(name: \"Europe/Berlin\")",
        "date.hour(t: 2021-07-01T12:00:00Z)", "14");
    FAILS("option now = 1", "option now is a function");
}

static void test_refused_before_a_run(void **state)
{
    (void)state;
    FAILS("x = foo", "undefined identifier foo");
    FAILS("counter = 1\nx = count1r", "undefined identifier count1r; did you mean counter?");
    FAILS("x = strings.toUpper(v: \"a\")", "undefined identifier strings; the package wants import \"strings\"");
    FAILS("x = schema.measurements(bucket: \"b\")", "undefined identifier schema; the package wants import \"influxdata/influxdb/schema\"");
    FAILS("x = {host: 1}\ny = x.hots", "the record has no property hots; did you mean host?");
    FAILS("x = {host: 1}\ny = x.rack", "the record has no property rack");
    FAILS("x = count()", "missing required argument tables of count, which comes through |>");
    FAILS("f = () => g()\ng = () => 1", "undefined identifier g");
    FAILS("import \"strinsg\"", "unknown package \"strinsg\"; did you mean \"strings\"?");
    FAILS("import \"math\"\nx = math.pie", "package math has no member pie; did you mean pi?");
    FAILS("f = (name) => name\nx = f(nmae: 1)", "f has no parameter nmae; did you mean name?");
    FAILS("f = (name) => name\nx = f()", "missing required argument name of f");
    FAILS("f = (a) => a\nx = 1 |> f()", "f takes nothing from a pipe");
    FAILS("x = 1\nx = 2", "x is assigned twice");
    FAILS("x = 1 + 1.0", "the right side must be int, not float");
    FAILS("x = \"a\" - \"b\"", "an operand of - must be int, uint, float or duration, not string");
    FAILS("x = if 1 then 2 else 3", "the condition must be bool, not int");
    FAILS("x = if true then 2 else \"a\"", "the value of else must be int, not string");
    FAILS("x = [1, \"a\"]", "an item of this array must be int, not string");
    FAILS("x = 1(a: 2)", "what is called must be function, not int");
    FAILS("import \"strings\"\nx = strings.toUpper(v: 1)", "argument v must be string, not int");
    FAILS("x = {a: 1}.b", "the record has no property b");
    FAILS("return 1", "return outside of a function");
    FAILS("f = () => {\n x = 1\n}", "the function has no return at its end");
    FAILS("x = \"a${(r) => r}\"",
          "a part of a text must be bool, int, uint, float, string, time or duration, not function");
    /* what only looks wrong */
    FAILS("f = (r) => r.a + 1.0\ng = (r) => r.a + 1", "");
}

static void test_limits(void **state)
{
    char said[400];
    (void)state;
    const char *grow =
        "import \"strings\"\nx = strings.repeat(v: \"0123456789\", i: 1000000)\ny = x + x\nz = y + y";
    assert_string_equal(flux_run(grow, &(struct ts_flux_limits){.memory_bytes = 8u << 20}, said),
                        "memory limit of 8388608 bytes reached");
    assert_string_equal(flux_run(grow, &(struct ts_flux_limits){.memory_bytes = 200u << 20}, said), "");
    const char *work = "import \"array\"\nf = (x) => array.map(arr: [x, x, x, x], fn: (x) => x)\n"
                       "g = (x) => array.map(arr: [x, x, x, x], fn: (x) => f(x))\n"
                       "h = (x) => array.map(arr: [x, x, x, x], fn: (x) => g(x))\n"
                       "i = (x) => array.map(arr: [x, x, x, x], fn: (x) => h(x))\ny = i(x: i(x: i(x: 1)))";
    assert_string_equal(flux_run(work, &(struct ts_flux_limits){.steps = 2000}, said),
                        "limit of 2000 steps reached");
    assert_string_equal(flux_run(work, &(struct ts_flux_limits){.depth = 3}, said),
                        "calls are nested too deep");
    assert_string_equal(flux_run(work, &(struct ts_flux_limits){.deadline_ns = 1}, said),
                        "the query took longer than it may");
    /* a pattern that backtracks for ever ends by itself */
    flux_run("x = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\" =~ /^(a|aa)*(a|aa)*(a|aa)*$/",
             &(struct ts_flux_limits){0}, said);
    assert_non_null(strstr(said, "limit exceeded"));
}

/* Offsets and changes of clocks, from the published rules of each place. */
static void test_zones(void **state)
{
    struct ts_flux_run run;
    struct ts_flux_clock clock = {0};
    int64_t t, local;
    (void)state;
    assert_int_equal(ts_flux_run_init(&run, &(struct ts_flux_limits){0}, 0), 0);
    assert_int_equal(ts_flux_zone_find(&run, TS_STR("America/Los_Angeles"), &clock.zone), 0);
    assert_int_equal(ts_flux_read_time(TS_STR("2021-03-14T09:59:59Z"), &t),
                     0); /* the last second of PST: 01:59:59 */
    assert_int_equal(ts_flux_clock_local(&clock, t), t - INT64_C(8) * 3600 * TS_SEC);
    assert_int_equal(ts_flux_clock_local(&clock, t + TS_SEC), t + TS_SEC - INT64_C(7) * 3600 * TS_SEC);
    assert_int_equal(ts_flux_read_time(TS_STR("2021-03-14T02:30:00Z"), &local),
                     0); /* skipped: the jump itself */
    assert_int_equal(ts_flux_clock_utc(&clock, local), t + TS_SEC);
    assert_int_equal(ts_flux_read_time(TS_STR("2021-11-07T01:30:00Z"), &local),
                     0); /* comes twice: the first, PDT */
    assert_int_equal(ts_flux_clock_utc(&clock, local), local + INT64_C(7) * 3600 * TS_SEC);
    assert_int_equal(ts_flux_read_time(TS_STR("2150-07-01T00:00:00Z"), &t),
                     0); /* behind the file's last transition */
    assert_int_equal(ts_flux_clock_local(&clock, t), t - INT64_C(7) * 3600 * TS_SEC);
    assert_int_equal(ts_flux_zone_find(&run, TS_STR("Australia/Sydney"), &clock.zone), 0);
    assert_int_equal(ts_flux_read_time(TS_STR("2150-01-01T00:00:00Z"), &t), 0); /* summer in the south */
    assert_int_equal(ts_flux_clock_local(&clock, t), t + INT64_C(11) * 3600 * TS_SEC);
    assert_int_equal(ts_flux_zone_find(&run, TS_STR("../../etc/passwd"), &clock.zone), -TS_EQUERY);
    assert_string_equal(run.error.msg, "unknown time zone ../../etc/passwd");
    ts_flux_run_fini(&run);
}

static void test_calendar(void **state)
{
    (void)state;
    SHOWS("import \"date\"", "date.add(d: 1mo, to: 2020-01-31T00:00:00Z)", "2020-02-29T00:00:00.000000000Z");
    SHOWS("import \"date\"", "date.sub(d: 1y, from: 2020-02-29T12:00:00Z)", "2019-02-28T12:00:00.000000000Z");
    SHOWS("import \"date\"", "date.truncate(t: 1969-12-31T23:00:00Z, unit: 1w)",
          "1969-12-25T00:00:00.000000000Z");
    SHOWS("import \"date\"", "date.truncate(t: 2021-08-15T00:00:00Z, unit: 1y)",
          "2021-01-01T00:00:00.000000000Z");
    SHOWS("import \"date\"", "[date.week(t: 2021-01-03), date.week(t: 2021-01-04), date.week(t: 2020-12-31)]",
          "[53, 1, 53]");
    SHOWS("import \"date\"",
          "[date.weekDay(t: 2026-01-01), date.yearDay(t: 2024-12-31), date.quarter(t: 2024-04-01)]",
          "[4, 366, 2]");
    /* A day of New York that has 23 hours. */
    SHOWS("import \"date\"\nimport \"timezone\"\noption location = timezone.location(name: "
          "\"America/New_York\")",
          "[date.truncate(t: 2021-03-14T12:00:00Z, unit: 1d), date.add(d: 1d, to: 2021-03-14T05:00:00Z)]",
          "[2021-03-14T05:00:00.000000000Z, 2021-03-15T04:00:00.000000000Z]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_comparison),
        cmocka_unit_test(test_nulls),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_collections),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_refused_before_a_run),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_zones),
        cmocka_unit_test(test_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
