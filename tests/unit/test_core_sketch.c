/*
 * The quantile sketch against exact quantiles of the same samples, sorted: number ceil(q n), in whole numbers.
 * Parts against the whole, and the bytes against ones written down by hand from docs/SKETCHES.md.
 */
#include "config.h"
#include "core/sketch.h"
#include "core/le.h"
#include "core/mem.h"
#include "unit.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { N = 20000 };

static double values[N];
static const double qs[] = {0, 0.001, 0.01, 0.05, 0.07, 0.25, 0.5, 0.55, 0.75, 0.9, 0.95, 0.99, 0.999, 1};
enum { NQ = TS_ARRAY_SIZE(qs) };

/* Nearest rank, from 0, of n samples. */
static unsigned rank_of(double q, unsigned n)
{
    uint64_t millionths = (uint64_t)llround(q * 1e6), rank = (millionths * n + 999999) / 1000000;
    return rank ? (unsigned)rank - 1 : 0;
}

static uint64_t seed;

/* splitmix64, so that a failure can be repeated anywhere */
static uint64_t bits(void)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static double uniform(void)
{
    return (double)(bits() >> 11) * 0x1p-53;
}

static double normal(void)
{
    return sqrt(-2 * log(1 - uniform())) * cos(2 * M_PI * uniform());
}

static double from_uniform(void)
{
    return 1000 * uniform();
}
static double from_normal(void)
{
    return normal();
}
static double from_far_normal(void)
{
    return 1e9 + 5 * normal();
}
static double from_lognormal(void)
{
    return exp(3 * normal());
}
static double from_exponential(void)
{
    return -log(1 - uniform()) / 7;
}
static double from_pareto(void)
{
    return pow(1 - uniform(), -1 / 1.1);
}
static double from_constant(void)
{
    return -42.42;
}
static double from_zero(void)
{
    return bits() & 1 ? 0.0 : -0.0;
}
static double from_mixture(void)
{
    double u = uniform();
    return u < 0.3 ? -exp(normal()) : u < 0.4 ? 0 : u < 0.7 ? exp(2 * normal()) : 5;
}
static double from_tiny(void)
{
    return 1e-300 * exp(normal());
}
static double from_huge(void)
{
    return (bits() & 1 ? 1e300 : -1e300) * (1 + uniform());
}
static double from_integers(void)
{
    return (double)(bits() % 7) - 2;
}

static const struct {
    const char *name;
    double (*draw)(void);
} distributions[] = {
    {"uniform", from_uniform},
    {"normal", from_normal},
    {"far normal", from_far_normal},
    {"log-normal", from_lognormal},
    {"exponential", from_exponential},
    {"Pareto", from_pareto},
    {"constant", from_constant},
    {"zero", from_zero},
    {"mixture", from_mixture},
    {"tiny", from_tiny},
    {"huge", from_huge},
    {"integers", from_integers},
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void quantiles(struct ts_sketch *sk, double out[NQ])
{
    struct ts_buf buf = TS_BUF_INIT;
    assert_int_equal(ts_sketch_encode(sk, &buf), 0);
    assert_int_equal(ts_sketch_quantiles(ts_buf_str(&buf), NQ, qs, out), 0);
    ts_buf_fini(&buf);
}

static bool is_near(double got, double want)
{
    return fabs(got - want) <= 0.01 * fabs(want);
}

static void expect_near(const char *name, unsigned n, double q, double got, double want)
{
    if (!is_near(got, want))
        fail_msg("%s, %u samples, quantile %g: %.17g, exact %.17g", name, n, q, got, want);
}

static void every_distribution(void **unused)
{
    static const unsigned sizes[] = {1, 2, 29, 30, 31, 100, 1000, N};
    (void)unused;
    for (unsigned d = 0; d < TS_ARRAY_SIZE(distributions); d++) {
        for (unsigned s = 0; s < TS_ARRAY_SIZE(sizes); s++) {
            struct ts_sketch sk;
            double got[NQ];
            unsigned n = sizes[s];
            seed = d * 100 + s;
            ts_sketch_init(&sk, TS_SKETCH_LIMIT_MAX);
            for (unsigned i = 0; i < n; i++)
                assert_true(ts_sketch_add(&sk, values[i] = distributions[d].draw(), 1));
            qsort(values, n, sizeof *values, by_value);
            quantiles(&sk, got);
            for (unsigned i = 0; i < NQ; i++)
                expect_near(distributions[d].name, n, qs[i], got[i], values[rank_of(qs[i], n)]);
            ts_sketch_fini(&sk);
        }
    }
}

/* All magnitudes, and the neighbourhood of every border between buckets of some octaves. */
static void every_bucket_keeps_the_bound(void **unused)
{
    static const int octaves[] = {-1022, -1000, -1, 0, 1, 31, 1023};
    (void)unused;
    seed = 1;
    for (unsigned i = 0; i < 1000000; i++) {
        uint64_t b = bits();
        double v;
        memcpy(&v, &b, sizeof v);
        if (isfinite(v) && fabs(v) >= DBL_MIN)
            expect_near("bits", 1, 0, ts_sketch_value(ts_sketch_key(v)), v);
    }
    for (unsigned o = 0; o < TS_ARRAY_SIZE(octaves); o++) {
        int32_t former = 0;
        for (unsigned i = 0; i < 1u << 20; i++) {
            for (int side = 0; side < 2; side++) {
                double v = ldexp(1 + (i + side * 0.999999999) / (1 << 20), octaves[o]);
                int32_t key = ts_sketch_key(v);
                assert_true(key >= former && (former == 0 || key - former <= 1));
                former = key;
                if (!is_near(ts_sketch_value(key), v))
                    fail_msg("%.17g is %.17g", v, ts_sketch_value(key));
            }
        }
    }
}

/* docs/SKETCHES.md, word for word; of a normal double. */
static int32_t documented_key(double v)
{
    int e;
    uint64_t whole = (uint64_t)ldexp(frexp(fabs(v), &e), 29) - (UINT64_C(1) << 28); /* frexp is from 1/2 to 1 */
    uint64_t slope = 50 * (UINT64_C(1) << 28) - ((21 * (UINT64_C(1) << 28) - 6 * whole) * whole >> 28);
    int32_t key = 35 * (e - 1 + 1074) + 1 + (int32_t)(slope * whole >> 56);
    return v < 0 ? -key : key;
}

static void keys_are_the_documented_ones(void **unused)
{
    static const int octaves[] = {-1022, -469, -468, -1, 0, 9, 467, 468, 1023};
    (void)unused;
    for (unsigned o = 0; o < TS_ARRAY_SIZE(octaves); o++) {
        int32_t last = 0;
        for (double s = 0, step = 0x1p-12; s < 1; s += step) { /* each bucket's first value among the 2^28, and the one before it */
            double v = ldexp(1 + s, octaves[o]), before = nextafter(v, 0);
            assert_int_equal(ts_sketch_key(v), documented_key(v));
            assert_int_equal(ts_sketch_key(-v), -documented_key(v));
            if (documented_key(v) != last && s > 0) {
                double low = s - step, high = s;
                while (high - low > 0x1p-28)
                    *(documented_key(ldexp(1 + (low + high) / 2, octaves[o])) == last ? &low : &high) = (low + high) / 2;
                v = ldexp(1 + high, octaves[o]);
                before = nextafter(v, 0);
                assert_int_equal(ts_sketch_key(v), last + 1);
                assert_int_equal(ts_sketch_key(before), last);
            }
            last = documented_key(ldexp(1 + s, octaves[o]));
        }
    }
}

static void codes_are_keys(void **unused)
{
    static const double none[] = {0x1p468, INFINITY, -INFINITY, -0x1p468, DBL_MAX, DBL_MIN, 0x1p-1074, NAN};
    (void)unused;
    seed = 31;
    assert_int_equal(ts_sketch_code(0.0), 0);
    assert_int_equal(ts_sketch_code(-0.0), 0);
    assert_int_equal(ts_sketch_key_of(0), 0);
    assert_int_equal(ts_sketch_code(nextafter(0x1p-468, 0)), TS_SKETCH_NO_CODE);
    for (unsigned i = 0; i < TS_ARRAY_SIZE(none); i++)
        assert_int_equal(ts_sketch_code(none[i]), TS_SKETCH_NO_CODE);
    for (unsigned i = 0; i < 100000; i++) {
        double v = ldexp(1 + (double)(bits() >> 11) * 0x1p-53, (int)(bits() % 936) - 468);
        v = i < 2 ? (i ? 0x1p-468 : nextafter(0x1p468, 0)) : bits() % 2 ? -v : v;
        assert_int_equal(ts_sketch_key_of(ts_sketch_code(v)), documented_key(v));
    }
}

static void the_ends_of_the_range(void **unused)
{
    (void)unused;
    assert_int_equal(ts_sketch_key(0.0), 0);
    assert_int_equal(ts_sketch_key(-0.0), 0);
    assert_int_equal(ts_sketch_key(0x1p-1074), 1);
    assert_int_equal(ts_sketch_key(-0x1p-1074), -1);
    assert_int_equal(ts_sketch_key(1), 1074 * 35 + 1);
    assert_int_equal(ts_sketch_key(DBL_MAX), TS_SKETCH_KEYS);
    assert_int_equal(ts_sketch_key(INFINITY), TS_SKETCH_KEYS);
    assert_int_equal(ts_sketch_key(-INFINITY), -TS_SKETCH_KEYS);
    assert_true(isfinite(ts_sketch_value(TS_SKETCH_KEYS)));
    assert_int_equal(ts_sketch_key(DBL_MIN), 52 * 35 + 1);
    assert_int_equal(ts_sketch_key(nextafter(DBL_MIN, 0)), 52 * 35);
    for (unsigned n = 1; n < 100000; n++) { /* 1 %, and half of 2^-1074 */
        double v = n * 0x1p-1074, got = ts_sketch_value(ts_sketch_key(v)) / 0x1p-1074;
        if (!(fabs(got - n) <= 0.01 * n + 0.5))
            fail_msg("%u times 2^-1074 is %g of them", n, got);
    }
}

/* A weight of 10 is ten samples; 2.5 twice is five. */
static void weights_are_repetition(void **unused)
{
    (void)unused;
    struct ts_sketch weighted, repeated;
    double a[NQ], b[NQ];
    ts_sketch_init(&weighted, 512);
    ts_sketch_init(&repeated, 512);
    seed = 5;
    for (unsigned i = 0; i < 500; i++) {
        double v = from_lognormal();
        unsigned n = 1 + i % 12;
        assert_true(ts_sketch_add(&weighted, v, n));
        for (unsigned k = 0; k < n; k++)
            assert_true(ts_sketch_add(&repeated, v, 1));
    }
    struct ts_buf x = TS_BUF_INIT, y = TS_BUF_INIT;
    assert_int_equal(ts_sketch_encode(&weighted, &x), 0);
    assert_int_equal(ts_sketch_encode(&repeated, &y), 0);
    assert_true(ts_str_eq(ts_buf_str(&x), ts_buf_str(&y)));
    ts_sketch_fini(&weighted);
    ts_sketch_init(&weighted, 512);
    seed = 5;
    for (unsigned i = 0; i < 500; i++) {
        double v = from_lognormal();
        assert_true(ts_sketch_add(&weighted, v, (1 + i % 12) / 2.0));
        assert_true(ts_sketch_add(&weighted, v, (1 + i % 12) / 2.0));
    }
    quantiles(&weighted, a);
    quantiles(&repeated, b);
    assert_memory_equal(a, b, sizeof a);
    ts_buf_fini(&x);
    ts_buf_fini(&y);
    ts_sketch_fini(&weighted);
    ts_sketch_fini(&repeated);
}

/* Fractional weights against the definition: the first value with at least q W at and below it. */
static void fractional_weights(void **unused)
{
    static const double v[] = {1, 2, 3, 4}, w[] = {3.25, 1, 10.0 / 3, 1 / 0.7};
    (void)unused;
    struct ts_sketch sk;
    double got[NQ];
    ts_sketch_init(&sk, 512);
    for (unsigned i = 4; i-- > 0;)
        assert_true(ts_sketch_add(&sk, v[i], w[i]));
    quantiles(&sk, got);
    for (unsigned i = 0; i < NQ; i++) {
        double sum = 0, at = qs[i] * (w[0] + w[1] + w[2] + w[3]) - 1e-3;
        unsigned k = 0;
        while ((sum += w[k]) < at)
            k++;
        expect_near("fractions", 4, qs[i], got[i], v[k]);
    }
    ts_sketch_fini(&sk);
}

/* Beyond the limit low values collapse; what is among the highest `limit` buckets keeps its bound. */
static void collapsing_keeps_the_high_quantiles(void **unused)
{
    (void)unused;
    for (unsigned round = 0; round < 4; round++) {
        unsigned limit = round % 2 ? 2048 : 64;
        struct ts_sketch sk;
        double got[NQ];
        ts_sketch_init(&sk, limit);
        seed = round;
        for (unsigned i = 0; i < N; i++) {
            values[i] = round < 2 ? exp(100 * normal()) : -exp(50 * normal());
            assert_true(ts_sketch_add(&sk, values[i], 1));
        }
        qsort(values, N, sizeof *values, by_value);
        quantiles(&sk, got);
        int32_t top = ts_sketch_key(values[N - 1]);
        unsigned exact = 0;
        for (unsigned i = 0; i < NQ; i++) {
            double want = values[rank_of(qs[i], N)];
            if (ts_sketch_key(want) > top - (int32_t)limit) {
                expect_near("wide", N, qs[i], got[i], want);
                exact++;
            } else {
                assert_true(got[i] >= want);
            }
        }
        assert_true(exact >= 1 && exact < NQ);
        unsigned buckets = 0;
        struct ts_sketch_cursor cur;
        int32_t key;
        uint64_t units;
        for (bool more = ts_sketch_first(&sk, &cur); more && ts_sketch_next(&cur, &key, &units); buckets++)
            ;
        assert_true(buckets <= limit);
        ts_sketch_fini(&sk);
    }
}

static double draw_weight(unsigned kind)
{
    switch (kind) {
    case 0: return 1;
    case 1: return (double)(1 + bits() % 400);
    default: return 1 + 9 * uniform();
    }
}

/* Cut into parts anywhere, merged in any order, encoded between: always the same bytes as the whole. */
static void parts_merge_to_the_whole(void **unused)
{
    (void)unused;
    for (unsigned round = 0; round < 600; round++) {
        enum { PARTS = 7 };
        struct ts_sketch whole, parts[PARTS];
        unsigned limit = round % 3 ? 2048 : 64, kind = round % 5 % 3, n = round % 4 ? 700 : 20;
        seed = round;
        ts_sketch_init(&whole, limit);
        for (unsigned p = 0; p < PARTS; p++)
            ts_sketch_init(&parts[p], limit);
        for (unsigned i = 0; i < n; i++) {
            double v = distributions[(round + (i & 1)) % TS_ARRAY_SIZE(distributions)].draw(),
                   w = draw_weight(i % 50 ? kind : 0);
            assert_true(ts_sketch_add(&whole, v, w));
            assert_true(ts_sketch_add(&parts[bits() % PARTS], v, w));
        }
        for (unsigned left = PARTS; left > 1; left--) {
            unsigned a = (unsigned)(bits() % left), b = (unsigned)((a + 1 + bits() % (left - 1)) % left);
            struct ts_buf buf = TS_BUF_INIT;
            struct ts_sketch read;
            assert_int_equal(ts_sketch_encode(&parts[b], &buf), 0);
            assert_int_equal(ts_sketch_decode(ts_buf_str(&buf), &read), 0);
            assert_int_equal(ts_sketch_merge(&parts[a], round % 2 ? &read : &parts[b]), 0);
            ts_sketch_fini(&read);
            ts_buf_fini(&buf);
            ts_sketch_fini(&parts[b]);
            parts[b] = parts[left - 1];
        }
        struct ts_buf x = TS_BUF_INIT, y = TS_BUF_INIT;
        assert_int_equal(ts_sketch_encode(&whole, &x), 0);
        assert_int_equal(ts_sketch_encode(&parts[0], &y), 0);
        if (!ts_str_eq(ts_buf_str(&x), ts_buf_str(&y)))
            fail_msg("round %u: %zu and %zu bytes", round, x.len, y.len);
        ts_buf_fini(&x);
        ts_buf_fini(&y);
        ts_sketch_fini(&whole);
        ts_sketch_fini(&parts[0]);
    }
}

/* The lower limit wins, whatever stands in which. */
static void merging_different_limits(void **unused)
{
    (void)unused;
    for (unsigned n = 5; n <= 500; n *= 10) {
        struct ts_sketch a, b, small;
        ts_sketch_init(&a, 2048);
        ts_sketch_init(&b, 64);
        ts_sketch_init(&small, 64);
        seed = n;
        for (unsigned i = 0; i < n; i++) {
            double v = exp(9 * normal());
            assert_true(ts_sketch_add(i % 2 ? &a : &b, v, 1) && ts_sketch_add(&small, v, 1));
        }
        struct ts_buf x = TS_BUF_INIT, y = TS_BUF_INIT;
        assert_int_equal(ts_sketch_merge(&a, &b), 0);
        assert_int_equal(ts_sketch_encode(&a, &x), 0);
        assert_int_equal(ts_sketch_encode(&small, &y), 0);
        assert_true(ts_str_eq(ts_buf_str(&x), ts_buf_str(&y)));
        ts_buf_fini(&x);
        ts_buf_fini(&y);
        ts_sketch_fini(&a);
        ts_sketch_fini(&b);
        ts_sketch_fini(&small);
    }
}

static void counts_get_wider_and_stop(void **unused)
{
    (void)unused;
    static const double weights[] = {1, 254, 255, 256, 65535, 65536, 4294967295.0, 4294967296.0};
    for (unsigned i = 0; i < TS_ARRAY_SIZE(weights); i++) {
        struct ts_sketch sk;
        double got[NQ];
        ts_sketch_init(&sk, 2048);
        assert_true(ts_sketch_add(&sk, 3, weights[i]) && ts_sketch_add(&sk, 3, 1) &&
                    ts_sketch_add(&sk, 5, 1));
        quantiles(&sk, got);
        expect_near("wide", 3, 0.5, got[5], 3);
        expect_near("wide", 3, 1, got[NQ - 1], 5);
        struct ts_sketch_cursor cur;
        int32_t key;
        uint64_t units;
        assert_true(ts_sketch_first(&sk, &cur) && ts_sketch_next(&cur, &key, &units));
        assert_true((double)units == weights[i] + 1);
        ts_sketch_fini(&sk);
    }
    struct ts_sketch sk;
    struct ts_buf buf = TS_BUF_INIT;
    ts_sketch_init(&sk, 2048);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(ts_sketch_add(&sk, i % 3 - 1.0, 1e300) && ts_sketch_add(&sk, i, 1.5));
    assert_int_equal(ts_sketch_encode(&sk, &buf), 0);
    struct ts_sketch again;
    assert_int_equal(ts_sketch_decode(ts_buf_str(&buf), &again), 0);
    ts_buf_fini(&buf);
    ts_sketch_fini(&sk);
    ts_sketch_fini(&again);
}

/* 1 is bucket 1074 · 35 + 1 = 37591 = 0x92d7, 2 is 35 further, -1 the same below zero: the example of
 * docs/SKETCHES.md. */
static void layout_is_the_documented_one(void **unused)
{
    static const unsigned char want[] = {
        'D',  1,    0,       /* version 1, no fractions */
        0x80, 0x10,          /* limit 2048 */
        5,                   /* samples */
        1,    1,    2,       /* negative buckets, zeros, positive buckets */
        0xd7, 0xa5, 0x02, 1, /* -1, once */
        0xd7, 0xa5, 0x02, 2, /* 1, twice */
        35,   1,             /* 2, once */
    };
    (void)unused;
    struct ts_sketch sk;
    struct ts_buf buf = TS_BUF_INIT;
    ts_sketch_init(&sk, 2048);
    assert_true(ts_sketch_add(&sk, 2, 1) && ts_sketch_add(&sk, -1, 1) && ts_sketch_add(&sk, 1, 2) &&
                ts_sketch_add(&sk, 0, 1));
    assert_int_equal(ts_sketch_encode(&sk, &buf), 0);
    assert_int_equal(buf.len, sizeof want);
    assert_memory_equal(buf.p, want, sizeof want);
    for (size_t len = 0; len < buf.len; len++) {
        struct ts_sketch cut;
        char *copy = test_malloc(len + 1);
        memcpy(copy, buf.p, len);
        assert_int_equal(ts_sketch_decode((struct ts_str){copy, len}, &cut), -TS_ECORRUPT);
        test_free(copy);
    }
    ts_buf_fini(&buf);
    ts_sketch_fini(&sk);
}

static void damaged_bytes_are_refused_or_harmless(void **unused)
{
    (void)unused;
    struct ts_sketch sk, read;
    struct ts_buf buf = TS_BUF_INIT, again = TS_BUF_INIT;
    double got[NQ];
    seed = 11;
    ts_sketch_init(&sk, 128);
    for (unsigned i = 0; i < 300; i++)
        assert_true(ts_sketch_add(&sk, from_mixture(), i % 7 ? 1 : 1.25));
    assert_int_equal(ts_sketch_encode(&sk, &buf), 0);
    char *copy = test_malloc(buf.len);
    for (unsigned round = 0; round < 100000; round++) {
        memcpy(copy, buf.p, buf.len);
        for (unsigned k = 0; k <= round % 3; k++)
            copy[bits() % buf.len] = (char)bits();
        struct ts_str bytes = {copy, buf.len};
        int rc = ts_sketch_decode(bytes, &read);
        assert_int_equal(ts_sketch_quantiles(bytes, NQ, qs, got), rc);
        if (rc)
            continue;
        ts_buf_clear(&again);
        assert_int_equal(ts_sketch_encode(&read, &again), 0);
        assert_true(ts_str_eq(ts_buf_str(&again), bytes));
        ts_sketch_fini(&read);
    }
    test_free(copy);
    ts_buf_fini(&buf);
    ts_buf_fini(&again);
    ts_sketch_fini(&sk);
}

/* Saved is it, and loaded it is the same. @return the letter of the form. */
static char saved_and_loaded(struct ts_sketch *sk, struct ts_buf *saved)
{
    struct ts_sketch read;
    struct ts_buf want = TS_BUF_INIT, got = TS_BUF_INIT;
    ts_buf_clear(saved);
    assert_int_equal(ts_sketch_save(sk, saved), 0);
    assert_int_equal(ts_sketch_load(ts_buf_str(saved), &read), 0);
    assert_true(ts_sketch_encode(sk, &want) == 0 && ts_sketch_encode(&read, &got) == 0);
    assert_true(ts_str_eq(ts_buf_str(&want), ts_buf_str(&got)));
    assert_true(ts_sketch_add(&read, 1e-300, 1) && ts_sketch_add(&read, 1e300, 1000)); /* and it goes on */
    ts_sketch_fini(&read);
    ts_buf_fini(&want);
    ts_buf_fini(&got);
    return saved->p[0];
}

static void saving_keeps_what_there_is(void **unused)
{
    static const char listed[] = "L\0\x08\xd7\x92\0\0\0\0\0\0\x29\x6d\xff\xff"; /* 1, 0, -1 */
    static const char counted[] = "B\0\x08\xd7\x92\0\0\x1f";                     /* 1, 31 times */
    (void)unused;
    struct ts_sketch sk;
    struct ts_buf saved = TS_BUF_INIT;
    ts_sketch_init(&sk, 2048);
    assert_int_equal(saved_and_loaded(&sk, &saved), 'L');
    assert_true(ts_sketch_add(&sk, 1, 1) && ts_sketch_add(&sk, 0, 1) && ts_sketch_add(&sk, -1, 1));
    assert_int_equal(saved_and_loaded(&sk, &saved), 'L');
    assert_true(ts_str_eq(ts_buf_str(&saved), (struct ts_str){listed, sizeof listed - 1}));
    ts_sketch_fini(&sk);
    ts_sketch_init(&sk, 2048);
    assert_true(ts_sketch_add(&sk, 1, 31));
    assert_int_equal(saved_and_loaded(&sk, &saved), 'B');
    assert_true(ts_str_eq(ts_buf_str(&saved), (struct ts_str){counted, sizeof counted - 1}));
    assert_true(ts_sketch_add(&sk, 1, 225)); /* 256 */
    assert_int_equal(saved_and_loaded(&sk, &saved), 'D');
    ts_sketch_fini(&sk);
    seed = 21;
    for (unsigned kind = 0; kind < 3; kind++) {
        ts_sketch_init(&sk, kind == 2 ? 64 : 2048);
        for (unsigned i = 0; i < 300; i++) {
            assert_true(ts_sketch_add(&sk, kind == 1 ? from_mixture() : from_lognormal(), 1));
            (void)saved_and_loaded(&sk, &saved);
        }
        ts_sketch_fini(&sk);
    }
    ts_buf_fini(&saved);
}

/* Lists in snapshots of former versions were longer than those here. */
static void a_longer_list_is_loaded(void **unused)
{
    (void)unused;
    struct ts_sketch sk, read;
    struct ts_buf saved = TS_BUF_INIT, want = TS_BUF_INIT, got = TS_BUF_INIT;
    seed = 22;
    ts_sketch_init(&sk, 2048);
    ts_buf_puts(&saved, "L");
    ts_buf_putc(&saved, 0);
    ts_buf_putc(&saved, 8);
    for (unsigned i = 0; i < 2 * TS_SKETCH_LISTED; i++) {
        double v = from_lognormal();
        char key[4];
        ts_le_put32(key, (uint32_t)ts_sketch_key(v));
        ts_buf_put(&saved, key, sizeof key);
        assert_true(ts_sketch_add(&sk, v, 1));
    }
    assert_int_equal(ts_sketch_load(ts_buf_str(&saved), &read), 0);
    assert_true(ts_sketch_encode(&sk, &want) == 0 && ts_sketch_encode(&read, &got) == 0);
    assert_true(ts_str_eq(ts_buf_str(&want), ts_buf_str(&got)));
    ts_sketch_fini(&read);
    ts_sketch_fini(&sk);
    ts_buf_fini(&saved);
    ts_buf_fini(&want);
    ts_buf_fini(&got);
}

static void damaged_saves_are_refused_or_harmless(void **unused)
{
    (void)unused;
    struct ts_sketch read;
    struct ts_buf saved = TS_BUF_INIT, again = TS_BUF_INIT;
    unsigned loaded = 0, refused = 0;
    seed = 12;
    for (unsigned n = 0; n <= 40; n += 8) {
        struct ts_sketch sk;
        ts_sketch_init(&sk, 64);
        for (unsigned i = 0; i < n; i++)
            assert_true(ts_sketch_add(&sk, from_lognormal(), 1));
        ts_buf_clear(&saved);
        assert_int_equal(ts_sketch_save(&sk, &saved), 0);
        ts_sketch_fini(&sk);
        for (unsigned round = 0; round < 20000; round++) {
            size_t len = round % 2 ? saved.len : bits() % (saved.len + 1);
            char *copy = test_malloc(len + 1);
            memcpy(copy, saved.p, len);
            for (unsigned k = 0; len && k <= round % 3; k++)
                copy[bits() % len] = (char)bits();
            int rc = ts_sketch_load((struct ts_str){copy, len}, &read);
            test_free(copy);
            refused += rc != 0;
            if (rc)
                continue;
            loaded++;
            ts_buf_clear(&again);
            assert_int_equal(ts_sketch_encode(&read, &again), 0);
            ts_sketch_fini(&read);
            assert_int_equal(ts_sketch_decode(ts_buf_str(&again), &read), 0);
            ts_sketch_fini(&read);
        }
    }
    assert_true(loaded > 1000 && refused > 1000);
    ts_buf_fini(&saved);
    ts_buf_fini(&again);
}

static void an_empty_sketch(void **unused)
{
    (void)unused;
    struct ts_sketch sk;
    double got[NQ];
    ts_sketch_init(&sk, 64);
    assert_true(ts_sketch_add(&sk, NAN, 1));
    quantiles(&sk, got);
    for (unsigned i = 0; i < NQ; i++)
        assert_true(isnan(got[i]));
    ts_sketch_fini(&sk);
}

/* What is in the list, and what is counted when, cannot be seen: any order, with looks at it in between, gives the same sketch. */
static void when_samples_are_counted_does_not_matter(void **unused)
{
    enum { MOST = 700 };
    static const double ends[] = {0, 1e300, -1e300, 1e-300, 1e-200};
    (void)unused;
    seed = 77;
    for (unsigned round = 0; round < 400; round++) {
        double drawn[MOST], weights[MOST];
        unsigned n = (unsigned)(bits() % (round % 2 ? 70 : MOST)), limit = round % 3 ? 2048 : 64, kind = round % 5;
        struct ts_sketch plain, other;
        struct ts_buf want = TS_BUF_INIT, got = TS_BUF_INIT, looked = TS_BUF_INIT;
        ts_sketch_init(&plain, limit);
        ts_sketch_init(&other, limit);
        for (unsigned i = 0; i < n; i++) {
            double v = kind == 0 ? from_lognormal() : kind == 1 ? 1 : from_mixture();
            drawn[i] = kind >= 3 && bits() % 8 == 0 ? ends[bits() % TS_ARRAY_SIZE(ends)] : v;
            weights[i] = kind == 4 && bits() % 16 == 0 ? (bits() % 2 ? 0.5 : 3) : 1;
        }
        for (unsigned i = 0; i < n; i++) /* bucket by bucket, never listed */
            assert_true(ts_sketch_add_units(&plain, ts_sketch_key(drawn[i]), (uint64_t)(weights[i] * 65536), true));
        assert_true(ts_sketch_add_units(&plain, 1234, 65536, true));
        assert_true(ts_sketch_add(&other, ts_sketch_value(1234), 1));
        for (unsigned i = n; i-- > 0;) {
            assert_true(ts_sketch_add(&other, drawn[i], weights[i]));
            ts_buf_clear(&looked);
            if (bits() % 50 == 0)
                assert_int_equal(bits() % 2 ? ts_sketch_encode(&other, &looked) : ts_sketch_save(&other, &looked), 0);
        }
        assert_true(ts_sketch_add_units(&other, 1234, 32768, true) && ts_sketch_add_units(&plain, 1234, 32768, true));
        assert_true(ts_sketch_encode(&plain, &want) == 0 && ts_sketch_encode(&other, &got) == 0);
        assert_true(ts_str_eq(ts_buf_str(&want), ts_buf_str(&got)));
        ts_sketch_fini(&plain);
        ts_sketch_fini(&other);
        ts_buf_fini(&want);
        ts_buf_fini(&got);
        ts_buf_fini(&looked);
    }
}

#ifdef TS_HOSTILE
/* One sketch whose allocations fail now and then, when something is added and when it is encoded, and one that has all it wants: the same. */
static void beside_one_with_memory(unsigned limit, unsigned *added, unsigned *encoded)
{
    struct ts_sketch sk, same;
    struct ts_buf x = TS_BUF_INIT, y = TS_BUF_INIT;
    ts_sketch_init(&sk, limit);
    ts_sketch_init(&same, limit);
    for (unsigned i = 0; i < 500; i++) {
        double v = from_mixture(), w = i == 499 ? 1.5 : i % 40 ? 1 : 300;
        assert_true(ts_sketch_add(&same, v, w));
        ts_alloc_fail_at(1 + i % 3);
        bool in = ts_sketch_add(&sk, v, w);
        ts_alloc_fail_at(0);
        *added += !in;
        assert_true(in || ts_sketch_add(&sk, v, w));
        if (in && bits() % 16)
            continue;
        ts_buf_clear(&x);
        ts_buf_clear(&y);
        ts_alloc_fail_at(1);
        int rc = ts_sketch_encode(&sk, &x);
        ts_alloc_fail_at(0);
        assert_true(ts_buf_failed(&x) == (rc != 0));
        *encoded += rc != 0;
        ts_buf_clear(&x);
        assert_true(ts_sketch_encode(&sk, &x) == 0 && ts_sketch_encode(&same, &y) == 0);
        assert_true(ts_str_eq(ts_buf_str(&x), ts_buf_str(&y)));
    }
    ts_sketch_fini(&sk);
    ts_sketch_fini(&same);
    ts_buf_fini(&x);
    ts_buf_fini(&y);
}

/* Whatever allocation fails, the sketch is as before and goes on. */
static void without_memory_nothing_changes(void **unused)
{
    (void)unused;
    struct ts_sketch sk, other;
    struct ts_buf x = TS_BUF_INIT, y = TS_BUF_INIT;
    unsigned added = 0, encoded = 0;
    seed = 3;
    for (unsigned round = 0; round < 40; round++)
        beside_one_with_memory(round % 2 ? 64 : 2048, &added, &encoded);
    assert_true(added > 40 && encoded > 40);
    ts_sketch_init(&sk, 64);
    ts_sketch_init(&other, 64);
    for (unsigned i = 0; i < 500; i++)
        assert_true(ts_sketch_add(&other, from_lognormal(), 1) && ts_sketch_add(&sk, from_mixture(), 1));
    for (long at = 1;; at++) {
        ts_buf_clear(&x);
        ts_buf_clear(&y);
        assert_int_equal(ts_sketch_encode(&sk, &x), 0);
        ts_alloc_fail_at(at);
        int rc = ts_sketch_merge(&sk, &other);
        ts_alloc_fail_at(0);
        if (rc == 0)
            break;
        assert_int_equal(ts_sketch_encode(&sk, &y), 0);
        assert_true(rc == -TS_ENOMEM && ts_str_eq(ts_buf_str(&x), ts_buf_str(&y)));
    }
    for (long at = 1;; at++) {
        struct ts_sketch read;
        ts_alloc_fail_at(at);
        int rc = ts_sketch_decode(ts_buf_str(&x), &read);
        ts_alloc_fail_at(0);
        if (rc == 0) {
            ts_sketch_fini(&read);
            break;
        }
        assert_int_equal(rc, -TS_ENOMEM);
    }
    ts_buf_fini(&x);
    ts_buf_fini(&y);
    ts_sketch_fini(&sk);
    ts_sketch_fini(&other);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_distribution),
        cmocka_unit_test(every_bucket_keeps_the_bound),
        cmocka_unit_test(keys_are_the_documented_ones),
        cmocka_unit_test(codes_are_keys),
        cmocka_unit_test(the_ends_of_the_range),
        cmocka_unit_test(weights_are_repetition),
        cmocka_unit_test(fractional_weights),
        cmocka_unit_test(collapsing_keeps_the_high_quantiles),
        cmocka_unit_test(parts_merge_to_the_whole),
        cmocka_unit_test(merging_different_limits),
        cmocka_unit_test(counts_get_wider_and_stop),
        cmocka_unit_test(layout_is_the_documented_one),
        cmocka_unit_test(damaged_bytes_are_refused_or_harmless),
        cmocka_unit_test(saving_keeps_what_there_is),
        cmocka_unit_test(a_longer_list_is_loaded),
        cmocka_unit_test(damaged_saves_are_refused_or_harmless),
        cmocka_unit_test(when_samples_are_counted_does_not_matter),
        cmocka_unit_test(an_empty_sketch),
#ifdef TS_HOSTILE
        cmocka_unit_test(without_memory_nothing_changes),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
