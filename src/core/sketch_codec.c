/*
 * A sketch to bytes and back, and quantiles off the bytes. Thread: any. The form is told in docs/SKETCHES.md;
 * it has one spelling for each content, so decoding refuses every other. Decoding accepts any bytes.
 */
#include "config.h"
#include "core/sketch.h"

#include "core/le.h"
#include "core/mem.h"
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
    const struct ts_sketch_counts *counts = sk->counts;
    return sk->state == TS_SKETCH_BINS && counts->positive.width == 1 && !counts->negative.counts && counts->zero == 0;
}

static struct head describe_bytes(const struct ts_sketch *sk)
{
    struct head head = {.limit = sk->limit};
    const uint8_t *counts = sk->counts->positive.counts;
    unsigned total = 0, n = 0;
    for (unsigned i = 0; i < sk->counts->positive.room; i++) {
        total += counts[i];
        n += counts[i] != 0;
    }
    head.total = total;
    head.positive = n;
    return head;
}

static char *put_bytes(const struct ts_sketch *sk, char *to)
{
    const uint8_t *counts = sk->counts->positive.counts;
    uint64_t mag = sk->counts->positive.first, former = 0;
    for (unsigned i = 0; i < sk->counts->positive.room; i++, mag++) {
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

int ts_sketch_encode(struct ts_sketch *sk, struct ts_buf *buf)
{
    TS_ASSERT(sk->state >= TS_SKETCH_LIST);
    struct ts_sketch_cursor cur; /* at the beginning of a sorted list: once for both */
    if (!ts_sketch_first(sk, &cur)) {
        buf->failed = true;
        return -TS_ENOMEM;
    }
    bool bytes = is_bytes(sk);
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

/* ---- as it lies in memory ---- */

/*
 * A letter, u16 limit, and then: of a list its keys, u32 each; of counts of bytes above zero u32 the magnitude of the first, and the counts,
 * from the first that is not 0 to the last.
 */
#define LETTER_LIST  'L'
#define LETTER_BYTES 'B'
#define LISTED_HEAD  3
#define LISTED_BYTES (4 * (size_t)TS_SKETCH_LISTED)
#define LISTED_MAX   (4 * (size_t)64) /* that are read: lists have been longer */
#define BYTES_HEAD   7

static char *put_saved_head(char *to, char letter, unsigned limit)
{
    to[0] = letter;
    to[1] = (char)(limit & 0xff);
    to[2] = (char)(limit >> 8);
    return to + LISTED_HEAD;
}

static int save_list(const struct ts_sketch *sk, struct ts_buf *buf)
{
    unsigned n = TS_SKETCH_LISTED - sk->left;
    char *to = ts_buf_reserve(buf, LISTED_HEAD + LISTED_BYTES);
    if (!to)
        return -TS_ENOMEM;
    to = put_saved_head(to, LETTER_LIST, sk->limit);
    for (unsigned i = 0; i < n; i++)
        ts_le_put32(to + 4 * (size_t)i, (uint32_t)ts_sketch_key_of(sk->list[TS_SKETCH_LISTED - 1 - i]));
    buf->len += LISTED_HEAD + 4 * (size_t)n;
    return 0;
}

static int save_bytes(struct ts_sketch *sk, struct ts_buf *buf)
{
    const uint8_t *counts = sk->counts->positive.counts;
    uint32_t from = 0, to = sk->counts->positive.room;
    char *p = ts_buf_reserve(buf, BYTES_HEAD + (size_t)to);
    if (!p)
        return -TS_ENOMEM;
    while (from < to && counts[from] == 0)
        from++;
    while (from < to && counts[to - 1] == 0)
        to--;
    if (from == to) /* no sample was taken since there was no memory */
        return ts_sketch_encode(sk, buf);
    p = put_saved_head(p, LETTER_BYTES, sk->limit);
    ts_le_put32(p, sk->counts->positive.first + from);
    memcpy(p + 4, counts + from, to - from);
    buf->len += BYTES_HEAD + to - from;
    return 0;
}

int ts_sketch_save(struct ts_sketch *sk, struct ts_buf *buf)
{
    TS_ASSERT(sk->state >= TS_SKETCH_LIST);
    if (sk->state == TS_SKETCH_LIST)
        return save_list(sk, buf);
    if (!ts_sketch_settle(sk)) {
        buf->failed = true;
        return -TS_ENOMEM;
    }
    return is_bytes(sk) && sk->counts->positive.counts ? save_bytes(sk, buf) : ts_sketch_encode(sk, buf);
}

static int load_list(struct ts_str keys, struct ts_sketch *out)
{
    if (keys.len % 4 || keys.len > LISTED_MAX)
        return -TS_ECORRUPT;
    for (size_t i = 0; i < keys.len / 4; i++) {
        int32_t key = (int32_t)ts_le_get32(keys.p + 4 * i);
        if (key < -TS_SKETCH_KEYS || key > TS_SKETCH_KEYS)
            return (ts_sketch_fini(out), -TS_ECORRUPT);
        if (!ts_sketch_add_units(out, key, 1, false))
            return (ts_sketch_fini(out), -TS_ENOMEM);
    }
    return 0;
}

static int load_bytes(struct ts_str bytes, struct ts_sketch *out)
{
    uint32_t n = bytes.len > 4 ? (uint32_t)bytes.len - 4 : 0, first = n ? ts_le_get32(bytes.p) : 0;
    if (n == 0 || n > out->limit || first == 0 || first > TS_SKETCH_KEYS - n + 1 || !bytes.p[4] || !bytes.p[3 + n])
        return -TS_ECORRUPT;
    void *counts = ts_alloc(n);
    if (!counts)
        return -TS_ENOMEM;
    if (!ts_sketch_count_in(out, TS_SKETCH_BINS))
        return (ts_free(counts), -TS_ENOMEM);
    memcpy(counts, bytes.p + 4, n);
    out->counts->positive = (struct ts_sketch_bins){.counts = counts, .first = first, .room = (uint16_t)n, .width = 1};
    return 0;
}

int ts_sketch_load(struct ts_str bytes, struct ts_sketch *out)
{
    char letter = bytes.len < LISTED_HEAD ? LETTER : bytes.p[0];
    if (letter != LETTER_LIST && letter != LETTER_BYTES)
        return ts_sketch_decode(bytes, out);
    unsigned limit = (unsigned char)bytes.p[1] | (unsigned)(unsigned char)bytes.p[2] << 8;
    struct ts_str rest = {bytes.p + LISTED_HEAD, bytes.len - LISTED_HEAD};
    if (limit < TS_SKETCH_LIMIT_MIN || limit > TS_SKETCH_LIMIT_MAX || bytes.len > TS_SKETCH_LIMIT_MAX + BYTES_HEAD)
        return -TS_ECORRUPT;
    ts_sketch_init(out, limit);
    return letter == LETTER_LIST ? load_list(rest, out) : load_bytes(rest, out);
}

/* ---- reading ---- */

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
    if (fraction && !ts_sketch_count_in(out, TS_SKETCH_FRACTIONS))
        return -TS_ENOMEM;
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
