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
 * Samples go into a list inside the struct first, which is one cache line. When it is full they are counted, all at once: to add one takes
 * that line, and the counts of 26 are a few more. Counts are bytes, which become 2, 4 and 8 bytes as they must. The sketch owns them. Zeroed
 * memory is a sketch that is not in use yet (TS_SKETCH_NONE).
 */
#include "core/base.h"
#include "core/buf.h"

#define TS_SKETCH_KEYS      73430 /* of the largest double; 1 is 2^-1074 */
#define TS_SKETCH_LISTED    26
#define TS_SKETCH_LIMIT_MIN 64
#define TS_SKETCH_LIMIT_MAX 2048
#define TS_SKETCH_UNIT_BITS 16
#define TS_SKETCH_COUNT_MAX ((UINT64_C(1) << 51) - 1) /* what a bucket can hold, in units; there it stays */

enum ts_sketch_state {
    TS_SKETCH_NONE,
    TS_SKETCH_OFF,      /* for whoever keeps sketches: this one is not wanted */
    TS_SKETCH_LIST,     /* all samples are in the list */
    TS_SKETCH_BINS,     /* counts, and samples in the list that are not counted yet */
    TS_SKETCH_FRACTIONS /* counts in units of 2^-16 */
};

/* Counts of one sign. The range never has more than limit buckets. */
struct ts_sketch_bins {
    void *counts;   /* NULL: none */
    uint32_t first; /* magnitude of counts[0] */
    uint16_t room;  /* buckets from there */
    uint8_t width;  /* bytes of a count: 1, 2, 4, 8 */
};

struct ts_sketch_counts {
    struct ts_sketch_bins positive, negative;
    uint64_t zero;
};

/*
 * What the list holds of a sample of weight 1: 0 for zero, else by how much its magnitude is above that of 2^-468, which is 1, with the
 * uppermost bit for a negative one. Magnitudes outside 2^-468 … 2^468 have no code, and are counted at once.
 */
#define TS_SKETCH_CODE_OCTAVES 936
#define TS_SKETCH_CODE_ABOVE   ((1074 - 468) * 35) /* the magnitude less the code */
#define TS_SKETCH_CODE_SIGN    0x8000
#define TS_SKETCH_NO_CODE      UINT16_MAX

struct ts_sketch {
    uint8_t state; /* enum ts_sketch_state */
    uint8_t left;  /* entries of the list that are free; its last ones are taken. 0 of a sketch that is not in use */
    uint16_t limit;
    uint16_t list[TS_SKETCH_LISTED];
    struct ts_sketch_counts *counts; /* from TS_SKETCH_BINS on */
};
_Static_assert(sizeof(struct ts_sketch) == TS_CACHELINE, "a sample is one cache line");

/** An empty sketch; limit from TS_SKETCH_LIMIT_MIN to TS_SKETCH_LIMIT_MAX. */
static inline void ts_sketch_init(struct ts_sketch *sk, unsigned limit)
{
    *sk = (struct ts_sketch){.state = TS_SKETCH_LIST, .left = TS_SKETCH_LISTED, .limit = (uint16_t)limit};
}

void ts_sketch_fini(struct ts_sketch *sk);

/** Gives a sketch that only has a list counts, in the units of the state, TS_SKETCH_BINS or TS_SKETCH_FRACTIONS. @return false without memory. */
bool ts_sketch_count_in(struct ts_sketch *sk, enum ts_sketch_state state) TS_MUST_CHECK;

/** The key of zero, a magnitude below 2^-1022, or infinity (that of the largest double). NaN has none. */
int32_t ts_sketch_key_rare(double value);

/* For each 64th of an octave the g(s) at its beginning, in steps of 2^22, and how far 2^22 is above the s there that begins the next bucket:
 * none is so narrow that a second one begins there. */
extern const uint32_t ts_sketch_steps[64];

/** Which of the 35 buckets of its octave the double is in, by its bits. */
TS_INLINE uint32_t ts_sketch_part(uint64_t bits)
{
    return (ts_sketch_steps[bits >> 46 & 63] + (uint32_t)(bits >> 24 & ((1u << 22) - 1))) >> 22;
}

/** The bucket of a value that is a number. */
TS_INLINE int32_t ts_sketch_key(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t exponent = (uint32_t)(bits >> 52) & 0x7ff;
    if (TS_UNLIKELY(exponent - 1 >= 2046))
        return ts_sketch_key_rare(value);
    int32_t key = (int32_t)((exponent + 51) * 35 + 1 + ts_sketch_part(bits));
    return bits >> 63 ? -key : key;
}

/** What the list would hold of the value, or TS_SKETCH_NO_CODE. */
TS_INLINE unsigned ts_sketch_code(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t octave = ((uint32_t)(bits >> 52) & 0x7ff) - (1023 - 468);
    if (TS_UNLIKELY(octave >= TS_SKETCH_CODE_OCTAVES))
        return value == 0 ? 0 : TS_SKETCH_NO_CODE;
    return (octave * 35 + 1 + ts_sketch_part(bits)) | ((unsigned)(bits >> 63) << 15);
}

/** The bucket of a code. */
TS_INLINE int32_t ts_sketch_key_of(unsigned code)
{
    int32_t mag = (int32_t)(code & ~(unsigned)TS_SKETCH_CODE_SIGN), key = mag ? mag + TS_SKETCH_CODE_ABOVE : 0;
    return code & TS_SKETCH_CODE_SIGN ? -key : key;
}

/** A value within 1 % of all values of the bucket. */
double ts_sketch_value(int32_t key);

/** Adds so many units of a bucket, in units of 1 or, for fractions, of 2^-16. @return false without memory: they are not in. */
bool ts_sketch_add_units(struct ts_sketch *sk, int32_t key, uint64_t units, bool fraction);

/** Adds a sample of weight 1 by its code. @return false: it is not in, and ts_sketch_add is the way. */
TS_INLINE bool ts_sketch_list(struct ts_sketch *sk, unsigned code)
{
    if (TS_UNLIKELY(code == TS_SKETCH_NO_CODE || sk->left == 0))
        return false;
    sk->list[--sk->left] = (uint16_t)code;
    return true;
}

/** Counts what is in the list of a sketch that has counts. @return false without memory: some of it still is. */
bool ts_sketch_settle(struct ts_sketch *sk) TS_MUST_CHECK;

/**
 * Adds a sample; a weight of 10 is ten samples of the value. The weight is positive; NaN is left out,
 * infinity counts as the largest double. @return false without memory: it is not in.
 */
bool ts_sketch_add(struct ts_sketch *sk, double value, double weight);

/**
 * Adds what b has seen to a, which then is what one sketch of all samples would be (of the lower limit of the
 * two). b holds what it held.
 * @return 0; -TS_ENOMEM, a is as it was.
 */
int ts_sketch_merge(struct ts_sketch *a, struct ts_sketch *b) TS_MUST_CHECK;

/** Goes through the buckets in the order of their values. */
struct ts_sketch_cursor {
    const struct ts_sketch *sk;
    int32_t keys[TS_SKETCH_LISTED]; /* of a list: sorted */
    unsigned listed;
    unsigned sign, at;
};
/** Begins, with everything counted. @return false without memory. */
bool ts_sketch_first(struct ts_sketch *sk, struct ts_sketch_cursor *cur) TS_MUST_CHECK;
/** The next bucket that has a count. @return false at the end. */
bool ts_sketch_next(struct ts_sketch_cursor *cur, int32_t *key, uint64_t *units);

/**
 * Appends the sketch in the form that docs/SKETCHES.md tells: sketches that hold the same have the same
 * bytes.
 * @return 0; -TS_ENOMEM (the buffer is marked).
 */
int ts_sketch_encode(struct ts_sketch *sk, struct ts_buf *buf) TS_MUST_CHECK;

/** Reads it. out is overwritten, and to be finished unless this fails. @return 0, -TS_ECORRUPT, -TS_ENOMEM.
 */
int ts_sketch_decode(struct ts_str bytes, struct ts_sketch *out) TS_MUST_CHECK;

/**
 * Appends the sketch as it lies in memory where that is short, else encoded: for snapshots, which are many and read once. Sketches that hold
 * the same may have other bytes. @return 0; -TS_ENOMEM (the buffer is marked).
 */
int ts_sketch_save(struct ts_sketch *sk, struct ts_buf *buf) TS_MUST_CHECK;

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
