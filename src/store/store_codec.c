/*
 * Bit-packed vectors of integers. Thread: any; owns nothing. Values are unsigned and wrap around throughout.
 *
 * Frame of reference with patches (Zukowski, Heman, Nes, Boncz: Super-Scalar RAM-CPU Cache Compression, 2006), packed in
 * interleaved lanes so that a compiler unpacks 16 values with the same shifts (after FastLanes: Afroozeh, Boncz, 2023).
 *
 *   flags u8 (1 delta, 2 scale, 4 patches) | width u8 | base zigzag | [delta: first zigzag] | [scale: index u8]
 *   | words | [patches: n varint, positions u16, values u64]
 */
#include "config.h"
#include "store/store_codec.h"

#define LANES       16
#define LANES_FROM  256 /* shorter vectors are packed one value after the other */
#define PATCH_BYTES 10

enum { DELTA = 1, SCALE = 2, PATCHES = 4 };

typedef uint64_t unaligned_u64 __attribute__((aligned(1)));
typedef uint16_t unaligned_u16 __attribute__((aligned(1)));
typedef uint64_t half_row __attribute__((vector_size(LANES / 2 * 8), aligned(1), may_alias)); /* as wide as a processor's vectors get */

static const uint64_t scales[] = {1000000000, 1000000, 1000};

void ts_varint_put(struct ts_buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        ts_buf_putc(out, (char)(v | 0x80));
    ts_buf_putc(out, (char)v);
}

void ts_zigzag_put(struct ts_buf *out, int64_t v)
{
    ts_varint_put(out, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

bool ts_varint_get(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        uint8_t b = *(*p)++;
        if (shift == 63 && b > 1)
            return false;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *out = v;
            return true;
        }
    }
    return false;
}

bool ts_zigzag_get(const uint8_t **p, const uint8_t *end, int64_t *out)
{
    uint64_t v;
    if (!ts_varint_get(p, end, &v))
        return false;
    *out = (int64_t)(v >> 1 ^ -(v & 1));
    return true;
}

static unsigned lanes_of(unsigned n)
{
    return n >= LANES_FROM ? LANES : 1;
}

static size_t words_of(unsigned n, unsigned width)
{
    unsigned lanes = lanes_of(n), rows = (n + lanes - 1) / lanes;
    return (size_t)lanes * ((rows * width + 63) / 64);
}

static uint64_t mask_of(unsigned width)
{
    return width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

/* ---- kernels ---- */

/* What is beyond the width is cut. */
static void pack(const uint64_t *v, unsigned n, unsigned width, unaligned_u64 *words)
{
    uint64_t mask = mask_of(width);
    for (unsigned i = 0; i < n; i++) {
        unsigned bit = i * width, j = bit / 64, off = bit % 64;
        uint64_t x = v[i] & mask;
        words[j] |= x << off;
        if (off + width > 64)
            words[j + 1] |= x >> (64 - off);
    }
}

/* The same with 16 lanes. */
TS_KERNEL
static void pack_lanes(const uint64_t *v, unsigned rows, unsigned width, unaligned_u64 *words)
{
    uint64_t mask = mask_of(width);
    const half_row *from = (const half_row *)v;
    for (unsigned i = 0; i < rows; i++, from += 2) {
        unsigned bit = i * width, off = bit % 64;
        half_row *w = (half_row *)(words + bit / 64 * LANES), a = from[0] & mask, b = from[1] & mask;
        w[0] |= a << off;
        w[1] |= b << off;
        if (off + width > 64) {
            w[2] |= a >> (64 - off);
            w[3] |= b >> (64 - off);
        }
    }
}

TS_KERNEL
static void unpack_lanes(const unaligned_u64 *words, unsigned rows, unsigned width, uint64_t *out)
{
    uint64_t mask = mask_of(width);
    half_row *to = (half_row *)out;
    for (unsigned i = 0; i < rows; i++, to += 2) {
        unsigned bit = i * width, off = bit % 64;
        const half_row *w = (const half_row *)(words + bit / 64 * LANES);
        half_row a = w[0] >> off, b = w[1] >> off;
        if (off + width > 64) {
            a |= w[2] << (64 - off);
            b |= w[3] << (64 - off);
        }
        to[0] = a & mask;
        to[1] = b & mask;
    }
}

static uint64_t extract(const unaligned_u64 *words, unsigned lanes, unsigned width, unsigned at)
{
    unsigned bit = at / lanes * width, off = bit % 64;
    const unaligned_u64 *w = words + bit / 64 * lanes + at % lanes;
    uint64_t x = w[0] >> off;
    if (off + width > 64)
        x |= w[lanes] << (64 - off);
    return x & mask_of(width);
}

TS_KERNEL
static void widen(uint64_t *v, unsigned n, uint64_t base, uint64_t scale)
{
    if (scale == 1)
        for (unsigned i = 0; i < n; i++)
            v[i] += base;
    else
        for (unsigned i = 0; i < n; i++)
            v[i] = v[i] * scale + base;
}

TS_KERNEL
static void progression(uint64_t *v, unsigned n, uint64_t first, uint64_t step)
{
    for (unsigned i = 0; i < n; i++)
        v[i] = first + i * step;
}

TS_KERNEL
static void differences(const uint64_t *v, unsigned n, uint64_t *out, int64_t *least, int64_t *most)
{
    int64_t lo = INT64_MAX, hi = INT64_MIN;
    for (unsigned i = 1; i < n; i++) {
        int64_t d = (int64_t)(v[i] - v[i - 1]);
        out[i] = (uint64_t)d;
        lo = d < lo ? d : lo;
        hi = d > hi ? d : hi;
    }
    *least = lo;
    *most = hi;
}

TS_KERNEL
static void extremes(const int64_t *v, unsigned n, int64_t *least, int64_t *most)
{
    int64_t lo = v[0], hi = v[0];
    for (unsigned i = 1; i < n; i++) {
        lo = v[i] < lo ? v[i] : lo;
        hi = v[i] > hi ? v[i] : hi;
    }
    *least = lo;
    *most = hi;
}

/* ---- encode ---- */

struct plan {
    unsigned width, npatches;
    uint8_t scale; /* index in scales, from 1; 0: none */
    size_t bytes;
};

static unsigned bits_of(uint64_t v)
{
    return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

static uint8_t scale_of(const uint64_t *v, unsigned n, uint64_t base)
{
    for (unsigned s = 0; s < TS_ARRAY_SIZE(scales); s++) {
        unsigned i = 0;
        while (i < n && (v[i] - base) % scales[s] == 0)
            i++;
        if (i == n)
            return (uint8_t)(s + 1);
    }
    return 0;
}

/* Subtracts the base and chooses scale and width: the width that, with patches for what is wider, takes the fewest bytes. */
static struct plan plan_of(uint64_t *v, unsigned n, uint64_t base, uint64_t range)
{
    struct plan plan = {.scale = range >= 1u << 16 ? scale_of(v, n, base) : 0};
    unsigned count[65] = {0};
    uint64_t scale = plan.scale ? scales[plan.scale - 1] : 1;
    for (unsigned i = 0; i < n; i++) {
        v[i] -= base;
        if (scale > 1) /* a division costs as much as the rest of this */
            v[i] /= scale;
        count[bits_of(v[i])]++;
    }
    unsigned wide = 64, above = 0;
    while (wide > 0 && count[wide] == 0)
        wide--;
    plan.width = wide;
    plan.bytes = words_of(n, wide) * 8;
    for (unsigned w = wide; w-- > 0;) {
        above += count[w + 1];
        size_t bytes = words_of(n, w) * 8 + above * PATCH_BYTES + 2;
        if (bytes < plan.bytes) {
            plan.width = w;
            plan.npatches = above;
            plan.bytes = bytes;
        }
    }
    return plan;
}

static void put_vector(struct ts_buf *out, const struct plan *plan, uint8_t flags, int64_t base, int64_t first,
                       const uint64_t *v, unsigned n)
{
    flags = (uint8_t)(flags | (plan->scale ? SCALE : 0) | (plan->npatches ? PATCHES : 0));
    ts_buf_putc(out, (char)flags);
    ts_buf_putc(out, (char)plan->width);
    ts_zigzag_put(out, base);
    if (flags & DELTA)
        ts_zigzag_put(out, first);
    if (plan->scale)
        ts_buf_putc(out, (char)plan->scale);
    size_t bytes = words_of(n, plan->width) * 8;
    char *words = ts_buf_reserve(out, bytes + 1);
    if (words && bytes) {
        unsigned lanes = lanes_of(n);
        memset(words, 0, bytes);
        if (lanes == LANES)
            pack_lanes(v, (n + LANES - 1) / LANES, plan->width, (unaligned_u64 *)words);
        else
            pack(v, n, plan->width, (unaligned_u64 *)words);
        out->len += bytes;
    }
    if (!plan->npatches)
        return;
    ts_varint_put(out, plan->npatches);
    uint64_t mask = mask_of(plan->width);
    for (unsigned i = 0; i < n; i++)
        if (v[i] > mask)
            ts_buf_put(out, &(uint16_t){(uint16_t)i}, 2);
    for (unsigned i = 0; i < n; i++)
        if (v[i] > mask)
            ts_buf_put(out, &v[i], 8);
}

void ts_ints_encode(const int64_t *v, unsigned n, bool random, struct ts_buf *out)
{
    uint64_t plain[TS_VECTOR_MAX + LANES], delta[TS_VECTOR_MAX + LANES];
    int64_t least, most, dleast = 0, dmost = 0;
    TS_ASSERT(n > 0 && n <= TS_VECTOR_MAX);
    memset(plain + n, 0, LANES * sizeof *plain); /* whole rows are packed */
    memset(delta + n, 0, LANES * sizeof *delta);
    extremes(v, n, &least, &most);
    uint64_t range = (uint64_t)most - (uint64_t)least;
    if (range == 0 || random || n < 3) {
        memcpy(plain, v, n * sizeof *v);
        struct plan plan = plan_of(plain, n, (uint64_t)least, range);
        put_vector(out, &plan, 0, least, 0, plain, n);
        return;
    }
    differences((const uint64_t *)v, n, delta, &dleast, &dmost);
    delta[0] = (uint64_t)dleast;
    struct plan dplan = plan_of(delta, n, (uint64_t)dleast, (uint64_t)dmost - (uint64_t)dleast);
    if (dplan.width > 0) {
        memcpy(plain, v, n * sizeof *v);
        struct plan plan = plan_of(plain, n, (uint64_t)least, range);
        if (plan.bytes <= dplan.bytes + 8) {
            put_vector(out, &plan, 0, least, 0, plain, n);
            return;
        }
    }
    put_vector(out, &dplan, DELTA, dleast, v[0], delta, n);
}

/* ---- decode ---- */

struct head {
    uint8_t flags, width;
    int64_t base, first;
    uint64_t scale;
    const unaligned_u64 *words;
    unsigned npatches;
    const unaligned_u16 *patch_at;
    const unaligned_u64 *patch;
};

static const uint8_t *read_head(const uint8_t *p, const uint8_t *end, unsigned n, struct head *head)
{
    *head = (struct head){.scale = 1};
    if (end - p < 3)
        return NULL;
    head->flags = *p++;
    head->width = *p++;
    if (head->flags > (DELTA | SCALE | PATCHES) || head->width > 64 || !ts_zigzag_get(&p, end, &head->base))
        return NULL;
    if (head->flags & DELTA && !ts_zigzag_get(&p, end, &head->first))
        return NULL;
    if (head->flags & SCALE) {
        if (p == end || *p == 0 || *p > TS_ARRAY_SIZE(scales))
            return NULL;
        head->scale = scales[*p++ - 1];
    }
    size_t bytes = words_of(n, head->width) * 8;
    if ((size_t)(end - p) < bytes)
        return NULL;
    head->words = (const unaligned_u64 *)p;
    p += bytes;
    if (head->flags & PATCHES) {
        uint64_t m;
        if (!ts_varint_get(&p, end, &m) || m > n || (size_t)(end - p) < m * PATCH_BYTES)
            return NULL;
        head->npatches = (unsigned)m;
        head->patch_at = (const unaligned_u16 *)p;
        head->patch = (const unaligned_u64 *)(p + m * 2);
        p += m * PATCH_BYTES;
    }
    return p;
}

const uint8_t *ts_ints_end(const uint8_t *p, const uint8_t *end, unsigned n)
{
    struct head head;
    return read_head(p, end, n, &head);
}

const uint8_t *ts_ints_decode(const uint8_t *p, const uint8_t *end, unsigned n, int64_t *to)
{
    struct head head;
    uint64_t *out = (uint64_t *)to;
    p = read_head(p, end, n, &head);
    if (!p)
        return NULL;
    if (head.width == 0 && !head.npatches) {
        progression(out, n, (uint64_t)(head.flags & DELTA ? head.first : head.base), head.flags & DELTA ? (uint64_t)head.base : 0);
        return p;
    }
    if (head.width == 0)
        memset(out, 0, n * sizeof *out);
    else if (lanes_of(n) == LANES)
        unpack_lanes(head.words, (n + LANES - 1) / LANES, head.width, out);
    else
        for (unsigned i = 0; i < n; i++)
            out[i] = extract(head.words, 1, head.width, i);
    for (unsigned i = 0; i < head.npatches; i++) {
        if (head.patch_at[i] >= n)
            return NULL;
        out[head.patch_at[i]] = head.patch[i];
    }
    widen(out, n, (uint64_t)head.base, head.scale);
    if (head.flags & DELTA) {
        uint64_t x = (uint64_t)head.first;
        out[0] = x;
        for (unsigned i = 1; i < n; i++)
            out[i] = x += out[i];
    }
    return p;
}

bool ts_ints_get(const uint8_t *p, const uint8_t *end, unsigned n, unsigned i, int64_t *out)
{
    struct head head;
    if (i >= n || !read_head(p, end, n, &head) || head.flags & DELTA)
        return false;
    uint64_t x = head.width ? extract(head.words, lanes_of(n), head.width, i) : 0;
    for (unsigned j = 0; j < head.npatches; j++)
        if (head.patch_at[j] == i)
            x = head.patch[j];
    *out = (int64_t)(x * head.scale + (uint64_t)head.base);
    return true;
}
