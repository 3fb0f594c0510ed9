/*
 * A batch of rollup points to bytes and back, for the journal. Thread: any. Version 2, little-endian:
 *
 *   u8 version = 2 | u8 flags: 1 stddev_sample, 2 correction, 4 coarse, 64 partial, 128 passed | u32 aggregates | i64 start_ns | i64 end_ns
 *   u8 n, n times u32 quantile in millionths, rising | u8 n, n times f64 bound of a histogram's buckets, rising
 *   u16 n, rule | u16 n, to | u32 number of points | points
 *   point: u16 n, series | by the series' kind:
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
#include "core/passed.h"
#include "core/sketch.h"

#include <math.h>

#define LAYOUT            2
#define LAYOUT_FIRST      1
#define FLAG_SAMPLE       1
#define FLAG_CORRECTION   2
#define FLAG_COARSE       4
#define FLAG_PARTIAL      64
#define FLAG_PASSED       128 /* a reader that does not know it refuses the batch */
#define FLAGS             (FLAG_SAMPLE | FLAG_CORRECTION | FLAG_COARSE | FLAG_PARTIAL | FLAG_PASSED)
#define HEAD_BYTES        (1 + 1 + 4 + 8 + 8 + 1 + 1 + 2 + 2 + 4)
#define POINT_BYTES_LEAST (2 + 7 + 4) /* shortest series, empty string */

static enum ts_kind kind_of(struct ts_str series)
{
    return (enum ts_kind)series.p[0];
}

/* The moments in the order they are written. */
static const size_t moments[] = {
    offsetof(struct ts_stats, count), offsetof(struct ts_stats, sum),  offsetof(struct ts_stats, shift),
    offsetof(struct ts_stats, sd),    offsetof(struct ts_stats, sd2),  offsetof(struct ts_stats, min),
    offsetof(struct ts_stats, max),   offsetof(struct ts_stats, last),
};

/* Numbers that are there when the aggregates say so, in the order they are written. */
static const struct {
    uint32_t aggregate;
    size_t offset;
} extras[] = {
    {TS_AGG_BIT(first), offsetof(struct ts_rollup, first)},
    {TS_AGG_BIT(increase), offsetof(struct ts_rollup, increase)},
    {TS_AGG_BIT(distinct), offsetof(struct ts_rollup, distinct)},
};

static size_t point_bytes(const struct ts_rollup_batch *batch, const struct ts_rollup *pt)
{
    enum ts_kind kind = kind_of(pt->series);
    size_t len = 2 + pt->series.len;
    if (ts_rollup_has_sketch(kind, batch->aggregates, batch->quantiles.n))
        len += 4 + pt->sketch.len;
    if (ts_rollup_has_histogram(kind, batch->aggregates))
        len += 4 + pt->histogram.len;
    switch (kind) {
    case TS_KIND_SET: return len + 16;
    case TS_KIND_STRING: return len + 4 + pt->last_text.len;
    case TS_KIND_PASSED: return len + 8 + 4 + pt->fields.len;
    default: break;
    }
    for (size_t i = 0; i < TS_ARRAY_SIZE(extras); i++)
        len += ts_kind_aggregates(kind, batch->aggregates) & extras[i].aggregate ? 8 : 0;
    return len + 8 * TS_ARRAY_SIZE(moments);
}

static char *put_uint(char *to, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *to++ = (char)(v >> 8 * i & 0xff);
    return to;
}

static char *put_double(char *to, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return put_uint(to, bits, 8);
}

static char *put_text(char *to, struct ts_str s, unsigned len_bytes)
{
    to = put_uint(to, s.len, len_bytes);
    if (s.len)
        memcpy(to, s.p, s.len);
    return to + s.len;
}

static char *put_point(char *to, const struct ts_rollup_batch *batch, const struct ts_rollup *pt)
{
    enum ts_kind kind = kind_of(pt->series);
    to = put_text(to, pt->series, 2);
    switch (kind) {
    case TS_KIND_SET:
        to = put_double(to, pt->stats.count);
        to = put_double(to, pt->distinct);
        break;
    case TS_KIND_STRING: to = put_text(to, pt->last_text, 4); break;
    case TS_KIND_PASSED: to = put_text(put_uint(to, (uint64_t)pt->time_ns, 8), pt->fields, 4); break;
    default:
        for (size_t i = 0; i < TS_ARRAY_SIZE(moments); i++)
            to = put_double(to, *(const double *)(const void *)((const char *)&pt->stats + moments[i]));
        for (size_t i = 0; i < TS_ARRAY_SIZE(extras); i++)
            if (ts_kind_aggregates(kind, batch->aggregates) & extras[i].aggregate)
                to = put_double(to, *(const double *)(const void *)((const char *)pt + extras[i].offset));
    }
    if (ts_rollup_has_histogram(kind, batch->aggregates))
        to = put_text(to, pt->histogram, 4);
    return ts_rollup_has_sketch(kind, batch->aggregates, batch->quantiles.n) ? put_text(to, pt->sketch, 4)
                                                                             : to;
}

int ts_rollup_batch_encode(const struct ts_rollup_batch *batch, struct ts_buf *buf)
{
    struct ts_str rule = ts_str_of(batch->rule), sinks = ts_str_of(batch->to);
    if (rule.len > UINT16_MAX || sinks.len > UINT16_MAX)
        return -TS_ELIMIT;
    size_t len =
        HEAD_BYTES + 4 * (size_t)batch->quantiles.n + 8 * (size_t)batch->buckets.n + rule.len + sinks.len;
    for (unsigned i = 0; i < batch->n; i++)
        len += point_bytes(batch, &batch->points[i]);
    if (len > TS_ROLLUP_ENCODED_MAX)
        return -TS_ELIMIT;
    char *to = ts_buf_reserve(buf, len);
    if (!to)
        return -TS_ENOMEM;
    unsigned flags = (batch->stddev_sample ? FLAG_SAMPLE : 0) | (batch->correction ? FLAG_CORRECTION : 0) |
                     (batch->coarse ? FLAG_COARSE : 0) | (batch->partial ? FLAG_PARTIAL : 0) |
                     (batch->passed ? FLAG_PASSED : 0);
    to = put_uint(to, LAYOUT, 1);
    to = put_uint(to, flags, 1);
    to = put_uint(to, batch->aggregates, 4);
    to = put_uint(to, (uint64_t)batch->start_ns, 8);
    to = put_uint(to, (uint64_t)batch->end_ns, 8);
    to = put_uint(to, batch->quantiles.n, 1);
    for (unsigned i = 0; i < batch->quantiles.n; i++)
        to = put_uint(to, batch->quantiles.q[i], 4);
    to = put_uint(to, batch->buckets.n, 1);
    for (unsigned i = 0; i < batch->buckets.n; i++)
        to = put_double(to, batch->buckets.bounds[i]);
    to = put_text(to, rule, 2);
    to = put_text(to, sinks, 2);
    to = put_uint(to, batch->n, 4);
    for (unsigned i = 0; i < batch->n; i++)
        to = put_point(to, batch, &batch->points[i]);
    buf->len += len;
    TS_ASSERT(to == buf->p + buf->len);
    return 0;
}

/* Reading never goes beyond end: what is missing reads as zero and sets bad. */
struct input {
    const char *p, *end;
    bool bad;
};

static uint64_t get_uint(struct input *in, unsigned bytes)
{
    if ((size_t)(in->end - in->p) < bytes) {
        in->bad = true;
        return 0;
    }
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)(unsigned char)in->p[i] << 8 * i;
    in->p += bytes;
    return v;
}

static double get_double(struct input *in)
{
    uint64_t bits = get_uint(in, 8);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static struct ts_str get_text(struct input *in, unsigned len_bytes)
{
    size_t n = get_uint(in, len_bytes);
    if ((size_t)(in->end - in->p) < n) {
        in->bad = true;
        return TS_STR("");
    }
    struct ts_str s = {in->p, n};
    in->p += n;
    return s;
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
    head->aggregates = (uint32_t)get_uint(in, 4);
    head->start_ns = (int64_t)get_uint(in, 8);
    head->end_ns = (int64_t)get_uint(in, 8);
    head->quantiles = (struct ts_quantiles){0};
    head->buckets = (struct ts_buckets){0};
    if (head->version != LAYOUT_FIRST &&
        !(get_quantiles(in, &head->quantiles) && get_buckets(in, &head->buckets)))
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
        for (size_t i = 0; i < TS_ARRAY_SIZE(moments); i++)
            *(double *)(void *)((char *)&pt->stats + moments[i]) = get_double(in);
        for (size_t i = 0; i < TS_ARRAY_SIZE(extras) && !first_version; i++)
            if (ts_kind_aggregates(view.kind, head->aggregates) & extras[i].aggregate)
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
    out->stddev_sample = head.stddev_sample;
    out->correction = head.correction;
    out->partial = head.partial;
    out->coarse = head.coarse;
    out->passed = head.passed;
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
