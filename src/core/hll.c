/*
 * HyperLogLog behind a small exact list, and both as bytes. Thread: whoever owns it. Without memory a member
 * is not taken; decoding accepts any bytes.
 */
#include "config.h"
#include "core/hll.h"

#include "core/mem.h"

#include <math.h>
#include <stdlib.h>

#define EXACT_MAX   64
#define EXACT_FIRST 4
#define BITS        12
#define REGISTERS   (1u << BITS)
#define Q           (64 - BITS) /* a register holds 0 … Q + 1 */

#define LETTER      'H'
#define LAYOUT      1
#define FORM_EXACT  0
#define FORM_DENSE  1
#define HEAD_BYTES  4
#define DENSE_BYTES (REGISTERS / 4 * 3) /* six bits each */

struct ts_hll {
    unsigned n, room; /* of exact */
    uint64_t *exact;
    uint8_t *registers; /* NULL while exact */
};

struct ts_hll *ts_hll_new(void)
{
    return ts_alloc(sizeof(struct ts_hll));
}

void ts_hll_free(struct ts_hll **hll)
{
    if (*hll) {
        ts_free((*hll)->exact);
        ts_free((*hll)->registers);
        TS_FREE(*hll);
    }
}

static void add_dense(struct ts_hll *hll, uint64_t hash)
{
    unsigned reg = (unsigned)(hash >> Q);
    uint64_t rest = hash << BITS;
    uint8_t rank = (uint8_t)(rest ? __builtin_clzll(rest) + 1 : Q + 1);
    if (rank > hll->registers[reg])
        hll->registers[reg] = rank;
}

static bool make_dense(struct ts_hll *hll)
{
    hll->registers = ts_alloc(REGISTERS);
    if (!hll->registers)
        return false;
    for (unsigned i = 0; i < hll->n; i++)
        add_dense(hll, hll->exact[i]);
    TS_FREE(hll->exact);
    hll->n = hll->room = 0;
    return true;
}

bool ts_hll_add(struct ts_hll *hll, uint64_t hash)
{
    for (unsigned i = 0; i < hll->n; i++)
        if (hll->exact[i] == hash)
            return true;
    if (!hll->registers && hll->n < EXACT_MAX) {
        if (hll->n == hll->room) {
            unsigned room = TS_MAX(EXACT_FIRST, hll->room * 2);
            uint64_t *more = ts_resize(hll->exact, room * sizeof *more);
            if (!more)
                return false;
            hll->exact = more;
            hll->room = room;
        }
        hll->exact[hll->n++] = hash;
        return true;
    }
    if (!hll->registers && !make_dense(hll))
        return false;
    add_dense(hll, hash);
    return true;
}

/* sigma(x) = x + sum over k >= 1 of x^(2^k) 2^(k-1): Ertl 2017, algorithm 6. */
static double sigma(double x)
{
    if (x == 1)
        return INFINITY;
    double y = 1, z = x, former;
    do {
        x *= x;
        former = z;
        z += x * y;
        y += y;
    } while (z != former);
    return z;
}

/* tau(x) = (1 - x - sum over k >= 1 of (1 - x^(2^-k))² 2^-k) / 3: Ertl 2017, algorithm 6. */
static double tau(double x)
{
    if (x == 0 || x == 1)
        return 0;
    double y = 1, z = 1 - x, former;
    do {
        x = sqrt(x);
        former = z;
        y /= 2;
        z -= (1 - x) * (1 - x) * y;
    } while (z != former);
    return z / 3;
}

double ts_hll_estimate(const struct ts_hll *hll)
{
    if (!hll->registers)
        return hll->n;
    unsigned with[Q + 2] = {0};
    for (unsigned i = 0; i < REGISTERS; i++)
        with[hll->registers[i]]++;
    double m = REGISTERS;
    double z = m * tau(1 - with[Q + 1] / m);
    for (int k = Q; k >= 1; k--)
        z = 0.5 * (z + with[k]);
    z += m * sigma(with[0] / m);
    return m * m / (2 * M_LN2 * z);
}

static bool has(const struct ts_hll *hll, uint64_t hash)
{
    for (unsigned i = 0; i < hll->n; i++)
        if (hll->exact[i] == hash)
            return true;
    return false;
}

int ts_hll_merge(struct ts_hll *a, const struct ts_hll *b)
{
    unsigned n = a->n;
    for (unsigned i = 0; i < b->n; i++)
        n += !has(a, b->exact[i]);
    if (!a->registers && !b->registers && n <= EXACT_MAX) {
        uint64_t *both = ts_resize(a->exact, TS_MAX(n, EXACT_FIRST) * sizeof *both);
        if (!both)
            return -TS_ENOMEM;
        a->exact = both;
        a->room = TS_MAX(n, EXACT_FIRST);
    } else if (!a->registers && !make_dense(a)) {
        return -TS_ENOMEM;
    }
    for (unsigned i = 0; i < b->n; i++)
        TS_ASSERT(ts_hll_add(a, b->exact[i])); /* there is room */
    for (unsigned i = 0; b->registers && i < REGISTERS; i++)
        a->registers[i] = TS_MAX(a->registers[i], b->registers[i]);
    return 0;
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void put_dense(const uint8_t *registers, uint8_t *to)
{
    for (unsigned i = 0; i < REGISTERS; i += 4, to += 3) {
        uint32_t four = registers[i] | (uint32_t)registers[i + 1] << 6 | (uint32_t)registers[i + 2] << 12 |
                        (uint32_t)registers[i + 3] << 18;
        to[0] = (uint8_t)four;
        to[1] = (uint8_t)(four >> 8);
        to[2] = (uint8_t)(four >> 16);
    }
}

int ts_hll_encode(const struct ts_hll *hll, struct ts_buf *buf)
{
    size_t len = HEAD_BYTES + (hll->registers ? DENSE_BYTES : 1 + 8 * (size_t)hll->n);
    uint8_t *to = (uint8_t *)ts_buf_reserve(buf, len);
    if (!to)
        return -TS_ENOMEM;
    *to++ = LETTER;
    *to++ = LAYOUT;
    *to++ = BITS;
    *to++ = hll->registers ? FORM_DENSE : FORM_EXACT;
    if (hll->registers) {
        put_dense(hll->registers, to);
    } else {
        uint64_t sorted[EXACT_MAX];
        if (hll->n)
            memcpy(sorted, hll->exact, hll->n * sizeof *sorted);
        qsort(sorted, hll->n, sizeof *sorted, by_hash);
        *to++ = (uint8_t)hll->n;
        for (unsigned i = 0; i < hll->n; i++)
            for (unsigned k = 0; k < 8; k++)
                *to++ = (uint8_t)(sorted[i] >> 8 * k);
    }
    buf->len += len;
    return 0;
}

static unsigned get_register(const uint8_t *from, unsigned i)
{
    from += i / 4 * 3;
    return (from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16) >> i % 4 * 6 & 63;
}

static uint64_t get_exact(const uint8_t *from, unsigned i)
{
    uint64_t v = 0;
    for (unsigned k = 0; k < 8; k++)
        v |= (uint64_t)from[8 * i + k] << 8 * k;
    return v;
}

bool ts_hll_is(struct ts_str bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    if (bytes.len <= HEAD_BYTES || p[0] != LETTER || p[1] != LAYOUT || p[2] != BITS || p[3] > FORM_DENSE)
        return false;
    if (p[3] == FORM_DENSE) {
        bool good = bytes.len == HEAD_BYTES + DENSE_BYTES;
        for (unsigned i = 0; good && i < REGISTERS; i++)
            good = get_register(p + HEAD_BYTES, i) <= Q + 1;
        return good;
    }
    unsigned n = p[HEAD_BYTES];
    bool good = n <= EXACT_MAX && bytes.len == HEAD_BYTES + 1 + 8 * (size_t)n;
    for (unsigned i = 1; good && i < n; i++)
        good = get_exact(p + HEAD_BYTES + 1, i - 1) < get_exact(p + HEAD_BYTES + 1, i);
    return good;
}

int ts_hll_decode(struct ts_str bytes, struct ts_hll **out)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    if (!ts_hll_is(bytes))
        return -TS_ECORRUPT;
    struct ts_hll *hll = ts_hll_new();
    if (!hll)
        return -TS_ENOMEM;
    bool dense = p[3] == FORM_DENSE;
    hll->n = dense ? 0 : p[HEAD_BYTES];
    hll->room = dense ? 0 : TS_MAX(hll->n, EXACT_FIRST);
    if (dense)
        hll->registers = ts_alloc(REGISTERS);
    else
        hll->exact = ts_alloc(hll->room * sizeof *hll->exact);
    if (!hll->registers && !hll->exact) {
        ts_hll_free(&hll);
        return -TS_ENOMEM;
    }
    for (unsigned i = 0; dense && i < REGISTERS; i++)
        hll->registers[i] = (uint8_t)get_register(p + HEAD_BYTES, i);
    for (unsigned i = 0; i < hll->n; i++)
        hll->exact[i] = get_exact(p + HEAD_BYTES + 1, i);
    *out = hll;
    return 0;
}
