/*
 * from() over a store with blocks, rewritten and deleted points and points that have only landed: what the scan works out itself is
 * what the operators make of the rows; less and less memory, cancellation, and columns that are held after the scan went on.
 */
#include "config.h"
#include "unit.h"

#include "flux.h"
#include "core/admin.h"
#include "store/store.h"

#include <math.h>
#include <stdlib.h>

#define T0     (INT64_C(1700000000) * TS_SEC)
#define STEP   (10 * TS_SEC)
#define POINTS 20000
#define HOSTS  3

#define FROM "from(bucket: \"b\") |> range(start: 2023-11-01T00:00:00Z, stop: 2023-12-01T00:00:00Z)"
/* cuts blocks and windows */
#define PART "from(bucket: \"b\") |> range(start: 2023-11-15T01:02:03Z, stop: 2023-11-15T22:22:22Z)"
/* nothing can be pushed through it */
#define SPOIL " |> map(fn: (r) => ({r with _value: r._value}))"
#define TAIL                                                                                                                   \
    " |> map(fn: (r) => ({h: if exists r.host then r.host else \"-\", f: if exists r._field then r._field else \"-\","         \
    " b: r._start, e: r._stop, v: r._value})) |> group() |> sort(columns: [\"h\", \"f\", \"b\", \"v\"])"
#define TIMED                                                                                                                  \
    " |> map(fn: (r) => ({h: if exists r.host then r.host else \"-\", f: if exists r._field then r._field else \"-\","         \
    " t: r._time, v: r._value})) |> group() |> sort(columns: [\"h\", \"f\", \"t\", \"v\"])"

static char dir[64];
static struct ts_store *store;
static struct ts_scan_source *source;

/* Whole numbers, so that sums of floats have no order. */
static int64_t value_of(int64_t i, int host, bool again)
{
    return (i * 37 + host * 11 + (again ? 5 : 0)) % 101 - 20;
}

static void put(int64_t from, int64_t to, bool again)
{
    struct ts_points *pts;
    struct ts_err err;
    assert_int_equal(ts_points_begin(ts_store_writer(store), TS_STR("b"), &pts, &err), 0);
    for (int h = 0; h < HOSTS; h++) {
        char name[16];
        uint32_t series;
        snprintf(name, sizeof name, "h%d", h);
        struct ts_tag tag = {TS_STR("host"), ts_str_of(name)};
        assert_int_equal(ts_points_series(pts, TS_STR("m"), &tag, h < HOSTS - 1 ? 1 : 0, &series, &err), 0);
        for (int64_t i = from; i < to; i++) {
            int64_t v = value_of(i, h, again);
            struct ts_point_field fields[] = {
                {.key = TS_STR("i"), .type = TS_SCAN_INT, .v.i = v},
                {.key = TS_STR("odd"), .type = TS_SCAN_FLOAT, .v.f = v == 80 ? NAN : v == 79 ? INFINITY : (double)v / 2},
                {.key = TS_STR("s"), .type = TS_SCAN_STRING, .text = v > 50 ? TS_STR("high") : TS_STR("low")},
                {.key = TS_STR("u"), .type = TS_SCAN_UINT, .v.u = (uint64_t)v + 20},
                {.key = TS_STR("up"), .type = TS_SCAN_BOOL, .v.u = v > 0},
                {.key = TS_STR("v"), .type = TS_SCAN_FLOAT, .v.f = (double)v},
            };
            assert_int_equal(ts_points_add(pts, series, T0 + i * STEP, fields, TS_ARRAY_SIZE(fields), &err), 0);
        }
        assert_int_equal(ts_points_commit(pts, TS_STR(""), TS_STR(""), &err), 0);
    }
    ts_points_end(&pts);
}

/* What is left of point i of a host. @return false: it was deleted. */
static bool has(int64_t i, int host, int64_t *v)
{
    *v = value_of(i, host, i >= 9000 && i < 9500);
    return i < 12000 || i >= 12500;
}

static int begin(void **state)
{
    struct ts_err err;
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/tsagg-flux-scan.XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(ts_store_open(dir, &store, &err), 0);
    assert_int_equal(ts_store_put_bucket(store, TS_STR("b"), 0, &err), 0);
    put(0, 15000, false);
    assert_int_equal(ts_store_tend(store, TS_STORE_FULL, &err), 0);
    put(9000, 9500, true);
    struct ts_scan_bucket bucket;
    assert_int_equal(ts_scan_bucket(ts_store_source(store), TS_STR("b"), &bucket, &err), 0);
    assert_int_equal(ts_admin_delete_points(ts_store_admin(store), (int64_t)bucket.id, NULL, T0 + 12000 * STEP,
                                            T0 + 12500 * STEP - 1, &err),
                     0);
    put(15000, 17000, false);
    assert_int_equal(ts_store_tend(store, TS_STORE_LAND, &err), 0);
    put(17000, POINTS, false);
    source = ts_store_source(store);
    return 0;
}

static int end(void **state)
{
    char command[96];
    (void)state;
    ts_store_close(&store);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void answer(const char *script, struct ts_buf *out)
{
    ts_buf_clear(out);
    flux_run_over(source, NULL, script, 0, out);
    assert_false(ts_buf_failed(out));
}

static void expect_row(const char *script, const char *row)
{
    struct ts_buf out = TS_BUF_INIT;
    answer(script, &out);
    if (!strstr(ts_buf_cstr(&out), row))
        print_error("%s\n%s\n", script, ts_buf_cstr(&out));
    assert_non_null(strstr(ts_buf_cstr(&out), row));
    ts_buf_fini(&out);
}

static void test_known_values(void **state)
{
    (void)state;
    int64_t n = 0, sum = 0, above = 0, v;
    char row[128];
    for (int64_t i = 0; i < POINTS; i++)
        if (has(i, 0, &v)) {
            n++;
            sum += v;
            above += v > 50;
        }
    snprintf(row, sizeof row, "Z,%lld,i,m,h0\r\n", (long long)n);
    expect_row(FROM " |> filter(fn: (r) => r._field == \"i\" and r.host == \"h0\") |> count()", row);
    snprintf(row, sizeof row, "Z,%lld,i,m,h0\r\n", (long long)sum);
    expect_row(FROM " |> filter(fn: (r) => r._field == \"i\" and r.host == \"h0\") |> sum()", row);
    snprintf(row, sizeof row, "Z,%lld,v,m,h0\r\n", (long long)above);
    expect_row(FROM " |> filter(fn: (r) => r._field == \"v\" and r.host == \"h0\" and r._value > 50.0) |> count()", row);
    expect_row(FROM " |> filter(fn: (r) => r._field == \"s\" and not exists r.host) |> last()", "2023-11-17T05:46:30Z,");
    expect_row(FROM " |> filter(fn: (r) => r._field == \"up\" and not exists r.host) |> first()", "2023-11-14T22:13:20Z,");
}

/* The same rows, whether the scan may know what becomes of them or not. */
static void same(const char *from, const char *op, const char *tail)
{
    struct ts_buf script = TS_BUF_INIT, pushed = TS_BUF_INIT, spoiled = TS_BUF_INIT;
    ts_buf_printf(&script, "%s%s%s", from, op, tail);
    answer(ts_buf_cstr(&script), &pushed);
    ts_buf_clear(&script);
    ts_buf_printf(&script, "%s" SPOIL "%s%s", from, op, tail);
    answer(ts_buf_cstr(&script), &spoiled);
    if (strcmp(ts_buf_cstr(&pushed), ts_buf_cstr(&spoiled)) != 0)
        print_error("%s\n%s\n", ts_buf_cstr(&script), ts_buf_cstr(&pushed));
    assert_memory_equal(pushed.p, "#datatype", 9);
    assert_string_equal(ts_buf_cstr(&pushed), ts_buf_cstr(&spoiled));
    ts_buf_fini(&script);
    ts_buf_fini(&pushed);
    ts_buf_fini(&spoiled);
}

#define FLOATS " |> filter(fn: (r) => r._field == \"v\")"
#define WHOLE  " |> filter(fn: (r) => r._field == \"i\")"

static void test_aggregates(void **state)
{
    (void)state;
    static const char *const froms[] = {FROM FLOATS, PART WHOLE, PART FLOATS " |> filter(fn: (r) => r._value > 70.0)",
                                        FROM WHOLE " |> filter(fn: (r) => r._time > 2023-11-15T12:00:00Z)"};
    static const char *const groups[] = {"", " |> group(columns: [\"host\", \"_start\", \"_stop\"])",
                                         " |> group(columns: [\"_start\", \"_stop\"])", " |> window(every: 7h)",
                                         " |> window(every: 7h, createEmpty: true)"};
    static const char *const fns[] = {" |> count()", " |> sum()",   " |> mean()",  " |> min()",
                                      " |> max()",   " |> spread()", " |> first()", " |> last()"};
    char op[256];
    for (size_t f = 0; f < TS_ARRAY_SIZE(froms); f++)
        for (size_t g = 0; g < TS_ARRAY_SIZE(groups); g++)
            for (size_t k = 0; k < TS_ARRAY_SIZE(fns); k++) {
                bool by_time = k >= 6 && g == 2; /* InfluxDB's storage takes the time, what is above it the order of rows */
                snprintf(op, sizeof op, "%s%s", groups[g], fns[k]);
                if (!by_time)
                    same(froms[f], op, TAIL);
            }
}

static void test_windows(void **state)
{
    (void)state;
    static const char *const froms[] = {FROM FLOATS, PART WHOLE, FROM FLOATS " |> filter(fn: (r) => r._value > 70.0)"};
    static const char *const fns[] = {"count", "sum", "mean", "min", "max", "first", "last"};
    static const char *const options[] = {"every: 1h", "every: 3d, createEmpty: false", "every: 13h, offset: 17m, timeSrc: \"_start\"",
                                          "every: 1mo"};
    char op[256];
    for (size_t f = 0; f < TS_ARRAY_SIZE(froms); f++)
        for (size_t k = 0; k < TS_ARRAY_SIZE(fns); k++)
            for (size_t o = 0; o < TS_ARRAY_SIZE(options); o++)
                for (int grouped = 0; grouped < 2; grouped++) {
                    snprintf(op, sizeof op, "%s |> aggregateWindow(fn: %s, %s)",
                             grouped ? " |> group(columns: [\"host\", \"_start\", \"_stop\"])" : "", fns[k], options[o]);
                    same(froms[f], op, TIMED);
                }
    same(FROM " |> filter(fn: (r) => r._field == \"s\")", " |> aggregateWindow(fn: last, every: 5h)", TIMED);
    same(FROM " |> filter(fn: (r) => r._field == \"up\")", " |> aggregateWindow(fn: count, every: 5h)", TIMED);
}

/* Columns that are held while the scan goes on: of several chunks, and of a scan that was closed before its end. */
/* Chunk by chunk, and whole tables at once. */
static void test_derivative(void **state)
{
    (void)state;
    static const char *const froms[] = {PART FLOATS, PART WHOLE, FROM WHOLE " |> filter(fn: (r) => r._value > 70)",
                                        FROM FLOATS " |> filter(fn: (r) => r._time < 2023-11-14T22:13:45Z)"};
    static const char *const ops[] = {" |> derivative()", " |> derivative(unit: 1m, nonNegative: true)",
                                      " |> derivative(unit: 100ms, nonNegative: true, initialZero: true)"};
    for (size_t f = 0; f < TS_ARRAY_SIZE(froms); f++)
        for (size_t k = 0; k < TS_ARRAY_SIZE(ops); k++)
            same(froms[f], ops[k], TIMED);
}

static void test_held(void **state)
{
    (void)state;
    same(FROM FLOATS, " |> sort(columns: [\"_value\", \"_time\"]) |> limit(n: 50)", TIMED);
    same(FROM " |> filter(fn: (r) => r._field == \"s\")", " |> tail(n: 5)", TIMED);
    same(FROM FLOATS, " |> tableFind(fn: (key) => not exists key.host) |> limit(n: 3)", TIMED);
    same(FROM " |> filter(fn: (r) => r._field == \"up\")", " |> limit(n: 4500)", TIMED);
}

/* ---- predicates on values ---- */

static uint64_t seed = 8;

static unsigned draw(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

/* tags: of series, too. */
static void put_condition(struct ts_buf *to, unsigned depth, bool tags)
{
    static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};
    static const char *const numbers[] = {"50.0", "-20.0", "71", "-1", "0", "100.5", "uint(v: 30)", "float(v: \"NaN\")", "limit"};
    static const char *const others[] = {"r._value == \"high\"", "r._value > \"house\"", "r._value =~ /^h/", "r._value !~ /i/", "r._value == true",
                                         "r._value != true", "exists r._value", "r._value < true", "r._time > 2023-11-15T12:00:00Z"};
    static const char *const series[] = {"r.host == \"h0\"", "r.host =~ /h[01]/", "exists r.host", "r.nope == \"x\"", "r._field < \"t\""};
    switch (depth ? draw(8) : draw(4)) {
    case 4: ts_buf_puts(to, "not "); /* falls through */
    case 5:
        ts_buf_puts(to, "(");
        put_condition(to, depth - 1, tags);
        ts_buf_puts(to, ")");
        break;
    case 6:
    case 7:
        ts_buf_puts(to, "(");
        put_condition(to, depth - 1, tags);
        ts_buf_puts(to, draw(2) ? " and " : " or ");
        put_condition(to, depth - 1, tags);
        ts_buf_puts(to, ")");
        break;
    case 3: ts_buf_puts(to, tags ? series[draw(TS_ARRAY_SIZE(series))] : others[draw(TS_ARRAY_SIZE(others))]); break;
    case 2:
        ts_buf_printf(to, "%s %s r._value", numbers[draw(TS_ARRAY_SIZE(numbers))], ops[draw(TS_ARRAY_SIZE(ops))]);
        break;
    default:
        ts_buf_printf(to, "r._value %s %s", ops[draw(TS_ARRAY_SIZE(ops))], numbers[draw(TS_ARRAY_SIZE(numbers))]);
        break;
    }
}

/* What the scan leaves out is what filter() would leave out, and what filter() refuses to compare it refuses with the scan as well.
 * Only tags, measurement and field may spare a series that could not be compared. */
static void test_value_predicates(void **state)
{
    (void)state;
    static const char *const fields[] = {"i", "odd", "s", "u", "up", "v"};
    static const char *const ends[] = {
        " |> map(fn: (r) => ({h: if exists r.host then r.host else \"-\", f: r._field, t: r._time, v: string(v: r._value)}))"
        " |> group() |> sort(columns: [\"h\", \"f\", \"t\"])",
        " |> count() |> map(fn: (r) => ({h: if exists r.host then r.host else \"-\", f: r._field, n: r._value}))"
        " |> group() |> sort(columns: [\"h\", \"f\"])",
        " |> first() |> map(fn: (r) => ({h: if exists r.host then r.host else \"-\", f: r._field, t: r._time}))"
        " |> group() |> sort(columns: [\"h\", \"f\"])"};
    struct ts_buf cond = TS_BUF_INIT, script = TS_BUF_INIT, pushed = TS_BUF_INIT, plain = TS_BUF_INIT;
    unsigned errors = 0, rows = 0;
    for (unsigned k = 0; k < 160; k++) {
        const char *end = ends[draw(3)], *field = fields[draw(6)], *other = draw(3) ? field : fields[draw(6)], *from = draw(4) ? PART : FROM;
        bool tags = draw(2);
        ts_buf_clear(&cond);
        put_condition(&cond, 3, tags);
        for (int spoil = 0; spoil < 2; spoil++) {
            ts_buf_clear(&script);
            ts_buf_printf(&script, "limit = 42 %s |> filter(fn: (r) => r._field == \"%s\" or r._field == \"%s\")%s |> filter(fn: (r) => %s)%s", from,
                          field, other, spoil ? SPOIL : "", ts_buf_cstr(&cond), end);
            answer(ts_buf_cstr(&script), spoil ? &plain : &pushed);
        }
        bool refused = strncmp(ts_buf_cstr(&plain), "error", 5) == 0;
        errors += refused;
        rows += !refused && plain.len > 200;
        if (refused && tags && strncmp(ts_buf_cstr(&pushed), "error", 5) != 0)
            continue;
        if (strcmp(ts_buf_cstr(&pushed), ts_buf_cstr(&plain)) != 0)
            print_error("%s\n%.500s\n%.500s\n", ts_buf_cstr(&script), ts_buf_cstr(&pushed), ts_buf_cstr(&plain));
        assert_string_equal(ts_buf_cstr(&pushed), ts_buf_cstr(&plain));
    }
    assert_in_range(errors, 10, 120);
    assert_in_range(rows, 30, 150);
    ts_buf_fini(&cond);
    ts_buf_fini(&script);
    ts_buf_fini(&pushed);
    ts_buf_fini(&plain);
}

/* Points of host h0 and field v with a value greater than this, in so many chunks without columns; *bytes: what the scan held. */
static unsigned scan_above(double limit, unsigned *blocks, size_t *bytes)
{
    struct ts_scan_pred host = {.op = TS_SCAN_EQ, .on = TS_SCAN_TAG, .tag = TS_STR("host"), .value = TS_STR("h0")};
    struct ts_scan_pred field = {.op = TS_SCAN_EQ, .on = TS_SCAN_FIELD, .value = TS_STR("v")};
    const struct ts_scan_pred *const args[] = {&host, &field};
    struct ts_scan_pred both = {.op = TS_SCAN_AND, .nargs = 2, .args = args};
    struct ts_scan_pred rows = {.op = TS_SCAN_GT, .on = TS_SCAN_VALUE, .type = TS_SCAN_FLOAT, .num.f = limit};
    struct ts_scan_request req = {.bucket = TS_STR("b"), .start_ns = T0, .stop_ns = T0 + 8192 * STEP, .pred = &both, .rows = &rows, .stats = true};
    struct ts_scan_cursor *cur;
    const struct ts_scan_chunk *chk;
    struct ts_err err;
    unsigned n = 0;
    *blocks = 0;
    *bytes = 0;
    assert_int_equal(ts_scan_open(source, &req, &cur, &err), 0);
    do {
        assert_int_equal(ts_scan_next(cur, &chk, &err), 0);
        n += chk ? chk->n : 0;
        *blocks += chk && chk->n && !chk->columns;
        assert_true(!chk || !chk->n || chk->filtered);
        *bytes = TS_MAX(*bytes, ts_scan_bytes(cur));
    } while (chk);
    ts_scan_close(&cur);
    return n;
}

/* Of two series one is ruled out by its tags, in the last of its fields. */
static void test_series_without_rows(void **state)
{
    (void)state;
    struct ts_buf out = TS_BUF_INIT;
    answer(FROM FLOATS " |> filter(fn: (r) => r._value > 1000.0 or (r._value > 79.0 and r.host == \"h1\")) |> count()"
                       " |> map(fn: (r) => ({h: if exists r.host then r.host else \"-\", n: r._value}))",
           &out);
    int64_t n = 0, v;
    for (int64_t i = 0; i < POINTS; i++)
        n += has(i, 1, &v) && v > 79;
    char row[64];
    snprintf(row, sizeof row, ",,0,h1,%lld\r\n", (long long)n);
    assert_non_null(strstr(ts_buf_cstr(&out), row));
    assert_null(strstr(ts_buf_cstr(&out), ",h0,"));
    answer(FROM " |> filter(fn: (r) => r._value > 1000.0 and r.host == \"h1\" or r._value < 0.0 and r.host == \"none\")", &out);
    assert_memory_equal(ts_buf_cstr(&out), "error: unsupported binary expression", 36);
    answer(FROM FLOATS " |> filter(fn: (r) => r.host == \"h1\" and r._value < 0.0 and false or r.host == \"none\")", &out);
    assert_null(strstr(ts_buf_cstr(&out), ",h1"));
    ts_buf_fini(&out);
}

/* What a block's minimum and maximum say need not be decoded. */
static void test_blocks_are_skipped(void **state)
{
    (void)state;
    unsigned blocks, n = 0;
    size_t none, all, some;
    for (int64_t i = 0; i < 8192; i++)
        n += value_of(i, 0, false) > 50;
    assert_int_equal(scan_above(80.5, &blocks, &none), 0);
    assert_int_equal(scan_above(-20.5, &blocks, &all), 8192);
    assert_int_equal(blocks, 2);
    assert_int_equal(scan_above(50, &blocks, &some), n);
    assert_int_equal(blocks, 0);
    assert_true(none + 4096 * 8 < some && all + 4096 * 8 < some);
}

static bool at_once(void *arg)
{
    (void)arg;
    return true;
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *script, *error;
    } cases[] = {
        {"from(bucket: \"b\") |> limit(n: 1)",
         "error: cannot submit unbounded read to \"b\"; try bounding 'from' with a call to 'range'"},
        {"from(bucket: \"other\") |> range(start: -1h)", "error: could not find bucket \"other\""},
        {"from(bucketID: \"00000000000000ff\") |> range(start: -1h)", "error: could not find bucket \"00000000000000ff\""},
        {"from(bucketID: \"b\") |> range(start: -1h)", "error: invalid bucket id: it must be 16 hexadecimal digits"},
        {"from() |> range(start: -1h)", "error: must specify one of bucket or bucketID"},
        {"from(bucket: \"b\", bucketID: \"00000000000000ff\") |> range(start: -1h)",
         "error: must specify only one of bucket or bucketID"},
        {"from(bucket: \"b\", host: \"http://elsewhere\") |> range(start: -1h)",
         "error: from() reads this process's own store: it takes no host"},
        {FROM WHOLE " |> group() |> min(column: \"host\")", "error: min: invalid use"},
        {FROM " |> filter(fn: (r) => r._field == \"s\") |> sum()", "error: unsupported aggregate column type string"},
    };
    struct ts_buf out = TS_BUF_INIT;
    for (size_t i = 0; i < TS_ARRAY_SIZE(cases); i++) {
        answer(cases[i].script, &out);
        assert_memory_equal(ts_buf_cstr(&out), cases[i].error, strlen(cases[i].error));
    }
    ts_buf_clear(&out);
    flux_run("from(bucket: \"b\") |> range(start: -1h)", 0, &out);
    assert_string_equal(ts_buf_cstr(&out), "error: there is no store to read buckets from");
    ts_buf_clear(&out);
    flux_run_over(source, at_once, FROM " |> count()", 0, &out);
    assert_string_equal(ts_buf_cstr(&out), "error: the query was cancelled");
    ts_buf_fini(&out);
}

/* With less and less memory a query ends in its result or in an error, and leaves nothing behind (flux_run_over asserts it). */
static void test_memory_limits(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        PART FLOATS " |> sort() |> limit(n: 3)",
        PART " |> filter(fn: (r) => r.host =~ /h[01]/ and r._field != \"s\") |> aggregateWindow(every: 10m, fn: last)",
        PART FLOATS " |> group(columns: [\"host\"]) |> aggregateWindow(every: 10m, fn: mean)",
        PART WHOLE " |> window(every: 1h, createEmpty: true) |> max()",
        PART FLOATS " |> tableFind(fn: (key) => true)",
        "import \"influxdata/influxdb/schema\" schema.tagKeys(bucket: \"b\", start: 2023-11-01T00:00:00Z, stop: 2023-12-01T00:00:00Z)",
        "buckets()",
    };
    struct ts_buf out = TS_BUF_INIT;
    flux_run_over(source, NULL, FROM FLOATS " |> sum()", 96 << 10, &out); /* less than decoding a block takes */
    assert_memory_equal(ts_buf_cstr(&out), "error: memory limit", 19);
    ts_buf_clear(&out);
    for (size_t i = 0; i < TS_ARRAY_SIZE(scripts); i++) {
        size_t peak = flux_run_over(source, NULL, scripts[i], 0, &out), refused = 0, steps = 40;
        assert_memory_equal(ts_buf_cstr(&out), "#datatype", 9);
        for (size_t k = 1; k < steps; k++) {
            ts_buf_clear(&out);
            flux_run_over(source, NULL, scripts[i], peak / steps * k + 1, &out);
            bool error = strncmp(ts_buf_cstr(&out), "error: memory limit", 19) == 0;
            assert_true(error || strncmp(ts_buf_cstr(&out), "#datatype", 9) == 0);
            refused += error;
        }
        assert_true(refused > steps / 2);
        ts_buf_clear(&out);
    }
    ts_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values), cmocka_unit_test(test_aggregates), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_derivative), cmocka_unit_test(test_value_predicates), cmocka_unit_test(test_blocks_are_skipped), cmocka_unit_test(test_series_without_rows),
        cmocka_unit_test(test_held),         cmocka_unit_test(test_errors),     cmocka_unit_test(test_memory_limits),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
