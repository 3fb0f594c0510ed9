#ifndef TS_CORE_SKETCH_H
#define TS_CORE_SKETCH_H
/*
 * Quantiles of a window of a series with a relative error of at most 1 %: DDSketch (Masson, Rim, Lee,
 * "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019). A value
 * counts in a bucket of its magnitude; any value of a bucket is within 1 % of the bucket's representative.
 *
 * Buckets: a magnitude 2^e (1 + s), 0 <= s < 1, is in bucket floor(g(s)) of the 35 of its octave, where
 * g(s) = 50 s - 21 s² + 6 s³. That is 35 times the cubic interpolation of log2(1 + s) of sketches-java's
 * CubicallyInterpolatedMapping (6/35 s³ - 3/5 s² + 10/7 s); it needs no logarithm, and in whole numbers it is
 * the same on every machine. The bound: g's slope by ln(1 + s) is (1 + s) g'(s) = 50 + 8 s - 24 s² + 18 s³,
 * whose least value on [0, 1] is 50 (at 0 and, by its derivative, at 2/3). So a bucket, 1 wide in g, is at
 * most 1/50 wide in ln, and the representative 2 l u / (l + u) of a bucket from l to u is off by at most (u -
 * l) / (u + l) = tanh(ln(u / l) / 2) <= tanh(0.01) = 0.0099997. What is left up to 0.01 pays for s being cut
 * to 28 bits (3.8e-9 in ln). Magnitudes below 2^-1022 are multiples of 2^-1074: for them half of one comes on
 * top.
 *
 * Keys number the buckets in the order of their values: 0 is zero, 1 … TS_SKETCH_KEYS are positive, the same
 * below zero negative. Counts are whole, in units of 1 until a fractional weight comes, then of 2^-16
 * (weights are rounded to that): so sums have no order, and merging parts gives exactly the sketch of the
 * whole.
 *
 * At most `limit` neighbouring buckets are kept on each side of zero. Beyond that the lowest values are
 * collapsed: low positive ones upwards into the lowest bucket kept, far negative ones into the last one kept.
 * High quantiles keep the bound.
 *
 * The first samples are a list of keys inside the struct; then counts of bytes, which become 2, 4 and 8 bytes
 * as they must. The sketch owns its counts. Zeroed memory is a sketch that is not in use yet
 * (TS_SKETCH_NONE).
 */
#include "core/base.h"
#include "core/buf.h"

#define TS_SKETCH_KEYS      73430 /* of the largest double; 1 is 2^-1074 */
#define TS_SKETCH_LISTED    30
#define TS_SKETCH_LIMIT_MIN 64
#define TS_SKETCH_LIMIT_MAX 2048
#define TS_SKETCH_UNIT_BITS 16
#define TS_SKETCH_COUNT_MAX ((UINT64_C(1) << 51) - 1) /* what a bucket can hold, in units; there it stays */

enum ts_sketch_state {
    TS_SKETCH_NONE,
    TS_SKETCH_OFF,      /* for whoever keeps sketches: this one is not wanted */
    TS_SKETCH_LIST,     /* samples of weight 1 */
    TS_SKETCH_BINS,     /* counts */
    TS_SKETCH_FRACTIONS /* counts in units of 2^-16 */
};

/* Counts of one sign. The range never has more than limit buckets. */
struct ts_sketch_bins {
    void *counts;   /* NULL: none */
    uint32_t first; /* magnitude of counts[0] */
    uint16_t room;  /* buckets from there */
    uint8_t width;  /* bytes of a count: 1, 2, 4, 8 */
};

struct ts_sketch {
    uint8_t state; /* enum ts_sketch_state */
    uint8_t listed;
    uint16_t limit;
    union {
        int32_t list[TS_SKETCH_LISTED];
        struct {
            struct ts_sketch_bins positive, negative;
            uint64_t zero;
        };
    };
};
_Static_assert(sizeof(struct ts_sketch) == 128, "a sketch without counts is two cache lines");

/** An empty sketch; limit from TS_SKETCH_LIMIT_MIN to TS_SKETCH_LIMIT_MAX. */
static inline void ts_sketch_init(struct ts_sketch *sk, unsigned limit)
{
    *sk = (struct ts_sketch){.state = TS_SKETCH_LIST, .limit = (uint16_t)limit};
}

void ts_sketch_fini(struct ts_sketch *sk);

/** The key of zero, a magnitude below 2^-1022, or infinity (that of the largest double). NaN has none. */
int32_t ts_sketch_key_rare(double value);

/** The bucket of a value that is a number. */
TS_INLINE int32_t ts_sketch_key(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t exponent = (uint32_t)(bits >> 52) & 0x7ff;
    if (TS_UNLIKELY(exponent - 1 >= 2046))
        return ts_sketch_key_rare(value);
    uint64_t s = bits >> 24 & ((1u << 28) - 1);
    uint64_t slope = (UINT64_C(50) << 28) - (((UINT64_C(21) << 28) - 6 * s) * s >> 28);
    int32_t key = (int32_t)((exponent + 51) * 35 + 1 + (uint32_t)(slope * s >> 56));
    return bits >> 63 ? -key : key;
}

/** A value within 1 % of all values of the bucket. */
double ts_sketch_value(int32_t key);

/** What ts_sketch_add_key does when there is more to do than to count one up. */
bool ts_sketch_add_units(struct ts_sketch *sk, int32_t key, uint64_t units, bool fraction);

/** Where the key's count stands, for a prefetch; NULL when it does not stand in an array of bytes yet. */
TS_INLINE const void *ts_sketch_place(const struct ts_sketch *sk, int32_t key)
{
    uint32_t i = (uint32_t)key - sk->positive.first;
    return sk->state == TS_SKETCH_BINS && i < sk->positive.room
               ? (const char *)sk->positive.counts + (size_t)i * sk->positive.width
               : NULL;
}

/** Adds a sample of weight 1 by its key. @return false without memory: it is not in. */
TS_INLINE bool ts_sketch_add_key(struct ts_sketch *sk, int32_t key)
{
    if (sk->state == TS_SKETCH_BINS) {
        struct ts_sketch_bins *bins = &sk->positive;
        uint32_t i = (uint32_t)key - bins->first; /* negative keys and zero are out of the range, too */
        if (TS_LIKELY(i < bins->room)) {
            uint8_t *bytes = bins->counts;
            uint16_t *words = bins->counts;
            if (TS_LIKELY(bins->width == 1) && TS_LIKELY(bytes[i] != UINT8_MAX)) {
                bytes[i]++;
                return true;
            }
            if (bins->width == 2 && TS_LIKELY(words[i] != UINT16_MAX)) {
                words[i]++;
                return true;
            }
        }
    } else if (TS_LIKELY(sk->state == TS_SKETCH_LIST && sk->listed < TS_SKETCH_LISTED)) {
        sk->list[sk->listed++] = key;
        return true;
    }
    return ts_sketch_add_units(sk, key, 1, false);
}

/**
 * Adds a sample; a weight of 10 is ten samples of the value. The weight is positive; NaN is left out,
 * infinity counts as the largest double. @return false without memory: it is not in.
 */
bool ts_sketch_add(struct ts_sketch *sk, double value, double weight);

/**
 * Adds what b has seen to a, which then is what one sketch of all samples would be (of the lower limit of the
 * two).
 * @return 0; -TS_ENOMEM, a is as it was.
 */
int ts_sketch_merge(struct ts_sketch *a, const struct ts_sketch *b) TS_MUST_CHECK;

/** Goes through the buckets in the order of their values. */
struct ts_sketch_cursor {
    const struct ts_sketch *sk;
    int32_t keys[TS_SKETCH_LISTED]; /* of a list: sorted */
    unsigned sign, at;
};
void ts_sketch_first(const struct ts_sketch *sk, struct ts_sketch_cursor *cur);
/** The next bucket that has a count. @return false at the end. */
bool ts_sketch_next(struct ts_sketch_cursor *cur, int32_t *key, uint64_t *units);

/**
 * Appends the sketch in the form that docs/SKETCHES.md tells: sketches that hold the same have the same
 * bytes.
 * @return 0; -TS_ENOMEM (the buffer is marked).
 */
int ts_sketch_encode(const struct ts_sketch *sk, struct ts_buf *buf) TS_MUST_CHECK;

/** Reads it. out is overwritten, and to be finished unless this fails. @return 0, -TS_ECORRUPT, -TS_ENOMEM.
 */
int ts_sketch_decode(struct ts_str bytes, struct ts_sketch *out) TS_MUST_CHECK;

/**
 * Appends the sketch as it lies in memory where that is short, else encoded: for snapshots, which are many and read once. Sketches that hold
 * the same may have other bytes. @return 0; -TS_ENOMEM (the buffer is marked).
 */
int ts_sketch_save(const struct ts_sketch *sk, struct ts_buf *buf) TS_MUST_CHECK;

/** Reads what either has put. out is overwritten, and to be finished unless this fails. @return 0, -TS_ECORRUPT, -TS_ENOMEM. */
int ts_sketch_load(struct ts_str bytes, struct ts_sketch *out) TS_MUST_CHECK;

/**
 * Quantiles of an encoded sketch by nearest rank: out[i] is within 1 % of the least value that has at least
 * q W of the sum W of all weights at and below it; of n samples without weights that is number ceil(q n) in
 * their order, and the first for q = 0. qs are in [0, 1] and rise. NaN without samples.
 * @return 0, -TS_ECORRUPT.
 */
int ts_sketch_quantiles(struct ts_str bytes, unsigned n, const double *qs, double *out) TS_MUST_CHECK;

#endif
