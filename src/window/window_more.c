/*
 * first, increase, distinct values and histograms beside the panes of a chunk, only under rules that ask for
 * them. Thread: worker. Without memory a sample is not in them, counted; the pane has it.
 *
 * increase must not depend on the order in which samples come, as long as none is too late: those that may
 * still get one between them are kept in the order of their times. At most KEPT_MAX of them: then the earlier
 * half becomes a number, and what comes before its end later on is missing in it, counted.
 */
#include "config.h"
#include "window/window_snapshot_priv.h"

#include "core/hash.h"
#include "core/mem.h"

#include <math.h>

#define KEPT_MAX   1024
#define KEPT_FIRST 4

struct reading {
    int64_t time_ns;
    double value;
};

struct ts_rises {
    double before;   /* the increase up to the first reading kept */
    int64_t from_ns; /* no reading from before this can be added any more; TS_TIME_NONE: any can */
    unsigned n, room;
    struct reading *kept; /* by time; of equal times in the order they came */
};

struct ts_more {
    double first;
    int64_t first_ns;
    bool has_first;
    struct ts_rises rises;
    struct ts_hll *hll;
    double *histogram; /* counts of the rule's buckets, and of what is above the last */
};

static double rise(double from, double to)
{
    return to >= from ? to - from : to; /* after a reset it has risen from 0 */
}

static double rises(const struct reading *kept, unsigned n)
{
    double sum = 0;
    for (unsigned i = 1; i < n; i++)
        sum += rise(kept[i - 1].value, kept[i].value);
    return sum;
}

/* Room for one more. @return false without memory. */
static bool make_room(struct ts_rises *ris)
{
    if (ris->n == KEPT_MAX) {
        unsigned half = KEPT_MAX / 2;
        ris->before += rises(ris->kept, half + 1);
        ris->from_ns = ris->kept[half].time_ns;
        memmove(ris->kept, ris->kept + half, (ris->n - half) * sizeof *ris->kept);
        ris->n -= half;
    }
    if (ris->n == ris->room) {
        unsigned room = TS_MAX(KEPT_FIRST, ris->room * 2);
        struct reading *more = ts_resize(ris->kept, room * sizeof *more);
        if (!more)
            return false;
        ris->kept = more;
        ris->room = room;
    }
    return true;
}

static bool add_reading(struct ts_rises *ris, double value, int64_t time_ns)
{
    if ((ris->from_ns != TS_TIME_NONE && time_ns < ris->from_ns) || !make_room(ris))
        return false;
    unsigned at = ris->n;
    while (at && ris->kept[at - 1].time_ns > time_ns)
        at--;
    memmove(&ris->kept[at + 1], &ris->kept[at], (ris->n - at) * sizeof *ris->kept);
    ris->kept[at] = (struct reading){time_ns, value};
    ris->n++;
    return true;
}

static bool add_distinct(struct ts_more *more, double value)
{
    double v = value == 0 ? 0 : value; /* of either sign */
    if (!more->hll)
        more->hll = ts_hll_new();
    return more->hll && ts_hll_add(more->hll, ts_hash(&v, sizeof v));
}

static bool add_to_histogram(struct ts_more *more, const struct ts_buckets *buckets, double value,
                             double weight)
{
    if (!more->histogram)
        more->histogram = ts_alloc((buckets->n + (size_t)1) * sizeof *more->histogram);
    if (!more->histogram)
        return false;
    more->histogram[ts_buckets_find(buckets, value)] += weight;
    return true;
}

static bool make_more(struct ts_pane_chunk *ch)
{
    ch->more = ts_alloc(TS_CHUNK_PANES * sizeof *ch->more);
    for (uint32_t i = 0; ch->more && i < TS_CHUNK_PANES; i++)
        ch->more[i].rises.from_ns = TS_TIME_NONE;
    return ch->more;
}

void ts_window_add_more(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *ch,
                        uint32_t slot, double value, double weight, int64_t time_ns)
{
    uint8_t kind = wk->series.slots[slot].kind;
    if (kind == TS_KIND_COUNTER)
        return;
    bool good = ch->more || make_more(ch);
    struct ts_more *more = good ? &ch->more[slot % TS_CHUNK_PANES] : NULL;
    if (more && (!more->has_first || time_ns < more->first_ns)) {
        more->first = value;
        more->first_ns = time_ns;
        more->has_first = true;
    }
    if (more && rule->wants & TS_WANTS_INCREASE)
        good &= add_reading(&more->rises, value, time_ns);
    if (more && rule->wants & TS_WANTS_DISTINCT && kind != TS_KIND_GAUGE)
        good &= add_distinct(more, value);
    if (more && rule->wants & TS_WANTS_HISTOGRAM && kind != TS_KIND_GAUGE)
        good &= add_to_histogram(more, &rule->conf->histogram, value, weight);
    if (!good)
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
}

/* Readings that are a number already were all before those that are kept: what a has is before them, or is
 * lost. */
static bool merge_compacted(struct ts_rises *a, const struct ts_more *b)
{
    const struct reading *last = a->n ? &a->kept[a->n - 1] : NULL;
    if (last && last->time_ns > b->first_ns)
        return false;
    struct reading *kept = ts_alloc(b->rises.room * sizeof *kept);
    if (!kept)
        return false;
    memcpy(kept, b->rises.kept, b->rises.n * sizeof *kept);
    double before = a->before + rises(a->kept, a->n) + (last ? rise(last->value, b->first) : 0);
    ts_free(a->kept);
    *a = (struct ts_rises){before + b->rises.before, b->rises.from_ns, b->rises.n, b->rises.room, kept};
    return true;
}

static bool merge_rises(struct ts_rises *a, const struct ts_more *b)
{
    bool good = true;
    if (b->rises.from_ns != TS_TIME_NONE)
        return merge_compacted(a, b);
    for (unsigned i = 0; i < b->rises.n; i++)
        good &= add_reading(a, b->rises.kept[i].value, b->rises.kept[i].time_ns);
    return good;
}

static bool merge_distinct(struct ts_more *a, const struct ts_hll *b)
{
    if (!a->hll)
        a->hll = ts_hll_new();
    return a->hll && ts_hll_merge(a->hll, b) == 0;
}

static bool merge_histogram(struct ts_more *a, const double *b, unsigned n)
{
    if (!a->histogram)
        a->histogram = ts_alloc((n + (size_t)1) * sizeof *a->histogram);
    for (unsigned i = 0; a->histogram && i <= n; i++)
        a->histogram[i] += b[i];
    return a->histogram;
}

void ts_window_merge_more(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *to,
                          const struct ts_pane_chunk *from, uint32_t slot)
{
    const struct ts_more *b = from->more ? &from->more[slot % TS_CHUNK_PANES] : NULL;
    if (!b || !b->has_first)
        return;
    bool good = to->more || make_more(to);
    struct ts_more *a = good ? &to->more[slot % TS_CHUNK_PANES] : NULL;
    if (a && rule->wants & TS_WANTS_INCREASE && b->rises.n)
        good &= merge_rises(&a->rises, b);
    if (a && rule->wants & TS_WANTS_DISTINCT && b->hll)
        good &= merge_distinct(a, b->hll);
    if (a && rule->wants & TS_WANTS_HISTOGRAM && b->histogram)
        good &= merge_histogram(a, b->histogram, rule->conf->histogram.n);
    if (a && (!a->has_first || b->first_ns < a->first_ns)) {
        a->first = b->first;
        a->first_ns = b->first_ns;
        a->has_first = true;
    }
    if (!good)
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
}

void ts_window_tell_more(const struct ts_pane_chunk *ch, uint32_t slot, struct ts_rollup *point)
{
    const struct ts_more *more = ch->more ? &ch->more[slot % TS_CHUNK_PANES] : NULL;
    point->first = more && more->has_first ? more->first : NAN;
    point->increase =
        more && more->rises.n ? more->rises.before + rises(more->rises.kept, more->rises.n) : NAN;
    point->distinct = more && more->hll ? round(ts_hll_estimate(more->hll)) : NAN;
}

void ts_window_peek_more(const struct ts_pane_chunk *ch, uint32_t slot, struct ts_more_view *out)
{
    const struct ts_more *more = ch && ch->more ? &ch->more[slot % TS_CHUNK_PANES] : NULL;
    *out = (struct ts_more_view){0};
    if (!more)
        return;
    out->has_first = more->has_first;
    out->first = more->first;
    out->first_ns = more->first_ns;
    out->has_increase = more->rises.n;
    out->increase = more->rises.n ? more->rises.before + rises(more->rises.kept, more->rises.n) : 0;
    out->hll = more->hll;
    out->histogram = more->histogram;
}

size_t ts_window_put_histogram(const struct ts_rule *rule, const struct ts_pane_chunk *ch, uint32_t slot,
                               struct ts_buf *texts)
{
    const double *counts = ch->more ? ch->more[slot % TS_CHUNK_PANES].histogram : NULL;
    size_t n = counts ? rule->conf->histogram.n + (size_t)1 : 0;
    char *to = n ? ts_buf_reserve(texts, 8 * n) : NULL;
    if (!to)
        return 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &counts[i], sizeof bits);
        for (unsigned k = 0; k < 8; k++)
            *to++ = (char)(bits >> 8 * k & 0xff);
    }
    texts->len += 8 * n;
    return 8 * n;
}

void ts_window_clear_more(struct ts_pane_chunk *ch, uint32_t slot)
{
    struct ts_more *more = ch->more ? &ch->more[slot % TS_CHUNK_PANES] : NULL;
    if (!more)
        return;
    ts_free(more->rises.kept);
    ts_free(more->histogram);
    ts_hll_free(&more->hll);
    *more = (struct ts_more){.rises.from_ns = TS_TIME_NONE};
}

void ts_window_free_more(struct ts_pane_chunk *ch)
{
    for (uint32_t i = 0; i < TS_CHUNK_PANES; i++)
        ts_window_clear_more(ch, i);
    TS_FREE(ch->more);
}

/*
 * In a snapshot: u8 1 if there is a first | f64 first, i64 its time | f64 before, i64 from_ns | n readings: i64 time, f64 value |
 * u32 bytes and HyperLogLog, or 0 | n buckets, or 0: f64 each
 */
void ts_window_save_more(const struct ts_pane_chunk *ch, uint32_t slot, unsigned nbuckets, struct ts_buf *buf)
{
    const struct ts_more *more = &ch->more[slot % TS_CHUNK_PANES];
    ts_buf_putc(buf, more->has_first);
    ts_snap_put_double(buf, more->first);
    ts_snap_put_i64(buf, more->first_ns);
    ts_snap_put_double(buf, more->rises.before);
    ts_snap_put_i64(buf, more->rises.from_ns);
    ts_snap_put_uint(buf, more->rises.n);
    for (unsigned i = 0; i < more->rises.n; i++) {
        ts_snap_put_i64(buf, more->rises.kept[i].time_ns);
        ts_snap_put_double(buf, more->rises.kept[i].value);
    }
    size_t from = ts_snap_open(buf);
    if (more->hll)
        (void)!ts_hll_encode(more->hll, buf); /* marks it */
    ts_snap_close(buf, from);
    unsigned n = more->histogram ? nbuckets + 1 : 0;
    ts_snap_put_uint(buf, n);
    for (unsigned i = 0; i < n; i++)
        ts_snap_put_double(buf, more->histogram[i]);
}

/* Readings are in the order of their times. */
static int load_rises(struct ts_rises *ris, struct ts_varints *in)
{
    ris->before = ts_snap_get_double(in);
    ris->from_ns = ts_snap_get_i64(in);
    uint64_t n = ts_varint_get(in);
    if (in->bad || n > KEPT_MAX)
        return -TS_ECORRUPT;
    ris->room = TS_MAX(KEPT_FIRST, (unsigned)n);
    ris->kept = ts_alloc(ris->room * sizeof *ris->kept);
    if (!ris->kept)
        return -TS_ENOMEM;
    for (; ris->n < n; ris->n++) {
        ris->kept[ris->n].time_ns = ts_snap_get_i64(in);
        ris->kept[ris->n].value = ts_snap_get_double(in);
        if (in->bad || (ris->n && ris->kept[ris->n].time_ns < ris->kept[ris->n - 1].time_ns))
            return -TS_ECORRUPT;
    }
    return 0;
}

static int load_histogram(struct ts_more *more, unsigned nbuckets, struct ts_varints *in)
{
    uint64_t n = ts_varint_get(in);
    if (in->bad || (n && n != nbuckets + (uint64_t)1))
        return -TS_ECORRUPT;
    more->histogram = n ? ts_alloc(n * sizeof *more->histogram) : NULL;
    if (n && !more->histogram)
        return -TS_ENOMEM;
    for (unsigned i = 0; i < n; i++)
        more->histogram[i] = ts_snap_get_double(in);
    return in->bad || in->p != in->end ? -TS_ECORRUPT : 0;
}

int ts_window_load_more(struct ts_pane_chunk *ch, uint32_t slot, unsigned nbuckets, struct ts_str bytes)
{
    struct ts_varints in = {bytes.p, bytes.p + bytes.len, false};
    if (!ch->more && !make_more(ch))
        return -TS_ENOMEM;
    struct ts_more *more = &ch->more[slot % TS_CHUNK_PANES];
    more->has_first = ts_snap_get_fixed(&in, 1) & 1;
    more->first = ts_snap_get_double(&in);
    more->first_ns = ts_snap_get_i64(&in);
    int rc = load_rises(&more->rises, &in);
    struct ts_str hll = rc ? TS_STR("") : ts_snap_get_part(&in);
    if (rc == 0 && hll.len)
        rc = ts_hll_decode(hll, &more->hll);
    return rc ? rc : load_histogram(more, nbuckets, &in);
}
