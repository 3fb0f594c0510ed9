/*
 * A sketch to bytes and back, and quantiles off the bytes. Thread: any. The form is told in docs/SKETCHES.md;
 * it has one spelling for each content, so decoding refuses every other. Decoding accepts any bytes.
 */
#include "config.h"
#include "core/sketch.h"

#include "core/varint.h"

#include <math.h>

#define LETTER        'D'
#define LAYOUT        1
#define FLAG_FRACTION 1

struct head {
    unsigned flags, limit;
    uint64_t total, zero;
    unsigned negative, positive; /* buckets */
};

static uint64_t magnitude(int32_t key)
{
    return (uint64_t)(key < 0 ? -key : key);
}

/* From a cursor at the beginning. */
static struct head describe(struct ts_sketch_cursor cur)
{
    struct head head = {.flags = cur.sk->state == TS_SKETCH_FRACTIONS ? FLAG_FRACTION : 0, .limit = cur.sk->limit};
    int32_t key;
    uint64_t units;
    while (ts_sketch_next(&cur, &key, &units)) {
        head.total += units;
        head.negative += key < 0;
        head.positive += key > 0;
        head.zero += key == 0 ? units : 0;
    }
    return head;
}

/* Counts of one byte of values above zero, which most sketches are: worth a way of its own. */
static bool is_bytes(const struct ts_sketch *sk)
{
    return sk->state == TS_SKETCH_BINS && sk->positive.width == 1 && !sk->negative.counts && sk->zero == 0;
}

static struct head describe_bytes(const struct ts_sketch *sk)
{
    struct head head = {.limit = sk->limit};
    const uint8_t *counts = sk->positive.counts;
    unsigned total = 0, n = 0;
    for (unsigned i = 0; i < sk->positive.room; i++) {
        total += counts[i];
        n += counts[i] != 0;
    }
    head.total = total;
    head.positive = n;
    return head;
}

static char *put_bytes(const struct ts_sketch *sk, char *to)
{
    const uint8_t *counts = sk->positive.counts;
    uint64_t mag = sk->positive.first, former = 0;
    for (unsigned i = 0; i < sk->positive.room; i++, mag++) {
        if (counts[i] == 0)
            continue;
        to = ts_varint_put(to, mag - former);
        to = ts_varint_put(to, counts[i]);
        former = mag;
    }
    return to;
}

static char *put_buckets(struct ts_sketch_cursor cur, char *to)
{
    int32_t key;
    uint64_t units, former = 0;
    int32_t former_key = 0;
    while (ts_sketch_next(&cur, &key, &units)) {
        uint64_t mag = magnitude(key);
        if (key) {
            bool begins = (former_key < 0) != (key < 0) || former_key == 0;
            to = ts_varint_put(to, begins ? mag : (key < 0 ? former - mag : mag - former));
            to = ts_varint_put(to, units);
        }
        former = mag;
        former_key = key;
    }
    return to;
}

int ts_sketch_encode(const struct ts_sketch *sk, struct ts_buf *buf)
{
    TS_ASSERT(sk->state >= TS_SKETCH_LIST);
    bool bytes = is_bytes(sk);
    struct ts_sketch_cursor cur;
    if (!bytes)
        ts_sketch_first(sk, &cur); /* sorts a list: once for both */
    struct head head = bytes ? describe_bytes(sk) : describe(cur);
    char *to = ts_buf_reserve(buf, 3 + TS_VARINT_MAX * (5 + 2 * ((size_t)head.negative + head.positive)));
    if (!to)
        return -TS_ENOMEM;
    *to++ = LETTER;
    *to++ = LAYOUT;
    *to++ = (char)head.flags;
    to = ts_varint_put(to, head.limit);
    to = ts_varint_put(to, head.total);
    to = ts_varint_put(to, head.negative);
    to = ts_varint_put(to, head.zero);
    to = ts_varint_put(to, head.positive);
    to = bytes ? put_bytes(sk, to) : put_buckets(cur, to);
    buf->len = (size_t)(to - buf->p);
    return 0;
}

/* Reading bucket by bucket, in the order of values. */
struct reader {
    struct ts_varints in;
    struct head head;
    unsigned done; /* buckets of both signs */
    bool zero_done;
    uint64_t mag, first; /* of the sign being read */
    uint64_t sum;
};

static int begin(struct ts_str bytes, struct reader *rd)
{
    *rd = (struct reader){.in = {bytes.p, bytes.p + bytes.len, false}};
    if (bytes.len < 3 || bytes.p[0] != LETTER || bytes.p[1] != LAYOUT ||
        (unsigned char)bytes.p[2] > FLAG_FRACTION)
        return -TS_ECORRUPT;
    rd->in.p += 3;
    rd->head.flags = (unsigned char)bytes.p[2];
    uint64_t limit = ts_varint_get(&rd->in);
    rd->head.total = ts_varint_get(&rd->in);
    uint64_t negative = ts_varint_get(&rd->in);
    rd->head.zero = ts_varint_get(&rd->in);
    uint64_t positive = ts_varint_get(&rd->in);
    if (rd->in.bad || limit < TS_SKETCH_LIMIT_MIN || limit > TS_SKETCH_LIMIT_MAX || negative > limit ||
        positive > limit || rd->head.zero > TS_SKETCH_COUNT_MAX)
        return -TS_ECORRUPT;
    rd->head.limit = (unsigned)limit;
    rd->head.negative = (unsigned)negative;
    rd->head.positive = (unsigned)positive;
    return 0;
}

/* @return 1 with a bucket, 0 at the end, -TS_ECORRUPT. */
static int next(struct reader *rd, int32_t *key, uint64_t *units)
{
    bool negative = rd->done < rd->head.negative;
    if (!negative && !rd->zero_done) {
        rd->zero_done = true;
        if (rd->head.zero) {
            *key = 0;
            *units = rd->head.zero;
            rd->sum += *units;
            return 1;
        }
    }
    if (rd->done == rd->head.negative + rd->head.positive)
        return rd->in.p == rd->in.end && rd->sum == rd->head.total ? 0 : -TS_ECORRUPT;
    bool begins = rd->done == 0 || rd->done == rd->head.negative;
    uint64_t step = ts_varint_get(&rd->in);
    *units = ts_varint_get(&rd->in);
    if (rd->in.bad || step == 0 || step > TS_SKETCH_KEYS || *units == 0 || *units > TS_SKETCH_COUNT_MAX)
        return -TS_ECORRUPT;
    if (begins)
        rd->mag = rd->first = step;
    else if (negative && step < rd->mag)
        rd->mag -= step;
    else if (!negative && step <= TS_SKETCH_KEYS - rd->mag)
        rd->mag += step;
    else
        return -TS_ECORRUPT;
    if ((negative ? rd->first - rd->mag : rd->mag - rd->first) >= rd->head.limit)
        return -TS_ECORRUPT;
    rd->done++;
    rd->sum += *units;
    *key = negative ? -(int32_t)rd->mag : (int32_t)rd->mag;
    return 1;
}

int ts_sketch_decode(struct ts_str bytes, struct ts_sketch *out)
{
    struct reader rd;
    int32_t key;
    uint64_t units;
    int rc = begin(bytes, &rd);
    if (rc)
        return rc;
    bool fraction = rd.head.flags & FLAG_FRACTION;
    ts_sketch_init(out, rd.head.limit);
    if (fraction)
        out->state = TS_SKETCH_FRACTIONS;
    while ((rc = next(&rd, &key, &units)) > 0) {
        if (!ts_sketch_add_units(out, key, units, fraction)) {
            rc = -TS_ENOMEM;
            break;
        }
    }
    if (rc)
        ts_sketch_fini(out);
    return rc;
}

int ts_sketch_quantiles(struct ts_str bytes, unsigned n, const double *qs, double *out)
{
    struct reader rd;
    int32_t key;
    uint64_t units;
    unsigned i = 0;
    int rc = begin(bytes, &rd);
    if (rc)
        return rc;
    for (unsigned j = 0; j < n; j++)
        out[j] = NAN;
    /* A little less than all weights: q itself, the product and the sum are rounded, and 0.07 * 100 > 7. */
    const double total = (double)rd.head.total * (1 - 0x1p-50);
    while ((rc = next(&rd, &key, &units)) > 0)
        for (; i < n && (double)rd.sum >= qs[i] * total; i++)
            out[i] = ts_sketch_value(key);
    return rc;
}
