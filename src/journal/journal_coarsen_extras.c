/*
 * What points have beside moments, of finer windows put together. Thread: journal. Sketches are kept as they are, in the merge's texts,
 * one behind the other, and put together when the point is written: that takes no more memory than the segments that they come from.
 */
#include "config.h"
#include "journal/journal_coarsen.h"

#include "core/hll.h"
#include "core/le.h"
#include "core/sketch.h"

#include <math.h>

bool ts_extras_can_merge(enum ts_kind kind, uint32_t aggregates)
{
    return kind == TS_KIND_SET ? (aggregates & TS_AGG_BIT(sketch)) != 0 : !(ts_kind_aggregates(kind, aggregates) & TS_AGG_BIT(distinct));
}

/* A sketch of one part in the texts: where the one before it is, its length, and it. */
struct link {
    size_t before, len;
};

static void add_histogram(struct coarse_extras *ext, struct ts_str counts, struct ts_buf *texts)
{
    ext->no_histogram |= counts.len == 0;
    if (!ext->histogram) {
        ext->histogram = texts->len + 1;
        ts_buf_put_str(texts, counts);
        return;
    }
    char *sums = texts->p + ext->histogram - 1;
    for (size_t at = 0; at < counts.len && !ext->no_histogram; at += 8)
        ts_le_put_double(sums + at, ts_le_get_double(sums + at) + ts_le_get_double(counts.p + at));
}

static void add_sketch(struct coarse_extras *ext, struct ts_str sketch, struct ts_buf *texts)
{
    struct link link = {ext->sketches, sketch.len};
    ext->no_sketch |= sketch.len == 0;
    ext->sketches = texts->len + 1;
    ts_buf_put(texts, &link, sizeof link);
    ts_buf_put_str(texts, sketch);
}

void ts_extras_add(struct coarse_extras *ext, const struct ts_rollup_head *head, const struct ts_rollup *pt, int part, struct ts_buf *texts)
{
    enum ts_kind kind = (enum ts_kind)pt->series.p[0];
    if (ts_buf_failed(texts))
        return;
    if (!isnan(pt->first) && (!ext->has_first || part < ext->first_part)) {
        ext->has_first = true;
        ext->first = pt->first;
        ext->first_part = part;
    }
    if (!isnan(pt->increase)) {
        ext->has_increase = true;
        ext->increase += pt->increase;
    }
    if (ts_rollup_has_histogram(kind, head->aggregates))
        add_histogram(ext, pt->histogram, texts);
    if (ts_rollup_has_sketch(kind, head->aggregates, head->quantiles.n) && !ts_buf_failed(texts))
        add_sketch(ext, pt->sketch, texts);
}

static struct ts_str next_sketch(size_t *at, const struct ts_buf *texts)
{
    struct link link;
    const char *p = texts->p + *at - 1;
    memcpy(&link, p, sizeof link);
    *at = link.before;
    return (struct ts_str){p + sizeof link, link.len};
}

static int put_sketch(size_t at, const struct ts_buf *texts, struct ts_buf *out)
{
    struct ts_sketch whole, part;
    int rc = ts_sketch_decode(next_sketch(&at, texts), &whole);
    if (rc)
        return rc;
    while (at && rc == 0) {
        rc = ts_sketch_decode(next_sketch(&at, texts), &part);
        if (rc == 0) {
            rc = ts_sketch_merge(&whole, &part);
            ts_sketch_fini(&part);
        }
    }
    if (rc == 0)
        rc = ts_sketch_encode(&whole, out);
    ts_sketch_fini(&whole);
    return rc;
}

static int put_set(size_t at, const struct ts_buf *texts, double *distinct, struct ts_buf *out)
{
    struct ts_hll *whole = NULL, *part = NULL;
    int rc = ts_hll_decode(next_sketch(&at, texts), &whole);
    while (at && rc == 0) {
        rc = ts_hll_decode(next_sketch(&at, texts), &part);
        if (rc == 0)
            rc = ts_hll_merge(whole, part);
        ts_hll_free(&part);
    }
    if (rc == 0)
        rc = ts_hll_encode(whole, out);
    if (rc == 0)
        *distinct = round(ts_hll_estimate(whole));
    ts_hll_free(&whole);
    return rc;
}

int ts_extras_put(const struct coarse_extras *ext, const struct ts_rollup_head *head, const struct ts_buf *texts, struct ts_rollup *pt,
                  struct ts_buf *out)
{
    bool set = pt->series.p[0] == TS_KIND_SET;
    size_t from = out->len;
    int rc = 0;
    pt->first = ext->has_first ? ext->first : NAN;
    pt->increase = ext->has_increase ? ext->increase : NAN;
    pt->distinct = NAN;
    if (ext->histogram && !ext->no_histogram)
        ts_buf_put(out, texts->p + ext->histogram - 1, 8 * (head->buckets.n + (size_t)1));
    pt->histogram.len = out->len - from;
    from = out->len;
    if (ext->sketches && !ext->no_sketch)
        rc = set ? put_set(ext->sketches, texts, &pt->distinct, out) : put_sketch(ext->sketches, texts, out);
    pt->sketch.len = out->len - from;
    return rc ? rc : ts_buf_failed(out) ? -TS_ENOMEM : 0;
}
