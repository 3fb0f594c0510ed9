/*
 * Numbers from and to text. Thread: any. Allocates nothing, but for reading texts of 400 characters and more.
 * Reading: up to 19 digits with a power of ten of at most 22 are exact in one multiplication or division
 * (Clinger, "How to read floating point numbers accurately", 1990); the rest goes to strtod_l in the C locale.
 * Printing: the shortest decimal that reads back (core/num_shortest.h), eight digits at a time.
 */
#include "config.h"
#include "core/num.h"

#include "core/le.h"
#include "core/num_shortest.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const double pow10_exact[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    TS_ASSERT(c_locale);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static TS_COLD int read_slow(struct ts_str s, double *out)
{
    char small[400];
    char *z = small;
    if (s.len >= sizeof small) {
        z = malloc(s.len + 1);
        if (!z)
            return -TS_ENOMEM;
    }
    memcpy(z, s.p, s.len);
    z[s.len] = 0;
    pthread_once(&c_locale_once, make_c_locale);
    char *end;
    double v = strtod_l(z, &end, c_locale);
    bool whole = end == z + s.len;
    if (z != small)
        free(z);
    if (!whole)
        return -TS_EPARSE;
    if (isinf(v))
        return -TS_ELIMIT;
    *out = v;
    return 0;
}

int ts_num_read(struct ts_str s, double *out)
{
    const char *p = s.p, *end = s.p + s.len;
    bool neg = false;
    if (p < end && (*p == '-' || *p == '+'))
        neg = *p++ == '-';
    uint64_t m = 0;
    int digits = 0, exp10 = 0;
    const char *first = p;
    for (; p < end && is_digit(*p); p++) {
        m = m * 10 + (uint64_t)(*p - '0');
        digits += digits > 0 || m != 0; /* m wraps, also to 0 */
    }
    size_t seen = (size_t)(p - first);
    if (p < end && *p == '.') {
        const char *frac = ++p;
        for (; p < end && is_digit(*p); p++) {
            m = m * 10 + (uint64_t)(*p - '0');
            digits += digits > 0 || m != 0;
        }
        exp10 = -(int)TS_MIN((size_t)(p - frac), (size_t)100000);
        seen += (size_t)(p - frac);
    }
    if (seen == 0)
        return -TS_EPARSE;
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool eneg = false;
        int e = 0;
        p++;
        if (p < end && (*p == '-' || *p == '+'))
            eneg = *p++ == '-';
        if (p == end)
            return -TS_EPARSE;
        for (; p < end && is_digit(*p); p++)
            e = e < 100000 ? e * 10 + (*p - '0') : e;
        exp10 += eneg ? -e : e;
    }
    if (p != end)
        return -TS_EPARSE;
    if (TS_UNLIKELY(digits > 19 || m > (UINT64_C(1) << 53) || exp10 < -22 || exp10 > 22))
        return read_slow(s, out);
    double v = (double)m;
    v = exp10 < 0 ? v / pow10_exact[-exp10] : v * pow10_exact[exp10];
    *out = neg ? -v : v;
    return 0;
}

int ts_num_read_uint(struct ts_str s, uint64_t *out)
{
    const char *p = s.p, *end = s.p + s.len;
    if (p < end && *p == '+')
        p++;
    if (p == end)
        return -TS_EPARSE;
    uint64_t v = 0;
    bool over = false;
    for (; p < end; p++) {
        if (!is_digit(*p))
            return -TS_EPARSE;
        over |= __builtin_mul_overflow(v, UINT64_C(10), &v);
        over |= __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v);
    }
    if (over)
        return -TS_ELIMIT;
    *out = v;
    return 0;
}

int ts_num_read_int(struct ts_str s, int64_t *out)
{
    bool neg = s.len > 1 && s.p[0] == '-';
    uint64_t v;
    if (neg)
        s = (struct ts_str){s.p + 1, s.len - 1};
    if (neg && s.p[0] == '+')
        return -TS_EPARSE;
    int rc = ts_num_read_uint(s, &v);
    if (rc)
        return rc;
    if (v > (uint64_t)INT64_MAX + neg)
        return -TS_ELIMIT;
    *out = neg ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

/* The eight decimal digits of v < 10^8 as bytes 0 … 9, the first one lowest: halves, quarters and digits side by side in one word. */
TS_INLINE uint64_t eight_digits(uint32_t v)
{
    uint64_t x = v / 10000 | (uint64_t)(v % 10000) << 32;
    uint64_t hundreds = x * 10486 >> 20 & UINT64_C(0x7f0000007f);
    x = hundreds | (x - 100 * hundreds) << 16;
    uint64_t tens = x * 103 >> 10 & UINT64_C(0x000f000f000f000f);
    return tens | (x - 10 * tens) << 8;
}

#define E8    UINT64_C(100000000)
#define ZEROS UINT64_C(0x3030303030303030) /* eight characters */

/* v < 10^8 without leading zeros. */
TS_INLINE size_t put_first(char *to, uint32_t v)
{
    uint64_t digits = eight_digits(v);
    unsigned leading = (unsigned)__builtin_ctzll(digits | UINT64_C(1) << 56) / 8; /* a zero keeps one digit */
    ts_le_put64(to, (digits + ZEROS) >> 8 * leading);
    return 8 - leading;
}

size_t ts_num_put_uint(char *to, uint64_t v)
{
    if (v < E8)
        return put_first(to, (uint32_t)v);
    uint64_t above = v / E8;
    size_t n;
    if (above < E8) {
        n = put_first(to, (uint32_t)above);
    } else {
        n = put_first(to, (uint32_t)(above / E8));
        ts_le_put64(to + n, eight_digits((uint32_t)(above % E8)) + ZEROS);
        n += 8;
    }
    ts_le_put64(to + n, eight_digits((uint32_t)(v % E8)) + ZEROS);
    return n + 8;
}

size_t ts_num_put_int(char *to, int64_t v)
{
    if (v >= 0)
        return ts_num_put_uint(to, (uint64_t)v);
    to[0] = '-';
    return 1 + ts_num_put_uint(to + 1, 0 - (uint64_t)v);
}

/* m * 10^exp10, m without zeros at its end. */
static size_t put_decimal(char *to, uint64_t m, int exp10)
{
    char digits[24];
    size_t n = ts_num_put_uint(digits, m), len = 0;
    int scientific = (int)n - 1 + exp10;
    if (scientific >= 0 && scientific <= 20) { /* a whole number: see put_positive */
        memcpy(to, digits, n);
        memset(to + n, '0', (size_t)exp10);
        return n + (size_t)exp10;
    }
    if (scientific < 0 && scientific >= -5) {
        size_t zeros = (size_t)(-1 - scientific);
        memcpy(to, "0.0000", 6);
        memcpy(to + 2 + zeros, digits, n);
        return 2 + zeros + n;
    }
    to[len++] = digits[0];
    if (n > 1) {
        to[len++] = '.';
        memcpy(to + len, digits + 1, n - 1);
        len += n - 1;
    }
    to[len++] = 'e';
    to[len++] = scientific < 0 ? '-' : '+';
    unsigned e = (unsigned)(scientific < 0 ? -scientific : scientific);
    if (e < 10)
        to[len++] = '0';
    return len + ts_num_put_uint(to + len, e);
}

TS_INLINE uint64_t power_of_ten(unsigned k)
{
    return (uint64_t)(int64_t)pow10_exact[k]; /* from a signed one it is one instruction */
}

/* digits / 10^k, which has this whole part and is not whole, without zeros at the end; k is at most 16. */
static size_t put_parts(char *to, uint64_t whole, uint64_t digits, unsigned k)
{
    size_t n = ts_num_put_uint(to, whole);
    uint64_t fraction = digits - whole * power_of_ten(k), second = 0;
    to[n++] = '.';
    if (k > 8) {
        fraction *= power_of_ten(16 - k);
        second = eight_digits((uint32_t)(fraction % E8));
        ts_le_put64(to + n + 8, second + ZEROS);
        fraction /= E8;
    } else {
        fraction *= power_of_ten(8 - k);
    }
    uint64_t first = eight_digits((uint32_t)fraction);
    ts_le_put64(to + n, first + ZEROS);
    return n + (second ? 16 - (size_t)__builtin_clzll(second) / 8 : 8 - (size_t)__builtin_clzll(first) / 8);
}

/* A number above 0 that is not whole, or large. */
static size_t put_positive(char *to, double v)
{
    uint64_t digits;
    int exp10;
    if (v >= 1e-3 && v < 1e9) {
        /* Six decimals are enough if a division says so, which is exact. No shorter number of at most 15 digits reads back as the same. */
        digits = (uint64_t)(int64_t)(v * 1e6 + 0.5);
        if ((double)(int64_t)digits / 1e6 == v)
            return put_parts(to, (uint64_t)(int64_t)v, digits, 6);
    }
    ts_num_shortest(v, &digits, &exp10);
    if (v > 1 && exp10 < 0) /* not whole, so below 2^52, where every whole number is a double: none lies between v and its decimal */
        return put_parts(to, (uint64_t)(int64_t)v, digits, (unsigned)-exp10);
    for (; digits % 10 == 0; exp10++)
        digits /= 10;
    return put_decimal(to, digits, exp10);
}

size_t ts_num_put_double(char *to, double v)
{
    if (isnan(v)) {
        memcpy(to, "NaN", 3);
        return 3;
    }
    if (isinf(v)) {
        memcpy(to, v < 0 ? "-Inf" : "+Inf", 4);
        return 4;
    }
    size_t sign = 0;
    if (signbit(v)) {
        to[sign++] = '-';
        v = -v;
    }
    if (v < 1e15 && v == (double)(int64_t)v) /* a whole number that no shorter one reads back as */
        return sign + ts_num_put_uint(to + sign, (uint64_t)(int64_t)v);
    return sign + put_positive(to + sign, v);
}

int ts_num_read_bytes(struct ts_str s, uint64_t *out)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {{"", 1},
                 {"B", 1},
                 {"kB", 1000},
                 {"MB", 1000000},
                 {"GB", 1000000000},
                 {"TB", UINT64_C(1000000000000)},
                 {"KiB", UINT64_C(1) << 10},
                 {"MiB", UINT64_C(1) << 20},
                 {"GiB", UINT64_C(1) << 30},
                 {"TiB", UINT64_C(1) << 40}};
    size_t n = 0;
    while (n < s.len && is_digit(s.p[n]))
        n++;
    uint64_t v;
    int rc = ts_num_read_uint((struct ts_str){s.p, n}, &v);
    if (rc)
        return rc;
    struct ts_str unit = {s.p + n, s.len - n};
    for (size_t i = 0; i < TS_ARRAY_SIZE(units); i++)
        if (ts_str_eq(unit, ts_str_of(units[i].name)))
            return __builtin_mul_overflow(v, units[i].bytes, out) ? -TS_ELIMIT : 0;
    return -TS_EPARSE;
}

struct ts_num_text ts_num_group(uint64_t v)
{
    struct ts_num_text text = {""};
    char digits[24];
    size_t n = ts_num_put_uint(digits, v), len = 0;
    for (size_t i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            text.z[len++] = ',';
        text.z[len++] = digits[i];
    }
    return text;
}

struct ts_num_text ts_num_size(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    struct ts_num_text text;
    double v = (double)bytes;
    unsigned unit = 0;
    for (; v >= 1023.95; v /= 1024) /* what would print as 1024.0 is 1.0 of the next */
        unit++;
    snprintf(text.z, sizeof text.z, unit ? "%.1f %s" : "%.0f %s", v, units[unit]);
    return text;
}
