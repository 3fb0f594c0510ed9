/* Vectors and segments: what goes in comes out, bit by bit, and what is damaged is refused. */
#include "config.h"
#include "unit.h"

#include "core/mem.h"
#include "store/store_codec.h"
#include "store/store_key.h"
#include "store/store_segment.h"

#include <math.h>
#include <stdlib.h>

static uint64_t state_of_draw = 7;

static uint64_t draw(uint64_t n)
{
    uint64_t z = state_of_draw += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (z ^ z >> 31) % n;
}

static int64_t draw_int(unsigned sort, unsigned i)
{
    switch (sort) {
    case 0: return 42;
    case 1: return (int64_t)draw(1000);
    case 2: return INT64_C(1700000000000000000) + (int64_t)i * 10000000000;
    case 3: return INT64_C(1700000000000000000) + (int64_t)i * 10000000000 + (int64_t)draw(1000) * 1000000;
    case 4: return (int64_t)draw(UINT64_MAX);
    case 5: return draw(50) ? (int64_t)draw(16) : (int64_t)draw(UINT64_MAX);
    case 6: return (int64_t)i * (int64_t)i * 37 + (i > 500 ? INT64_C(3600000000000) : 0);
    case 7: return draw(2) ? INT64_MIN : INT64_MAX;
    default: return -(int64_t)draw(UINT64_C(1) << draw(63));
    }
}

static void check_ints(const int64_t *v, unsigned n, bool random)
{
    int64_t back[TS_VECTOR_MAX + 16];
    struct ts_buf buf = TS_BUF_INIT;
    ts_ints_encode(v, n, random, &buf);
    assert_false(ts_buf_failed(&buf));
    const uint8_t *p = (const uint8_t *)buf.p, *end = p + buf.len;
    assert_ptr_equal(ts_ints_decode(p, end, n, back), end);
    assert_memory_equal(v, back, n * sizeof *v);
    for (unsigned i = 0; random && i < n; i++) {
        int64_t x;
        assert_true(ts_ints_get(p, end, n, i, &x) && x == v[i]);
    }
    for (size_t cut = 0; cut < buf.len; cut += 1 + cut / 4) {
        char *copy = ts_xalloc(cut + 1); /* so that ASan sees a read beyond */
        memcpy(copy, buf.p, cut);
        assert_null(ts_ints_decode((uint8_t *)copy, (uint8_t *)copy + cut, n, back));
        ts_free(copy);
    }
    ts_buf_fini(&buf);
}

static void test_ints(void **state)
{
    (void)state;
    int64_t v[TS_VECTOR_MAX];
    for (unsigned round = 0; round < 900; round++) {
        unsigned n = draw(3) ? 1 + (unsigned)draw(TS_VECTOR_MAX) : TS_VECTOR_MAX;
        for (unsigned i = 0; i < n; i++)
            v[i] = draw_int(round % 9, i);
        check_ints(v, n, draw(2));
    }
}

static double draw_float(unsigned sort)
{
    static const double odd[] = {0.0, -0.0, NAN, INFINITY, -INFINITY, 1e300, 5e-324, 0.1, -1e15, 4503599627370497.5, 1.7976931348623157e308};
    double d = (double)draw(2000001) - 1000000;
    switch (sort) {
    case 0: return d / 1000;
    case 1: return d / 1e14;
    case 2: return sqrt(fabs(d));
    case 3: return draw(20) ? d / 100 : odd[draw(TS_ARRAY_SIZE(odd))];
    case 4: return odd[draw(TS_ARRAY_SIZE(odd))];
    case 5: return d * 1e12;
    case 6:
        return draw(9) ? d / 1000 + d / 7000 - d / 7000
                       : odd[draw(TS_ARRAY_SIZE(odd))]; /* a decimal, but for its last bits */
    default: {
        uint64_t bits = draw(UINT64_MAX);
        memcpy(&d, &bits, sizeof d);
        return d;
    }
    }
}

static void test_floats(void **state)
{
    (void)state;
    double v[TS_VECTOR_MAX], back[TS_VECTOR_MAX + 16];
    for (unsigned round = 0; round < 700; round++) {
        unsigned n = draw(3) ? 1 + (unsigned)draw(TS_VECTOR_MAX) : TS_VECTOR_MAX;
        bool random = draw(2);
        struct ts_buf buf = TS_BUF_INIT;
        for (unsigned i = 0; i < n; i++)
            v[i] = draw_float(round % 8);
        ts_floats_encode(v, n, random, &buf);
        const uint8_t *p = (const uint8_t *)buf.p, *end = p + buf.len;
        assert_ptr_equal(ts_floats_decode(p, end, n, back), end);
        assert_memory_equal(v, back, n * sizeof *v);
        for (unsigned i = 0; random && i < n; i++) {
            double x;
            assert_true(!ts_floats_get(p, end, n, i, &x) || memcmp(&x, &v[i], 8) == 0);
        }
        for (size_t cut = 0; cut < buf.len; cut += 1 + cut / 4)
            assert_null(ts_floats_decode(p, p + cut, n, back));
        ts_buf_fini(&buf);
    }
}

/* A decimal is its integer divided by 10^k, rounded correctly, whatever the decoder does instead. */
static void test_decimals(void **state)
{
    (void)state;
    static const double powers[] = {1,   10,  100,  1e3,  1e4,  1e5,  1e6, 1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
    double v[TS_VECTOR_MAX], back[TS_VECTOR_MAX + 16];
    struct ts_buf buf = TS_BUF_INIT;
    for (unsigned round = 0; round < 6000; round++) {
        double power = powers[round % TS_ARRAY_SIZE(powers)];
        unsigned bits = 1 + (unsigned)draw(50);
        for (unsigned i = 0; i < TS_VECTOR_MAX; i++)
            v[i] = (double)((int64_t)draw(UINT64_C(1) << bits) - (INT64_C(1) << bits) / 2) / power;
        ts_buf_clear(&buf);
        ts_floats_encode(v, TS_VECTOR_MAX, false, &buf);
        assert_non_null(
            ts_floats_decode((const uint8_t *)buf.p, (const uint8_t *)buf.p + buf.len, TS_VECTOR_MAX, back));
        assert_memory_equal(v, back, sizeof v);
    }
    ts_buf_fini(&buf);
}

/* What DESIGN asks of the codec, with room: 3 decimals in 0 … 100, and small counts. */
static void test_sizes(void **state)
{
    (void)state;
    double v[TS_VECTOR_MAX];
    struct ts_buf buf = TS_BUF_INIT;
    for (unsigned i = 0; i < TS_VECTOR_MAX; i++)
        v[i] = (double)draw(100000) / 1000;
    ts_floats_encode(v, TS_VECTOR_MAX, false, &buf);
    assert_in_range(buf.len, 17 * 128, 17 * 128 + 32); /* 10^5 values need 17 bits */
    for (unsigned i = 0; i < TS_VECTOR_MAX; i++) {
        v[i] = 0;
        for (unsigned k = 0; k < 30; k++)
            v[i] += (double)draw(100000) / 1000;
    }
    ts_buf_clear(&buf);
    ts_floats_encode(v, TS_VECTOR_MAX, false, &buf);
    assert_in_range(buf.len, 20 * 128,
                    28 * 128); /* sums up to 3 * 10^6: 21 or 22 bits, and some for what was rounded */
    ts_buf_clear(&buf);
    int64_t t[TS_VECTOR_MAX];
    for (unsigned i = 0; i < TS_VECTOR_MAX; i++)
        t[i] = INT64_C(1700000000000000000) + (int64_t)i * 10000000000;
    ts_ints_encode(t, TS_VECTOR_MAX, false, &buf);
    assert_in_range(buf.len, 1, 24);
    ts_buf_fini(&buf);
}

/* ---- segments ---- */

#define ROWS 3000

static void fill(struct ts_column *col, unsigned n, uint8_t *present, uint64_t *v, struct ts_str *s, unsigned density)
{
    static const char *const words[] = {"", "a", "ok", "a longer text, with a comma", "état"};
    col->present = density == 100 ? NULL : present;
    col->v = col->type == TS_SCAN_STRING ? NULL : v;
    col->s = s;
    for (unsigned i = 0; i < n; i++) {
        present[i] = draw(100) < density;
        s[i] = ts_str_of(words[draw(5)]);
        v[i] = col->type == TS_SCAN_BOOL ? draw(2) : draw(100000);
        if (col->type == TS_SCAN_FLOAT) {
            double d = (double)v[i] / 1000;
            memcpy(&v[i], &d, 8);
        }
    }
}

static void check_column(const struct ts_seg *seg, struct ts_str data, const struct ts_column *col, unsigned from, unsigned n)
{
    static uint64_t v[ROWS + TS_SEG_PAD];
    static struct ts_str s[ROWS + TS_SEG_PAD];
    static uint32_t rows[ROWS + TS_SEG_PAD];
    unsigned count, at = 0;
    const struct ts_seg_column *is = ts_seg_find(seg, col->name, col->type);
    assert_non_null(is);
    assert_int_equal(ts_seg_values(seg, data, is, from, n, v, s, rows, &count), 0);
    for (unsigned i = from; i < from + n; i++) {
        if (col->present && !col->present[i])
            continue;
        assert_true(at < count);
        if (is->nulls)
            assert_int_equal(rows[at], i - from);
        if (col->type == TS_SCAN_STRING)
            assert_true(ts_str_eq(s[at], col->s[i]));
        else
            assert_true(v[at] == col->v[i]);
        at++;
    }
    assert_int_equal(at, count);
}

static void test_segments(void **state)
{
    (void)state;
    static int64_t times[ROWS], times_back[ROWS + TS_SEG_PAD];
    static uint8_t present[5][ROWS];
    static uint64_t v[5][ROWS];
    static struct ts_str s[5][ROWS];
    static uint32_t series[ROWS], ends[ROWS], series_back[ROWS + TS_SEG_PAD], ends_back[ROWS + TS_SEG_PAD];
    static const unsigned densities[] = {100, 60, 3, 1, 100};
    for (unsigned round = 0; round < 60; round++) {
        struct ts_column cols[5];
        struct ts_seg seg = {0};
        struct ts_buf head = TS_BUF_INIT, data = TS_BUF_INIT;
        struct ts_seg_rows rows = {.n = 1 + (unsigned)draw(ROWS), .times = times, .ncols = 5, .cols = cols, .series = series, .ends = ends};
        for (unsigned i = 0; i < rows.n; i++)
            times[i] = (int64_t)i * 10000000000 + (int64_t)draw(1000);
        for (unsigned c = 0; c < 5; c++) {
            cols[c] = (struct ts_column){.name = c * 3, .type = (enum ts_scan_type)((c + round) % 5)};
            fill(&cols[c], rows.n, present[c], v[c], s[c], densities[(c + round / 5) % 5]);
        }
        if (round % 2)
            for (unsigned i = 0; i < rows.n; i++)
                if (i + 1 == rows.n || draw(3) == 0) {
                    series[rows.nseries] = rows.nseries * 2;
                    ends[rows.nseries++] = i + 1;
                }
        assert_int_equal(ts_seg_encode(&rows, 99, &head, &data), 0);
        assert_int_equal(ts_seg_open(&seg, ts_buf_str(&head), 98), -TS_ECORRUPT);
        assert_int_equal(ts_seg_open(&seg, ts_buf_str(&head), 99), 0);
        assert_int_equal(seg.n, rows.n);
        assert_int_equal(seg.nseries, rows.nseries);
        assert_true(seg.min_ns == times[0] && seg.max_ns == times[rows.n - 1]);
        if (rows.nseries) {
            assert_int_equal(ts_seg_series(&seg, ts_buf_str(&data), series_back, ends_back), 0);
            assert_memory_equal(series, series_back, rows.nseries * 4);
            assert_memory_equal(ends, ends_back, rows.nseries * 4);
        }
        for (unsigned k = 0; k < 8; k++) {
            unsigned from = k ? (unsigned)draw(rows.n) : 0, n = k ? 1 + (unsigned)draw(TS_MIN(rows.n - from, k < 4 ? 30 : ROWS)) : rows.n;
            assert_int_equal(ts_seg_times(&seg, ts_buf_str(&data), from, n, times_back), 0);
            assert_memory_equal(times + from, times_back, n * 8);
            for (unsigned c = 0; c < 5; c++)
                check_column(&seg, ts_buf_str(&data), &cols[c], from, n);
        }
        /* One bit anywhere: the head is refused, or a part of the data is not whole. */
        head.p[draw(head.len)] ^= (char)(1 << draw(8));
        assert_int_equal(ts_seg_open(&seg, ts_buf_str(&head), 99), -TS_ECORRUPT);
        ts_seg_fini(&seg);
        ts_buf_fini(&head);
        ts_buf_fini(&data);
    }
}

/* ---- columns that are told from others ---- */

#define ROLLUPS 3000

static void put_double(uint64_t *v, double d)
{
    memcpy(v, &d, sizeof d);
}

/* Columns count, sum, sum / count, sum / 60, and one that has nothing to do with them. odd: one row in so
 * many is something else. */
static void fill_rollups(uint64_t v[5][ROLLUPS], unsigned odd)
{
    static const double strange[] = {NAN, -NAN, INFINITY, 0.0, -0.0, 1e300, 5e-324};
    for (unsigned i = 0; i < ROLLUPS; i++) {
        double count = 1 + (double)draw(50), sum = 0;
        for (unsigned k = 0; k < (unsigned)count; k++)
            sum += (double)draw(100000) / 1000; /* rounds: the sum is no short decimal any more */
        const double values[] = {count, sum, sum / count, sum / 60, sqrt(sum)};
        for (unsigned c = 0; c < 5; c++)
            put_double(&v[c][i], odd && draw(odd) == 0 ? strange[draw(TS_ARRAY_SIZE(strange))] : values[c]);
    }
}

static void check_rollups(const struct ts_seg *seg, struct ts_str data, const struct ts_column *cols)
{
    for (unsigned k = 0; k < 12; k++) {
        unsigned from = k ? (unsigned)draw(seg->n) : 0,
                 n = k ? 1 + (unsigned)draw(TS_MIN(seg->n - from, k < 6 ? 30 : ROWS)) : seg->n;
        for (unsigned c = 0; c < seg->ncols; c++)
            check_column(seg, data, &cols[c], from, n);
    }
}

static void test_quotients(void **state)
{
    (void)state;
    static int64_t times[ROLLUPS];
    static uint64_t v[5][ROLLUPS];
    for (unsigned i = 0; i < ROLLUPS; i++)
        times[i] = (int64_t)i * 10000000000;
    for (unsigned round = 0; round < 30; round++) {
        struct ts_column cols[5];
        struct ts_seg seg = {0};
        struct ts_buf head = TS_BUF_INIT, data = TS_BUF_INIT;
        unsigned order = (unsigned)draw(5), odd = round % 3 ? 2 + (unsigned)draw(200) : 0;
        struct ts_seg_rows rows = {
            .n = round < 3 ? ROLLUPS : 1 + (unsigned)draw(ROLLUPS), .times = times, .ncols = 5, .cols = cols};
        fill_rollups(v, odd);
        for (unsigned c = 0; c < 5; c++)
            cols[c] = (struct ts_column){.name = c, .type = TS_SCAN_FLOAT, .v = v[(c + order) % 5]};
        assert_int_equal(ts_seg_encode(&rows, 1, &head, &data), 0);
        assert_int_equal(ts_seg_open(&seg, ts_buf_str(&head), 1), 0);
        check_rollups(&seg, ts_buf_str(&data), cols);
        const struct ts_seg_column *mean = &seg.cols[(7 - order) % 5], *rate = &seg.cols[(8 - order) % 5];
        if (odd == 0 &&
            rows.n > 100) { /* a few bytes for each vector; who is told from others is lost with them */
            assert_true(mean->quotient && rate->quotient && mean->part.len < 64 && rate->part.len < 64);
            assert_true(ts_seg_column_is_whole(&seg, ts_buf_str(&data), mean));
            data.p[seg.cols[mean->a].part.at] ^= 1;
            assert_false(ts_seg_column_is_whole(&seg, ts_buf_str(&data), mean));
            assert_true(ts_seg_is_whole(&seg, ts_buf_str(&data), &mean->part));
        }
        ts_seg_fini(&seg);
        ts_buf_fini(&head);
        ts_buf_fini(&data);
    }
}

/* What format 3 had: written by the version before quotients, 20 rows of i / 4, sqrt(i) where i is odd, i *
 * i, and texts. */
static void test_former_version(void **state)
{
    (void)state;
    static const uint8_t head[] = {
        183, 1,  20,  0,   128, 216, 135, 231, 195, 5,   8,   104, 248, 239, 60,  0,   4,  1,   0,
        16,  6,  91,  85,  192, 215, 0,   0,   0,   0,   0,   192, 71,  64,  0,   0,   0,  0,   0,
        0,   0,  0,   0,   0,   0,   0,   0,   0,   19,  64,  2,   0,   17,  10,  87,  60, 41,  176,
        37,  61, 180, 45,  207, 26,  228, 61,  64,  0,   0,   0,   0,   0,   0,   240, 63, 249, 77,
        100, 52, 131, 111, 17,  64,  3,   1,   16,  27,  244, 211, 49,  96,  166, 9,   0,  0,   0,
        0,   0,  0,   0,   0,   0,   0,   0,   0,   0,   0,   105, 1,   0,   0,   0,   0,  0,   0,
        4,   4,  0,   19,  153, 235, 141, 6,   69,  146, 183, 65,  47,  170, 234, 248};
    static const uint8_t data[] = {
        1,   0,   128, 144, 223, 192, 74,  0,   3,   0,   1,   0,   50,  0,   170, 170, 10,  0,   0,
        54,  128, 128, 128, 128, 128, 128, 128, 240, 127, 0,   0,   0,   0,   0,   0,   128, 42,  19,
        22,  186, 158, 237, 130, 74,  127, 185, 121, 55,  30,  169, 227, 75,  167, 254, 169, 84,  0,
        0,   0,   0,   0,   0,   24,  205, 91,  255, 164, 28,  162, 54,  159, 21,  70,  180, 130, 205,
        105, 59,  61,  197, 122, 239, 123, 7,   237, 175, 102, 15,  126, 96,  126, 19,  25,  205, 224,
        91,  8,   0,   0,   0,   0,   0,   9,   0,   0,   2,   16,  72,  0,   33,  3,   137, 24,  64,
        162, 144, 201, 3,   41,  21,  177, 112, 0,   67,  18,  77,  11,  0,   2,   3,   2,   98,  97,
        100, 111, 107, 0,   1,   0,   182, 109, 11,  0,   0,   0,   0,   0};
    struct ts_str columns = {(const char *)data, sizeof data};
    struct ts_seg seg = {0};
    uint64_t v[20 + TS_SEG_PAD];
    struct ts_str s[20 + TS_SEG_PAD];
    uint32_t rows[20 + TS_SEG_PAD];
    unsigned counts[4];
    assert_int_equal(ts_seg_open(&seg, (struct ts_str){(const char *)head, sizeof head}, 7), 0);
    assert_int_equal(seg.n, 20);
    assert_int_equal(seg.ncols, 4);
    for (unsigned c = 0; c < 4; c++) {
        assert_true(ts_seg_column_is_whole(&seg, columns, &seg.cols[c]));
        assert_int_equal(ts_seg_values(&seg, columns, &seg.cols[c], 0, 20, v, s, rows, &counts[c]), 0);
        for (unsigned i = 0; i < counts[c]; i++) {
            double d;
            memcpy(&d, &v[i], sizeof d);
            switch (c) {
            case 0: assert_true(d == i / 4.0); break;
            case 1: assert_true(d == sqrt(2.0 * i + 1) && rows[i] == 2 * i + 1); break;
            case 2: assert_true(v[i] == (uint64_t)i * i); break;
            default: assert_true(ts_str_eq(s[i], i % 3 ? TS_STR("ok") : TS_STR("bad"))); break;
            }
        }
    }
    assert_true(counts[0] == 20 && counts[1] == 10 && counts[2] == 20 && counts[3] == 20);
    ts_seg_fini(&seg);
}

/* ---- keys ---- */

static void test_keys(void **state)
{
    (void)state;
    static const char odd[] = "\0\1\2a\0\1";
    struct ts_tag tags[2] = {{TS_STR("k\1"), {odd, 6}}, {TS_STR("z"), TS_STR("\2")}}, back[TS_TAGS_MAX];
    struct ts_buf key = TS_BUF_INIT, scratch = TS_BUF_INIT;
    struct ts_str measurement, m = {odd, 5};
    unsigned n;
    assert_int_equal(ts_key_encode(m, tags, 2, &key), 0);
    assert_int_equal(ts_key_decode(ts_buf_str(&key), &scratch, &measurement, back, &n), 0);
    assert_int_equal(n, 2);
    assert_true(ts_str_eq(measurement, m));
    for (unsigned i = 0; i < 2; i++)
        assert_true(ts_str_eq(back[i].key, tags[i].key) && ts_str_eq(back[i].value, tags[i].value));
    /* Keys sort as (measurement, tags) do: a prefix first, also before a text that goes on with a 0. */
    struct ts_buf a = TS_BUF_INIT, b = TS_BUF_INIT;
    assert_int_equal(ts_key_encode(TS_STR("a"), tags, 2, &a), 0);
    assert_int_equal(ts_key_encode((struct ts_str){"a\0", 2}, NULL, 0, &b), 0);
    assert_true(ts_str_cmp(ts_buf_str(&a), ts_buf_str(&b)) < 0);
    ts_buf_fini(&a);
    ts_buf_fini(&b);
    ts_buf_fini(&key);
    ts_buf_fini(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ints),           cmocka_unit_test(test_floats),
        cmocka_unit_test(test_decimals),       cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_segments),       cmocka_unit_test(test_quotients),
        cmocka_unit_test(test_former_version), cmocka_unit_test(test_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
