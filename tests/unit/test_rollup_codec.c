/* Batches of rollup points to bytes and back; no bytes may break the way back. */
#include "config.h"
#include "core/rollup.h"

#include "core/clock.h"
#include "core/hll.h"
#include "core/passed.h"
#include "core/sketch.h"

#include <math.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "rollups.h"

static const char *const tags[] = {"host", "a", "region", "eu"};

static struct ts_rollup_batch *all_kinds(void)
{
    struct ts_rollup_batch *batch = make_batch("store,influx", 1700000000000000000);
    batch->stddev_sample = true;
    batch->correction = true;
    const double v[] = {1e9 + 4, 1e9 + 7, 1e9 + 13};
    for (int kind = 0; kind < TS_KIND_PASSED; kind++)
        add_numbers(batch, make_series((enum ts_kind)kind, "m", kind >= TS_KIND_FIELD ? "f" : "", 2, tags), 3,
                    v);
    batch->points[TS_KIND_SET].distinct = 17;
    batch->points[TS_KIND_STRING].stats = (struct ts_stats){0};
    batch->points[TS_KIND_STRING].last_text = TS_STR("two\nlines \"quoted\"");
    return batch;
}

static void round_trip_keeps_everything(void **state)
{
    (void)state;
    struct ts_rollup_batch *in = all_kinds(), *out = ts_rollup_batch_new();
    struct ts_buf buf = TS_BUF_INIT;
    assert_int_equal(ts_rollup_batch_encode(in, &buf), 0);
    assert_int_equal(ts_rollup_batch_decode(ts_buf_str(&buf), out), 0);
    assert_string_equal(out->rule, "r10s");
    assert_string_equal(out->to, "store,influx");
    assert_true(out->start_ns == in->start_ns && out->end_ns == in->end_ns);
    assert_int_equal(out->aggregates, in->aggregates);
    assert_true(out->stddev_sample && out->correction);
    assert_int_equal(out->n, TS_KIND_PASSED);
    for (unsigned i = 0; i < out->n; i++) {
        const struct ts_rollup *a = &in->points[i], *b = &out->points[i];
        assert_true(ts_str_eq(a->series, b->series));
        if (i == TS_KIND_SET)
            assert_true(b->stats.count == 3 && b->distinct == 17);
        else
            assert_memory_equal(&a->stats, &b->stats, sizeof a->stats);
        assert_true(ts_str_eq(a->last_text, b->last_text));
        assert_true(isnan(b->first) && isnan(b->increase) && b->sketch.len == 0);
    }
    struct ts_rollup_head head;
    assert_int_equal(ts_rollup_head_decode(ts_buf_str(&buf), &head), 0);
    assert_true(ts_str_eq(head.to, TS_STR("store,influx")) && head.n == TS_KIND_PASSED && !head.passed);
    ts_buf_fini(&buf);
    ts_rollup_batch_free(&in);
    ts_rollup_batch_free(&out);
    free_series();
}

/* A number of the whole batch, there only when the aggregates say so. */
static void round_trip_of_completeness(void **state)
{
    (void)state;
    struct ts_rollup_batch *in = all_kinds(), *out = ts_rollup_batch_new();
    struct ts_buf without = TS_BUF_INIT, with = TS_BUF_INIT;
    assert_int_equal(ts_rollup_batch_encode(in, &without), 0);
    in->aggregates |= TS_AGG_BIT(completeness);
    in->completeness = 0.75;
    assert_int_equal(ts_rollup_batch_encode(in, &with), 0);
    assert_int_equal(with.len, without.len + 8);
    assert_int_equal(ts_rollup_batch_decode(ts_buf_str(&with), out), 0);
    assert_true(out->completeness == 0.75 && out->aggregates == in->aggregates && out->n == in->n);
    static const double bad[] = {-0.1, 1.1, NAN};
    for (unsigned i = 0; i < TS_ARRAY_SIZE(bad); i++) {
        in->completeness = bad[i];
        ts_buf_clear(&with);
        assert_int_equal(ts_rollup_batch_encode(in, &with), 0);
        assert_int_equal(ts_rollup_batch_decode(ts_buf_str(&with), out), -TS_ECORRUPT);
    }
    ts_buf_fini(&with);
    ts_buf_fini(&without);
    ts_rollup_batch_free(&in);
    ts_rollup_batch_free(&out);
    free_series();
}

/* Points with times and lengths of their own. */
static void round_trip_of_sessions(void **state)
{
    (void)state;
    struct ts_rollup_batch *in = all_kinds(), *out = ts_rollup_batch_new();
    struct ts_buf buf = TS_BUF_INIT;
    struct ts_rollup_head head;
    in->sessions = true;
    in->start_ns = in->end_ns = 0;
    for (unsigned i = 0; i < in->n; i++) {
        in->points[i].time_ns = 1700000000000000001 + i;
        in->points[i].duration_ns = 7 * i;
    }
    assert_int_equal(ts_rollup_batch_encode(in, &buf), 0);
    assert_int_equal(ts_rollup_head_decode(ts_buf_str(&buf), &head), 0);
    assert_true(head.sessions);
    assert_int_equal(ts_rollup_batch_decode(ts_buf_str(&buf), out), 0);
    assert_true(out->sessions && out->n == in->n);
    for (unsigned i = 0; i < out->n; i++)
        assert_true(out->points[i].time_ns == in->points[i].time_ns && out->points[i].duration_ns == in->points[i].duration_ns);
    assert_memory_equal(&out->points[TS_KIND_FIELD].stats, &in->points[TS_KIND_FIELD].stats, sizeof(struct ts_stats));
    for (size_t len = 0; len < buf.len; len++)
        assert_int_equal(ts_rollup_batch_decode((struct ts_str){buf.p, len}, out), -TS_ECORRUPT);
    ts_buf_fini(&buf);
    ts_rollup_batch_free(&in);
    ts_rollup_batch_free(&out);
    free_series();
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Every kind under a rule that asks for everything: what a kind does not give is not there when it comes
 * back. */
static void round_trip_of_what_is_asked_for(void **state)
{
    (void)state;
    struct ts_rollup_batch *in = all_kinds(), *out = ts_rollup_batch_new();
    struct ts_buf buf = TS_BUF_INIT, again = TS_BUF_INIT, sketch = TS_BUF_INIT, set = TS_BUF_INIT;
    struct ts_sketch sk;
    struct ts_hll *hll = ts_hll_new();
    ts_sketch_init(&sk, 2048);
    assert_true(ts_sketch_add(&sk, 7, 3) && ts_hll_add(hll, 5));
    assert_true(ts_sketch_encode(&sk, &sketch) == 0 && ts_hll_encode(hll, &set) == 0);
    in->aggregates = (1u << TS_AGG_COUNT) - 1;
    in->quantiles = (struct ts_quantiles){3, {1, 500000, 999999}};
    in->buckets = (struct ts_buckets){2, {-1.5, 10}};
    for (unsigned i = 0; i < in->n; i++) {
        in->points[i].first = 1.5 + i;
        in->points[i].increase = 2.5 + i;
        in->points[i].distinct = 3 + i;
        in->points[i].histogram = TS_STR("one_____two_____three___");
        in->points[i].sketch = i == TS_KIND_SET ? ts_buf_str(&set) : ts_buf_str(&sketch);
    }
    assert_int_equal(ts_rollup_batch_encode(in, &buf), 0);
    assert_int_equal(ts_rollup_batch_decode(ts_buf_str(&buf), out), 0);
    assert_memory_equal(&out->quantiles, &in->quantiles, sizeof in->quantiles);
    assert_memory_equal(&out->buckets, &in->buckets, sizeof in->buckets);
    assert_int_equal(out->aggregates, in->aggregates);
    for (unsigned i = 0; i < out->n; i++) {
        const struct ts_rollup *a = &in->points[i], *b = &out->points[i];
        bool number = i == TS_KIND_TIMING || i == TS_KIND_FIELD, gauge = i == TS_KIND_GAUGE;
        assert_true(same_number(b->first, number || gauge ? a->first : NAN));
        assert_true(same_number(b->increase, number || gauge ? a->increase : NAN));
        assert_true(same_number(b->distinct, number || i == TS_KIND_SET ? a->distinct : NAN));
        assert_true(ts_str_eq(b->histogram, number ? a->histogram : TS_STR("")));
        assert_true(ts_str_eq(b->sketch, number || i == TS_KIND_SET ? a->sketch : TS_STR("")));
    }
    assert_int_equal(ts_rollup_batch_encode(out, &again), 0);
    assert_true(ts_str_eq(ts_buf_str(&buf), ts_buf_str(&again)));
    for (size_t len = 0; len < buf.len; len++)
        assert_int_equal(ts_rollup_batch_decode((struct ts_str){buf.p, len}, out), -TS_ECORRUPT);
    in->points[TS_KIND_TIMING].histogram = TS_STR("one_____two_____"); /* a bucket is missing */
    ts_buf_clear(&buf);
    assert_int_equal(ts_rollup_batch_encode(in, &buf), 0);
    assert_int_equal(ts_rollup_batch_decode(ts_buf_str(&buf), out), -TS_ECORRUPT);
    in->points[TS_KIND_TIMING].histogram = TS_STR("");
    in->points[TS_KIND_TIMING].sketch = TS_STR("D\1\0"); /* a sketch that is none */
    ts_buf_clear(&buf);
    assert_int_equal(ts_rollup_batch_encode(in, &buf), 0);
    assert_int_equal(ts_rollup_batch_decode(ts_buf_str(&buf), out), -TS_ECORRUPT);
    ts_buf_fini(&buf);
    ts_buf_fini(&again);
    ts_buf_fini(&sketch);
    ts_buf_fini(&set);
    ts_sketch_fini(&sk);
    ts_hll_free(&hll);
    ts_rollup_batch_free(&in);
    ts_rollup_batch_free(&out);
    free_series();
}

/* Written by the version before sketches, byte by byte after its comment: journals have it. */
static void version_1_is_read(void **state)
{
    (void)state;
    static const unsigned char old[] = {
        1,    1,                                 /* version, stddev_sample */
        0x01, 1,    0,    0,                     /* count, and distinct, which numbers did not give */
        0x00, 0xca, 0x9a, 0x3b, 0, 0,   0,    0, /* 1e9 */
        0x00, 0x94, 0x35, 0x77, 0, 0,   0,    0, /* 2e9 */
        1,    0,    'r',  2,    0, 's', 't',     /* rule, to */
        2,    0,    0,    0,                     /* two points */
        8,    0,    2,    1,    0, 'm', 0,    0,    0, 0, /* timing m */
        0,    0,    0,    0,    0, 0,   0x00, 0x40,       /* count 2 */
        0,    0,    0,    0,    0, 0,   0x08, 0x40,       /* sum 3 */
        0,    0,    0,    0,    0, 0,   0xf0, 0x3f,       /* shift 1 */
        0,    0,    0,    0,    0, 0,   0xf0, 0x3f,       /* sd 1 */
        0,    0,    0,    0,    0, 0,   0xf0, 0x3f,       /* sd2 1 */
        0,    0,    0,    0,    0, 0,   0xf0, 0x3f,       /* min 1 */
        0,    0,    0,    0,    0, 0,   0x00, 0x40,       /* max 2 */
        0,    0,    0,    0,    0, 0,   0x00, 0x40,       /* last 2 */
        8,    0,    3,    1,    0, 'm', 0,    0,    0, 0, /* set m */
        0,    0,    0,    0,    0, 0,   0x00, 0x40,       /* 2.0 */
        0,    0,    0,    0,    0, 0,   0xf0, 0x3f,       /* 1.0 */
    };
    struct ts_rollup_batch *out = ts_rollup_batch_new();
    struct ts_rollup_head head;
    assert_int_equal(ts_rollup_head_decode((struct ts_str){(const char *)old, sizeof old}, &head), 0);
    assert_true(head.version == 1 && head.quantiles.n == 0 && head.n == 2);
    assert_int_equal(ts_rollup_batch_decode((struct ts_str){(const char *)old, sizeof old}, out), 0);
    assert_true(out->n == 2 && out->stddev_sample && out->quantiles.n == 0);
    assert_true(out->points[0].stats.count == 2 && out->points[0].stats.sum == 3 &&
                out->points[0].stats.last == 2);
    assert_true(isnan(out->points[0].distinct) && out->points[0].sketch.len == 0);
    assert_true(out->points[1].distinct == 1);
    ts_rollup_batch_free(&out);
}

/* The layout is on people's disks: these bytes were written down by hand from the comment in rollup_codec.c.
 */
static void layout_is_the_documented_one(void **state)
{
    (void)state;
    static const unsigned char want[] = {
        2,    2,                                             /* version, correction */
        0x01, 0,    0,    0,                                 /* count */
        0x00, 0xca, 0x9a, 0x3b, 0, 0,   0,    0,             /* 1e9 */
        0x00, 0x94, 0x35, 0x77, 0, 0,   0,    0,             /* 2e9 */
        1,    0x30, 0x1b, 0x0f, 0,                           /* p99 */
        1,    0,    0,    0,    0, 0,   0,    0xf0, 0x3f,    /* a bucket up to 1.0 */
        1,    0,    'r',  2,    0, 's', 't',                 /* rule, to */
        1,    0,    0,    0,                                 /* one point */
        8,    0,    3,    1,    0, 'm', 0,    0,    0,    0, /* set m, no field, no tags */
        0,    0,    0,    0,    0, 0,   0x00, 0x40,          /* 2.0 */
        0,    0,    0,    0,    0, 0,   0xf0, 0x3f,          /* 1.0 */
    };
    struct ts_rollup_batch *batch = make_batch("st", TS_SEC);
    batch->rule = "r";
    batch->end_ns = 2 * TS_SEC;
    batch->aggregates = TS_AGG_BIT(count);
    batch->correction = true;
    batch->quantiles = (struct ts_quantiles){1, {990000}};
    batch->buckets = (struct ts_buckets){1, {1}};
    batch->n = 1;
    batch->points[0] =
        (struct ts_rollup){.series = make_series(TS_KIND_SET, "m", "", 0, NULL), .distinct = 1};
    batch->points[0].stats.count = 2;
    struct ts_buf buf = TS_BUF_INIT;
    assert_int_equal(ts_rollup_batch_encode(batch, &buf), 0);
    assert_int_equal(buf.len, sizeof want);
    assert_memory_equal(buf.p, want, sizeof want);
    ts_buf_fini(&buf);
    ts_rollup_batch_free(&batch);
    free_series();
}

/* Likewise: an event of one integer field. */
static void passed_points_have_a_form_of_their_own(void **state)
{
    (void)state;
    static const unsigned char want[] = {
        2,    128,                                            /* version, passed */
        0,    0,    0,    0,                                  /* no aggregates */
        0,    0,    0,    0,    0,    0,    0,    0,          /* no window */
        0,    0,    0,    0,    0,    0,    0,    0,          /**/
        0,    0,                                              /* no quantiles, no buckets */
        1,    0,    'e',  2,    0,    's',  't',              /* rule, to */
        1,    0,    0,    0,                                  /* one point */
        8,    0,    6,    1,    0,    'm',  0,    0,    0, 0, /* passed m, no field, no tags */
        0x00, 0x94, 0x35, 0x77, 0,    0,    0,    0,          /* 2e9 */
        12,   0,    0,    0,    'i',  1,    0,    'n',        /* fields: n */
        0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,       /* -2 */
    };
    struct ts_rollup_batch *in = ts_rollup_batch_sized(1), *out = ts_rollup_batch_new();
    struct ts_buf fields = TS_BUF_INIT, buf = TS_BUF_INIT;
    ts_passed_put_int(&fields, TS_STR("n"), -2);
    in->rule = "e";
    in->to = "st";
    in->passed = true;
    in->n = 1;
    in->points[0] = (struct ts_rollup){.series = make_series(TS_KIND_PASSED, "m", "", 0, NULL),
                                       .fields = ts_buf_str(&fields),
                                       .time_ns = 2 * TS_SEC};
    assert_int_equal(ts_rollup_batch_encode(in, &buf), 0);
    assert_int_equal(buf.len, sizeof want);
    assert_memory_equal(buf.p, want, sizeof want);
    assert_int_equal(ts_rollup_batch_decode(ts_buf_str(&buf), out), 0);
    assert_true(out->passed && out->n == 1 && out->points[0].time_ns == 2 * TS_SEC);
    assert_true(ts_str_eq(out->points[0].fields, ts_buf_str(&fields)));
    buf.p[1] = 0; /* kind and flag contradict each other */
    assert_int_equal(ts_rollup_batch_decode(ts_buf_str(&buf), out), -TS_ECORRUPT);
    buf.p[1] = (char)128;
    buf.p[sizeof want - 12] = 'j'; /* fields that are none */
    assert_int_equal(ts_rollup_batch_decode(ts_buf_str(&buf), out), -TS_ECORRUPT);
    ts_buf_fini(&fields);
    ts_buf_fini(&buf);
    ts_rollup_batch_free(&in);
    ts_rollup_batch_free(&out);
    free_series();
}

/* A copy of exactly len bytes on the heap, so that AddressSanitizer sees a read beyond them. */
static int decode_copy(const char *p, size_t len, struct ts_rollup_batch *out)
{
    char *copy = test_malloc(len ? len : 1);
    memcpy(copy, p, len);
    int rc = ts_rollup_batch_decode((struct ts_str){copy, len}, out);
    test_free(copy);
    return rc;
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    struct ts_rollup_batch *in = all_kinds(), *out = ts_rollup_batch_new();
    struct ts_buf buf = TS_BUF_INIT;
    assert_int_equal(ts_rollup_batch_encode(in, &buf), 0);
    for (size_t len = 0; len < buf.len; len++)
        assert_int_equal(decode_copy(buf.p, len, out), -TS_ECORRUPT);
    ts_buf_putc(&buf, 0);
    assert_int_equal(decode_copy(buf.p, buf.len, out), -TS_ECORRUPT);
    ts_buf_fini(&buf);
    ts_rollup_batch_free(&in);
    ts_rollup_batch_free(&out);
    free_series();
}

static void damaged_bytes_do_no_harm(void **state)
{
    (void)state;
    struct ts_rollup_batch *in = all_kinds(), *out = ts_rollup_batch_new();
    struct ts_buf buf = TS_BUF_INIT;
    assert_int_equal(ts_rollup_batch_encode(in, &buf), 0);
    char *copy = test_malloc(buf.len);
    srandom(7);
    for (unsigned round = 0; round < 200000; round++) {
        memcpy(copy, buf.p, buf.len);
        for (unsigned k = 0; k <= round % 4; k++)
            copy[(size_t)random() % buf.len] = (char)random();
        int rc = ts_rollup_batch_decode((struct ts_str){copy, buf.len}, out);
        assert_true(rc == -TS_ECORRUPT || (rc == 0 && out->n <= TS_ROLLUP_BATCH_MAX));
    }
    test_free(copy);
    ts_buf_fini(&buf);
    ts_rollup_batch_free(&in);
    ts_rollup_batch_free(&out);
    free_series();
}

/* More of them than are kept: what comes back is as good as new. */
static void batches_are_used_again(void **state)
{
    (void)state;
    struct ts_rollup_batch *batches[20];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < TS_ARRAY_SIZE(batches); i++) {
            batches[i] = i % 5 ? ts_rollup_batch_new() : ts_rollup_batch_sized(3);
            assert_non_null(batches[i]);
            assert_int_equal(batches[i]->n, 0);
            assert_int_equal(batches[i]->room, i % 5 ? TS_ROLLUP_BATCH_MAX : 3);
            for (unsigned k = 0; k < i; k++)
                assert_ptr_not_equal(batches[i]->points, batches[k]->points);
            batches[i]->points[batches[i]->room - 1] = (struct ts_rollup){.distinct = i};
        }
        for (unsigned i = 0; i < TS_ARRAY_SIZE(batches); i++)
            ts_rollup_batch_free(&batches[i]);
        if (round == 1)
            ts_rollup_trim();
    }
    ts_rollup_trim();
}

static void sink_lists(void **state)
{
    (void)state;
    assert_true(ts_rollup_is_for(TS_STR("a,bc"), TS_STR("a")));
    assert_true(ts_rollup_is_for(TS_STR("a,bc"), TS_STR("bc")));
    assert_false(ts_rollup_is_for(TS_STR("a,bc"), TS_STR("b")));
    assert_false(ts_rollup_is_for(TS_STR(""), TS_STR("a")));
    assert_false(ts_rollup_is_for(TS_STR("ab"), TS_STR("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_keeps_everything),
        cmocka_unit_test(round_trip_of_completeness),
        cmocka_unit_test(round_trip_of_sessions),
        cmocka_unit_test(round_trip_of_what_is_asked_for),
        cmocka_unit_test(version_1_is_read),
        cmocka_unit_test(layout_is_the_documented_one),
        cmocka_unit_test(passed_points_have_a_form_of_their_own),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(damaged_bytes_do_no_harm),
        cmocka_unit_test(batches_are_used_again),
        cmocka_unit_test(sink_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
