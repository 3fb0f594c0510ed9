/*
 * Vectors of doubles: short decimals as integers (after ALP: Afroozeh, Kuffo, Boncz: Adaptive Lossless
 * floating-Point Compression, 2023, with a division instead of a multiplication: one exponent, exact for
 * every decimal of up to 15 digits), others by their bits. Sums of decimals are decimals but for their last
 * bits: these go into a second vector. Thread: any; owns nothing. Every bit of a value survives, NaN's and
 * the sign of zero too.
 *
 *   kind u8 (0: bits, k + 1: integer / 10^k, k + 17: and last bits) | [k + 1: n exceptions varint] | int
 * vector | [k + 1: positions u16, doubles] | [k + 17: int vector, which is added to the bits]
 */
#include "config.h"
#include "store/store_codec.h"

#include <math.h>

#define DECIMALS 15
#define NEAR     16     /* added to the kind */
#define FAR      1024   /* last bits that are worth it: less than this, */
#define SHORT    0x1p44 /* for integers less than this */
#define SAMPLE   32
#define MAGIC    0x1.8p52 /* x + MAGIC rounds x to an integer, which stands in the low bits: for |x| < 2^51 */
#define LARGEST  0x1p51

static const double powers[DECIMALS] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};

static uint64_t bits_of(double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

/* The exponents that suit a sample: `all` for an exact result, `near` but for the last bits; -1: none suits
 * enough, or not better. */
struct exponents {
    int all, near;
};

/* How far v is from the integer / 10^k that the kernel turns back: 0 exact, 1 near, 2 far. */
static unsigned distance(double v, double power)
{
    double x = v * power;
    if (!(x > -LARGEST && x < LARGEST))
        return 2;
    double r = (x + MAGIC) - MAGIC;
    uint64_t off = bits_of(v) - bits_of(r / power);
    if (off == 0)
        return 0;
    return off + FAR < 2 * FAR && fabs(x) < SHORT ? 1 : 2;
}

/* The smallest exponent that serves all of a sample, else the one that serves most of it. */
static struct exponents exponents_of(const double *v, unsigned n)
{
    unsigned step = (n + SAMPLE - 1) / SAMPLE, sampled = (n + step - 1) / step, best = 0, nearest = 0;
    struct exponents exp = {-1, -1};
    for (int k = 0; k < DECIMALS && best < sampled; k++) {
        unsigned hits[3] = {0};
        for (unsigned i = 0; i < n && hits[2] * 4 <= sampled; i += step)
            hits[distance(v[i], powers[k])]++;
        if (hits[2] * 4 > sampled)
            continue;
        if (hits[0] > best) {
            best = hits[0];
            exp.all = k;
        }
        if (hits[0] + hits[1] > nearest) {
            nearest = hits[0] + hits[1];
            exp.near = k;
        }
    }
    if (best * 4 < sampled * 3)
        exp.all = -1;
    if (nearest == best)
        exp.near = -1;
    return exp;
}

TS_KERNEL
static void to_ints(const double *v, unsigned n, double power, int64_t *ints, uint8_t *bad)
{
    for (unsigned i = 0; i < n; i++) {
        double x = v[i] * power;
        double m = x + MAGIC, r = m - MAGIC, back = r / power;
        uint64_t mbits, magic_bits, vbits, backbits;
        double magic = MAGIC;
        memcpy(&mbits, &m, 8);
        memcpy(&magic_bits, &magic, 8);
        memcpy(&vbits, &v[i], 8);
        memcpy(&backbits, &back, 8);
        ints[i] = (int64_t)(mbits - magic_bits);
        bad[i] = (uint8_t)((vbits != backbits) | !(x > -LARGEST) | !(x < LARGEST));
    }
}

TS_INLINE double to_double(int64_t i)
{
    double magic = MAGIC, m;
    uint64_t b;
    memcpy(&b, &magic, 8);
    b += (uint64_t)i;
    memcpy(&m, &b, 8);
    return m - MAGIC;
}

TS_KERNEL
static void divide(const int64_t *ints, unsigned n, double power, double *out)
{
    for (unsigned i = 0; i < n; i++)
        out[i] = to_double(ints[i]) / power;
}

#ifdef TS_KERNEL_FMA
/*
 * The same by multiplications, a third of the time. By Markstein's theorem (Computation of Elementary
 * Functions on the IBM RISC System/6000, 1990) q + y (a - bq) with y = 1 / b, rounded, is the quotient
 * rounded correctly when q is one of its two neighbours; the first step makes it one.
 */
TS_KERNEL_FMA
static void multiply(const int64_t *ints, unsigned n, double power, double *out)
{
    double y = 1 / power;
    for (unsigned i = 0; i < n; i++) {
        double a = to_double(ints[i]), q = a * y;
        q = __builtin_fma(__builtin_fma(-power, q, a), y, q);
        out[i] = __builtin_fma(__builtin_fma(-power, q, a), y, q);
    }
}
#endif

static void from_ints(const int64_t *ints, unsigned n, double power, double *out)
{
#ifdef TS_KERNEL_FMA
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        multiply(ints, n, power, out);
        return;
    }
#endif
    divide(ints, n, power, out);
}

static void put_bits(const double *v, unsigned n, bool random, struct ts_buf *out)
{
    int64_t ints[TS_VECTOR_MAX];
    memcpy(ints, v, n * sizeof *v);
    ts_buf_putc(out, 0);
    ts_ints_encode(ints, n, random, out);
}

/* What is no decimal at all is made up by its last bits, all 64 of them. */
static void put_near(const double *v, unsigned n, int k, bool random, struct ts_buf *out)
{
    int64_t ints[TS_VECTOR_MAX], off[TS_VECTOR_MAX];
    double back[TS_VECTOR_MAX];
    uint8_t bad[TS_VECTOR_MAX];
    to_ints(v, n, powers[k], ints, bad);
    for (unsigned i = 0; i < n; i++)
        if (!(fabs(v[i] * powers[k]) < SHORT))
            ints[i] = i ? ints[i - 1] : 0;
    from_ints(ints, n, powers[k], back);
    for (unsigned i = 0; i < n; i++)
        off[i] = (int64_t)(bits_of(v[i]) - bits_of(back[i]));
    ts_buf_putc(out, (char)(k + 1 + NEAR));
    ts_ints_encode(ints, n, random, out);
    ts_ints_encode(off, n, true, out);
}

/* @return false when more than a quarter are exceptions: nothing was appended. */
static bool put_decimals(const double *v, unsigned n, int k, bool random, struct ts_buf *out)
{
    int64_t ints[TS_VECTOR_MAX];
    uint8_t bad[TS_VECTOR_MAX];
    unsigned m = 0, good = 0;
    to_ints(v, n, powers[k], ints, bad);
    for (unsigned i = 0; i < n; i++)
        m += bad[i];
    if (m * 4 > n)
        return false;
    while (bad[good])
        good++;
    int64_t last = ints[good]; /* stands in for exceptions, so that they do not widen the vector */
    for (unsigned i = 0; m && i < n; i++)
        last = ints[i] = bad[i] ? last : ints[i];
    ts_buf_putc(out, (char)(k + 1));
    ts_varint_put(out, m);
    ts_ints_encode(ints, n, random, out);
    for (unsigned i = 0; m && i < n; i++)
        if (bad[i])
            ts_buf_put(out, &(uint16_t){(uint16_t)i}, 2);
    for (unsigned i = 0; m && i < n; i++)
        if (bad[i])
            ts_buf_put(out, &v[i], 8);
    return true;
}

void ts_floats_encode(const double *v, unsigned n, bool random, struct ts_buf *out)
{
    TS_ASSERT(n > 0 && n <= TS_VECTOR_MAX);
    struct exponents exp = exponents_of(v, n);
    size_t from = out->len;
    bool decimals = exp.all >= 0 && put_decimals(v, n, exp.all, random, out);
    size_t middle = out->len;
    if (exp.near >= 0)
        put_near(v, n, exp.near, random, out);
    else if (!decimals)
        put_bits(v, n, random, out);
    if (!decimals || exp.near < 0 || ts_buf_failed(out))
        return;
    size_t len = out->len - middle; /* both were made: the shorter one stays */
    if (len < middle - from)
        memmove(out->p + from, out->p + middle, len);
    out->len = len < middle - from ? from + len : middle;
}

/* Everything before the int vector. k: -1 bits; near: last bits follow. */
static bool read_head(const uint8_t **p, const uint8_t *end, unsigned n, int *k, bool *near, uint64_t *m)
{
    if (*p == end || **p > DECIMALS + NEAR || **p == NEAR)
        return false;
    *near = **p > NEAR;
    *k = *(*p)++ - 1 - (*near ? NEAR : 0);
    *m = 0;
    return *k < 0 || *near || (ts_varint_get(p, end, m) && *m <= n);
}

TS_KERNEL
static void add_bits(double *v, unsigned n, const int64_t *off)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &v[i], 8);
        bits += (uint64_t)off[i];
        memcpy(&v[i], &bits, 8);
    }
}

const uint8_t *ts_floats_decode(const uint8_t *p, const uint8_t *end, unsigned n, double *out)
{
    int k;
    bool near;
    uint64_t m;
    int64_t ints[TS_VECTOR_MAX + 16];
    if (!read_head(&p, end, n, &k, &near, &m) || !(p = ts_ints_decode(p, end, n, ints)))
        return NULL;
    if (k < 0) {
        memcpy(out, ints, n * sizeof *out);
        return p;
    }
    from_ints(ints, n, powers[k], out);
    if (near) {
        p = ts_ints_decode(p, end, n, ints);
        if (p)
            add_bits(out, n, ints);
        return p;
    }
    if ((size_t)(end - p) < m * 10)
        return NULL;
    for (unsigned i = 0; i < m; i++) {
        uint16_t at;
        memcpy(&at, p + i * 2, 2);
        if (at >= n)
            return NULL;
        memcpy(&out[at], p + m * 2 + i * 8, 8);
    }
    return p + m * 10;
}

/* Whether value i is one of the m exceptions, whose positions ascend. */
static bool find_exception(const uint8_t *p, uint64_t m, unsigned i, double *out)
{
    uint64_t lo = 0, hi = m;
    uint16_t at = 0;
    while (lo < hi) {
        uint64_t mid = (lo + hi) / 2;
        memcpy(&at, p + mid * 2, 2);
        if (at < i)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < m)
        memcpy(&at, p + lo * 2, 2);
    if (lo == m || at != i)
        return false;
    memcpy(out, p + m * 2 + lo * 8, 8);
    return true;
}

bool ts_floats_get(const uint8_t *p, const uint8_t *end, unsigned n, unsigned i, double *out)
{
    int k;
    bool near;
    uint64_t m;
    int64_t x, off;
    if (!read_head(&p, end, n, &k, &near, &m))
        return false;
    const uint8_t *behind = m || near ? ts_ints_end(p, end, n) : p;
    if (!behind || (size_t)(end - behind) < m * 10)
        return false;
    if (m && find_exception(behind, m, i, out))
        return true;
    if (!ts_ints_get(p, end, n, i, &x))
        return false;
    if (k < 0) {
        memcpy(out, &x, sizeof *out);
        return true;
    }
    *out = (double)x / powers[k]; /* a value that is no exception has less than 2^51 */
    if (near && !ts_ints_get(behind, end, n, i, &off))
        return false;
    if (near)
        add_bits(out, 1, &off);
    return true;
}
