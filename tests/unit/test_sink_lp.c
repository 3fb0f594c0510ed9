/* Rollup points as line protocol: names, escapes and numbers against lines written by hand. */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/base64.h"
#include "core/sketch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/passed.h"
#include "rollups.h"

static struct ts_buf line;

static void expect_point(const struct ts_rollup_batch *batch, unsigned i, const char *want)
{
    ts_buf_clear(&line);
    int rc = ts_sink_lp_put(batch, &batch->points[i], &line);
    assert_int_equal(rc, want ? 0 : -TS_EINVAL);
    assert_string_equal(ts_buf_cstr(&line), want ? want : "");
}

/* One point with the value 1 under the aggregate count. */
static void expect_names(enum ts_kind kind, const char *name, const char *field, unsigned ntags,
                         const char *const *tags, const char *want)
{
    struct ts_rollup_batch *batch = make_batch("a", 7);
    batch->aggregates = TS_AGG_BIT(count);
    add_numbers(batch, make_series(kind, name, field, ntags, tags), 1, (const double[]){1});
    expect_point(batch, 0, want);
    ts_rollup_batch_free(&batch);
}

/* Every kind has it: it is of the window. */
static void completeness_of_every_kind(void **state)
{
    (void)state;
    struct ts_rollup_batch *batch = make_batch("a", 1700000010000000000);
    batch->aggregates = TS_AGG_BIT(completeness);
    batch->completeness = 0.875;
    add_numbers(batch, make_series(TS_KIND_COUNTER, "hits", "", 0, NULL), 1, (const double[]){30});
    add_numbers(batch, make_series(TS_KIND_GAUGE, "temp", "", 0, NULL), 1, (const double[]){4});
    add_numbers(batch, make_series(TS_KIND_TIMING, "took", "", 0, NULL), 1, (const double[]){4});
    add_numbers(batch, make_series(TS_KIND_SET, "users", "", 0, NULL), 1, (const double[]){4});
    batch->points[3].distinct = 17;
    add_numbers(batch, make_series(TS_KIND_FIELD, "cpu", "u", 0, NULL), 1, (const double[]){4});
    add_numbers(batch, make_series(TS_KIND_STRING, "app", "v", 0, NULL), 0, NULL);
    batch->points[5].last_text = TS_STR("1.2");
    expect_point(batch, 0, "hits,metric_type=counter count=1,sum=30,rate=3,completeness=0.875 1700000010000000000\n");
    expect_point(batch, 1, "temp,metric_type=gauge min=4,max=4,mean=4,last=4,completeness=0.875 1700000010000000000\n");
    expect_point(batch, 2, "took,metric_type=timing completeness=0.875 1700000010000000000\n");
    expect_point(batch, 3, "users,metric_type=set distinct=17,completeness=0.875 1700000010000000000\n");
    expect_point(batch, 4, "cpu u_completeness=0.875 1700000010000000000\n");
    expect_point(batch, 5, "app v_completeness=0.875,v_last=\"1.2\" 1700000010000000000\n");
    ts_rollup_batch_free(&batch);
}

static void kinds_and_their_fields(void **state)
{
    (void)state;
    static const char *const tags[] = {"zone", "z", "app", "w"};
    struct ts_rollup_batch *batch = make_batch("a", 1700000010000000000);
    const double v[] = {1e9 + 4, 1e9 + 7,
                        1e9 + 13}; /* mean 1e9+8; deviations -4 -1 5: 42/3 = 14, or 42/2 = 21 */
    add_numbers(batch, make_series(TS_KIND_COUNTER, "hits", "", 2, tags), 2, (const double[]){30, 5});
    add_numbers(batch, make_series(TS_KIND_GAUGE, "temp", "", 0, NULL), 3, (const double[]){-1.5, 4, 2});
    add_numbers(batch, make_series(TS_KIND_TIMING, "api.latency", "", 2, tags), 3, v);
    add_numbers(batch, make_series(TS_KIND_SET, "users", "", 0, NULL), 3, v);
    batch->points[3].distinct = 17;
    add_numbers(batch, make_series(TS_KIND_FIELD, "cpu", "usage", 2, tags), 3, v);
    add_numbers(batch, make_series(TS_KIND_STRING, "app", "version", 0, NULL), 0, NULL);
    batch->points[5].last_text = TS_STR("a \"b\" \\ c, d=e\nf");
    expect_point(batch, 0,
                 "hits,app=w,metric_type=counter,zone=z count=2,sum=35,rate=3.5 1700000010000000000\n");
    expect_point(batch, 1, "temp,metric_type=gauge min=-1.5,max=4,mean=1.5,last=2 1700000010000000000\n");
    expect_point(batch, 2,
                 "api.latency,app=w,metric_type=timing,zone=z count=3,sum=3000000024,min=1000000004,"
                 "max=1000000013,mean=1000000008,stddev=3.7416573867739413 1700000010000000000\n");
    expect_point(batch, 3, "users,metric_type=set distinct=17 1700000010000000000\n");
    batch->stddev_sample = true;
    expect_point(
        batch, 4,
        "cpu,app=w,zone=z usage_count=3,usage_sum=3000000024,usage_min=1000000004,"
        "usage_max=1000000013,usage_mean=1000000008,usage_stddev=4.58257569495584 1700000010000000000\n");
    expect_point(batch, 5, "app version_last=\"a \\\"b\\\" \\\\ c, d=e\nf\" 1700000010000000000\n");
    ts_rollup_batch_free(&batch);
}

static void passed_points_go_out_as_they_came(void **state)
{
    (void)state;
    struct ts_rollup_batch *batch = make_batch("a", 7);
    struct ts_buf fields = TS_BUF_INIT;
    ts_passed_put_text(&fields, TS_STR("title"), TS_STR("a \"b\" \\ c\nd"));
    ts_passed_put_int(&fields, TS_STR("status"), -3);
    ts_passed_put_float(&fields, TS_STR("lag"), 0.25);
    ts_passed_put_float(&fields, TS_STR("total"), 9007199254740991);
    batch->passed = true;
    batch->n = 1;
    batch->points[0] =
        (struct ts_rollup){.series = make_series(TS_KIND_PASSED, "events", "", 2,
                                                 (const char *const[]){"k 1", "v,1", "metric_type", "mine"}),
                           .fields = ts_buf_str(&fields),
                           .time_ns = 1700000000000000001};
    expect_point(batch, 0,
                 "events,k\\ 1=v\\,1,metric_type=mine title=\"a \\\"b\\\" \\\\ c\nd\",status=-3i,lag=0.25,total=9007199254740991 "
                 "1700000000000000001\n");
    ts_buf_fini(&fields);
    ts_rollup_batch_free(&batch);
}

static void sessions_have_times_and_lengths(void **state)
{
    (void)state;
    struct ts_rollup_batch *batch = make_batch("x", 0);
    batch->sessions = true;
    batch->end_ns = 0;
    batch->aggregates = TS_AGG_BIT(count) | TS_AGG_BIT(rate);
    add_numbers(batch, make_series(TS_KIND_TIMING, "m", "", 0, NULL), 2, (const double[]){3, 4});
    add_numbers(batch, make_series(TS_KIND_FIELD, "m", "f", 0, NULL), 1, (const double[]){3});
    batch->points[0].time_ns = 7;
    batch->points[0].duration_ns = 3500000000;
    batch->points[1].time_ns = 8; /* of one sample: as long as nothing, so it has no rate */
    expect_point(batch, 0, "m,metric_type=timing count=2,rate=2,duration=3.5 7\n");
    expect_point(batch, 1, "m f_count=1,f_duration=0 8\n");
    ts_rollup_batch_free(&batch);
}

static void names_are_escaped(void **state)
{
    (void)state;
    enum ts_kind f = TS_KIND_FIELD;
    expect_names(f, "a b,c=d", "e f,g=h", 0, NULL, "a\\ b\\,c=d e\\ f\\,g\\=h_count=1 7\n");
    expect_names(f, "m", "f", 1, (const char *const[]){"k 1,=", "v 1,="},
                 "m,k\\ 1\\,\\==v\\ 1\\,\\= f_count=1 7\n");
    expect_names(f, "#m", "#f", 1, (const char *const[]){"#k", "#v"}, "_m,#k=#v #f_count=1 7\n");
    expect_names(f, "l\nm", "f\r", 1, (const char *const[]){"k\t", "v\001\177"},
                 "l\\nm,k\\t=v__ f\\r_count=1 7\n");
    expect_names(f, "m", "\xc3\xa9", 1, (const char *const[]){"\xf0\x9f\x98\x80", "\"q\""},
                 "m,\xf0\x9f\x98\x80=\"q\" \xc3\xa9_count=1 7\n");
}

/* One special character at each place of names of each length: they are looked at eight characters at a time. */
static void every_place_of_a_name_is_looked_at(void **state)
{
    static const struct {
        char c;
        const char *measurement, *field; /* what becomes of it */
    } cases[] = {{' ', "\\ ", "\\ "}, {',', "\\,", "\\,"}, {'=', "=", "\\="}, {'\n', "\\n", "\\n"}, {'\t', "\\t", "\\t"},
                 {'\001', "_", "_"},  {'\177', "_", "_"}, {'-', "-", "-"},   {'!', "!", "!"},    {'\377', "\377", "\377"}};
    (void)state;
    for (unsigned i = 0; i < TS_ARRAY_SIZE(cases); i++)
        for (unsigned len = 1; len <= 26; len++)
            for (unsigned at = 0; at < len; at++) {
                char name[32] = "abcdefghijklmnopqrstuvwxyz", want[128];
                name[len] = 0;
                name[at] = cases[i].c;
                snprintf(want, sizeof want, "%.*s%s%s %.*s%s%s_count=1 7\n", (int)at, name, cases[i].measurement, name + at + 1, (int)at,
                         name, cases[i].field, name + at + 1);
                expect_names(TS_KIND_FIELD, name, name, 0, NULL, want);
                free_series();
            }
}

static void backslashes_stand_for_themselves_where_they_can(void **state)
{
    (void)state;
    enum ts_kind f = TS_KIND_FIELD;
    expect_names(f, "a\\b", "c\\d", 1, (const char *const[]){"e\\f", "C:\\dir"},
                 "a\\b,e\\f=C:\\dir c\\d_count=1 7\n");
    expect_names(f, "a\\", "b\\", 1, (const char *const[]){"c\\", "C:\\"}, "a_,c_=C:_ b__count=1 7\n");
    expect_names(f, "a\\\\", "b", 0, NULL, "a\\_ b_count=1 7\n");
    expect_names(f, "a\\,b\\=", "c\\,d", 1, (const char *const[]){"k", "\\ v"},
                 "a_\\,b_=,k=_\\ v c_\\,d_count=1 7\n");
}

static void tags_that_cannot_be_sent(void **state)
{
    (void)state;
    expect_names(TS_KIND_FIELD, "m", "f", 2, (const char *const[]){"a", "", "b", "1"}, "m,b=1 f_count=1 7\n");
    expect_names(TS_KIND_COUNTER, "m", "", 3,
                 (const char *const[]){"metric_type", "mine", "a", "1", "z", "2"},
                 "m,a=1,metric_type=counter,z=2 count=1,sum=1,rate=0.1 7\n");
}

static void numbers_that_are_none_are_left_out(void **state)
{
    (void)state;
    struct ts_rollup_batch *batch = make_batch("a", -5);
    add_numbers(batch, make_series(TS_KIND_FIELD, "m", "f", 0, NULL), 2, (const double[]){1e308, 1.5e308});
    batch->aggregates = TS_AGG_BIT(count) | TS_AGG_BIT(sum) | TS_AGG_BIT(max);
    expect_point(batch, 0, "m f_count=2,f_max=1.5e+308 -5\n");
    batch->aggregates = TS_AGG_BIT(sum);
    expect_point(batch, 0, NULL);
    ts_rollup_batch_free(&batch);
}

/* What a rule asks for: the sketch has the values 10 (three times) and 20, whose buckets' values lie within 1
 * %. */
static void quantiles_and_sketches(void **state)
{
    (void)state;
    struct ts_rollup_batch *batch = make_batch("a", 7);
    struct ts_buf sketch = TS_BUF_INIT;
    struct ts_sketch sk;
    const double v[] = {10, 10, 10, 20};
    ts_sketch_init(&sk, 2048);
    for (unsigned i = 0; i < 4; i++)
        assert_true(ts_sketch_add(&sk, v[i], 1));
    assert_int_equal(ts_sketch_encode(&sk, &sketch), 0);
    batch->aggregates = TS_AGG_BIT(variance) | TS_AGG_BIT(range) | TS_AGG_BIT(first) | TS_AGG_BIT(increase) |
                        TS_AGG_BIT(distinct);
    batch->quantiles = (struct ts_quantiles){3, {500000, 990000, 999000}};
    add_numbers(batch, make_series(TS_KIND_FIELD, "cpu", "usage", 0, NULL), 4, v);
    add_numbers(batch, make_series(TS_KIND_GAUGE, "g", "", 0, NULL), 4, v);
    add_numbers(batch, make_series(TS_KIND_COUNTER, "c", "", 0, NULL), 4, v);
    for (unsigned i = 0; i < 3; i++) {
        batch->points[i].first = 10;
        batch->points[i].increase = NAN;
        batch->points[i].distinct = 2;
        batch->points[i].sketch = ts_buf_str(&sketch);
    }
    /* p50 is 10, the least value, exactly: what the bucket says lies below it or is cut to it */
    double p50 = ts_sketch_value(ts_sketch_key(10));
    assert_true(fabs(p50 / 10 - 1) < 0.01);
    char want[256];
    struct ts_buf number = TS_BUF_INIT;
    struct ts_buf highest = TS_BUF_INIT; /* p99 is number four of four: 20, or what its bucket says below it */
    double p99 = ts_sketch_value(ts_sketch_key(20));
    assert_true(fabs(p99 / 20 - 1) < 0.01);
    ts_buf_put_double(&number, p50 > 10 ? p50 : 10);
    ts_buf_put_double(&highest, p99 < 20 ? p99 : 20);
    snprintf(want, sizeof want,
             "cpu "
             "usage_distinct=2,usage_variance=18.75,usage_first=10,usage_range=10,usage_p50=%s,usage_p99=%s,"
             "usage_p99_9=%s 7\n",
             ts_buf_cstr(&number), ts_buf_cstr(&highest), ts_buf_cstr(&highest));
    expect_point(batch, 0, want);
    expect_point(batch, 1, "g,metric_type=gauge min=10,max=20,mean=12.5,last=20,first=10,range=10 7\n");
    expect_point(batch, 2, "c,metric_type=counter count=4,sum=50,rate=5 7\n");
    ts_buf_fini(&number);
    ts_buf_fini(&highest);
    ts_buf_fini(&sketch);
    ts_sketch_fini(&sk);
    ts_rollup_batch_free(&batch);
}

/* RFC 4648, section 10, and a set's sketch as a field. */
static void base64(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (unsigned i = 0; i < TS_ARRAY_SIZE(cases); i++) {
        ts_buf_clear(&line);
        ts_buf_put_base64(&line, ts_str_of(cases[i][0]));
        assert_string_equal(ts_buf_cstr(&line), cases[i][1]);
    }
    struct ts_rollup_batch *batch = make_batch("a", 7);
    batch->aggregates = TS_AGG_BIT(sketch);
    add_numbers(batch, make_series(TS_KIND_SET, "s", "", 0, NULL), 1, (const double[]){1});
    batch->points[0].distinct = 0;
    batch->points[0].sketch = (struct ts_str){"H\1\14\0\0", 5};
    expect_point(batch, 0, "s,metric_type=set distinct=0,sketch=\"SAEMAAA=\" 7\n");
    ts_rollup_batch_free(&batch);
}

static int tear_down(void **state)
{
    (void)state;
    free_series();
    ts_buf_fini(&line);
    return 0;
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_teardown(fn, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(kinds_and_their_fields),
        TEST(completeness_of_every_kind),
        TEST(passed_points_go_out_as_they_came),
        TEST(sessions_have_times_and_lengths),
        TEST(names_are_escaped),
        TEST(every_place_of_a_name_is_looked_at),
        TEST(backslashes_stand_for_themselves_where_they_can),
        TEST(tags_that_cannot_be_sent),
        TEST(numbers_that_are_none_are_left_out),
        TEST(quantiles_and_sketches),
        TEST(base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
