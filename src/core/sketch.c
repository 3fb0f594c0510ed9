/*
 * A sketch's counts: from the list into arrays of bytes and wider ones, ranges that follow the samples,
 * collapsing, merging. Thread: whoever owns the sketch. Without memory a sample is not taken, and the sketch
 * stays as it was.
 */
#include "config.h"
#include "core/sketch.h"

#include "core/mem.h"

#include <float.h>
#include <math.h>

/* 2 l u / (l + u) of the buckets of the octave from 1 to 2, where l and u are the first 1 + s, in 28 bits, of
 * the bucket and of the next. */
static const double representatives[35] = {
    1.0099842513872368, 1.0303264131523355, 1.051021867534039,  1.072082724259178,  1.0935215716440458,
    1.115351487769231,  1.137586037045863,  1.1602392753236128, 1.1833257413466423, 1.2068604338839741,
    1.2308587935417736, 1.255336667260904,  1.2803102547750753, 1.3057960431609044, 1.3318107236431689,
    1.3583710742858999, 1.3854938298306734, 1.4131955090991688, 1.441492200976409,  1.4703993153348698,
    1.4999312854531341, 1.5301012111192274, 1.5609204418218483, 1.5923981060917578, 1.6245405756595563,
    1.6573508679943287, 1.6908279965590243, 1.7249662853447356, 1.7597546573157847, 1.7951759367654474,
    1.8312062020487712, 1.86781421570911,   1.9049610065403177, 1.942599652585666,  1.9806753057598696,
};

const uint32_t ts_sketch_steps[64] = {
    0x0000000, 0x02d6258, 0x059585f, 0x083d5a1, 0x0c00000, 0x0eccd2b, 0x1143188, 0x1400000,
    0x179f4be, 0x19e0853, 0x1c05d45, 0x2000000, 0x220e417, 0x2400000, 0x27f8cd0, 0x29c4706,
    0x2c00000, 0x2f701e6, 0x30fac49, 0x3400000, 0x36634c2, 0x3800000, 0x3ba89bd, 0x3cc999f,
    0x4000000, 0x41c52ec, 0x4400000, 0x469a47e, 0x4800000, 0x4b47dc1, 0x4c00000, 0x4fccefd,
    0x50289ac, 0x5400000, 0x545a0e4, 0x5800000, 0x58609cd, 0x5c00000, 0x5c3bc28, 0x6000000,
    0x6000000, 0x63eb2e8, 0x6400000, 0x676ecda, 0x6800000, 0x6ac6d5a, 0x6c00000, 0x6df3d0e,
    0x7000000, 0x70f6aa9, 0x7400000, 0x7400000, 0x77d0b9e, 0x7800000, 0x7a83cc8, 0x7c00000,
    0x7d122f3, 0x8000000, 0x8000000, 0x837eb32, 0x8400000, 0x85ccafc, 0x8800000, 0x8800000,
};

int32_t ts_sketch_key_rare(double value)
{
    TS_ASSERT(!isnan(value));
    if (value == 0)
        return 0;
    int32_t sign = value < 0 ? -1 : 1;
    if (isinf(value))
        return sign * TS_SKETCH_KEYS;
    /* below 2^-1022: brought up by 64 octaves */
    return sign * (ts_sketch_key(fabs(value) * 0x1p64) - 64 * 35);
}

double ts_sketch_value(int32_t key)
{
    if (key == 0)
        return 0;
    int32_t i = (key < 0 ? -key : key) - 1;
    double v = ldexp(representatives[i % 35], i / 35 - 1074);
    return key < 0 ? -v : v;
}

void ts_sketch_fini(struct ts_sketch *sk)
{
    if (sk->counts) {
        ts_free(sk->counts->positive.counts);
        ts_free(sk->counts->negative.counts);
        ts_free(sk->counts);
    }
    *sk = (struct ts_sketch){0};
}

bool ts_sketch_count_in(struct ts_sketch *sk, enum ts_sketch_state state)
{
    TS_ASSERT(!sk->counts && state >= TS_SKETCH_BINS);
    sk->counts = ts_alloc(sizeof *sk->counts);
    if (sk->counts)
        sk->state = (uint8_t)state;
    return sk->counts != NULL;
}

TS_INLINE uint64_t count_at(const struct ts_sketch_bins *bins, uint32_t i)
{
    switch (bins->width) {
    case 1: return ((const uint8_t *)bins->counts)[i];
    case 2: return ((const uint16_t *)bins->counts)[i];
    case 4: return ((const uint32_t *)bins->counts)[i];
    default: return ((const uint64_t *)bins->counts)[i];
    }
}

TS_INLINE void set_count(struct ts_sketch_bins *bins, uint32_t i, uint64_t n)
{
    switch (bins->width) {
    case 1: ((uint8_t *)bins->counts)[i] = (uint8_t)n; break;
    case 2: ((uint16_t *)bins->counts)[i] = (uint16_t)n; break;
    case 4: ((uint32_t *)bins->counts)[i] = (uint32_t)n; break;
    default: ((uint64_t *)bins->counts)[i] = n; break;
    }
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return TS_MIN(a + b, TS_SKETCH_COUNT_MAX); /* both are at most that */
}

static uint8_t width_for(uint64_t n)
{
    return n <= UINT8_MAX ? 1 : n <= UINT16_MAX ? 2 : n <= UINT32_MAX ? 4 : 8;
}

/* Magnitudes of the outermost buckets with a count. @return false: there is none. */
static bool find_ends(const struct ts_sketch_bins *bins, uint32_t *low, uint32_t *high)
{
    uint32_t i = 0, n = bins->room;
    while (i < n && count_at(bins, i) == 0)
        i++;
    if (i == n)
        return false;
    while (count_at(bins, n - 1) == 0)
        n--;
    *low = bins->first + i;
    *high = bins->first + n - 1;
    return true;
}

/* Which magnitudes stay when low … high have something in them and the lowest values go first. */
static void keep_limit(bool negative, uint32_t limit, uint32_t *low, uint32_t *high)
{
    if (*high - *low < limit)
        return;
    if (negative)
        *high = *low + limit - 1;
    else
        *low = *high - limit + 1;
}

/* Moves the counts into a new array for low … high, with some room to both sides; what is outside goes into
 * the end buckets. */
static bool move(struct ts_sketch_bins *bins, uint32_t limit, uint32_t low, uint32_t high, uint8_t width)
{
    uint32_t span = high - low + 1, room = TS_MIN((span + span / 4 + 8 + 15) & ~15u, limit);
    uint32_t first = low - TS_MIN(low - 1, (room - span) / 2);
    struct ts_sketch_bins to = {
        .counts = ts_alloc((size_t)room * width), .first = first, .room = (uint16_t)room, .width = width};
    if (!to.counts)
        return false;
    uint32_t from, until;
    bool any = find_ends(bins, &from, &until);
    if (any && from >= low && until <= high && width == bins->width) {
        memcpy((char *)to.counts + (size_t)(from - first) * width,
               (const char *)bins->counts + (size_t)(from - bins->first) * width,
               (size_t)(until - from + 1) * width);
        any = false;
    }
    for (uint32_t mag = from; any && mag <= until; mag++) {
        uint64_t n = count_at(bins, mag - bins->first);
        if (n) {
            uint32_t at = TS_MIN(TS_MAX(mag, low), high) - first;
            set_count(&to, at, plus(count_at(&to, at), n));
        }
    }
    ts_free(bins->counts);
    *bins = to;
    return true;
}

/* What collapsing can have made of a count at most. */
static uint8_t width_of_sum(const struct ts_sketch_bins *bins, uint64_t more)
{
    uint64_t sum = more;
    for (uint32_t i = 0; i < bins->room; i++)
        sum = plus(sum, count_at(bins, i));
    return TS_MAX(width_for(sum), bins->width);
}

/* Makes the range cover the magnitude. @return the magnitude that it has become by collapsing; 0 without
 * memory. */
static uint32_t cover(struct ts_sketch_bins *bins, bool negative, uint32_t limit, uint32_t mag,
                      uint64_t units)
{
    uint32_t low = mag, high = mag, end = bins->first + bins->room - 1;
    if (bins->room ==
        limit) { /* a full range whose inner end is taken: what lies beyond the other end collapses */
        if (!negative && mag < bins->first && count_at(bins, limit - 1))
            return bins->first;
        if (negative && mag > end && count_at(bins, 0))
            return end;
    }
    if (mag - bins->first < bins->room)
        return mag;
    uint8_t width = width_for(units);
    if (find_ends(bins, &low, &high)) {
        low = TS_MIN(low, mag);
        high = TS_MAX(high, mag);
        width = high - low < limit ? TS_MAX(width, bins->width) : width_of_sum(bins, units);
    }
    keep_limit(negative, limit, &low, &high);
    return move(bins, limit, low, high, width) ? TS_MIN(TS_MAX(mag, low), high) : 0;
}

static bool count_in(struct ts_sketch_bins *bins, bool negative, uint32_t limit, uint32_t mag, uint64_t units)
{
    uint32_t at = cover(bins, negative, limit, mag, units);
    if (at == 0)
        return false;
    uint64_t n = plus(count_at(bins, at - bins->first), units);
    if (width_for(n) > bins->width &&
        !move(bins, limit, bins->first, bins->first + bins->room - 1, width_for(n)))
        return false;
    set_count(bins, at - bins->first, n);
    return true;
}

static bool add_to_bins(struct ts_sketch *sk, int32_t key, uint64_t units)
{
    units = TS_MIN(units, TS_SKETCH_COUNT_MAX);
    if (key > 0)
        return count_in(&sk->counts->positive, false, sk->limit, (uint32_t)key, units);
    if (key < 0)
        return count_in(&sk->counts->negative, true, sk->limit, (uint32_t)-key, units);
    sk->counts->zero = plus(sk->counts->zero, units);
    return true;
}

static uint64_t in_fractions(uint64_t units)
{
    return units >> (51 - TS_SKETCH_UNIT_BITS) ? TS_SKETCH_COUNT_MAX : units << TS_SKETCH_UNIT_BITS;
}

/* ---- the list ---- */

static unsigned code_of(int32_t key)
{
    uint32_t mag = (uint32_t)(key < 0 ? -key : key) - TS_SKETCH_CODE_ABOVE;
    if (key == 0)
        return 0;
    return mag - 1 < TS_SKETCH_CODE_OCTAVES * 35 ? mag | (key < 0 ? TS_SKETCH_CODE_SIGN : 0)
                                                 : TS_SKETCH_NO_CODE;
}

/* Makes the range cover all positive samples of the list from `at` on, unless that is too much. @return false
 * without memory. */
static bool cover_list(struct ts_sketch *sk, unsigned at, uint8_t width)
{
    struct ts_sketch_bins *bins = &sk->counts->positive;
    uint32_t low = UINT32_MAX, high = 0, from, until;
    for (; at < TS_SKETCH_LISTED; at++) {
        int32_t key = ts_sketch_key_of(sk->list[at]);
        if (key > 0) {
            low = TS_MIN(low, (uint32_t)key);
            high = TS_MAX(high, (uint32_t)key);
        }
    }
    if (find_ends(bins, &from, &until)) {
        low = TS_MIN(low, from);
        high = TS_MAX(high, until);
    }
    return high - low >= sk->limit || move(bins, sk->limit, low, high, TS_MAX(bins->width, width));
}

/* Counts entries from `at` on that are in the range, whose counts have this width, and leave it. @return the
 * first that is something else, or the end. */
TS_INLINE unsigned settle_plain(struct ts_sketch *sk, unsigned at, uint8_t width, uint64_t most)
{
    const struct ts_sketch_bins *positive = &sk->counts->positive;
    struct ts_sketch_bins bins = {positive->counts, positive->first, positive->room, width};
    uint32_t from = bins.first - TS_SKETCH_CODE_ABOVE;
    if (from - 1 >= TS_SKETCH_CODE_SIGN - 1 || from + bins.room > TS_SKETCH_CODE_SIGN)
        return at; /* codes of the range would not only be those of its positive values */
    for (; at < TS_SKETCH_LISTED; at++) {
        uint32_t i = sk->list[at] - from;
        if (i >= bins.room || count_at(&bins, i) == most)
            break;
        set_count(&bins, i, count_at(&bins, i) + 1);
    }
    return at;
}

static unsigned settle_some(struct ts_sketch *sk, unsigned at)
{
    if (sk->state != TS_SKETCH_BINS)
        return at;
    switch (sk->counts->positive.width) {
    case 1: return settle_plain(sk, at, 1, UINT8_MAX);
    case 2: return settle_plain(sk, at, 2, UINT16_MAX);
    case 4: return settle_plain(sk, at, 4, UINT32_MAX);
    default: return at;
    }
}

bool ts_sketch_settle(struct ts_sketch *sk)
{
    uint64_t unit = sk->state == TS_SKETCH_FRACTIONS ? 1u << TS_SKETCH_UNIT_BITS : 1;
    const struct ts_sketch_bins *positive = &sk->counts->positive;
    unsigned at = sk->left;
    bool good = true;
    for (bool covered = false; good && (at = settle_some(sk, at)) < TS_SKETCH_LISTED; at += good) {
        int32_t key = ts_sketch_key_of(sk->list[at]);
        if (key > 0 && (uint32_t)key - positive->first >= positive->room && !covered)
            good = covered = cover_list(sk, at, width_for(unit));
        good = good && add_to_bins(sk, key, unit);
    }
    sk->left = (uint8_t)at;
    return good;
}

/* Ranges for all that sk has, at once. */
static bool make_room(struct ts_sketch_cursor cur, struct ts_sketch *out)
{
    int32_t key, low[2] = {0}, high[2] = {0}; /* of negative and positive keys */
    uint64_t units;
    while (ts_sketch_next(&cur, &key, &units)) {
        unsigned sign = key > 0;
        if (low[sign] == 0)
            low[sign] = key;
        if (key)
            high[sign] = key;
    }
    for (unsigned sign = 0; sign < 2; sign++) {
        struct ts_sketch_bins *bins = sign ? &out->counts->positive : &out->counts->negative;
        uint32_t from = (uint32_t)(sign ? low[1] : -high[0]), to = (uint32_t)(sign ? high[1] : -low[0]);
        if (from == 0)
            continue;
        keep_limit(!sign, out->limit, &from, &to);
        if (!move(bins, out->limit, from, to, 1))
            return false;
    }
    return true;
}

/* A sketch of this state and limit with the buckets of sk in it. @return false without memory, and *out is
 * finished. */
static bool copy(struct ts_sketch *sk, enum ts_sketch_state state, unsigned limit, struct ts_sketch *out)
{
    bool scale = state == TS_SKETCH_FRACTIONS && sk->state != TS_SKETCH_FRACTIONS;
    struct ts_sketch_cursor cur;
    int32_t key;
    uint64_t units;
    ts_sketch_init(out, limit);
    bool good = ts_sketch_count_in(out, state) && ts_sketch_first(sk, &cur) && make_room(cur, out);
    while (good && ts_sketch_next(&cur, &key, &units))
        good = add_to_bins(out, key, scale ? in_fractions(units) : units);
    if (!good)
        ts_sketch_fini(out);
    return good;
}

static bool turn_into(struct ts_sketch *sk, enum ts_sketch_state state)
{
    struct ts_sketch as;
    if (state == TS_SKETCH_BINS) /* of a list, which stays */
        return ts_sketch_count_in(sk, state);
    if (!copy(sk, state, sk->limit, &as))
        return false;
    ts_sketch_fini(sk);
    *sk = as;
    return true;
}

TS_COLD bool ts_sketch_add_units(struct ts_sketch *sk, int32_t key, uint64_t units, bool fraction)
{
    TS_ASSERT(sk->state >= TS_SKETCH_LIST);
    unsigned code = code_of(key);
    if (sk->state == TS_SKETCH_LIST && !fraction && units <= sk->left && code != TS_SKETCH_NO_CODE) {
        for (; units; units--)
            sk->list[--sk->left] = (uint16_t)code;
        return true;
    }
    enum ts_sketch_state state = fraction ? TS_SKETCH_FRACTIONS : TS_SKETCH_BINS;
    if (sk->state < state && !turn_into(sk, state))
        return false;
    return add_to_bins(sk, key, sk->state == TS_SKETCH_FRACTIONS && !fraction ? in_fractions(units) : units);
}

/* A sample of weight 1 that the list had no place for. */
static bool add_one(struct ts_sketch *sk, double value)
{
    unsigned code = ts_sketch_code(value);
    if (code == TS_SKETCH_NO_CODE)
        return ts_sketch_add_units(sk, ts_sketch_key(value), 1, false);
    return (sk->counts || ts_sketch_count_in(sk, TS_SKETCH_BINS)) && ts_sketch_settle(sk) && ts_sketch_list(sk, code);
}

bool ts_sketch_add(struct ts_sketch *sk, double value, double weight)
{
    const double one = 1 << TS_SKETCH_UNIT_BITS;
    TS_ASSERT(weight > 0);
    if (isnan(value))
        return true;
    if (weight == 1)
        return ts_sketch_list(sk, ts_sketch_code(value)) || add_one(sk, value);
    int32_t key = ts_sketch_key(value);
    if (weight >= (double)TS_SKETCH_COUNT_MAX)
        return ts_sketch_add_units(sk, key, TS_SKETCH_COUNT_MAX, false);
    if (weight == floor(weight))
        return ts_sketch_add_units(sk, key, (uint64_t)weight, false);
    double units = TS_MIN(round(weight * one), (double)TS_SKETCH_COUNT_MAX);
    return ts_sketch_add_units(sk, key, (uint64_t)TS_MAX(units, 1), true);
}

int ts_sketch_merge(struct ts_sketch *a, struct ts_sketch *b)
{
    TS_ASSERT(a->state >= TS_SKETCH_LIST && b->state >= TS_SKETCH_LIST);
    unsigned limit = TS_MIN(a->limit, b->limit);
    if (a->state == TS_SKETCH_LIST && b->state == TS_SKETCH_LIST && a->left + b->left >= TS_SKETCH_LISTED) {
        unsigned listed = TS_SKETCH_LISTED - b->left;
        a->left = (uint8_t)(a->left - listed);
        memcpy(a->list + a->left, b->list + b->left, listed * sizeof *b->list);
        a->limit = (uint16_t)limit;
        return 0;
    }
    enum ts_sketch_state state = TS_MAX(TS_MAX(a->state, b->state), TS_SKETCH_BINS);
    struct ts_sketch both;
    struct ts_sketch_cursor cur;
    int32_t key;
    uint64_t units;
    if (!ts_sketch_first(b, &cur) || !copy(a, state, limit, &both))
        return -TS_ENOMEM;
    while (ts_sketch_next(&cur, &key, &units)) {
        if (!ts_sketch_add_units(&both, key, units, b->state == TS_SKETCH_FRACTIONS)) {
            ts_sketch_fini(&both);
            return -TS_ENOMEM;
        }
    }
    ts_sketch_fini(a);
    *a = both;
    return 0;
}

/* Sorts a list's keys and collapses them as counts would be. */
static void sort_list(struct ts_sketch_cursor *cur)
{
    const struct ts_sketch *sk = cur->sk;
    int32_t *keys = cur->keys, limit = sk->limit;
    unsigned n = cur->listed = TS_SKETCH_LISTED - sk->left;
    for (unsigned i = 0; i < n; i++) {
        int32_t key = ts_sketch_key_of(sk->list[sk->left + i]);
        unsigned at = i;
        for (; at && keys[at - 1] > key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
    int32_t highest = n ? keys[n - 1] : 0, nearest = 0;
    for (unsigned i = 0; i < n && keys[i] < 0; i++)
        nearest = keys[i];
    for (unsigned i = 0; i < n; i++) {
        if (keys[i] > 0)
            keys[i] = TS_MAX(keys[i], highest - limit + 1);
        else if (keys[i] < 0)
            keys[i] = TS_MAX(keys[i], nearest - limit + 1);
    }
}

bool ts_sketch_first(struct ts_sketch *sk, struct ts_sketch_cursor *cur)
{
    cur->sk = sk;
    cur->sign = cur->at = 0;
    if (sk->state >= TS_SKETCH_BINS)
        return ts_sketch_settle(sk);
    sort_list(cur);
    return true;
}

static bool next_of_list(struct ts_sketch_cursor *cur, int32_t *key, uint64_t *units)
{
    if (cur->at == cur->listed)
        return false;
    *key = cur->keys[cur->at];
    for (*units = 0; cur->at < cur->listed && cur->keys[cur->at] == *key; cur->at++)
        ++*units;
    return true;
}

bool ts_sketch_next(struct ts_sketch_cursor *cur, int32_t *key, uint64_t *units)
{
    const struct ts_sketch *sk = cur->sk;
    if (sk->state < TS_SKETCH_BINS)
        return next_of_list(cur, key, units);
    for (; cur->sign < 3; cur->sign++, cur->at = 0) {
        const struct ts_sketch_bins *bins = cur->sign == 0 ? &sk->counts->negative : &sk->counts->positive;
        if (cur->sign == 1) {
            if (cur->at++ || !sk->counts->zero)
                continue;
            *key = 0;
            *units = sk->counts->zero;
            return true;
        }
        while (cur->at < bins->room) {
            uint32_t i = cur->sign == 0 ? bins->room - 1 - cur->at : cur->at;
            cur->at++;
            *units = count_at(bins, i);
            if (*units) {
                *key = cur->sign == 0 ? -(int32_t)(bins->first + i) : (int32_t)(bins->first + i);
                return true;
            }
        }
    }
    return false;
}
