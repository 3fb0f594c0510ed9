/* Distinct counts: exact, then within the standard error; parts against the whole, and the bytes against
 * docs/SKETCHES.md. */
#include "config.h"
#include "core/hash.h"
#include "core/hll.h"
#include "core/mem.h"
#include "unit.h"

#include <math.h>
#include <stdlib.h>

static void add(struct ts_hll *hll, uint64_t member)
{
    assert_true(ts_hll_add(hll, ts_hash(&member, sizeof member)));
}

static void counts_are_near(void **unused)
{
    static const unsigned at[] = {0, 1, 10, 64, 65, 1000, 10000, 100000, 1000000};
    (void)unused;
    struct ts_hll *hll = ts_hll_new();
    unsigned n = 0;
    for (unsigned a = 0; a < TS_ARRAY_SIZE(at); a++) {
        for (; n < at[a]; n++) {
            add(hll, n);
            add(hll, n);
        }
        double error = n ? ts_hll_estimate(hll) / n - 1 : ts_hll_estimate(hll);
        assert_true(fabs(error) <= (n <= 64 ? 0 : 4 * 1.04 / 64)); /* four standard errors */
    }
    ts_hll_free(&hll);
}

/* Root mean square of the relative errors of 400 sets: 1.04 / sqrt(4096), and what chance adds to a mean of
 * so many. */
static void standard_error(void **unused)
{
    static const unsigned sizes[] = {300, 5000, 20000};
    (void)unused;
    for (unsigned s = 0; s < TS_ARRAY_SIZE(sizes); s++) {
        double squares = 0;
        for (unsigned set = 0; set < 400; set++) {
            struct ts_hll *hll = ts_hll_new();
            for (unsigned i = 0; i < sizes[s]; i++)
                add(hll, (uint64_t)set << 32 | i);
            squares += pow(ts_hll_estimate(hll) / sizes[s] - 1, 2);
            ts_hll_free(&hll);
        }
        assert_true(sqrt(squares / 400) <= 1.04 / 64 * 1.1);
    }
}

static bool same(const struct ts_hll *a, const struct ts_hll *b)
{
    struct ts_buf x = TS_BUF_INIT, y = TS_BUF_INIT;
    assert_int_equal(ts_hll_encode(a, &x), 0);
    assert_int_equal(ts_hll_encode(b, &y), 0);
    bool equal = ts_str_eq(ts_buf_str(&x), ts_buf_str(&y));
    ts_buf_fini(&x);
    ts_buf_fini(&y);
    return equal;
}

static void parts_merge_to_the_whole(void **unused)
{
    static const unsigned sizes[] = {0, 3, 40, 64, 65, 90, 3000};
    (void)unused;
    for (unsigned i = 0; i < TS_ARRAY_SIZE(sizes) * TS_ARRAY_SIZE(sizes); i++) {
        unsigned na = sizes[i % TS_ARRAY_SIZE(sizes)], nb = sizes[i / TS_ARRAY_SIZE(sizes)];
        struct ts_hll *a = ts_hll_new(), *b = ts_hll_new(), *whole = ts_hll_new(), *read;
        for (unsigned k = 0; k < na; k++) {
            add(a, k);
            add(whole, k);
        }
        for (unsigned k = 0; k < nb; k++) { /* half of them in both */
            add(b, na / 2 + k);
            add(whole, na / 2 + k);
        }
        struct ts_buf buf = TS_BUF_INIT;
        assert_int_equal(ts_hll_encode(b, &buf), 0);
        assert_int_equal(ts_hll_decode(ts_buf_str(&buf), &read), 0);
        assert_true(same(read, b));
        assert_int_equal(ts_hll_merge(a, read), 0);
        assert_true(same(a, whole));
        assert_true(ts_hll_estimate(a) == ts_hll_estimate(whole));
        ts_buf_fini(&buf);
        ts_hll_free(&a);
        ts_hll_free(&b);
        ts_hll_free(&read);
        ts_hll_free(&whole);
    }
}

static void layout_is_the_documented_one(void **unused)
{
    static const unsigned char want[] = {
        'H',  1,    12,   0,    2,                      /* version, bits, exact, two members in order */
        0x02, 0,    0,    0,    0,    0,    0,    0,    /* 2 */
        0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, /* 0x0102030405060708 */
    };
    (void)unused;
    struct ts_hll *hll = ts_hll_new();
    struct ts_buf buf = TS_BUF_INIT;
    assert_true(ts_hll_add(hll, 0x0102030405060708) && ts_hll_add(hll, 2));
    assert_int_equal(ts_hll_encode(hll, &buf), 0);
    assert_int_equal(buf.len, sizeof want);
    assert_memory_equal(buf.p, want, sizeof want);
    /* Registers: 65 members; hash (i << 52 | 1 << 51) sets register i to 1, the last one (0) register 0
     * to 53. */
    ts_hll_free(&hll);
    hll = ts_hll_new();
    for (uint64_t i = 0; i < 64; i++)
        assert_true(ts_hll_add(hll, i << 52 | UINT64_C(1) << 51));
    assert_true(ts_hll_add(hll, 0));
    ts_buf_clear(&buf);
    assert_int_equal(ts_hll_encode(hll, &buf), 0);
    assert_int_equal(buf.len, 4 + 3072);
    assert_memory_equal(buf.p, "H\1\14\1", 4);
    const unsigned char *p = (const unsigned char *)buf.p + 4;
    assert_int_equal(p[0], 53 | 1 << 6);
    assert_int_equal(p[1], 1 >> 2 | (1 << 12 >> 8 & 0xff));
    assert_int_equal(p[2], 1 << 18 >> 16);
    assert_int_equal(p[64 / 4 * 3], 0);
    ts_buf_fini(&buf);
    ts_hll_free(&hll);
}

static void damaged_bytes_are_refused(void **unused)
{
    (void)unused;
    struct ts_hll *hll = ts_hll_new(), *read;
    struct ts_buf buf = TS_BUF_INIT;
    for (unsigned n = 0; n < 200; n += 50) {
        for (unsigned i = 0; i < n; i++)
            add(hll, i);
        ts_buf_clear(&buf);
        assert_int_equal(ts_hll_encode(hll, &buf), 0);
        for (size_t len = 0; len < buf.len; len++) {
            char *copy = test_malloc(len + 1);
            memcpy(copy, buf.p, len);
            assert_int_equal(ts_hll_decode((struct ts_str){copy, len}, &read), -TS_ECORRUPT);
            test_free(copy);
        }
        if (n >= 50) {
            buf.p[6] = n == 50 ? buf.p[6] : (char)0xff; /* a register of 60 and more */
            buf.p[buf.len - 1] =
                n == 50 ? 0 : buf.p[buf.len - 1]; /* the last member is not the greatest any more */
            assert_int_equal(ts_hll_decode(ts_buf_str(&buf), &read), -TS_ECORRUPT);
        }
    }
    ts_buf_fini(&buf);
    ts_hll_free(&hll);
}

#ifdef TS_HOSTILE
static void without_memory_nothing_changes(void **unused)
{
    (void)unused;
    struct ts_hll *a = ts_hll_new(), *b = ts_hll_new(), *read = NULL;
    struct ts_buf x = TS_BUF_INIT, y = TS_BUF_INIT;
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t hash = ts_hash(&i, sizeof i);
        ts_alloc_fail_at(1);
        bool in = ts_hll_add(a, hash);
        ts_alloc_fail_at(0);
        assert_true(in || ts_hll_add(a, hash));
        if (i < 5)
            assert_true(ts_hll_add(b, hash));
    }
    assert_int_equal(ts_hll_encode(b, &x), 0);
    ts_alloc_fail_at(1);
    assert_int_equal(ts_hll_merge(b, a), -TS_ENOMEM);
    ts_alloc_fail_at(0);
    assert_int_equal(ts_hll_encode(b, &y), 0);
    assert_true(ts_str_eq(ts_buf_str(&x), ts_buf_str(&y)));
    for (long at = 1; at <= 2; at++) {
        ts_alloc_fail_at(at);
        assert_int_equal(ts_hll_decode(ts_buf_str(&x), &read), -TS_ENOMEM);
    }
    ts_alloc_fail_at(0);
    ts_buf_fini(&x);
    ts_buf_fini(&y);
    ts_hll_free(&a);
    ts_hll_free(&b);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_near),
        cmocka_unit_test(standard_error),
        cmocka_unit_test(parts_merge_to_the_whole),
        cmocka_unit_test(layout_is_the_documented_one),
        cmocka_unit_test(damaged_bytes_are_refused),
#ifdef TS_HOSTILE
        cmocka_unit_test(without_memory_nothing_changes),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
