/*
 * A rollup point to a line of line protocol. Thread: the sink's. Owns nothing; without memory the buffer is
 * marked.
 *
 * Escapes are what InfluxDB 1 and 2 undo: a backslash before comma and blank, and in tags and field keys
 * before the equals sign. Any other backslash stands for itself, so some texts cannot be written and are
 * changed: a backslash at the end of a name or before one of these three becomes '_' (versions differ in how
 * they read two escapes in a row); line ends and tabs become \n, \r, \t; other control characters, and a '#'
 * that would make the line a comment, become '_'.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/base64.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/passed.h"
#include "core/sketch.h"

#include <math.h>

enum place { MEASUREMENT, KEY_OR_VALUE };

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '=';
}

/* Letters, digits and whatever else is never written differently: that is nearly all of nearly every name. */
static bool is_plain(char c)
{
    return (unsigned char)c > '=' ? c != '\\' && c != 0x7f : (unsigned char)c >= '-' && c != '=';
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static uint64_t has_byte(uint64_t x, unsigned char byte)
{
    x ^= EACH(byte);
    return (x - EACH(1)) & ~x;
}

/* Whether eight characters are all plain. */
static bool are_plain(uint64_t x)
{
    uint64_t below = (x - EACH('-')) & ~x;
    return !((below | has_byte(x, '=') | has_byte(x, '\\') | has_byte(x, 0x7f)) & EACH(0x80));
}

/* Copies what is plain at the front, eight characters at a time. to has room for s. @return its length. */
static size_t copy_plain(char *to, struct ts_str s)
{
    uint64_t x;
    size_t n = 0;
    for (; n + sizeof x < s.len; n += sizeof x) {
        memcpy(&x, s.p + n, sizeof x);
        if (!are_plain(x))
            break;
        memcpy(to + n, &x, sizeof x);
    }
    if (s.len >= sizeof x && n + sizeof x >= s.len) { /* the last eight, some of which may have been copied */
        memcpy(&x, s.p + s.len - sizeof x, sizeof x);
        if (are_plain(x)) {
            memcpy(to + s.len - sizeof x, &x, sizeof x);
            return s.len;
        }
    }
    for (; n < s.len && is_plain(s.p[n]); n++)
        to[n] = s.p[n];
    return n;
}

/* to has room for twice the name. @return its end. */
static char *write_name(char *to, struct ts_str s, enum place place)
{
    size_t plain = copy_plain(to, s);
    to += plain;
    for (size_t i = plain; i < s.len; i++) {
        char c = s.p[i];
        if (c == '\\' && (i + 1 == s.len || is_separator(s.p[i + 1]))) {
            *to++ = '_';
        } else if (is_separator(c) && !(c == '=' && place == MEASUREMENT)) {
            *to++ = '\\';
            *to++ = c;
        } else if (c == '\n' || c == '\r' || c == '\t') {
            *to++ = '\\';
            *to++ = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        } else if ((unsigned char)c < 0x20 || c == 0x7f || (c == '#' && i == 0 && place == MEASUREMENT)) {
            *to++ = '_';
        } else {
            *to++ = c;
        }
    }
    return to;
}

static void put_name(struct ts_buf *out, struct ts_str s)
{
    char *to = ts_buf_reserve(out, 2 * s.len);
    if (to)
        out->len += (size_t)(write_name(to, s, KEY_OR_VALUE) - to);
}

static char *write_tag(char *to, struct ts_str key, struct ts_str value)
{
    if (key.len == 0 || value.len == 0) /* line protocol has neither */
        return to;
    *to++ = ',';
    to = write_name(to, key, KEY_OR_VALUE);
    *to++ = '=';
    return write_name(to, value, KEY_OR_VALUE);
}

#define TAGS_ROOM (128 + TS_NUM_MAX) /* bytes of the tags that are ours */

/* Sorted as the series' own tags are; metric_type is ours, whatever the emitter calls so. */
static char *write_tags(char *to, const struct ts_series_view *view)
{
    const char *type = ts_kind_metric_type(view->kind);
    struct ts_str key = TS_STR("metric_type");
    unsigned i = 0;
    for (; i < view->ntags && (!type || ts_str_cmp(view->tags[i].key, key) < 0); i++)
        to = write_tag(to, view->tags[i].key, view->tags[i].value);
    if (type) {
        size_t len = strlen(type);
        memcpy(to, ",metric_type=", 13);
        memcpy(to + 13, type, len);
        to += 13 + len;
    }
    for (; i < view->ntags; i++) {
        if (!ts_str_eq(view->tags[i].key, key))
            to = write_tag(to, view->tags[i].key, view->tags[i].value);
    }
    return to;
}

/* A window that the rule does not have: its points stand beside those of the rule, not in their place. */
static char *write_coarse(char *to, const struct ts_rollup_batch *batch)
{
    char width[TS_NUM_MAX];
    if (!batch->coarse)
        return to;
    return write_tag(to, TS_STR("coarsened"),
                     (struct ts_str){width, ts_clock_put_duration(width, batch->end_ns - batch->start_ns)});
}

/* A sketch is within 1 %; minimum and maximum are exact, so that constants are, too. */
static double quantile_of(const struct ts_rollup *pt, uint32_t q)
{
    double at = (double)q / TS_QUANTILE_ONE, v = NAN;
    if (pt->sketch.len == 0 || ts_sketch_quantiles(pt->sketch, 1, &at, &v) != 0)
        return NAN;
    return TS_MAX(TS_MIN(v, pt->stats.max), pt->stats.min);
}

static double value_of(const struct ts_rollup_batch *batch, const struct ts_rollup *pt, enum ts_aggregate agg)
{
    const struct ts_stats *st = &pt->stats;
    switch (agg) {
    case TS_AGG_count: return st->count;
    case TS_AGG_sum: return st->sum;
    case TS_AGG_min: return st->min;
    case TS_AGG_max: return st->max;
    case TS_AGG_mean: return ts_stats_mean(st);
    case TS_AGG_stddev: return ts_stats_stddev(st, batch->stddev_sample);
    case TS_AGG_last: return st->last;
    case TS_AGG_rate: return st->sum / ((double)(batch->sessions ? pt->duration_ns : batch->end_ns - batch->start_ns) / 1e9);
    case TS_AGG_distinct: return pt->distinct;
    case TS_AGG_variance: return ts_stats_variance(st, batch->stddev_sample);
    case TS_AGG_first: return pt->first;
    case TS_AGG_range: return st->max - st->min;
    case TS_AGG_increase: return pt->increase;
    case TS_AGG_median: return quantile_of(pt, TS_QUANTILE_ONE / 2);
    case TS_AGG_completeness: return batch->completeness;
    default: return NAN;
    }
}

static void put_string(struct ts_buf *out, struct ts_str s)
{
    ts_buf_putc(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            ts_buf_putc(out, '\\');
        ts_buf_putc(out, s.p[i]);
    }
    ts_buf_putc(out, '"');
}

static void put_field_key(struct ts_buf *out, const struct ts_series_view *view, const char *name)
{
    if (view->field.len) {
        put_name(out, view->field);
        ts_buf_putc(out, '_');
    }
    ts_buf_puts(out, name);
    ts_buf_putc(out, '=');
}

static void put_sketch(struct ts_buf *out, struct ts_str bytes)
{
    ts_buf_putc(out, '"');
    ts_buf_put_base64(out, bytes);
    ts_buf_putc(out, '"');
}

/* @return number of fields, n and those of quantiles. */
static unsigned put_quantiles(struct ts_buf *out, const struct ts_series_view *view,
                              const struct ts_rollup_batch *batch, const struct ts_rollup *pt, unsigned n)
{
    if (view->kind != TS_KIND_TIMING && view->kind != TS_KIND_FIELD)
        return n;
    for (unsigned i = 0; i < batch->quantiles.n; i++) {
        double v = quantile_of(pt, batch->quantiles.q[i]);
        char name[TS_QUANTILE_NAME];
        if (!isfinite(v))
            continue;
        ts_quantile_name(batch->quantiles.q[i], '_', name);
        ts_buf_putc(out, n++ ? ',' : ' ');
        put_field_key(out, view, name);
        ts_buf_put_double(out, v);
    }
    return n;
}

/* Added up from the lowest bucket on. @return number of fields, n and those of the histogram. */
static unsigned put_histogram(struct ts_buf *out, const struct ts_series_view *view,
                              const struct ts_rollup_batch *batch, const struct ts_rollup *pt, unsigned n)
{
    double sum = 0;
    for (uint32_t i = 0; i < pt->histogram.len / 8; i++) {
        char name[TS_BUCKET_NAME];
        uint64_t bits = 0;
        double count;
        for (unsigned k = 0; k < 8; k++)
            bits |= (uint64_t)(unsigned char)pt->histogram.p[8 * i + k] << 8 * k;
        memcpy(&count, &bits, sizeof count);
        sum += count;
        if (!isfinite(sum))
            break;
        ts_bucket_name(&batch->buckets, i, name);
        ts_buf_putc(out, n++ ? ',' : ' ');
        put_field_key(out, view, name);
        ts_buf_put_double(out, sum);
    }
    return n;
}

#define KEY_ROOM 16 /* bytes of the longest aggregate's name, and copied of each */

static const struct {
    char z[KEY_ROOM];
    size_t len;
} keys[] = {
#define TS_AGGREGATE(name, text) {#name "=", sizeof #name},
#include "tbl/aggregates.def"
#undef TS_AGGREGATE
};

/* The aggregates that are one number each, under the series' field. */
static unsigned put_numbers(struct ts_buf *out, const struct ts_series_view *view, const struct ts_rollup_batch *batch,
                            const struct ts_rollup *pt, uint32_t aggregates)
{
    size_t each = 1 + 2 * view->field.len + 1 + KEY_ROOM + TS_NUM_MAX;
    char *to = ts_buf_reserve(out, TS_AGG_COUNT * each), *field = NULL;
    size_t field_len = 0;
    unsigned n = 0;
    for (; to && aggregates; aggregates &= aggregates - 1) {
        enum ts_aggregate agg = (enum ts_aggregate)__builtin_ctz(aggregates);
        double v = value_of(batch, pt, agg);
        if (!isfinite(v))
            continue;
        *to++ = n++ ? ',' : ' ';
        if (field) {
            memcpy(to, field, field_len);
            to += field_len;
        } else if (view->field.len) {
            field = to;
            to = write_name(to, view->field, KEY_OR_VALUE);
            *to++ = '_';
            field_len = (size_t)(to - field);
        }
        memcpy(to, keys[agg].z, KEY_ROOM);
        to += keys[agg].len;
        to += ts_num_put_double(to, v);
    }
    if (to)
        out->len = (size_t)(to - out->p);
    return n;
}

/* How long a session was, in seconds. @return number of fields, n and this one. */
static unsigned put_duration(struct ts_buf *out, const struct ts_series_view *view, const struct ts_rollup *pt, unsigned n)
{
    ts_buf_putc(out, n ? ',' : ' ');
    put_field_key(out, view, "duration");
    ts_buf_put_double(out, (double)pt->duration_ns / 1e9);
    return n + 1;
}

/* @return number of fields: those that are no numbers are left out. */
static unsigned put_fields(struct ts_buf *out, const struct ts_series_view *view,
                           const struct ts_rollup_batch *batch, const struct ts_rollup *pt)
{
    uint32_t aggregates = ts_kind_aggregates(view->kind, batch->aggregates);
    if (view->kind == TS_KIND_STRING) {
        unsigned n = put_numbers(out, view, batch, pt, aggregates & TS_AGG_BIT(completeness));
        ts_buf_putc(out, n++ ? ',' : ' ');
        put_field_key(out, view, ts_aggregate_name(TS_AGG_last));
        put_string(out, pt->last_text);
        return batch->sessions ? put_duration(out, view, pt, n) : n;
    }
    unsigned n = put_numbers(out, view, batch, pt, aggregates & ~(TS_AGG_BIT(sketch) | TS_AGG_BIT(histogram)));
    if (aggregates & TS_AGG_BIT(sketch) && pt->sketch.len) {
        ts_buf_putc(out, n++ ? ',' : ' ');
        put_field_key(out, view, ts_aggregate_name(TS_AGG_sketch));
        put_sketch(out, pt->sketch);
    }
    n = put_histogram(out, view, batch, pt, put_quantiles(out, view, batch, pt, n));
    return batch->sessions ? put_duration(out, view, pt, n) : n;
}

/* The fields of a point that is passed through, as they are. */
static unsigned put_passed_fields(struct ts_buf *out, struct ts_str fields)
{
    struct ts_passed_field field;
    unsigned n = 0;
    while (ts_passed_next(&fields, &field) == 0) {
        ts_buf_putc(out, n++ ? ',' : ' ');
        put_name(out, field.key);
        ts_buf_putc(out, '=');
        if (field.type == 'f')
            ts_buf_put_double(out, field.f);
        else if (field.type == 'i')
            ts_buf_printf(out, "%lldi", (long long)field.i);
        else
            put_string(out, field.text);
    }
    return n;
}

int ts_sink_lp_put(const struct ts_rollup_batch *batch, const struct ts_rollup *pt, struct ts_buf *out)
{
    struct ts_series_view view;
    int rc = ts_series_decode(pt->series, &view);
    TS_ASSERT(rc == 0); /* decoding the batch has checked it */
    size_t from = out->len;
    char *to = ts_buf_reserve(out, 2 * pt->series.len + TAGS_ROOM);
    if (!to)
        return -TS_ENOMEM;
    to = write_name(to, view.name, MEASUREMENT);
    to = write_tags(to, &view);
    to = write_coarse(to, batch);
    out->len = (size_t)(to - out->p);
    unsigned fields = batch->passed ? put_passed_fields(out, pt->fields) : put_fields(out, &view, batch, pt);
    ts_buf_putc(out, ' ');
    ts_buf_put_int(out, batch->passed || batch->sessions ? pt->time_ns : batch->start_ns);
    ts_buf_putc(out, '\n');
    if (ts_buf_failed(out))
        return -TS_ENOMEM;
    if (fields == 0) {
        out->len = from;
        return -TS_EINVAL;
    }
    return 0;
}
