/*
 * A batch of rollup points to bytes and back, for the journal. Thread: any. Version 2, little-endian:
 *
 *   u8 version = 2 | u8 flags: 1 stddev_sample, 2 correction, 4 coarse, 8 sessions, 64 partial, 128 passed | u32 aggregates | i64 start_ns | i64 end_ns
 *   u8 n, n times u32 quantile in millionths, rising | u8 n, n times f64 bound of a histogram's buckets, rising
 *   with the aggregate completeness: f64, from 0 to 1
 *   u16 n, rule | u16 n, to | u32 number of points | points
 *   point: u16 n, series | in batches of sessions: i64 time_ns, i64 duration_ns | by the series' kind:
 *       SET      f64 count, f64 distinct | with the aggregate sketch: u32 n, HyperLogLog
 *       STRING   u32 n, last_text
 *       PASSED   i64 time_ns, u32 n, fields (core/passed.h); in passed batches, and nothing else in these
 *       others   f64 count, sum, shift, sd, sd2, min, max, last
 *                | where the kind gives it and the aggregates have it: f64 first | increase | distinct
 *                | TIMING and FIELD, with histogram: u32 bytes, f64 count of each bucket, and above the last
 *                | TIMING and FIELD, with a quantile, median or sketch: u32 n, sketch
 *
 * Version 1 has no quantiles and no buckets, and in points nothing from the first | on. It is read, not
 * written. Sketches are as in docs/SKETCHES.md, or empty when there was no memory for one; so are histograms.
 *
 * Doubles are IEEE 754 binary64. Aggregates are bits in the order of tbl/aggregates.def, the kind is in the
 * series' first byte in the order of tbl/kinds.def: both tables only ever grow at their ends. Decoding
 * accepts any bytes.
 */
#include "config.h"
#include "core/rollup.h"

#include "core/hll.h"
#include "core/le.h"
#include "core/passed.h"
#include "core/sketch.h"

#include <math.h>

#define LAYOUT            2
#define LAYOUT_FIRST      1
#define FLAG_SAMPLE       1
#define FLAG_CORRECTION   2
#define FLAG_COARSE       4
#define FLAG_SESSIONS     8   /* a reader that does not know it refuses the batch */
#define FLAG_PARTIAL      64  /* the same */
#define FLAG_PASSED       128 /* the same */
#define FLAGS             (FLAG_SAMPLE | FLAG_CORRECTION | FLAG_COARSE | FLAG_SESSIONS | FLAG_PARTIAL | FLAG_PASSED)
#define HEAD_BYTES        (1 + 1 + 4 + 8 + 8 + 1 + 1 + 8 + 2 + 2 + 4) /* at most, beside its lists and texts */
#define POINT_BYTES_LEAST (2 + 7 + 4) /* shortest series, empty string */

static enum ts_kind kind_of(struct ts_str series)
{
    return (enum ts_kind)series.p[0];
}

/* Numbers that are there when the aggregates say so, in the order they are written. */
static const struct {
    uint32_t aggregate;
    size_t offset;
} extras[] = {
    {TS_AGG_BIT(first), offsetof(struct ts_rollup, first)},
    {TS_AGG_BIT(increase), offsetof(struct ts_rollup, increase)},
    {TS_AGG_BIT(distinct), offsetof(struct ts_rollup, distinct)},
};
#define EXTRAS (TS_AGG_BIT(first) | TS_AGG_BIT(increase) | TS_AGG_BIT(distinct))

#define MOMENTS_BYTES     (8 * 8)
#define POINT_FIXED_BYTES (2 + 16 + MOMENTS_BYTES + 3 * 8 + 4 + 4) /* of a point at most, beside its texts */

static char *put_text(char *to, struct ts_str s, unsigned len_bytes)
{
    if (len_bytes == 2)
        ts_le_put16(to, (uint16_t)s.len);
    else
        ts_le_put32(to, (uint32_t)s.len);
    to += len_bytes;
    if (s.len)
        memcpy(to, s.p, s.len);
    return to + s.len;
}

static char *put_int64(char *to, int64_t v)
{
    ts_le_put64(to, (uint64_t)v);
    return to + 8;
}

static char *put_double(char *to, double v)
{
    ts_le_put_double(to, v);
    return to + 8;
}

static char *put_moments(char *to, const struct ts_stats *st)
{
    to = put_double(to, st->count);
    to = put_double(to, st->sum);
    to = put_double(to, st->shift);
    to = put_double(to, st->sd);
    to = put_double(to, st->sd2);
    to = put_double(to, st->min);
    to = put_double(to, st->max);
    return put_double(to, st->last);
}

static char *put_point(char *to, const struct ts_rollup_batch *batch, const struct ts_rollup *pt)
{
    enum ts_kind kind = kind_of(pt->series);
    uint32_t aggregates = batch->aggregates & EXTRAS ? ts_kind_aggregates(kind, batch->aggregates) : 0;
    to = put_text(to, pt->series, 2);
    if (batch->sessions)
        to = put_int64(put_int64(to, pt->time_ns), pt->duration_ns);
    switch (kind) {
    case TS_KIND_SET: to = put_double(put_double(to, pt->stats.count), pt->distinct); break;
    case TS_KIND_STRING: to = put_text(to, pt->last_text, 4); break;
    case TS_KIND_PASSED:
        to = put_text(put_int64(to, pt->time_ns), pt->fields, 4);
        break;
    default:
        to = put_moments(to, &pt->stats);
        for (size_t i = 0; i < TS_ARRAY_SIZE(extras) && aggregates; i++)
            if (aggregates & extras[i].aggregate)
                to = put_double(to, *(const double *)(const void *)((const char *)pt + extras[i].offset));
    }
    if (ts_rollup_has_histogram(kind, batch->aggregates))
        to = put_text(to, pt->histogram, 4);
    return ts_rollup_has_sketch(kind, batch->aggregates, batch->quantiles.n) ? put_text(to, pt->sketch, 4)
                                                                             : to;
}

static char *put_head(char *to, const struct ts_rollup_batch *batch)
{
    unsigned flags = (batch->stddev_sample ? FLAG_SAMPLE : 0) | (batch->correction ? FLAG_CORRECTION : 0) |
                     (batch->coarse ? FLAG_COARSE : 0) | (batch->sessions ? FLAG_SESSIONS : 0) |
                     (batch->partial ? FLAG_PARTIAL : 0) | (batch->passed ? FLAG_PASSED : 0);
    *to++ = LAYOUT;
    *to++ = (char)flags;
    ts_le_put32(to, batch->aggregates);
    ts_le_put64(to + 4, (uint64_t)batch->start_ns);
    ts_le_put64(to + 12, (uint64_t)batch->end_ns);
    to += 20;
    *to++ = (char)batch->quantiles.n;
    for (unsigned i = 0; i < batch->quantiles.n; i++, to += 4)
        ts_le_put32(to, batch->quantiles.q[i]);
    *to++ = (char)batch->buckets.n;
    for (unsigned i = 0; i < batch->buckets.n; i++)
        to = put_double(to, batch->buckets.bounds[i]);
    if (batch->aggregates & TS_AGG_BIT(completeness))
        to = put_double(to, batch->completeness);
    to = put_text(to, ts_str_of(batch->rule), 2);
    to = put_text(to, ts_str_of(batch->to), 2);
    ts_le_put32(to, batch->n);
    return to + 4;
}

/* Appends all points. @return 0, -TS_ENOMEM, -TS_ELIMIT: longer than TS_ROLLUP_ENCODED_MAX from `from` on. */
static int put_points(struct ts_buf *buf, size_t from, const struct ts_rollup_batch *batch)
{
    for (unsigned i = 0; i < batch->n; i++) {
        const struct ts_rollup *pt = &batch->points[i];
        size_t most = POINT_FIXED_BYTES + pt->series.len + pt->last_text.len + pt->fields.len + pt->histogram.len + pt->sketch.len;
        char *to = ts_buf_reserve(buf, most);
        if (!to)
            return -TS_ENOMEM;
        buf->len += (size_t)(put_point(to, batch, pt) - to);
        if (buf->len - from > TS_ROLLUP_ENCODED_MAX)
            return -TS_ELIMIT;
    }
    return 0;
}

int ts_rollup_batch_encode(const struct ts_rollup_batch *batch, struct ts_buf *buf)
{
    size_t from = buf->len, rule = strlen(batch->rule), sinks = strlen(batch->to);
    if (rule > UINT16_MAX || sinks > UINT16_MAX)
        return -TS_ELIMIT;
    char *to = ts_buf_reserve(buf, HEAD_BYTES + 4 * (size_t)batch->quantiles.n + 8 * (size_t)batch->buckets.n + rule + sinks);
    if (!to)
        return -TS_ENOMEM;
    buf->len += (size_t)(put_head(to, batch) - to);
    int rc = put_points(buf, from, batch);
    if (rc)
        buf->len = from;
    return rc;
}

/* Reading never goes beyond end: what is missing reads as zero and sets bad. */
struct input {
    const char *p, *end;
    bool bad;
};

/* @return so many bytes; NULL when they are not there. */
TS_INLINE const char *get_bytes(struct input *in, size_t bytes)
{
    if (TS_UNLIKELY((size_t)(in->end - in->p) < bytes)) {
        in->bad = true;
        return NULL;
    }
    in->p += bytes;
    return in->p - bytes;
}

TS_INLINE uint64_t get_uint(struct input *in, unsigned bytes)
{
    const char *p = get_bytes(in, bytes);
    if (!p)
        return 0;
    switch (bytes) {
    case 1: return (unsigned char)*p;
    case 2: return ts_le_get16(p);
    case 4: return ts_le_get32(p);
    default: return ts_le_get64(p);
    }
}

static double get_double(struct input *in)
{
    const char *p = get_bytes(in, 8);
    return p ? ts_le_get_double(p) : 0;
}

static struct ts_str get_text(struct input *in, unsigned len_bytes)
{
    size_t n = get_uint(in, len_bytes);
    const char *p = get_bytes(in, n);
    return p ? (struct ts_str){p, n} : TS_STR("");
}

static void get_moments(struct input *in, struct ts_stats *st)
{
    const char *p = get_bytes(in, MOMENTS_BYTES);
    if (!p)
        return;
    st->count = ts_le_get_double(p);
    st->sum = ts_le_get_double(p + 8);
    st->shift = ts_le_get_double(p + 16);
    st->sd = ts_le_get_double(p + 24);
    st->sd2 = ts_le_get_double(p + 32);
    st->min = ts_le_get_double(p + 40);
    st->max = ts_le_get_double(p + 48);
    st->last = ts_le_get_double(p + 56);
}

/* Names become C strings again. */
static bool is_name(struct ts_str s)
{
    return s.len == 0 || !memchr(s.p, 0, s.len);
}

static bool get_quantiles(struct input *in, struct ts_quantiles *set)
{
    unsigned n = (unsigned)get_uint(in, 1);
    *set = (struct ts_quantiles){0};
    if (n > TS_QUANTILES_MAX)
        return false;
    for (; set->n < n; set->n++) {
        uint32_t q = set->q[set->n] = (uint32_t)get_uint(in, 4);
        if (q == 0 || q >= TS_QUANTILE_ONE || (set->n && q <= set->q[set->n - 1]))
            return false;
    }
    return true;
}

static bool get_buckets(struct input *in, struct ts_buckets *set)
{
    unsigned n = (unsigned)get_uint(in, 1);
    *set = (struct ts_buckets){0};
    if (n > TS_BUCKETS_MAX)
        return false;
    for (; set->n < n; set->n++) {
        double bound = set->bounds[set->n] = get_double(in);
        if (!isfinite(bound) || (set->n && !(bound > set->bounds[set->n - 1])))
            return false;
    }
    return true;
}

static int get_head(struct input *in, struct ts_rollup_head *head)
{
    head->version = (unsigned)get_uint(in, 1);
    if (head->version != LAYOUT && head->version != LAYOUT_FIRST)
        return -TS_ECORRUPT;
    unsigned flags = (unsigned)get_uint(in, 1);
    head->stddev_sample = flags & FLAG_SAMPLE;
    head->correction = flags & FLAG_CORRECTION;
    head->coarse = flags & FLAG_COARSE;
    head->partial = flags & FLAG_PARTIAL;
    head->passed = flags & FLAG_PASSED;
    head->sessions = flags & FLAG_SESSIONS;
    head->aggregates = (uint32_t)get_uint(in, 4);
    head->start_ns = (int64_t)get_uint(in, 8);
    head->end_ns = (int64_t)get_uint(in, 8);
    head->quantiles = (struct ts_quantiles){0};
    head->buckets = (struct ts_buckets){0};
    if (head->version != LAYOUT_FIRST &&
        !(get_quantiles(in, &head->quantiles) && get_buckets(in, &head->buckets)))
        return -TS_ECORRUPT;
    head->completeness = head->aggregates & TS_AGG_BIT(completeness) ? get_double(in) : 1;
    if (!(head->completeness >= 0 && head->completeness <= 1))
        return -TS_ECORRUPT;
    head->rule = get_text(in, 2);
    head->to = get_text(in, 2);
    uint64_t n = get_uint(in, 4);
    if (in->bad || !is_name(head->rule) || !is_name(head->to) || (flags & ~(unsigned)FLAGS) || head->aggregates >> TS_AGG_COUNT ||
        n > TS_ROLLUP_BATCH_MAX || n * POINT_BYTES_LEAST > (size_t)(in->end - in->p))
        return -TS_ECORRUPT;
    head->n = (unsigned)n;
    return 0;
}

int ts_rollup_head_decode(struct ts_str bytes, struct ts_rollup_head *out)
{
    struct input in = {bytes.p, bytes.p + bytes.len, false};
    return get_head(&in, out);
}

static bool is_sketch(enum ts_kind kind, struct ts_str bytes)
{
    return bytes.len == 0 ||
           (kind == TS_KIND_SET ? ts_hll_is(bytes) : ts_sketch_quantiles(bytes, 0, NULL, NULL) == 0);
}

static int get_point(struct input *in, const struct ts_rollup_head *head, struct ts_rollup *pt)
{
    *pt = (struct ts_rollup){.series = get_text(in, 2),
                             .last_text = TS_STR(""),
                             .fields = TS_STR(""),
                             .histogram = TS_STR(""),
                             .sketch = TS_STR(""),
                             .distinct = NAN,
                             .first = NAN,
                             .increase = NAN};
    bool first_version = head->version == LAYOUT_FIRST;
    struct ts_series_view view;
    if (in->bad || ts_series_decode(pt->series, &view) != 0 || head->passed != (view.kind == TS_KIND_PASSED))
        return -TS_ECORRUPT;
    uint32_t aggregates = !first_version && head->aggregates & EXTRAS ? ts_kind_aggregates(view.kind, head->aggregates) : 0;
    if (head->sessions) {
        pt->time_ns = (int64_t)get_uint(in, 8);
        pt->duration_ns = (int64_t)get_uint(in, 8);
    }
    switch (view.kind) {
    case TS_KIND_SET:
        pt->stats.count = get_double(in);
        pt->distinct = get_double(in);
        break;
    case TS_KIND_STRING: pt->last_text = get_text(in, 4); break;
    case TS_KIND_PASSED:
        pt->time_ns = (int64_t)get_uint(in, 8);
        pt->fields = get_text(in, 4);
        in->bad |= !ts_passed_is_sound(pt->fields);
        break;
    default:
        get_moments(in, &pt->stats);
        for (size_t i = 0; i < TS_ARRAY_SIZE(extras) && aggregates; i++)
            if (aggregates & extras[i].aggregate)
                *(double *)(void *)((char *)pt + extras[i].offset) = get_double(in);
    }
    if (!first_version && ts_rollup_has_histogram(view.kind, head->aggregates)) {
        pt->histogram = get_text(in, 4);
        if (pt->histogram.len && pt->histogram.len != 8 * (head->buckets.n + (size_t)1))
            return -TS_ECORRUPT;
    }
    if (!first_version && ts_rollup_has_sketch(view.kind, head->aggregates, head->quantiles.n)) {
        pt->sketch = get_text(in, 4);
        if (!in->bad && !is_sketch(view.kind, pt->sketch))
            return -TS_ECORRUPT;
    }
    return in->bad ? -TS_ECORRUPT : 0;
}

int ts_rollup_batch_decode(struct ts_str bytes, struct ts_rollup_batch *out)
{
    struct input in = {bytes.p, bytes.p + bytes.len, false};
    struct ts_rollup_head head;
    out->n = 0;
    if (get_head(&in, &head) != 0)
        return -TS_ECORRUPT;
    ts_buf_clear(&out->texts);
    ts_buf_put_str(&out->texts, head.rule);
    ts_buf_putc(&out->texts, 0);
    ts_buf_put_str(&out->texts, head.to);
    ts_buf_putc(&out->texts, 0);
    if (ts_buf_failed(&out->texts))
        return -TS_ENOMEM;
    out->rule = out->texts.p;
    out->to = out->texts.p + head.rule.len + 1;
    out->start_ns = head.start_ns;
    out->end_ns = head.end_ns;
    out->aggregates = head.aggregates;
    out->quantiles = head.quantiles;
    out->buckets = head.buckets;
    out->completeness = head.completeness;
    out->stddev_sample = head.stddev_sample;
    out->correction = head.correction;
    out->partial = head.partial;
    out->coarse = head.coarse;
    out->passed = head.passed;
    out->sessions = head.sessions;
    for (unsigned i = 0; i < head.n; i++) {
        if (get_point(&in, &head, &out->points[i]) != 0)
            return -TS_ECORRUPT;
    }
    if (in.p != in.end)
        return -TS_ECORRUPT;
    out->n = head.n;
    return 0;
}

bool ts_rollup_is_for(struct ts_str to, struct ts_str sink)
{
    while (to.len) {
        const char *comma = memchr(to.p, ',', to.len);
        size_t n = comma ? (size_t)(comma - to.p) : to.len;
        if (ts_str_eq((struct ts_str){to.p, n}, sink))
            return true;
        n += comma ? 1 : 0;
        to = (struct ts_str){to.p + n, to.len - n};
    }
    return false;
}
