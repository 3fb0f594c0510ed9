/*
 * Double to its shortest decimal: Schubfach (Raffaello Giulietti, "The Schubfach way to render doubles", 2020), with 128-bit
 * powers of ten. These are worked out exactly, once, by long multiplication and division. Thread: any.
 */
#include "config.h"
#include "core/num_shortest.h"

#include <pthread.h>

#define K_MIN (-324) /* powers of ten that a double can ask for */
#define K_MAX 324
#define WORDS 72     /* of 32 bits: 10^324 times 2^1200 */

struct u128 {
    uint64_t hi, lo;
};

/* 10^k = powers[k - K_MIN] * 2^(floor(log2(10^k)) - 127), rounded up; the highest bit is set. */
static struct u128 powers[K_MAX - K_MIN + 1];
static pthread_once_t powers_once = PTHREAD_ONCE_INIT;

/* floor(e * log2(10)), floor(e * log10(2)), floor(e * log10(2) - log10(4 / 3)): exact in the range of doubles. */
static int floor_log2_pow10(int e)
{
    return (e * 1741647) >> 19;
}

static int floor_log10_pow2(int e)
{
    return (e * 1262611) >> 22;
}

static int floor_log10_three_quarters_pow2(int e)
{
    return (e * 1262611 - 524031) >> 22;
}

struct big {
    uint32_t w[WORDS]; /* least significant first */
};

static void big_times(struct big *b, uint32_t by)
{
    uint64_t carry = 0;
    for (unsigned i = 0; i < WORDS; i++) {
        carry += (uint64_t)b->w[i] * by;
        b->w[i] = (uint32_t)carry;
        carry >>= 32;
    }
    TS_ASSERT(carry == 0);
}

/* Divides by a small number. @return the remainder. */
static uint32_t big_over(struct big *b, uint32_t by)
{
    uint64_t rest = 0;
    for (unsigned i = WORDS; i-- > 0;) {
        rest = rest << 32 | b->w[i];
        b->w[i] = (uint32_t)(rest / by);
        rest %= by;
    }
    return (uint32_t)rest;
}

/* The 128 bits from the highest set one on, rounded up when anything below them, or `more`, is not 0. */
static struct u128 big_top(const struct big *b, bool more)
{
    unsigned top = WORDS;
    while (b->w[top - 1] == 0)
        top--;
    unsigned zeros = (unsigned)__builtin_clz(b->w[top - 1]);
    uint32_t next[5]; /* the highest words; beyond the lowest there is 0 */
    for (unsigned i = 0; i < 5; i++)
        next[i] = i < top ? b->w[top - 1 - i] : 0;
    uint64_t hi = (uint64_t)next[0] << 32 | next[1], lo = (uint64_t)next[2] << 32 | next[3];
    if (zeros) {
        hi = hi << zeros | lo >> (64 - zeros);
        lo = lo << zeros | next[4] >> (32 - zeros);
    }
    more |= (uint32_t)(next[4] << zeros) != 0;
    for (unsigned i = 0; i + 5 < top; i++)
        more |= b->w[i] != 0;
    if (more && ++lo == 0)
        hi++;
    return (struct u128){hi, lo};
}

static void make_powers(void)
{
    struct big b = {.w = {1}};
    for (int k = 0; k <= K_MAX; k++) {
        powers[k - K_MIN] = big_top(&b, false);
        if (k < K_MAX)
            big_times(&b, 10);
    }
    /* 2^2240 / 10^n keeps over a thousand bits; a division that left a rest once leaves the quotient inexact for good. */
    b = (struct big){.w = {[70] = 1}};
    bool more = false;
    for (int k = -1; k >= K_MIN; k--) {
        more |= big_over(&b, 10) != 0;
        powers[k - K_MIN] = big_top(&b, more);
    }
}

/* floor(g * cp / 2^128), its lowest bit set when anything was cut off (sticky). */
static uint64_t round_to_odd(struct u128 g, uint64_t cp)
{
    unsigned __int128 x = (unsigned __int128)g.lo * cp;
    unsigned __int128 y = (unsigned __int128)g.hi * cp + (uint64_t)(x >> 64);
    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

void ts_num_shortest(double v, uint64_t *digits, int *exp10)
{
    pthread_once(&powers_once, make_powers);
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int biased = (int)(bits >> 52 & 0x7ff);
    /* v = c * 2^q */
    uint64_t c = biased ? fraction | UINT64_C(1) << 52 : fraction;
    int q = (biased ? biased : 1) - 1075;
    if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0) { /* a whole number below 2^53 */
        *digits = c >> -q;
        *exp10 = 0;
        return;
    }
    bool even = c % 2 == 0, lower_is_closer = fraction == 0 && biased > 1;
    int k = lower_is_closer ? floor_log10_three_quarters_pow2(q) : floor_log10_pow2(q);
    int h = q + floor_log2_pow10(-k) + 1;
    struct u128 g = powers[-k - K_MIN];
    /* Four times the lower bound, the value, and the upper bound of what reads back as v, in units of 10^k. */
    uint64_t vbl = round_to_odd(g, (4 * c - 2 + lower_is_closer) << h);
    uint64_t vb = round_to_odd(g, 4 * c << h);
    uint64_t vbr = round_to_odd(g, (4 * c + 2) << h);
    uint64_t lower = vbl + !even, upper = vbr - !even;
    uint64_t s = vb / 4;
    if (s >= 10) { /* one digit fewer? */
        uint64_t sp = s / 10;
        bool down = lower <= 40 * sp, up = 40 * sp + 40 <= upper;
        if (down != up) {
            *digits = sp + up;
            *exp10 = k + 1;
            return;
        }
    }
    bool down = lower <= 4 * s, up = 4 * s + 4 <= upper;
    uint64_t mid = 4 * s + 2;
    bool nearer_up = vb > mid || (vb == mid && s % 2 == 1);
    *digits = s + (down != up ? up : nearer_up);
    *exp10 = k;
}
