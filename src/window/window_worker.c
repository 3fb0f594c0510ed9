/*
 * The worker thread: slabs in, watermarks on, windows out; sleeps on its bell when there is nothing. Owns its series, windows and
 * the texts in points on their way to it.
 */
#include "config.h"
#include "window/window_rule.h"

#include "core/losses.h"
#include "core/matcher.h"
#include "core/mem.h"

/* Of one source, before others get their turn and windows are looked at: by points, so that a source whose slabs are full gets no
 * more of the worker than one whose slabs hold a few each. */
#define POINTS_PER_TURN (8 * TS_SLAB_POINTS)
#define POINTS_OF_SLAB  16 /* what a slab costs beside its points */
#define NAP_NS         (100 * TS_MS) /* the longest sleep: sealing may be waiting for room in the journal's ring */
#define TRIM_EVERY_NS  (10 * TS_SEC)
#define NAP_FULL_NS    TS_MS /* until there may be some, when nothing else is to be done */

struct ts_worker *ts_worker_new(const struct ts_worker_conf *conf)
{
    struct ts_worker *wk = ts_xalloc_aligned(sizeof *wk, TS_CACHELINE);
    wk->conf = *conf;
    wk->cnt = ts_counters_new(NULL, NULL);
    ts_desk_init(&wk->desk);
    ts_series_table_init(&wk->series);
    wk->sources = ts_xalloc(conf->nsources * sizeof *wk->sources);
    for (unsigned i = 0; i < conf->nsources; i++)
        wk->sources[i] = (struct ts_source){.lane = conf->lanes[i],
                                            .arrival_ns = TS_TIME_NONE,
                                            .max_event_ns = TS_TIME_NONE,
                                            .event_seen_ns = TS_TIME_NONE};
    for (unsigned sketched = 0; sketched < 2; sketched++)
        ts_pool_init(&wk->chunks[sketched], TS_CHUNK_BYTES(sketched));
    struct ts_rule_plan *plan = ts_rule_plan_new(conf->conf, UINT64_MAX >> (64 - conf->conf->nrollups), 0);
    struct ts_rule_set *set = ts_rule_set_new(wk, plan);
    ts_worker_attach(wk, set, ts_xalloc(set->nrules * sizeof(struct ts_rule *)));
    ts_rule_plan_unref(&plan);
    if (conf->gather)
        ts_gather_join(conf->gather, wk);
    wk->horizon_ns[TS_DOMAIN_ARRIVAL] = wk->horizon_ns[TS_DOMAIN_EVENT] = TS_TIME_NONE;
    wk->clock_ns = wk->watermark_ns = TS_TIME_NONE;
    wk->draining = wk->ended = conf->nsources == 0;
    wk->restored = (struct ts_source){.arrival_ns = TS_TIME_NONE, .max_event_ns = TS_TIME_NONE, .event_seen_ns = TS_TIME_NONE};
    atomic_store_explicit(&wk->gauges.clock_ns, TS_TIME_NONE, memory_order_relaxed);
    atomic_store_explicit(&wk->gauges.watermark_ns, TS_TIME_NONE, memory_order_relaxed);
    atomic_store_explicit(&wk->gauges.seal_delay_ns, TS_TIME_NONE, memory_order_relaxed);
    return wk;
}

void ts_worker_free(struct ts_worker **worker)
{
    struct ts_worker *wk = *worker;
    if (!wk)
        return;
    for (unsigned r = 0; r < wk->nrules; r++)
        while (wk->rules[r]->windows)
            ts_rule_forget(wk->rules[r], wk->rules[r]->windows, &wk->series);
    for (unsigned sketched = 0; sketched < 2; sketched++)
        ts_pool_fini(&wk->chunks[sketched]);
    for (unsigned i = 0; i < wk->conf.nsources; i++)
        ts_pages_free(wk->sources[i].slots, wk->sources[i].nslots * sizeof *wk->sources[i].slots);
    ts_pages_free(wk->restored.slots, wk->restored.nslots * sizeof *wk->restored.slots);
    ts_snapper_free(&wk->snap);
    ts_rollup_batch_free(&wk->batch);
    ts_free(wk->sources);
    ts_free(wk->rules);
    ts_rule_sets_free(&wk->sets);
    ts_rule_sets_free(&wk->gone);
    ts_free(wk->event_chunks);
    ts_series_table_fini(&wk->series);
    ts_desk_fini(&wk->desk);
    TS_FREE(*worker);
}

const struct ts_worker_gauges *ts_worker_gauges(const struct ts_worker *worker)
{
    return &worker->gauges;
}

/* At a stop a source that has ended holds back what it would go on with after the next start. */
static bool is_active(const struct ts_worker *wk, const struct ts_source *src)
{
    return src->max_event_ns != TS_TIME_NONE &&
           src->arrival_ns - src->event_seen_ns < wk->conf.conf->idle_after_ns;
}

/* The clock is the lowest of all sources', the watermark the lowest of the active ones'; neither goes back. */
static void advance(struct ts_worker *wk)
{
    int64_t clock_ns = INT64_MAX, watermark_ns = INT64_MAX;
    bool had_events = false;
    wk->ended = true;
    for (unsigned i = 0; i < wk->conf.nsources; i++) {
        const struct ts_source *src = &wk->sources[i];
        wk->ended &= src->ended;
        had_events |= src->max_event_ns != TS_TIME_NONE;
        if (!src->ended)
            clock_ns = TS_MIN(clock_ns, src->arrival_ns);
        if (is_active(wk, src))
            watermark_ns = TS_MIN(watermark_ns, src->max_event_ns);
    }
    if (clock_ns != INT64_MAX)
        wk->clock_ns = TS_MAX(wk->clock_ns, clock_ns);
    if (watermark_ns != INT64_MAX)
        wk->watermark_ns = TS_MAX(wk->watermark_ns, watermark_ns);
    wk->idle = had_events && watermark_ns == INT64_MAX;
    ts_losses_look(wk->clock_ns);
}

static bool read_lane(struct ts_worker *wk, struct ts_source *src)
{
    struct ts_slab *slab = NULL;
    for (uint32_t points = 0; points < POINTS_PER_TURN && (slab = ts_ring_pop(&src->lane->full));) {
        points += slab->n + POINTS_OF_SLAB;
        ts_worker_add_slab(wk, src, slab);
        src->arrival_ns = TS_MAX(src->arrival_ns, slab->arrival_ns);
        src->max_event_ns = TS_MAX(src->max_event_ns, slab->max_event_ns);
        src->event_seen_ns = TS_MAX(src->event_seen_ns, slab->event_seen_ns);
        src->ended |= slab->end;
        advance(wk); /* slab by slab: what is late must not depend on how many came together */
        ts_worker_list_idle(wk, src, slab);
        bool pushed = ts_ring_push(&src->lane->empty, slab);
        TS_ASSERT(pushed);
        ts_bell_ring(src->lane->ingest_bell);
    }
    return slab != NULL; /* the turn ended before the lane did */
}

static void publish(struct ts_worker *wk)
{
    uint64_t windows = 0, waiting = 0;
    for (unsigned r = 0; r < wk->nrules; r++)
        windows += wk->rules[r]->nwindows;
    for (unsigned i = 0; i < wk->conf.nsources; i++)
        waiting += ts_ring_count(&wk->sources[i].lane->full);
    /* Relaxed: each is a figure of its own for whoever asks. */
    atomic_store_explicit(&wk->gauges.series, wk->series.live, memory_order_relaxed);
    atomic_store_explicit(&wk->gauges.windows, windows, memory_order_relaxed);
    atomic_store_explicit(&wk->gauges.waiting, waiting, memory_order_relaxed);
    atomic_store_explicit(&wk->gauges.clock_ns, wk->clock_ns, memory_order_relaxed);
    atomic_store_explicit(&wk->gauges.watermark_ns, wk->watermark_ns, memory_order_relaxed);
}

/* When the last window has gone and nothing comes, the panes' memory is not kept for the next. */
static void trim(struct ts_worker *wk)
{
    bool quiet = atomic_load_explicit(&wk->gauges.windows, memory_order_relaxed) == 0;
    if (!quiet)
        wk->trim_due = true;
    if (!quiet || !wk->trim_due || wk->clock_ns - wk->trimmed_ns < TRIM_EVERY_NS ||
        atomic_load_explicit(&wk->returned, memory_order_relaxed) != wk->nbatches)
        return;
    ts_rollup_trim();
    ts_mem_trim();
    wk->trim_due = false;
    wk->trimmed_ns = wk->clock_ns;
}

static bool lanes_are_empty(const struct ts_worker *wk)
{
    for (unsigned i = 0; i < wk->conf.nsources; i++)
        if (ts_ring_count(&wk->sources[i].lane->full))
            return false;
    return true;
}

static bool must_seal_first(const struct ts_worker *wk)
{
    return wk->conf.seal_first && (wk->gathering || ts_worker_is_sealing(wk));
}

void *ts_worker_run(void *arg)
{
    struct ts_worker *wk = arg;
    for (;;) {
        bool more = false;
        ts_desk_serve(&wk->desk);
        for (unsigned i = 0; i < wk->conf.nsources && !must_seal_first(wk); i++)
            more |= read_lane(wk, &wk->sources[i]);
        bool sealing = ts_worker_seal(wk);
        more |= ts_worker_snap(wk) || sealing;
        ts_worker_forget(wk);
        if (TS_UNLIKELY(wk->bounded) && !wk->held)
            ts_worker_end_rules(wk);
        publish(wk);
        if (wk->draining && ts_worker_is_empty(wk) && ts_gather_may_end(wk))
            return NULL;
        if (wk->ended && !wk->draining && !sealing && ts_worker_may_drain(wk))
            wk->draining = more = true;
        if (more)
            continue;
        trim(wk);
        ts_bell_prepare(wk->conf.bell);
        if (ts_desk_is_asked(&wk->desk))
            ts_bell_cancel(wk->conf.bell);
        else if (must_seal_first(wk)) /* the journal's ring is full */
            ts_bell_sleep(wk->conf.bell, NAP_FULL_NS);
        else if (lanes_are_empty(wk))
            ts_bell_sleep(wk->conf.bell, NAP_NS);
        else
            ts_bell_cancel(wk->conf.bell);
    }
}
