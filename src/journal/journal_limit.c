/*
 * The journal's limits. Beyond three quarters of max_bytes the oldest rollups that some sink still needs are
 * merged into coarser windows (journal_coarsen.c): first those that never were, as long as they are a good
 * part of the journal, then those that were once. What cannot be merged, or not enough, is dropped when
 * max_bytes is passed, the oldest first, and what is older than max_age. All of it is counted by sink.
 * Thread: journal, which claims the segments that it works on: no reader enters them, and none that a reader
 * is in, or has read from without acknowledging, is touched.
 */
#include "config.h"
#include "journal/journal_priv.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/num.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define FULL(max) ((max) - (max) / 4)           /* coarsening needs room for what it writes */
#define RUN(max)  TS_MIN((max) / 4, 32u << 20)  /* coarsened at once */
#define LONG(max) TS_MIN((max) / 2, 256u << 20) /* when that holds no whole window */
#define MORE(max)                                                                                            \
    ((max) / 32) /* bytes to be written after coarsening gained nothing, before it is tried again */
#define LEVELS      2
#define TRIES       4     /* runs of a level that gain nothing, before another level is tried */
#define WINDOWS_MAX 10000 /* coarser windows of a segment that are looked at */

static uint64_t bytes_of(struct ts_journal *jr)
{
    uint64_t bytes = 0;
    pthread_mutex_lock(&jr->lock);
    for (unsigned i = 0; i < jr->nsegs; i++)
        bytes += jr->segs[i].end;
    pthread_mutex_unlock(&jr->lock);
    return bytes;
}

/* Whether no reader is in the segment; *wants says who has yet to read it (all zero: nobody). Under the lock.
 */
static bool is_free(const struct ts_journal *jr, const struct segment *seg, bool *wants)
{
    for (unsigned i = 0; i < jr->nreaders; i++) {
        const struct reader *rd = &jr->readers[i];
        wants[i] = false;
        if (rd->away && !ts_feed_pending(&rd->feed))
            continue;
        wants[i] = rd->at.segment < seg->seq;
        if (!wants[i] && rd->saved.segment <= seg->seq)
            return false;
    }
    return true;
}

static void widen(struct ts_journal_span *span, const struct spans *by)
{
    for (unsigned i = 0; i < by->n; i++) {
        bool first = span->to_ns <= span->from_ns;
        span->from_ns = first ? by->v[i].from_ns : TS_MIN(span->from_ns, by->v[i].from_ns);
        span->to_ns = first ? by->v[i].to_ns : TS_MAX(span->to_ns, by->v[i].to_ns);
    }
}

static void tell(const char *event, enum ts_log_level level, const struct spans *spans, uint64_t points,
                 const char *why)
{
    struct ts_journal_span span = {0, 0};
    char from[TS_NUM_MAX], to[TS_NUM_MAX];
    widen(&span, spans);
    size_t nfrom = ts_clock_put_time(from, span.from_ns), nto = ts_clock_put_time(to, span.to_ns);
    ts_log(level, event, "stage=journal from=%.*s to=%.*s points=%" PRIu64 " why=%s", (int)nfrom, from,
           (int)nto, to, points, ts_log_quote_z(why));
}

/* Says so before a segment that is held changes or goes. Under the lock. */
static void spoil(struct ts_journal *jr, uint64_t seq)
{
    if (seq >= jr->held.segment && jr->holder.spoil)
        jr->holder.spoil(jr->holder.arg);
}

/* ---- dropping ---- */

/* Drops segment i, which is free. Under the lock. */
static void drop(struct ts_journal *jr, unsigned i, const bool *wants, const char *why)
{
    struct segment *seg = &jr->segs[i];
    uint64_t points = 0;
    for (unsigned r = 0; r < jr->nreaders; r++) {
        if (!wants[r])
            continue;
        jr->readers[r].gone += seg->points[r];
        ts_count(jr->readers[r].rolled, TS_C_SINK_DROPPED, seg->points[r]);
        points += seg->points[r];
    }
    jr->shown.segments_dropped++;
    jr->shown.dropped += points;
    widen(&jr->shown.dropped_span, &seg->spans);
    ts_count(jr->cnt, TS_C_JOURNAL_SEGMENTS_DROPPED, 1);
    tell("journal_dropped", TS_LOG_ERROR, &seg->spans, points, why);
    spoil(jr, seg->seq);
    ts_segment_remove(jr->dir, seg->seq);
    ts_segment_forget(jr, i, 1);
}

/* @return whether there was one to drop: the oldest that is free, written before older_than_ns. */
static bool drop_oldest(struct ts_journal *jr, int64_t older_than_ns, const char *why)
{
    bool *wants = jr->wants, dropped = false;
    pthread_mutex_lock(&jr->lock);
    for (unsigned i = 0; i + 1 < jr->nsegs && !dropped; i++) {
        if (jr->segs[i].written_ns < older_than_ns && is_free(jr, &jr->segs[i], wants)) {
            drop(jr, i, wants, why);
            dropped = true;
        }
    }
    pthread_mutex_unlock(&jr->lock);
    return dropped;
}

/* ---- coarsening ---- */

struct run {
    struct segment *segs; /* a copy of the table's */
    unsigned n;
    unsigned level;
    uint64_t bytes;
    struct spans others; /* windows of all other segments */
    struct spans later;  /* of those behind the run, and of what is pending */
};

static void add_spans(struct spans *to, const struct spans *spans)
{
    for (unsigned k = 0; k < spans->n; k++)
        ts_spans_add(to, spans->v[k].from_ns, spans->v[k].to_ns);
}

/* The windows of what is not in the run, which begins at `from`. Under the lock. */
static void find_others(const struct ts_journal *jr, unsigned from, struct run *run)
{
    run->others.n = run->later.n = 0;
    for (unsigned i = from + run->n; i < jr->nsegs; i++)
        add_spans(&run->later, &jr->segs[i].spans);
    add_spans(&run->later, &jr->pending_spans);
    for (unsigned i = 0; i < from; i++)
        add_spans(&run->others, &jr->segs[i].spans);
    add_spans(&run->others, &run->later);
}

/* The oldest segments of a level side by side that are free and wanted by the same readers, up to so many
 * bytes. The last segment of the journal is never among them. Under the lock. */
static unsigned find_run(struct ts_journal *jr, unsigned level, uint64_t max, unsigned *from, uint64_t *bytes)
{
    unsigned n = 0;
    for (unsigned i = *from; i + 1 < jr->nsegs; i++) {
        const struct segment *seg = &jr->segs[i];
        bool *wants = n ? jr->wants2 : jr->wants;
        bool fits = seg->level == level && is_free(jr, seg, wants) &&
                    (n == 0 || memcmp(jr->wants, jr->wants2, jr->nreaders * sizeof *wants) == 0);
        if (fits && n == 0) {
            *from = i;
            *bytes = 0;
        }
        if (fits && (n == 0 || *bytes + seg->end <= max)) {
            n++;
            *bytes += seg->end;
        } else if (n) {
            break;
        }
    }
    return n;
}

static int64_t coarser_length(const struct run *run)
{
    return run->level ? 600 * TS_SEC : 60 * TS_SEC;
}

/* Whether the segment would only be copied, because others touch each coarser window that it has a part of.
 */
static bool is_blocked(const struct run *run, const struct segment *seg)
{
    const int64_t length_ns = coarser_length(run);
    for (unsigned k = 0; k < seg->spans.n; k++) {
        int64_t start_ns = ts_clock_floor(seg->spans.v[k].from_ns, length_ns), to_ns = seg->spans.v[k].to_ns;
        if (to_ns / length_ns - start_ns / length_ns > WINDOWS_MAX)
            return false;
        for (; start_ns < to_ns; start_ns += length_ns) {
            if (!ts_spans_touch(&run->others, start_ns, start_ns + length_ns))
                return false;
        }
    }
    return true;
}

/* Finds a run, leaving out blocked segments at both ends. Those at the front wait for a sink, and would else
 * fill every run. *from is where it begins. Under the lock. */
static void choose_run(struct ts_journal *jr, uint64_t max, struct run *run, unsigned *from)
{
    for (;;) {
        run->n = find_run(jr, run->level, max, from, &run->bytes);
        find_others(jr, *from, run);
        unsigned front = 0;
        while (front < run->n && is_blocked(run, &jr->segs[*from + front]))
            front++;
        if (front == 0)
            break;
        *from += front;
    }
    while (run->n > 1 && is_blocked(run, &jr->segs[*from + run->n - 1])) {
        const struct segment *seg = &jr->segs[*from + --run->n];
        run->bytes -= seg->end;
        add_spans(&run->others, &seg->spans);
        add_spans(&run->later, &seg->spans);
    }
}

/* Claims what is to be coarsened next of a level, from a sequence on, which is set to where the run ends.
 * @return false: there is nothing. */
static bool claim(struct ts_journal *jr, unsigned level, uint64_t max, uint64_t *seq, struct run *run)
{
    unsigned from = 0;
    pthread_mutex_lock(&jr->lock);
    *run = (struct run){.level = level};
    while (from < jr->nsegs && jr->segs[from].seq < *seq)
        from++;
    choose_run(jr, max, run, &from);
    if (run->n)
        run->segs = ts_alloc(run->n * sizeof *run->segs);
    if (run->segs) {
        memcpy(run->segs, jr->segs + from, run->n * sizeof *run->segs);
        jr->claim_from = run->segs[0].seq;
        jr->claim_to = run->segs[run->n - 1].seq;
        *seq = jr->claim_to + 1;
    }
    pthread_mutex_unlock(&jr->lock);
    return run->segs != NULL;
}

static void unclaim(struct ts_journal *jr)
{
    pthread_mutex_lock(&jr->lock);
    jr->claim_from = jr->claim_to = 0;
    pthread_mutex_unlock(&jr->lock);
    for (unsigned i = 0; i < jr->nreaders; i++)
        ts_bell_ring(&jr->readers[i].feed.bell);
}

/* What the readers find from now on instead of the run. */
static void account(struct ts_journal *jr, const struct run *run, const struct coarsened *made)
{
    uint64_t fewer = 0;
    for (unsigned r = 0; r < jr->nreaders; r++) {
        uint64_t had = 0, has = made->coarse.points[r] + made->rest.points[r];
        for (unsigned i = 0; jr->wants[r] && i < run->n; i++)
            had += run->segs[i].points[r];
        uint64_t lost = had - TS_MIN(made->read[r], had), merged = had - lost - TS_MIN(has, had - lost);
        jr->readers[r].gone += lost + merged;
        ts_count(jr->readers[r].rolled, TS_C_SINK_COARSENED, merged);
        ts_count(jr->readers[r].rolled, TS_C_SINK_DROPPED, lost); /* damaged on disk */
        fewer += merged;
    }
    jr->shown.coarsenings++;
    jr->shown.coarsened += fewer;
    struct spans all = {0};
    for (unsigned i = 0; i < run->n; i++) {
        for (unsigned k = 0; k < run->segs[i].spans.n; k++)
            ts_spans_add(&all, run->segs[i].spans.v[k].from_ns, run->segs[i].spans.v[k].to_ns);
    }
    widen(&jr->shown.coarsened_span, &all);
    ts_count(jr->cnt, TS_C_JOURNAL_COARSENINGS, 1);
    tell("journal_coarsened", TS_LOG_WARN, &all, fewer, "the journal is full");
}

/* What takes a run's place: the first file has the sequence of its first segment, the second of its last. */
struct made_file {
    struct coarse_part *part;
    unsigned level;
};

/* The records that may be merged later follow the others when there is one file for both. */
static void join_parts(struct ts_journal *jr, struct coarsened *made)
{
    ts_buf_put_str(&made->coarse.records, ts_buf_str(&made->rest.records));
    add_spans(&made->coarse.spans, &made->rest.spans);
    for (unsigned r = 0; r < jr->nreaders; r++) {
        made->coarse.points[r] += made->rest.points[r];
        made->rest.points[r] = 0;
    }
    ts_buf_clear(&made->rest.records);
}

/* What may be merged when more has come lies behind, beside that; what segments before the run hold lies in
 * front, beside those: in between it would part what can be merged next. @return how many. */
static unsigned divide(struct ts_journal *jr, const struct run *run, struct coarsened *made,
                       struct made_file files[2])
{
    struct made_file coarse = {&made->coarse, run->level + 1}, rest = {&made->rest, run->level};
    if (made->rest.records.len == 0 || made->coarse.records.len == 0) {
        files[0] = made->rest.records.len ? rest : coarse;
        return 1;
    }
    if (run->n == 1) {
        join_parts(jr, made);
        files[0] = (struct made_file){&made->coarse, run->level};
        return 1;
    }
    const int64_t length_ns = coarser_length(run);
    bool waits = false;
    for (unsigned k = 0; k < made->rest.spans.n; k++) {
        const struct ts_journal_span *span = &made->rest.spans.v[k];
        waits |= ts_spans_touch(&run->later, ts_clock_floor(span->from_ns, length_ns),
                                ts_clock_floor(span->to_ns - 1, length_ns) + length_ns);
    }
    files[0] = waits ? coarse : rest;
    files[1] = waits ? rest : coarse;
    return 2;
}

/* Puts the files in the run's place in the table. */
static void switch_table(struct ts_journal *jr, const struct run *run, const struct coarsened *made,
                         const struct made_file *files, unsigned n)
{
    unsigned i = 0;
    pthread_mutex_lock(&jr->lock);
    while (jr->segs[i].seq != run->segs[0].seq)
        TS_ASSERT(++i < jr->nsegs); /* claimed segments stay */
    account(jr, run, made);
    for (unsigned k = 0; k < n; k++) {
        struct segment *seg = &jr->segs[k ? i + run->n - 1 : i];
        seg->end = TS_SEGMENT_HEAD + files[k].part->records.len;
        seg->level = files[k].level;
        seg->spans = files[k].part->spans;
        seg->written_ns = run->segs[run->n - 1].written_ns;
        memcpy(seg->points, files[k].part->points, jr->nreaders * sizeof *seg->points);
        ts_index_save(jr, seg);
    }
    ts_segment_forget(jr, i + 1, run->n - n);
    pthread_mutex_unlock(&jr->lock);
}

static int write_run(struct ts_journal *jr, const struct run *run, struct coarsened *made)
{
    struct made_file files[2];
    uint64_t seqs[2] = {run->segs[0].seq, run->segs[run->n - 1].seq};
    uint64_t bytes = made->coarse.records.len + made->rest.records.len;
    unsigned n = divide(jr, run, made, files);
    if (ts_buf_failed(&made->coarse.records) || bytes > run->bytes - run->bytes / 4)
        return -TS_ELIMIT; /* not worth it */
    if (bytes_of(jr) + bytes > jr->conf->journal.max_bytes)
        return -TS_ELIMIT; /* both are there for a moment */
    int rc = 0;
    for (unsigned k = 0; k < n && rc == 0; k++) {
        ts_record_stamp(&files[k].part->records, seqs[k], TS_SEGMENT_HEAD);
        rc = ts_segment_write_new(jr->dir, seqs[k], files[k].level, ts_buf_str(&files[k].part->records));
    }
    pthread_mutex_lock(&jr->lock);
    spoil(jr, seqs[1]);
    pthread_mutex_unlock(&jr->lock);
    if (rc == 0)
        rc = ts_segment_replace(jr->dir, seqs[0], seqs[1], n == 2);
    if (rc != 0) {
        ts_log(TS_LOG_ERROR, "journal_coarsen_failed", "stage=journal error=%s",
               ts_log_quote_z(strerror(errno)));
        return rc;
    }
    switch_table(jr, run, made, files, n);
    return 0;
}

/* Coarsens the first run of a level that gains enough, but none so small that it is the next level's turn.
 * @return whether there is less now. */
static bool coarsen(struct ts_journal *jr, unsigned level, uint64_t max)
{
    const uint64_t least = level + 1 < LEVELS ? jr->conf->journal.max_bytes / 16 : 0;
    uint64_t seq = 0;
    for (unsigned tries = 0; tries < TRIES;) {
        struct run run;
        struct coarsened made;
        if (!claim(jr, level, max, &seq, &run))
            return false;
        int rc = -TS_ELIMIT;
        if (run.bytes >= least) {
            rc = ts_coarsen(jr, run.segs, run.n, jr->wants, &run.others, &made);
            if (rc == 0)
                rc = write_run(jr, &run, &made);
            ts_coarsened_fini(&made);
            tries++;
        }
        unclaim(jr);
        ts_free(run.segs);
        if (rc == 0)
            return true;
    }
    return false;
}

/* Coarsest first when much is coarse already: it is the oldest, and gains the most. */
static bool coarsen_any(struct ts_journal *jr, uint64_t max)
{
    uint64_t bytes[LEVELS + 1] = {0};
    pthread_mutex_lock(&jr->lock);
    for (unsigned i = 0; i < jr->nsegs; i++)
        bytes[TS_MIN(jr->segs[i].level, (unsigned)LEVELS)] += jr->segs[i].end;
    pthread_mutex_unlock(&jr->lock);
    bool coarsest_first = bytes[1] > max / 3;
    for (unsigned i = 0; i < LEVELS; i++) {
        unsigned level = coarsest_first ? LEVELS - 1 - i : i;
        if (coarsen(jr, level, RUN(max)) || coarsen(jr, level, LONG(max)))
            return true;
    }
    return false;
}

void ts_limit_enforce(struct ts_journal *jr)
{
    /* What is to be written next needs room; what a failing disk has made wait may be more than fits at all.
     */
    uint64_t next = TS_MIN(jr->pending.len, 4 * jr->segment_max);
    uint64_t max = jr->conf->journal.max_bytes, written = ts_counter_of(jr->cnt, TS_C_JOURNAL_BYTES);
    int64_t max_age_ns = jr->conf->journal.max_age_ns;
    while (max_age_ns && drop_oldest(jr, ts_clock_now_ns() - max_age_ns, "older than journal.max_age"))
        ;
    while (max && jr->nreaders && bytes_of(jr) + next > FULL(max) && written >= jr->coarsen_at) {
        if (!coarsen_any(jr, max))
            jr->coarsen_at = written + MORE(max);
    }
    while (max && bytes_of(jr) + next > max &&
           drop_oldest(jr, INT64_MAX, "the journal is full (journal.max_bytes)"))
        ;
}

void ts_journal_status(void *journal, struct ts_journal_status *out)
{
    struct ts_journal *jr = journal;
    pthread_mutex_lock(&jr->lock);
    *out = jr->shown;
    pthread_mutex_unlock(&jr->lock);
    out->bytes = bytes_of(jr);
    out->max_bytes = jr->conf->journal.max_bytes;
}
