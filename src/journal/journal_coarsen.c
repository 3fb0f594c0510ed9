/*
 * Undelivered rollups of some segments to windows of 10 s, 1 m and 10 m: those of one rule, series and set of
 * sinks whose windows lie side by side in the coarser one become one point. Thread: journal. Owns a table of
 * the points being merged, ACCUMULATORS at most; more, or no memory, and nothing is done.
 *
 * The segments are read backwards, so that of a window that was corrected the last version is seen first and
 * the others are passed over: what was merged cannot be taken out again. A second pass, forwards, copies what
 * is not merged: distinct values without their sketches, sessions, windows that do not fit (lengths that do not divide), and
 * windows whose coarser one other segments touch as well, because two points of the same window would replace
 * each other; and windows of which only a correction is here, because what it corrects has been delivered
 * already.
 */
#include "config.h"
#include "journal/journal_coarsen.h"
#include "journal/journal_priv.h"

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"

#include <stdlib.h>
#include <unistd.h>

#define ACCUMULATORS (1u << 20)
#define PARTS_MAX    128 /* finer windows in a coarser one */
#define GROUPS_MAX   65536
#define TEXTS_MAX    (1u << 20) /* sketches and histograms of a batch */

static const int64_t ladder[] = {10 * TS_SEC, 60 * TS_SEC, 600 * TS_SEC};

/* What the points of an encoded batch share. */
struct group {
    struct ts_rollup_head head; /* rule and to are in texts */
    uint64_t wanted_by;         /* hash of `to` */
    int64_t part_ns;            /* length of the finer windows */
};

struct acc {
    uint64_t hash; /* 0: free */
    unsigned group;
    size_t series, series_len; /* in texts */
    size_t text, text_len;
    struct ts_stats stats;
    struct coarse_extras extras;
    uint64_t seen[PARTS_MAX / 64];
    int latest;
};

struct merge {
    struct ts_journal *jr;
    const bool *wants;
    struct spans others;     /* windows that are not to be merged */
    struct ts_buf originals; /* sorted hashes of (rule, start) of records that are no corrections */
    struct coarsened *out;
    struct ts_rollup_batch *batch; /* being read */
    struct ts_buf payload, texts;
    struct group *groups;
    unsigned ngroups, capgroups;
    struct acc *accs; /* open addressing, a power of two */
    unsigned naccs, cap;
};

/* The next length that windows of this batch fit into; 0: none. */
static int64_t coarser(const struct ts_rollup_head *head)
{
    int64_t part_ns = head->end_ns - head->start_ns;
    if (part_ns <= 0 || ts_clock_floor(head->start_ns, part_ns) != head->start_ns)
        return 0;
    for (unsigned i = 0; i < TS_ARRAY_SIZE(ladder); i++) {
        if (part_ns < ladder[i])
            return ladder[i] % part_ns == 0 && ladder[i] / part_ns <= PARTS_MAX ? ladder[i] : 0;
    }
    return 0;
}

/* What cannot be put together is copied. */
static bool has_merge(const struct ts_rollup_head *head, const struct ts_rollup *pt)
{
    return ts_extras_can_merge((enum ts_kind)pt->series.p[0], head->aggregates);
}

enum fate { COPY_AS_COARSE, COPY_AS_REST, MERGE };

static enum fate fate_of(const struct merge *mrg, const struct ts_rollup_head *head)
{
    int64_t length_ns = coarser(head);
    if (length_ns == 0)
        return COPY_AS_COARSE;
    int64_t start_ns = ts_clock_floor(head->start_ns, length_ns);
    return ts_spans_touch(&mrg->others, start_ns, start_ns + length_ns) ? COPY_AS_REST : MERGE;
}

/* The sinks of a list that are still to have the record, in texts. @return where; *len 0: none. */
static size_t put_wanting(struct merge *mrg, struct ts_str to, size_t *len)
{
    size_t at = mrg->texts.len;
    for (unsigned i = 0; i < mrg->jr->nreaders; i++) {
        struct ts_str name = ts_str_of(mrg->jr->readers[i].feed.name);
        if (!mrg->wants[i] || !ts_rollup_is_for(to, name))
            continue;
        if (mrg->texts.len > at)
            ts_buf_putc(&mrg->texts, ',');
        ts_buf_put_str(&mrg->texts, name);
    }
    *len = mrg->texts.len - at;
    ts_buf_putc(&mrg->texts, 0);
    return at;
}

static void count_points(struct merge *mrg, uint64_t *points, struct ts_str to, unsigned n)
{
    for (unsigned i = 0; i < mrg->jr->nreaders; i++) {
        if (mrg->wants[i] && ts_rollup_is_for(to, ts_str_of(mrg->jr->readers[i].feed.name)))
            points[i] += n;
    }
}

/* ---- the table ---- */

static bool grow(struct merge *mrg)
{
    unsigned cap = mrg->cap ? 2 * mrg->cap : 4096;
    if (cap > 2 * ACCUMULATORS)
        return false;
    struct acc *accs = ts_alloc(cap * sizeof *accs);
    if (!accs)
        return false;
    for (unsigned i = 0; i < mrg->cap; i++) {
        unsigned k = (unsigned)mrg->accs[i].hash & (cap - 1);
        while (mrg->accs[i].hash && accs[k].hash)
            k = (k + 1) & (cap - 1);
        if (mrg->accs[i].hash)
            accs[k] = mrg->accs[i];
    }
    ts_free(mrg->accs);
    mrg->accs = accs;
    mrg->cap = cap;
    return true;
}

static struct acc *find_acc(struct merge *mrg, unsigned group, struct ts_str series)
{
    if (2 * (mrg->naccs + 1) > mrg->cap && !grow(mrg))
        return NULL;
    uint64_t hash = ts_hash_seeded(series.p, series.len, group) | 1;
    unsigned k = (unsigned)hash & (mrg->cap - 1);
    for (; mrg->accs[k].hash; k = (k + 1) & (mrg->cap - 1)) {
        struct acc *acc = &mrg->accs[k];
        if (acc->hash == hash && acc->group == group &&
            ts_str_eq((struct ts_str){mrg->texts.p + acc->series, acc->series_len}, series))
            return acc;
    }
    mrg->naccs++;
    mrg->accs[k] = (struct acc){
        .hash = hash, .group = group, .series = mrg->texts.len, .series_len = series.len, .latest = -1};
    ts_buf_put_str(&mrg->texts, series);
    return &mrg->accs[k];
}

/* Both come out of the decoder, which fills them with zeros. */
static bool same_shape(const struct ts_rollup_head *a, const struct ts_rollup_head *b)
{
    return memcmp(&a->quantiles, &b->quantiles, sizeof a->quantiles) == 0 && a->buckets.n == b->buckets.n &&
           memcmp(a->buckets.bounds, b->buckets.bounds, a->buckets.n * sizeof a->buckets.bounds[0]) == 0;
}

static bool same_group(const struct group *grp, const struct ts_rollup_head *head, int64_t start_ns,
                       uint64_t wanted_by, struct ts_str rule)
{
    return grp->head.start_ns == start_ns && grp->wanted_by == wanted_by &&
           grp->head.aggregates == head->aggregates && grp->head.stddev_sample == head->stddev_sample &&
           same_shape(&grp->head, head) &&
           grp->part_ns == head->end_ns - head->start_ns && ts_str_eq(rule, head->rule);
}

/* The group of a batch; UINT_MAX: too many. Texts of a head are offsets as long as texts may grow. */
static unsigned find_group(struct merge *mrg, const struct ts_rollup_head *head, size_t to, size_t to_len)
{
    int64_t length_ns = coarser(head), start_ns = ts_clock_floor(head->start_ns, length_ns);
    uint64_t wanted_by = ts_hash(mrg->texts.p + to, to_len);
    for (unsigned i = mrg->ngroups; i-- > 0;) {
        struct group *grp = &mrg->groups[i];
        struct ts_str rule = {mrg->texts.p + (size_t)(uintptr_t)grp->head.rule.p, grp->head.rule.len};
        if (same_group(grp, head, start_ns, wanted_by, rule)) {
            grp->head.completeness = TS_MIN(grp->head.completeness, head->completeness);
            return i;
        }
    }
    if (mrg->ngroups == mrg->capgroups) {
        unsigned cap = TS_MAX(2 * mrg->capgroups, 64u);
        struct group *groups = cap <= GROUPS_MAX ? ts_resize(mrg->groups, cap * sizeof *groups) : NULL;
        if (!groups)
            return UINT32_MAX;
        mrg->groups = groups;
        mrg->capgroups = cap;
    }
    struct group *grp = &mrg->groups[mrg->ngroups];
    *grp = (struct group){.head = *head, .wanted_by = wanted_by, .part_ns = head->end_ns - head->start_ns};
    grp->head.start_ns = start_ns;
    grp->head.end_ns = start_ns + length_ns;
    grp->head.to = (struct ts_str){(const char *)(uintptr_t)to, to_len};
    grp->head.rule = (struct ts_str){(const char *)(uintptr_t)mrg->texts.len, head->rule.len};
    ts_buf_put_str(&mrg->texts, head->rule);
    ts_buf_putc(&mrg->texts, 0);
    return mrg->ngroups++;
}

static void add_point(struct merge *mrg, const struct ts_rollup_head *head, struct acc *acc, const struct ts_rollup *pt, int part)
{
    if (acc->seen[part / 64] & UINT64_C(1) << part % 64)
        return; /* a later version of the same window was there */
    acc->seen[part / 64] |= UINT64_C(1) << part % 64;
    bool later = part > acc->latest;
    ts_stats_merge(&acc->stats, &pt->stats, later);
    ts_extras_add(&acc->extras, head, pt, part, &mrg->texts);
    if (later && pt->last_text.len) {
        acc->text = mrg->texts.len;
        ts_buf_put_str(&mrg->texts, pt->last_text);
    }
    if (later) {
        acc->text_len = pt->last_text.len;
        acc->latest = part;
    }
}

/* ---- reading ---- */

static int merge_batch(struct merge *mrg, const struct ts_rollup_head *head)
{
    size_t to_len, to = put_wanting(mrg, head->to, &to_len);
    if (to_len == 0)
        return 0;
    unsigned group = find_group(mrg, head, to, to_len);
    if (group == UINT32_MAX)
        return -TS_ELIMIT;
    const struct group *grp = &mrg->groups[group];
    int part = (int)((head->start_ns - grp->head.start_ns) / grp->part_ns);
    for (unsigned i = 0; i < mrg->batch->n; i++) {
        const struct ts_rollup *pt = &mrg->batch->points[i];
        if (!has_merge(head, pt))
            continue;
        struct acc *acc = find_acc(mrg, group, pt->series);
        if (!acc)
            return -TS_ELIMIT;
        add_point(mrg, head, acc, pt, part);
    }
    return 0;
}

/* Appends a batch as a record, halved as long as it is too long for one. */
static int put_record(struct ts_buf *records, const struct ts_rollup_batch *batch)
{
    size_t from = records->len;
    int rc = ts_record_begin(records) ? ts_rollup_batch_encode(batch, records) : -TS_ENOMEM;
    if (rc == 0) {
        ts_record_end(records, from);
        return 0;
    }
    records->len = from;
    if (rc != -TS_ELIMIT || batch->n < 2)
        return rc;
    struct ts_rollup_batch part = *batch;
    part.n = batch->n / 2;
    rc = put_record(records, &part);
    part.points += part.n;
    part.n = batch->n - part.n;
    return rc ? rc : put_record(records, &part);
}

static int put_part(struct merge *mrg, struct coarse_part *part, const struct ts_rollup_batch *batch)
{
    if (batch->n == 0)
        return 0;
    count_points(mrg, part->points, ts_str_of(batch->to), batch->n);
    ts_spans_add(&part->spans, batch->start_ns, batch->end_ns);
    return put_record(&part->records, batch);
}

/* The points of the batch in hand that are not merged. */
static int copy_batch(struct merge *mrg, const struct ts_rollup_head *head)
{
    enum fate fate = fate_of(mrg, head);
    count_points(mrg, mrg->out->read, head->to, head->n);
    size_t to_len, to = put_wanting(mrg, head->to, &to_len);
    if (to_len == 0 || ts_buf_failed(&mrg->texts))
        return to_len ? -TS_ENOMEM : 0;
    struct ts_rollup_batch *batch = mrg->batch;
    batch->to = mrg->texts.p + to;
    if (fate == MERGE) {
        unsigned n = 0;
        for (unsigned i = 0; i < batch->n; i++) {
            if (!has_merge(head, &batch->points[i]))
                batch->points[n++] = batch->points[i];
        }
        batch->n = n;
    }
    int rc = put_part(mrg, fate == COPY_AS_REST ? &mrg->out->rest : &mrg->out->coarse, batch);
    mrg->texts.len = to;
    return rc;
}

/* Where the intact records of a segment begin. @return their number, or an error. */
static int list_records(struct merge *mrg, int fd, const struct segment *seg, struct ts_buf *places)
{
    uint64_t at = TS_SEGMENT_HEAD, next;
    int rc, n = 0;
    ts_buf_clear(places);
    while ((rc = ts_record_read(fd, seg->seq, at, seg->end, &mrg->payload, &next)) == 0 ||
           rc == -TS_ECORRUPT) {
        if (rc == 0) {
            ts_buf_put(places, &at, sizeof at);
            n++;
        }
        at = next;
    }
    return rc != -TS_EAGAIN ? rc : ts_buf_failed(places) ? -TS_ENOMEM : n;
}

static int read_record(struct merge *mrg, int fd, const struct segment *seg, const struct ts_buf *places,
                       int i, struct ts_rollup_head *head)
{
    uint64_t at, next;
    memcpy(&at, places->p + (size_t)i * sizeof at, sizeof at);
    int rc = ts_record_read(fd, seg->seq, at, seg->end, &mrg->payload, &next);
    if (rc == 0)
        rc = ts_rollup_head_decode(ts_buf_str(&mrg->payload), head);
    return rc ? rc : ts_rollup_batch_decode(ts_buf_str(&mrg->payload), mrg->batch);
}

enum pass { ORIGINALS, ORPHANS, MERGING, COPYING };

static uint64_t hash_of(const struct ts_rollup_head *head)
{
    return ts_hash_seeded(head->rule.p, head->rule.len, (uint64_t)head->start_ns);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void note_original(struct merge *mrg, const struct ts_rollup_head *head)
{
    uint64_t hash = hash_of(head);
    if (!head->correction)
        ts_buf_put(&mrg->originals, &hash, sizeof hash);
}

static void note_orphan(struct merge *mrg, const struct ts_rollup_head *head)
{
    uint64_t hash = hash_of(head);
    size_t n = mrg->originals.len / sizeof hash;
    if (head->correction && (n == 0 || !bsearch(&hash, mrg->originals.p, n, sizeof hash, by_value)))
        ts_spans_add(&mrg->others, head->start_ns, head->end_ns);
}

static int pass_record(struct merge *mrg, const struct ts_rollup_head *head, enum pass pass)
{
    switch (pass) {
    case ORIGINALS: note_original(mrg, head); return 0;
    case ORPHANS: note_orphan(mrg, head); return 0;
    case MERGING: return fate_of(mrg, head) == MERGE ? merge_batch(mrg, head) : 0;
    default: return copy_batch(mrg, head);
    }
}

/* One pass over a segment. Damaged records are left out: their points are missed in the sum, and counted
 * there. */
static int pass_segment(struct merge *mrg, const struct segment *seg, enum pass pass)
{
    struct ts_buf places = TS_BUF_INIT;
    int fd = ts_segment_open(mrg->jr->dir, seg->seq);
    int n = fd < 0 ? fd : list_records(mrg, fd, seg, &places), rc = n < 0 ? n : 0;
    for (int i = 0; i < n && rc == 0; i++) {
        struct ts_rollup_head head;
        rc = read_record(mrg, fd, seg, &places, pass == MERGING ? n - 1 - i : i, &head);
        if (rc == -TS_ECORRUPT)
            rc = 0;
        else if (rc == 0)
            rc = pass_record(mrg, &head, pass);
    }
    if (fd >= 0)
        close(fd);
    ts_buf_fini(&places);
    return rc;
}

/* ---- writing ---- */

static int by_group(const void *a, const void *b)
{
    const struct acc *x = a, *y = b;
    if (!x->hash || !y->hash)
        return (x->hash == 0) - (y->hash == 0);
    return (x->group > y->group) - (x->group < y->group);
}

static void begin_batch(struct merge *mrg, unsigned group)
{
    const struct ts_rollup_head *head = &mrg->groups[group].head;
    struct ts_rollup_batch *batch = mrg->batch;
    batch->n = 0;
    ts_buf_clear(&batch->texts);
    batch->rule = mrg->texts.p + (size_t)(uintptr_t)head->rule.p;
    batch->to = mrg->texts.p + (size_t)(uintptr_t)head->to.p;
    batch->start_ns = head->start_ns;
    batch->end_ns = head->end_ns;
    batch->aggregates = head->aggregates;
    batch->quantiles = head->quantiles;
    batch->buckets = head->buckets;
    batch->completeness = head->completeness; /* the least of theirs */
    batch->stddev_sample = head->stddev_sample;
    batch->correction = batch->partial = batch->passed = batch->sessions = false;
    batch->coarse = true;
}

/* Only now do the texts lie where they stay. */
static int put_merged(struct merge *mrg)
{
    const char *p = mrg->batch->texts.p;
    for (unsigned i = 0; i < mrg->batch->n; i++) {
        struct ts_rollup *pt = &mrg->batch->points[i];
        pt->histogram.p = p;
        p += pt->histogram.len;
        pt->sketch.p = p;
        p += pt->sketch.len;
    }
    return put_part(mrg, &mrg->out->coarse, mrg->batch);
}

static int write_merged(struct merge *mrg)
{
    struct ts_rollup_batch *batch = mrg->batch;
    int rc = ts_buf_failed(&mrg->texts) ? -TS_ENOMEM : 0;
    batch->n = 0;
    if (mrg->naccs)
        qsort(mrg->accs, mrg->cap, sizeof *mrg->accs, by_group);
    for (unsigned i = 0; i < mrg->naccs && rc == 0; i++) {
        const struct acc *acc = &mrg->accs[i];
        if (i == 0 || acc->group != mrg->accs[i - 1].group || batch->n == TS_ROLLUP_BATCH_MAX || batch->texts.len >= TEXTS_MAX) {
            rc = put_merged(mrg);
            begin_batch(mrg, acc->group);
        }
        struct ts_rollup *pt = &batch->points[batch->n];
        *pt = (struct ts_rollup){.series = {mrg->texts.p + acc->series, acc->series_len},
                                 .stats = acc->stats,
                                 .last_text = {mrg->texts.p + acc->text, acc->text_len}};
        if (rc == 0)
            rc = ts_extras_put(&acc->extras, &mrg->groups[acc->group].head, &mrg->texts, pt, &batch->texts);
        batch->n++;
    }
    return rc ? rc : put_merged(mrg);
}

void ts_coarsened_fini(struct coarsened *out)
{
    ts_buf_fini(&out->coarse.records);
    ts_buf_fini(&out->rest.records);
    ts_free(out->coarse.points);
    ts_free(out->rest.points);
    ts_free(out->read);
}

int ts_coarsen(struct ts_journal *jr, const struct segment *segs, unsigned n, const bool *wants,
               const struct spans *others, struct coarsened *out)
{
    size_t bytes = TS_READERS_MAX * sizeof(uint64_t);
    struct merge mrg = {
        .jr = jr, .wants = wants, .others = *others, .out = out, .batch = ts_rollup_batch_new()};
    *out = (struct coarsened){.read = ts_alloc(bytes)};
    out->coarse.points = ts_alloc(bytes);
    out->rest.points = ts_alloc(bytes);
    int rc = mrg.batch && out->read && out->coarse.points && out->rest.points ? 0 : -TS_ENOMEM;
    for (unsigned i = 0; i < n; i++)
        out->coarse.records.limit += segs[i].end; /* what does not become less is of no use */
    out->rest.records.limit = mrg.texts.limit = out->coarse.records.limit;
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = pass_segment(&mrg, &segs[i], ORIGINALS);
    if (mrg.originals.len)
        qsort(mrg.originals.p, mrg.originals.len / sizeof(uint64_t), sizeof(uint64_t), by_value);
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = pass_segment(&mrg, &segs[i], ORPHANS);
    for (unsigned i = n; i-- > 0 && rc == 0;)
        rc = pass_segment(&mrg, &segs[i], MERGING);
    if (rc == 0)
        rc = write_merged(&mrg);
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = pass_segment(&mrg, &segs[i], COPYING);
    ts_rollup_batch_free(&mrg.batch);
    ts_buf_fini(&mrg.payload);
    ts_buf_fini(&mrg.texts);
    ts_buf_fini(&mrg.originals);
    ts_free(mrg.groups);
    ts_free(mrg.accs);
    return rc;
}
