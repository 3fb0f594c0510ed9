/*
 * Tiles to points in lanes. Thread: ingest; a router belongs to one. Owns the intern table and, of each lane, the slab being filled and
 * spare ones. What series a key belongs to is asked once, and limits may send it elsewhere (core/census.h).
 * A lane without an empty slab: with `block` the thread waits (the kernel's buffer takes what comes meanwhile), once per batch
 * and at most block_ns; then, and with drop_new at once, samples are dropped and counted. With drop_old slabs wait in a backlog, and the
 * oldest makes room.
 */
#include "config.h"
#include "route/route.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "route/route_backlog.h"
#include "route/route_intern.h"

#define POINT_FLAGS (TS_POINT_RELATIVE | TS_POINT_TEXT) /* those that a sample brings along */


#define SAY_EVERY_NS (10 * TS_SEC)
#define QUIET_SLABS  4 /* a switch of threads costs as much as many samples: workers hear of several slabs at once */

/* The way to a worker. Slabs that came back are kept in a stack and the last one is filled first: it is still in the cache. */
struct outlet {
    struct ts_point *next, *end; /* what is free of the open slab; NULL without one */
    struct ts_slab *slab;        /* being filled, or NULL */
    unsigned nspare;
    unsigned nquiet;             /* slabs pushed since the worker's bell was rung */
    int64_t told_ns;             /* arrival of the last slab pushed */
    struct ts_slab *spare[TS_LANE_SLABS];
};

struct ts_router {
    struct ts_router_conf conf;
    struct ts_intern *in;
    struct outlet *outlets;      /* one for each worker */
    int64_t arrival_ns;
    int64_t max_event_ns, event_seen_ns;
    struct ts_backlog *backlog;  /* with drop_old, else NULL */
    int64_t said_ns;             /* when a limit was last logged */
    bool gave_up;                /* waited block_ns in this batch already */
    struct ts_series_view view;
    struct ts_buf series;
    unsigned nidle; /* ids that workers take for idle; what finds no place is named again */
    uint32_t idle[TS_SLAB_POINTS];
};

struct ts_router *ts_router_new(const struct ts_router_conf *conf)
{
    struct ts_router *rt = ts_xalloc(sizeof *rt);
    rt->conf = *conf;
    rt->in = ts_intern_new();
    rt->outlets = ts_xalloc(conf->nworkers * sizeof *rt->outlets);
    rt->max_event_ns = rt->event_seen_ns = rt->said_ns = TS_TIME_NONE;
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
        ts_free(rt->outlets);
        TS_FREE(*router);
    }
}

/* A slab has come back. What its worker says of ids is for later: in the middle of a tile no entry may go. */
static void note_idle(struct ts_router *rt, struct ts_slab *slab)
{
    for (unsigned i = 0; i < slab->nidle && rt->nidle < TS_ARRAY_SIZE(rt->idle); i++)
        rt->idle[rt->nidle++] = slab->points[i].id;
    slab->nidle = 0;
}

/* An empty slab, or NULL. */
static struct ts_slab *take_slab(struct ts_router *rt, unsigned worker)
{
    struct outlet *out = &rt->outlets[worker];
    struct ts_slab *slab;
    while ((slab = ts_ring_pop(&rt->conf.lanes[worker].empty))) {
        note_idle(rt, slab);
        out->spare[out->nspare++] = slab;
    }
    if (out->nspare == 0)
        return NULL;
    slab = out->spare[--out->nspare];
    slab->n = 0;
    slab->end = false;
    return slab;
}

static void ring(struct ts_router *rt, unsigned worker)
{
    rt->outlets[worker].nquiet = 0;
    ts_bell_ring(rt->conf.lanes[worker].worker_bell);
}

/* Waits until there is an empty slab or the time is over. */

static struct ts_slab *wait_for_slab(struct ts_router *rt, unsigned worker, int64_t wait_ns)
{
    int64_t until = ts_clock_mono_ns() + wait_ns;
    ring(rt, worker);
    for (;;) {
        ts_bell_prepare(rt->conf.bell);
        struct ts_slab *slab = take_slab(rt, worker);
        int64_t left = until - ts_clock_mono_ns();
        if (slab || left <= 0) {
            ts_bell_cancel(rt->conf.bell);
            return slab;
        }
        ts_bell_sleep(rt->conf.bell, left);
    }
}

static void push_slab(struct ts_router *rt, unsigned worker, struct ts_slab *slab)
{
    struct ts_lane *lane = &rt->conf.lanes[worker];
    slab->arrival_ns = rt->arrival_ns;
    slab->max_event_ns = rt->max_event_ns;
    slab->event_seen_ns = rt->event_seen_ns;
    rt->outlets[worker].told_ns = rt->arrival_ns;
    if (rt->backlog) {
        ts_backlog_push(rt->backlog, worker, lane, slab);
        return;
    }
    bool pushed = ts_ring_push(&lane->full, slab);
    TS_ASSERT(pushed); /* the ring has room for every slab there is */
    if (++rt->outlets[worker].nquiet >= QUIET_SLABS)
        ring(rt, worker);
}

/* Takes the open slab, if there is one, with what was put into it. */
static struct ts_slab *close_slab(struct outlet *out)
{
    struct ts_slab *slab = out->slab;
    if (slab)
        slab->n = (uint32_t)(out->next - slab->points);
    out->slab = NULL;
    out->next = out->end = NULL;
    return slab;
}

/* Room for n entries in a new slab, or NULL. */
static TS_COLD struct ts_point *next_slab(struct ts_router *rt, unsigned worker, unsigned n)
{
    struct outlet *out = &rt->outlets[worker];
    struct ts_slab *slab = close_slab(out);
    if (slab)
        push_slab(rt, worker, slab);
    slab = take_slab(rt, worker);
    if (!slab && rt->conf.when_full == TS_FULL_BLOCK && !rt->gave_up) {
        slab = wait_for_slab(rt, worker, rt->conf.block_ns);
        rt->gave_up = !slab;
    }
    if (!slab && rt->backlog)
        slab = ts_backlog_reclaim(rt->backlog, worker);
    if (!slab)
        return NULL;
    out->slab = slab;
    out->next = slab->points + n;
    out->end = slab->points + TS_SLAB_POINTS;
    return slab->points;
}

/* Room for n entries in the worker's slab, or NULL. */
TS_INLINE struct ts_point *room(struct ts_router *rt, unsigned worker, unsigned n)
{
    struct outlet *out = &rt->outlets[worker];
    struct ts_point *pt = out->next;
    if (TS_UNLIKELY(pt + n > out->end))
        return next_slab(rt, worker, n);
    out->next = pt + n;
    return pt;
}

static void drop(struct ts_router *rt, struct ts_raw *raw, enum ts_counter reason)
{
    if (raw->flags & TS_RAW_TEXT)
        TS_FREE(raw->text);
    ts_count(rt->conf.cnt, reason, 1);
}

/* Gives the key an id and tells the worker what series that is. @return -TS_EAGAIN: judge again; 0 in *out: drop for *reason. */
static int name_series(struct ts_router *rt, struct ts_print key, uint64_t hash, enum ts_census_verdict verdict, uint64_t *out,
                       enum ts_counter *reason)
{
    struct ts_str series = ts_buf_str(&rt->series);
    struct ts_announce *announce = ts_alloc(sizeof *announce + series.len);
    *out = 0;
    *reason = TS_C_DROPPED_NO_MEMORY;
    int rc = announce ? ts_census_hold(rt->conf.census, series, hash, verdict) : -TS_ENOMEM;
    if (rc)
        goto fail_announce;
    announce->hash = hash;
    announce->len = (uint32_t)series.len;
    memcpy(announce->series, series.p, series.len);
    unsigned worker = ts_lane_worker_of(hash, rt->conf.nworkers);
    struct ts_point *pt = room(rt, worker, 1);
    if (!pt) {
        *reason = TS_C_DROPPED_RING_FULL;
        goto fail_hold;
    }
    uint64_t ref = ts_intern_add(rt->in, key, worker);
    if (!ref) {
        rt->outlets[worker].next--;
        goto fail_hold;
    }
    *pt = (struct ts_point){.id = ts_ref_id(ref), .flags = TS_POINT_SERIES, .announce = announce};
    *out = ref;
    return 0;
fail_hold:
    ts_census_release(rt->conf.census, series, hash);
fail_announce:
    ts_free(announce);
    return rc;
}

/* Once in a while: a line for each sample would not be written anyway, and cost more than the sample. */
static TS_COLD void say_full(struct ts_router *rt, enum ts_census_verdict verdict)
{
    if (rt->said_ns != TS_TIME_NONE && rt->arrival_ns - rt->said_ns < SAY_EVERY_NS)
        return;
    rt->said_ns = rt->arrival_ns;
    if (verdict == TS_CENSUS_TAG_VALUES)
        ts_log(TS_LOG_WARN, "tag_values_limit", "remedy=\"see tsagg-ctl top --cardinality, or raise limits.tag_values\"");
    else
        ts_log(TS_LOG_WARN, "series_limit", "remedy=\"see tsagg-ctl top --cardinality, or raise limits.series\"");
}

/* The ref of the series that raw's samples belong to, as far as the limits allow; 0: drop for *reason. */
static uint64_t admit(struct ts_router *rt, struct ts_print print, enum ts_counter *reason)
{
    for (;;) {
        uint64_t hash, ref = 0;
        enum ts_census_verdict verdict;
        int rc = ts_census_judge(rt->conf.census, &rt->view, &rt->series, &hash, &verdict);
        *reason = rc == -TS_ENOMEM ? TS_C_DROPPED_NO_MEMORY : TS_C_DROPPED_SERIES_TOO_LONG;
        if (rc)
            return 0;
        if (verdict != TS_CENSUS_OWN)
            say_full(rt, verdict);
        *reason = TS_C_DROPPED_SERIES_LIMIT;
        if (verdict == TS_CENSUS_REFUSED)
            return 0;
        /* The key of a sample that goes elsewhere is not kept: there may be no end of them. */
        if (verdict != TS_CENSUS_OWN) {
            struct ts_raw key = {.head = rt->series.p,
                                 .head_len = (uint32_t)rt->series.len,
                                 .kind = (uint8_t)rt->view.kind,
                                 .flags = TS_RAW_CANONICAL};
            print = rt->in->hash(rt->in, &key);
            ref = ts_intern_find(rt->in, print);
        }
        if (!ref) {
            rc = name_series(rt, print, hash, verdict, &ref, reason);
            if (rc == -TS_EAGAIN)
                continue;
        }
        if (ref && verdict != TS_CENSUS_OWN)
            ts_count(rt->conf.cnt, verdict == TS_CENSUS_SERIES ? TS_C_OVERFLOWED_SERIES : TS_C_OVERFLOWED_TAG_VALUES, 1);
        return ref;
    }
}

/* A key that was not there when its tile came: find out its series. @return 0: the sample has been counted. */
static TS_COLD uint64_t introduce(struct ts_router *rt, struct ts_tile *tile, unsigned i)
{
    struct ts_raw *raw = &tile->raw[i];
    enum ts_counter reason = TS_C_DROPPED_SERIES_LIMIT;
    struct ts_print print = rt->in->hash(rt->in, raw);
    uint64_t ref = ts_intern_find(rt->in, print);
    if (ref)
        return ref;
    if (rt->in->count < 2 * rt->conf.series_limit + 1024) { /* a series may be written in many ways */
        if (tile->resolve(tile, i, &rt->view) != 0) {
            if (raw->flags & TS_RAW_TEXT)
                TS_FREE(raw->text);
            return 0;
        }
        ref = admit(rt, print, &reason);
    }
    if (!ref)
        drop(rt, raw, reason);
    return ref;
}

static bool has_room(const struct ts_router *rt, unsigned worker)
{
    const struct outlet *out = &rt->outlets[worker];
    return out->next < out->end || out->nspare > 0 || ts_ring_count(&rt->conf.lanes[worker].empty) > 0;
}

/* Forgets keys that nothing came for in a long time and tells their workers. A sample that comes after all is a first sight again. */
static void retire_idle(struct ts_router *rt)
{
    while (rt->nidle) {
        uint64_t ref = ts_intern_by_id(rt->in, rt->idle[rt->nidle - 1]);
        if (ref) {
            struct ts_point *pt = has_room(rt, ts_ref_worker(ref)) ? room(rt, ts_ref_worker(ref), 1) : NULL;
            if (!pt)
                return;
            *pt = (struct ts_point){.id = ts_ref_id(ref), .flags = TS_POINT_RETIRED};
            ts_intern_remove(rt->in, ts_ref_id(ref));
        }
        rt->nidle--;
    }
}

/* Samples with a time or a weight of their own take two entries. */
static bool emit_ext(struct ts_router *rt, uint64_t ref, struct ts_raw *raw)
{
    int64_t time_ns = TS_TIME_NONE;
    if (raw->flags & TS_RAW_TIME) {
        time_ns = raw->time_ns;
        if (rt->conf.skew)
            ts_skew_note(rt->conf.skew, raw, rt->arrival_ns);
        if (time_ns > rt->arrival_ns && time_ns - rt->arrival_ns > rt->conf.future_ns) {
            if (rt->conf.skew)
                ts_skew_count(&rt->conf.skew->future);
            drop(rt, raw, TS_C_DROPPED_FUTURE);
            return true;
        }
        if (time_ns < TS_TIME_FIRST) {
            drop(rt, raw, TS_C_DROPPED_LATE);
            return true;
        }
    }
    struct ts_point *pt = room(rt, ts_ref_worker(ref), 2);
    if (!pt)
        return false;
    if (time_ns != TS_TIME_NONE) {
        rt->max_event_ns = TS_MAX(rt->max_event_ns, time_ns);
        rt->event_seen_ns = rt->arrival_ns;
    }
    pt->id = ts_ref_id(ref);
    pt->flags = TS_POINT_EXT | (raw->flags & POINT_FLAGS);
    pt->bits = raw->bits;
    struct ts_point_ext ext = {time_ns, raw->weight};
    memcpy(pt + 1, &ext, sizeof ext);
    return true;
}

/* A sample without time and weight, which most are. */
TS_INLINE void put(struct ts_point *pt, uint64_t ref, const struct ts_raw *raw)
{
    pt->id = ts_ref_id(ref);
    pt->flags = raw->flags & POINT_FLAGS;
    pt->bits = raw->bits;
}

static bool emit(struct ts_router *rt, uint64_t ref, struct ts_raw *raw)
{
    if (raw->flags & (TS_RAW_TIME | TS_RAW_WEIGHT))
        return emit_ext(rt, ref, raw);
    struct ts_point *pt = room(rt, ts_ref_worker(ref), 1);
    if (pt)
        put(pt, ref, raw);
    return pt != NULL;
}

/* Samples from tile->raw[i] on without time and weight, of known series, as far as the only worker's slab has room. @return the first
 * other one. */
static unsigned put_plain(struct outlet *out, const struct ts_tile *tile, const uint64_t refs[TS_TILE_MAX], unsigned i)
{
    struct ts_point *pt = out->next, *end = out->end;
    const struct ts_raw *raw = &tile->raw[i];
    for (; i < tile->n && pt < end && refs[i] && !(raw->flags & (TS_RAW_TIME | TS_RAW_WEIGHT)); i++)
        put(pt++, refs[i], raw++);
    out->next = pt;
    return i;
}

void ts_router_tile(struct ts_tile *tile, void *router)
{
    struct ts_router *rt = router;
    uint64_t refs[TS_TILE_MAX];
    struct outlet *outlets = rt->outlets;
    bool alone = rt->conf.nworkers == 1;
    rt->in->look_up(rt->in, tile, refs);
    for (unsigned i = 0; i < tile->n; i++) {
        if (alone && (i = put_plain(outlets, tile, refs, i)) == tile->n)
            break;
        struct ts_raw *raw = &tile->raw[i];
        uint64_t ref = refs[i];
        if (TS_UNLIKELY(!ref) && !(ref = introduce(rt, tile, i)))
            continue;
        struct outlet *out = &outlets[ts_ref_worker(ref)];
        if (TS_LIKELY(out->next < out->end && !(raw->flags & (TS_RAW_TIME | TS_RAW_WEIGHT))))
            put(out->next++, ref, raw);
        else if (TS_UNLIKELY(!emit(rt, ref, raw)))
            drop(rt, raw, TS_C_DROPPED_RING_FULL);
    }
}

void ts_router_begin(struct ts_router *rt, int64_t arrival_ns)
{
    rt->arrival_ns = TS_MAX(rt->arrival_ns, arrival_ns);
    rt->gave_up = false;
}

void ts_router_flush(struct ts_router *rt, bool more)
{
    retire_idle(rt);
    for (unsigned w = 0; w < rt->conf.nworkers; w++) {
        /* A worker that is behind has plenty to read: a slab goes when it is full, or with the next tick. */
        if (rt->backlog && ts_backlog_advance(rt->backlog, w, &rt->conf.lanes[w]))
            continue;
        struct ts_slab *slab = close_slab(&rt->outlets[w]);
        if (slab)
            push_slab(rt, w, slab);
        if (!more && rt->outlets[w].nquiet)
            ring(rt, w);
    }
}

void ts_router_tick(struct ts_router *rt, int64_t now_ns)
{
    ts_router_begin(rt, now_ns);
    retire_idle(rt);
    for (unsigned w = 0; w < rt->conf.nworkers; w++) {
        if (rt->backlog)
            (void)ts_backlog_advance(rt->backlog, w, &rt->conf.lanes[w]);
        if (rt->arrival_ns - rt->outlets[w].told_ns < ts_clock_to_tick(rt->outlets[w].told_ns)) /* it has heard of this tick */
            continue;
        struct ts_slab *slab = close_slab(&rt->outlets[w]);
        if (!slab)
            slab = take_slab(rt, w);
        if (slab) /* without one the worker has plenty to read, and will hear of the time with that */
            push_slab(rt, w, slab);
        ring(rt, w);
    }
}

void ts_router_end(struct ts_router *rt)
{
    for (unsigned w = 0; w < rt->conf.nworkers; w++) {
        if (rt->backlog)
            ts_backlog_flush(rt->backlog, w, &rt->conf.lanes[w]);
        struct ts_slab *slab = close_slab(&rt->outlets[w]);
        if (!slab)
            slab = wait_for_slab(rt, w, INT64_MAX / 2);
        slab->end = true;
        push_slab(rt, w, slab);
        ring(rt, w);
        if (rt->backlog) /* the ring may hold what the flush gave */
            ts_backlog_flush(rt->backlog, w, &rt->conf.lanes[w]);
    }
}
