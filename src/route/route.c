/*
 * Tiles to points in lanes. Thread: ingest; a router belongs to one. Owns the intern table and, of each lane, the slab being filled.
 * A lane without an empty slab: with `block` the thread waits (the kernel's buffer takes what comes meanwhile), once per batch and at most
 * block_ns; then, and with drop_new at once, samples are dropped and counted. With drop_old slabs wait in a
 * backlog, and the oldest makes room.
 */
#include "config.h"
#include "route/route.h"

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "route/route_backlog.h"
#include "route/route_intern.h"

#define TICK_NS (50 * TS_MS) /* a worker hears of the time at least this often */

struct ts_router {
    struct ts_router_conf conf;
    struct ts_intern *in;
    struct ts_slab **open;       /* per worker: being filled, or NULL */
    int64_t *told_ns;            /* per worker: arrival of the last slab pushed */
    int64_t arrival_ns;
    int64_t max_event_ns, event_seen_ns;
    struct ts_backlog *backlog;  /* with drop_old, else NULL */
    bool gave_up;                /* waited block_ns in this batch already */
    struct ts_series_view view;
    struct ts_buf series;
};

struct ts_router *ts_router_new(const struct ts_router_conf *conf)
{
    struct ts_router *rt = ts_xalloc(sizeof *rt);
    rt->conf = *conf;
    rt->in = ts_intern_new();
    rt->open = ts_xalloc(conf->nworkers * sizeof *rt->open);
    rt->told_ns = ts_xalloc(conf->nworkers * sizeof *rt->told_ns);
    rt->max_event_ns = rt->event_seen_ns = TS_TIME_NONE;
    rt->series.limit = TS_SERIES_MAX;
    if (conf->when_full == TS_FULL_DROP_OLD)
        rt->backlog = ts_backlog_new(conf->nworkers, conf->cnt);
    return rt;
}

void ts_router_free(struct ts_router **router)
{
    struct ts_router *rt = *router;
    if (rt) {
        ts_intern_free(&rt->in);
        ts_backlog_free(&rt->backlog);
        ts_buf_fini(&rt->series);
        ts_free(rt->open);
        ts_free(rt->told_ns);
        TS_FREE(*router);
    }
}

/* Waits until the lane has an empty slab or the time is over. */
static struct ts_slab *wait_for_slab(struct ts_router *rt, struct ts_lane *lane, int64_t wait_ns)
{
    int64_t until = ts_clock_mono_ns() + wait_ns;
    for (;;) {
        ts_bell_prepare(rt->conf.bell);
        struct ts_slab *slab = ts_ring_pop(&lane->empty);
        int64_t left = until - ts_clock_mono_ns();
        if (slab || left <= 0) {
            ts_bell_cancel(rt->conf.bell);
            return slab;
        }
        ts_bell_sleep(rt->conf.bell, left);
    }
}

static TS_COLD struct ts_slab *open_slab(struct ts_router *rt, unsigned worker)
{
    struct ts_lane *lane = &rt->conf.lanes[worker];
    struct ts_slab *slab = ts_ring_pop(&lane->empty);
    if (!slab && rt->conf.when_full == TS_FULL_BLOCK && !rt->gave_up) {
        slab = wait_for_slab(rt, lane, rt->conf.block_ns);
        rt->gave_up = !slab;
    }
    if (!slab && rt->backlog)
        slab = ts_backlog_reclaim(rt->backlog, worker);
    if (slab) {
        slab->n = 0;
        slab->end = false;
        rt->open[worker] = slab;
    }
    return slab;
}

static void push_slab(struct ts_router *rt, unsigned worker, struct ts_slab *slab)
{
    struct ts_lane *lane = &rt->conf.lanes[worker];
    slab->arrival_ns = rt->arrival_ns;
    slab->max_event_ns = rt->max_event_ns;
    slab->event_seen_ns = rt->event_seen_ns;
    rt->open[worker] = NULL;
    rt->told_ns[worker] = rt->arrival_ns;
    if (rt->backlog) {
        ts_backlog_push(rt->backlog, worker, lane, slab);
        return;
    }
    bool pushed = ts_ring_push(&lane->full, slab);
    TS_ASSERT(pushed); /* the ring has room for every slab there is */
    ts_bell_ring(lane->worker_bell);
}

/* Room for n entries in the worker's slab, or NULL. */
TS_INLINE struct ts_point *room(struct ts_router *rt, unsigned worker, unsigned n)
{
    struct ts_slab *slab = rt->open[worker];
    if (slab && TS_UNLIKELY(slab->n + n > TS_SLAB_POINTS)) {
        push_slab(rt, worker, slab);
        slab = NULL;
    }
    if (TS_UNLIKELY(!slab)) {
        slab = open_slab(rt, worker);
        if (!slab)
            return NULL;
    }
    struct ts_point *pt = &slab->points[slab->n];
    slab->n += n;
    return pt;
}

static void drop(struct ts_router *rt, struct ts_raw *raw, enum ts_counter reason)
{
    if (raw->flags & TS_RAW_TEXT)
        TS_FREE(raw->text);
    ts_count(rt->conf.cnt, reason, 1);
}

/* A key never seen: find out its series, give it an id, tell the worker. @return NULL: the sample has been counted. */
static TS_COLD struct ts_entry *introduce(struct ts_router *rt, struct ts_tile *tile, unsigned i)
{
    struct ts_raw *raw = &tile->raw[i];
    enum ts_counter reason;
    struct ts_announce *announce = NULL;
    if (atomic_load_explicit(rt->conf.series, memory_order_relaxed) >= rt->conf.series_limit ||
        rt->in->count >= 2 * rt->conf.series_limit + 1024) {
        reason = TS_C_DROPPED_SERIES_LIMIT;
        goto drop;
    }
    if (tile->resolve(tile, i, &rt->view) != 0) {
        if (raw->flags & TS_RAW_TEXT)
            TS_FREE(raw->text);
        return NULL;
    }
    ts_buf_clear(&rt->series);
    if (ts_series_encode(&rt->view, &rt->series) != 0) {
        reason = TS_C_DROPPED_SERIES_TOO_LONG;
        goto drop;
    }
    reason = TS_C_DROPPED_NO_MEMORY;
    announce = ts_alloc(sizeof *announce + rt->series.len);
    if (!announce)
        goto drop;
    announce->len = (uint32_t)rt->series.len;
    memcpy(announce->series, rt->series.p, rt->series.len);
    announce->hash = ts_hash(announce->series, announce->len);
    if (rt->backlog && !ts_backlog_note(rt->backlog, rt->in->count, rt->view.kind == TS_KIND_STRING))
        goto drop;
    /* The high bits choose the worker: its own table uses the low ones. */
    unsigned worker = (unsigned)((announce->hash >> 48) % rt->conf.nworkers);
    struct ts_point *pt = room(rt, worker, 1);
    if (!pt) {
        reason = TS_C_DROPPED_RING_FULL;
        goto drop;
    }
    struct ts_entry *entry = ts_intern_add(rt->in, raw, worker);
    if (!entry) {
        rt->open[worker]->n--;
        goto drop;
    }
    *pt = (struct ts_point){.id = entry->id, .flags = TS_POINT_SERIES, .announce = announce};
    return entry;
drop:
    ts_free(announce);
    drop(rt, raw, reason);
    return NULL;
}

/* Samples with a time or a weight of their own take two entries. */
static bool emit_ext(struct ts_router *rt, const struct ts_entry *entry, struct ts_raw *raw)
{
    int64_t time_ns = TS_TIME_NONE;
    if (raw->flags & TS_RAW_TIME) {
        time_ns = raw->time_ns;
        if (time_ns > rt->arrival_ns && time_ns - rt->arrival_ns > rt->conf.future_ns) {
            drop(rt, raw, TS_C_DROPPED_FUTURE);
            return true;
        }
        if (time_ns < TS_TIME_FIRST) {
            drop(rt, raw, TS_C_DROPPED_LATE);
            return true;
        }
    }
    struct ts_point *pt = room(rt, entry->worker, 2);
    if (!pt)
        return false;
    if (time_ns != TS_TIME_NONE) {
        rt->max_event_ns = TS_MAX(rt->max_event_ns, time_ns);
        rt->event_seen_ns = rt->arrival_ns;
    }
    pt->id = entry->id;
    pt->flags = TS_POINT_EXT | (raw->flags & TS_RAW_RELATIVE ? TS_POINT_RELATIVE : 0);
    pt->bits = raw->bits;
    struct ts_point_ext ext = {time_ns, raw->weight};
    memcpy(pt + 1, &ext, sizeof ext);
    return true;
}

TS_INLINE bool emit(struct ts_router *rt, const struct ts_entry *entry, struct ts_raw *raw)
{
    if (TS_UNLIKELY(raw->flags & (TS_RAW_TIME | TS_RAW_WEIGHT)))
        return emit_ext(rt, entry, raw);
    struct ts_point *pt = room(rt, entry->worker, 1);
    if (TS_UNLIKELY(!pt))
        return false;
    pt->id = entry->id;
    pt->flags = raw->flags & TS_RAW_RELATIVE ? TS_POINT_RELATIVE : 0;
    pt->bits = raw->bits;
    return true;
}

void ts_router_tile(struct ts_tile *tile, void *router)
{
    struct ts_router *rt = router;
    const struct ts_entry *guess[TS_TILE_MAX];
    unsigned n = tile->n;
    for (unsigned i = 0; i < n; i++) {
        tile->raw[i].hash = ts_intern_hash(&tile->raw[i]);
        ts_intern_prefetch(rt->in, tile->raw[i].hash);
    }
    for (unsigned i = 0; i < n; i++) {
        guess[i] = ts_intern_guess(rt->in, tile->raw[i].hash);
        if (guess[i])
            __builtin_prefetch(guess[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        struct ts_raw *raw = &tile->raw[i];
        const struct ts_entry *entry = guess[i];
        if (TS_UNLIKELY(!entry || !ts_entry_matches(entry, raw))) {
            entry = ts_intern_find(rt->in, raw);
            if (!entry)
                entry = introduce(rt, tile, i);
            if (!entry)
                continue;
        }
        if (TS_UNLIKELY(!emit(rt, entry, raw)))
            drop(rt, raw, TS_C_DROPPED_RING_FULL);
    }
}

void ts_router_begin(struct ts_router *rt, int64_t arrival_ns)
{
    rt->arrival_ns = TS_MAX(rt->arrival_ns, arrival_ns);
    rt->gave_up = false;
}

void ts_router_flush(struct ts_router *rt)
{
    for (unsigned w = 0; w < rt->conf.nworkers; w++) {
        /* A worker that is behind has plenty to read: a slab goes when it is full, or with the next tick. */
        bool behind = rt->backlog && ts_backlog_advance(rt->backlog, w, &rt->conf.lanes[w]);
        if (rt->open[w] && !behind)
            push_slab(rt, w, rt->open[w]);
    }
}

void ts_router_tick(struct ts_router *rt, int64_t now_ns)
{
    ts_router_begin(rt, now_ns);
    for (unsigned w = 0; w < rt->conf.nworkers; w++) {
        if (rt->backlog)
            (void)ts_backlog_advance(rt->backlog, w, &rt->conf.lanes[w]);
        if (rt->arrival_ns - rt->told_ns[w] < TICK_NS)
            continue;
        struct ts_slab *slab = rt->open[w] ? rt->open[w] : ts_ring_pop(&rt->conf.lanes[w].empty);
        if (slab) { /* without one the worker has plenty to read, and will hear of the time with that */
            if (slab != rt->open[w]) {
                slab->n = 0;
                slab->end = false;
            }
            push_slab(rt, w, slab);
        }
    }
}

void ts_router_end(struct ts_router *rt)
{
    for (unsigned w = 0; w < rt->conf.nworkers; w++) {
        if (rt->backlog)
            ts_backlog_flush(rt->backlog, w, &rt->conf.lanes[w]);
        struct ts_slab *slab = rt->open[w] ? rt->open[w] : ts_ring_pop(&rt->conf.lanes[w].empty);
        if (!slab)
            slab = wait_for_slab(rt, &rt->conf.lanes[w], INT64_MAX / 2);
        if (slab != rt->open[w])
            slab->n = 0;
        slab->end = true;
        push_slab(rt, w, slab);
        if (rt->backlog) /* the ring may hold what the flush gave */
            ts_backlog_flush(rt->backlog, w, &rt->conf.lanes[w]);
    }
}
