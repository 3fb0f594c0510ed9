/* Numbers from and to text, against strtod and values known from IEEE 754. */
#include "config.h"
#include "core/num.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static double read_ok(const char *z)
{
    double v = NAN;
    if (ts_num_read(ts_str_of(z), &v))
        fail_msg("%s is refused", z);
    return v;
}

static void reads_like_strtod(void **state)
{
    static const char *const texts[] = {"0",
                                        "-0",
                                        "+1",
                                        "1.",
                                        ".5",
                                        "-.5e1",
                                        "1e5",
                                        "1E+05",
                                        "1e-5",
                                        "123456789012345678",
                                        "9007199254740993",
                                        "0.1",
                                        "1e22",
                                        "1e23",
                                        "1.7976931348623157e308",
                                        "2.2250738585072014e-308",
                                        "5e-324",
                                        "1e-400",
                                        "18446744073709551616",
                                        "184467440737095516160",
                                        "36893488147419103232",
                                        "18446744073709551615",
                                        "0.000000000000000000000000000001",
                                        "00000000000000000000001",
                                        "3.14159265358979323846264338327950288",
                                        "0e999999999",
                                        "1e-999999999",
                                        "100000000000000000000000000000000000000000e-41"};
    (void)state;
    for (size_t i = 0; i < TS_ARRAY_SIZE(texts); i++) {
        double want = strtod(texts[i], NULL), got = read_ok(texts[i]);
        if (want != got || signbit(want) != signbit(got))
            fail_msg("%s: %.17g, strtod says %.17g", texts[i], got, want);
    }
}

static void refuses_what_is_no_number(void **state)
{
    static const char *const texts[] = {"",    "+",   "-",     ".",     "-.",  "e5",   "1e",
                                        "1e+", "1x",  " 1",    "1 ",    "--1", "0x10", "nan",
                                        "inf", "1,5", "1.2.3", "1e5.0", "1_0"};
    double v;
    (void)state;
    for (size_t i = 0; i < TS_ARRAY_SIZE(texts); i++)
        if (ts_num_read(ts_str_of(texts[i]), &v) != -TS_EPARSE)
            fail_msg("\"%s\" is accepted", texts[i]);
    assert_int_equal(ts_num_read(TS_STR("1e400"), &v), -TS_ELIMIT);
    assert_int_equal(ts_num_read(TS_STR("-1e309"), &v), -TS_ELIMIT);
}

static void long_numbers(void **state)
{
    char text[2001];
    double v;
    (void)state;
    memset(text, '1', 2000);
    assert_int_equal(ts_num_read((struct ts_str){text, 2000}, &v), -TS_ELIMIT);
    memcpy(text, "0.", 2);
    assert_int_equal(ts_num_read((struct ts_str){text, 2000}, &v), 0);
    assert_true(v == 0.1111111111111111111111);
}

static void integers(void **state)
{
    int64_t i;
    uint64_t u;
    (void)state;
    assert_int_equal(ts_num_read_int(TS_STR("-9223372036854775808"), &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(ts_num_read_int(TS_STR("+9223372036854775807"), &i), 0);
    assert_true(i == INT64_MAX);
    assert_int_equal(ts_num_read_int(TS_STR("9223372036854775808"), &i), -TS_ELIMIT);
    assert_int_equal(ts_num_read_int(TS_STR("-9223372036854775809"), &i), -TS_ELIMIT);
    assert_int_equal(ts_num_read_uint(TS_STR("18446744073709551615"), &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(ts_num_read_uint(TS_STR("18446744073709551616"), &u), -TS_ELIMIT);
    for (const char *const *bad = (const char *const[]){"", "-", "+", "-+1", "1.0", "1e3", " 1", "1i", NULL};
         *bad; bad++)
        assert_int_equal(ts_num_read_int(ts_str_of(*bad), &i), -TS_EPARSE);
    assert_int_equal(ts_num_read_uint(TS_STR("-1"), &u), -TS_EPARSE);
}

static void assert_prints(double v, const char *want)
{
    char text[TS_NUM_MAX + 1];
    size_t n = ts_num_put_double(text, v);
    assert_true(n <= TS_NUM_MAX);
    text[n] = 0;
    assert_string_equal(text, want);
}

static void prints_the_shortest(void **state)
{
    (void)state;
    assert_prints(0, "0");
    assert_prints(-0.0, "-0");
    assert_prints(0.1, "0.1");
    assert_prints(0.1 + 0.2, "0.30000000000000004");
    assert_prints(-1.5, "-1.5");
    assert_prints(100, "100");
    assert_prints(1234567.891, "1234567.891");
    assert_prints(0.00001, "0.00001");
    assert_prints(0.000012345678901234567, "0.000012345678901234568");
    assert_prints(0.0000099, "9.9e-06");
    assert_prints(9007199254740993.0, "9007199254740992");
    assert_prints(1e15, "1000000000000000");
    assert_prints(1000000000000000.5, "1000000000000000.5");
    assert_prints(4503599627370495.5, "4503599627370495.5");
    assert_prints(4503599627370497.0, "4503599627370497");
    assert_prints(999999999.999999, "999999999.999999");
    assert_prints(1.0000001, "1.0000001");
    assert_prints(1.0000000000000002, "1.0000000000000002");
    assert_prints(0.9999999999999999, "0.9999999999999999");
    assert_prints(4.999999999999999, "4.999999999999999");
    assert_prints(0.5, "0.5");
    assert_prints(0.001, "0.001");
    assert_prints(0.000999, "0.000999");
    assert_prints(-0.00123, "-0.00123");
    assert_prints(123456789012345680000.0, "123456789012345680000");
    assert_prints(1e21, "1e+21");
    assert_prints(1.7976931348623157e308, "1.7976931348623157e+308");
    assert_prints(5e-324, "5e-324");
    assert_prints(2.2250738585072014e-308, "2.2250738585072014e-308");
    assert_prints(NAN, "NaN");
    assert_prints(INFINITY, "+Inf");
    assert_prints(-INFINITY, "-Inf");
}

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    return *x ^= *x << 17;
}

/* Whole numbers of every length, against printf. */
static void prints_whole_numbers(void **state)
{
    uint64_t x = 88172645463325252;
    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t v = next_random(&x) >> i % 64;
        char text[TS_NUM_MAX + 1], want[32];
        v -= i % 3 == 0 ? v % 1000000 : 0;
        text[ts_num_put_uint(text, v)] = 0;
        snprintf(want, sizeof want, "%llu", (unsigned long long)v);
        assert_string_equal(text, want);
        text[ts_num_put_int(text, (int64_t)v)] = 0;
        snprintf(want, sizeof want, "%lld", (long long)v);
        assert_string_equal(text, want);
    }
}

/* Significant digits: without the point, the exponent, and zeros at either end. */
static int significant(const char *p, size_t n)
{
    int digits = 0, zeros = 0;
    for (size_t i = 0; i < n && p[i] != 'e'; i++) {
        if (p[i] == '0') {
            zeros += digits > 0;
        } else if (p[i] >= '1' && p[i] <= '9') {
            digits += zeros + 1;
            zeros = 0;
        }
    }
    return digits;
}

/* Every double reads back as itself, and with one digit less it would not. */
static void prints_what_reads_back(void **state)
{
    uint64_t x = 88172645463325252;
    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        union {
            uint64_t bits;
            double v;
        } u = {.bits = next_random(&x)};
        double v = i % 2 ? u.v : (double)(int64_t)(u.bits >> (20 + i % 40)) / pow(10, i % 9);
        char text[TS_NUM_MAX];
        if (!isfinite(v))
            continue;
        size_t n = ts_num_put_double(text, v);
        double back;
        assert_int_equal(ts_num_read((struct ts_str){text, n}, &back), 0);
        assert_true(back == v);
        char shorter[64];
        int digits = significant(text, n);
        if (digits > 1) {
            snprintf(shorter, sizeof shorter, "%.*e", digits - 2, v);
            assert_true(strtod(shorter, NULL) != v);
        }
    }
}

static void sizes(void **state)
{
    uint64_t v;
    (void)state;
    assert_int_equal(ts_num_read_bytes(TS_STR("7"), &v), 0);
    assert_int_equal(v, 7);
    assert_int_equal(ts_num_read_bytes(TS_STR("2GiB"), &v), 0);
    assert_int_equal(v, UINT64_C(2147483648));
    assert_int_equal(ts_num_read_bytes(TS_STR("3kB"), &v), 0);
    assert_int_equal(v, 3000);
    assert_int_equal(ts_num_read_bytes(TS_STR("99999999TiB"), &v), -TS_ELIMIT);
    for (const char *const *bad = (const char *const[]){"", "GiB", "1 GiB", "1gib", "-1B", "1.5GiB", NULL};
         *bad; bad++)
        assert_int_equal(ts_num_read_bytes(ts_str_of(*bad), &v), -TS_EPARSE);
}

static void for_people(void **state)
{
    (void)state;
    assert_string_equal(ts_num_group(0).z, "0");
    assert_string_equal(ts_num_group(999).z, "999");
    assert_string_equal(ts_num_group(1000).z, "1,000");
    assert_string_equal(ts_num_group(1234567).z, "1,234,567");
    assert_string_equal(ts_num_group(UINT64_MAX).z, "18,446,744,073,709,551,615");
    assert_string_equal(ts_num_size(0).z, "0 B");
    assert_string_equal(ts_num_size(1023).z, "1023 B");
    assert_string_equal(ts_num_size(1024).z, "1.0 KiB");
    assert_string_equal(ts_num_size(1048575).z, "1.0 MiB");
    assert_string_equal(ts_num_size(UINT64_C(47395635)).z, "45.2 MiB");
    assert_string_equal(ts_num_size(UINT64_MAX).z, "16.0 EiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_like_strtod),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(long_numbers),
        cmocka_unit_test(integers),
        cmocka_unit_test(prints_the_shortest),
        cmocka_unit_test(prints_whole_numbers),
        cmocka_unit_test(prints_what_reads_back),
        cmocka_unit_test(sizes),
        cmocka_unit_test(for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
