/*
 * Points of a slab into panes. Thread: worker. The plain case (a timing, counter or field, placed by arrival) touches the id
 * table, the pane, and nothing else, and is done in groups. Late samples follow the rule's policy; what no
 * rule takes is dropped by reason.
 */
#include "config.h"
#include "window/window_priv.h"

#include "core/mem.h"

#define GROUP TS_WINDOW_GROUP

static bool know_chunk(struct ts_worker *wk, uint32_t slot)
{
    uint32_t index = slot / TS_CHUNK_PANES;
    if (index < wk->nevent_chunks)
        return true;
    uint32_t n = TS_MAX(index + 1, wk->nevent_chunks * 2);
    if (wk->masks) {
        uint64_t *masks = ts_resize(wk->masks, (size_t)n * TS_CHUNK_PANES * sizeof *masks);
        if (!masks)
            return false;
        wk->masks = masks;
    }
    uint8_t *more = ts_resize(wk->event_chunks, n);
    if (!more)
        return false;
    memset(more + wk->nevent_chunks, 0, n - wk->nevent_chunks);
    wk->event_chunks = more;
    wk->nevent_chunks = n;
    return true;
}

static uint32_t find_slot(struct ts_worker *wk, const struct ts_announce *announce, int64_t arrival_ns)
{
    bool added;
    uint32_t slot = ts_series_table_get(&wk->series, announce, &added);
    if (slot == TS_SLOT_REFUSED)
        return TS_SLOT_REFUSED;
    struct ts_slot *sl = &wk->series.slots[slot];
    if (!know_chunk(wk, slot)) {
        ts_worker_leave(wk, slot);
        return TS_SLOT_REFUSED;
    }
    if (added && wk->masks)
        wk->masks[slot] = ts_worker_match(wk, (struct ts_str){sl->series, sl->len});
    if (sl->ids == 0)
        ts_slot_saw(sl, TS_MAX(wk->clock_ns, arrival_ns));
    sl->ids++;
    if (added)
        ts_count(wk->cnt, TS_C_SERIES_CREATED, 1);
    return slot | TS_SLOT_SPECIAL;
}

/* "id stands for this series". Without memory for the id its samples are refused like those of a refused series. */
static void learn(struct ts_worker *wk, struct ts_source *src, const struct ts_point *pt, int64_t arrival_ns)
{
    if (pt->id >= src->nslots) {
        uint32_t n = TS_MAX(pt->id + 1, TS_MAX(src->nslots * 2, 1024));
        uint32_t *slots = ts_resize(src->slots, n * sizeof *slots);
        if (slots) {
            for (uint32_t i = src->nslots; i < n; i++)
                slots[i] = TS_SLOT_REFUSED;
            src->slots = slots;
            src->nslots = n;
        }
    }
    ts_worker_retire(wk, src, pt->id);
    uint32_t slot = pt->id < src->nslots ? find_slot(wk, pt->announce, arrival_ns) : TS_SLOT_REFUSED;
    if (pt->id < src->nslots)
        src->slots[pt->id] = slot;
    if (slot == TS_SLOT_REFUSED)
        ts_census_release(wk->conf.census, (struct ts_str){pt->announce->series, pt->announce->len}, pt->announce->hash);
    ts_free(pt->announce);
}

/* The series has its first sample with a time of its own: from now on the watermark seals it. */
static void move_to_event_time(struct ts_worker *wk, uint32_t slot)
{
    struct ts_slot *sl = &wk->series.slots[slot];
    uint32_t index = slot / TS_CHUNK_PANES;
    sl->flags |= TS_SLOT_EVENT;
    wk->event_chunks[index] = 1;
    for (unsigned r = 0; r < wk->nrules; r++) {
        for (struct ts_window *win = wk->rules[r].windows; win; win = win->next) {
            struct ts_pane_chunk *ch = index < win->nchunks ? win->chunks[index] : NULL;
            if (ch && ch != TS_CHUNK_GONE && ch->panes[slot % TS_CHUNK_PANES].stats.count != 0) {
                ch->event = true;
                win->used[TS_DOMAIN_EVENT] = true;
            }
        }
    }
}

static TS_COLD void count_verdict(struct ts_worker *wk, enum ts_verdict verdict)
{
    switch (verdict) {
    case TS_TAKEN: break;
    case TS_TAKEN_LATE: ts_count(wk->cnt, TS_C_LATE_CORRECTED, 1); break;
    case TS_TAKEN_ASIDE: ts_count(wk->cnt, TS_C_LATE_SIDE, 1); break;
    case TS_TOO_LATE:
        ts_count(wk->cnt, TS_C_LATE_DROPPED, 1);
        ts_count(wk->cnt, TS_C_DROPPED_LATE, 1);
        break;
    case TS_NO_MEMORY: ts_count(wk->cnt, TS_C_DROPPED_NO_MEMORY, 1); break;
    case TS_NO_RULE: ts_count(wk->cnt, TS_C_DROPPED_NO_ROLLUP, 1); break;
    }
}

static bool is_plain_kind(uint8_t kind)
{
    return kind == TS_KIND_COUNTER || kind == TS_KIND_TIMING || kind == TS_KIND_FIELD;
}

/* Settles where the series lives: sets flags, and smp->timed and time_ns for a sample placed by arrival. */
static void place(struct ts_worker *wk, struct ts_source *src, const struct ts_slab *slab, uint32_t id,
                  struct ts_placed *smp)
{
    struct ts_slot *sl = &wk->series.slots[smp->slot];
    if (smp->timed) {
        if (!(sl->flags & TS_SLOT_EVENT)) {
            sl->flags &= (uint8_t)~TS_SLOT_KEPT; /* what it kept and closed_ns share a place */
            sl->closed_ns = sl->flags & TS_SLOT_ARRIVAL ? wk->clock_ns : TS_TIME_NONE;
            move_to_event_time(wk, smp->slot);
        }
        if (is_plain_kind(sl->kind) && sl->closed_ns == TS_TIME_NONE)
            src->slots[id] = smp->slot | TS_SLOT_TIMED;
        return;
    }
    smp->time_ns = slab->arrival_ns;
    if (sl->flags & TS_SLOT_EVENT) {
        smp->timed = true;
        return;
    }
    sl->flags |= TS_SLOT_ARRIVAL;
    if (is_plain_kind(sl->kind))
        src->slots[id] = smp->slot; /* the plain way from now on */
}

static bool refuse_unmatched(struct ts_worker *wk, const struct ts_point *pt, uint32_t slot)
{
    if (wk->series.slots[slot].kind == TS_KIND_STRING)
        ts_free(pt->text);
    ts_count(wk->cnt, TS_C_DROPPED_NO_ROLLUP, 1);
    return false;
}

/* @return whether a rule took it. The best verdict of all rules is the sample's. */
static bool add_special(struct ts_worker *wk, struct ts_source *src, const struct ts_slab *slab,
                        const struct ts_point *pt, struct ts_point_ext ext, uint32_t slot)
{
    struct ts_slot *sl = &wk->series.slots[slot];
    if (wk->masks && !wk->masks[slot])
        return refuse_unmatched(wk, pt, slot);
    struct ts_placed smp = {.slot = slot,
                         .timed = ext.time_ns != TS_TIME_NONE,
                         .time_ns = ext.time_ns,
                         .weight = ext.weight,
                         .bits = pt->bits};
    place(wk, src, slab, pt->id, &smp);
    if (sl->kind == TS_KIND_GAUGE) {
        sl->gauge = pt->flags & TS_POINT_RELATIVE ? sl->gauge + pt->value : pt->value;
        smp.value = sl->gauge;
    }
    enum ts_verdict best = TS_NO_RULE;
    for (unsigned r = 0; r < wk->nadding; r++) {
        if (!ts_rule_matches(wk, &wk->rules[r], slot))
            continue;
        enum ts_verdict verdict = ts_rule_add(wk, &wk->rules[r], &smp, slab->arrival_ns);
        best = TS_MIN(best, verdict);
    }
    if (sl->kind == TS_KIND_STRING)
        ts_free(pt->text);
    if (TS_UNLIKELY(best != TS_TAKEN))
        count_verdict(wk, best);
    return best <= TS_TAKEN_ASIDE;
}

static bool takes_arrival(const struct ts_rule *rule, int64_t arrival_ns)
{
    return rule->nderived || ts_rule_owns(rule, ts_rule_floor(rule, arrival_ns), TS_DOMAIN_ARRIVAL);
}

/* Why no rule has added the sample. */
static TS_COLD enum ts_verdict why_untaken(const struct ts_worker *wk, uint32_t slot, int64_t arrival_ns)
{
    for (unsigned r = 0; r < wk->nadding; r++)
        if (ts_rule_matches(wk, &wk->rules[r], slot) && takes_arrival(&wk->rules[r], arrival_ns))
            return TS_NO_MEMORY;
    return TS_NO_RULE;
}

/* The plain way. @return false without memory, or when no rule has the time. */
TS_INLINE bool add_plain(struct ts_worker *wk, const struct ts_slab *slab, uint32_t slot, double value, double weight)
{
    bool taken = false;
    for (unsigned r = 0; r < wk->nadding; r++) {
        struct ts_rule *rule = &wk->rules[r];
        if (!ts_rule_matches(wk, rule, slot))
            continue;
        struct ts_window *win = rule->arrival;
        if (TS_UNLIKELY(!win)) {
            win = rule->arrival = takes_arrival(rule, slab->arrival_ns) ? ts_rule_window(rule, slab->arrival_ns) : NULL;
            if (!win)
                continue;
        }
        struct ts_pane_chunk *ch = ts_window_chunk(win, slot);
        if (TS_LIKELY(ch && ch != TS_CHUNK_GONE)) {
            ts_stats_add(&ch->panes[slot % TS_CHUNK_PANES].stats, value, weight);
            if (rule->wants)
                ts_window_add_wanted(wk, rule, ch, slot, value, weight, slab->arrival_ns);
            win->used[TS_DOMAIN_ARRIVAL] = true;
            wk->adds++;
            taken = true;
        }
    }
    return taken;
}

static TS_COLD void refuse(struct ts_worker *wk, const struct ts_point *pt)
{
    if (pt->flags & TS_POINT_TEXT)
        ts_free(pt->text);
    ts_count(wk->cnt, TS_C_DROPPED_SERIES_LIMIT, 1);
}

/*
 * A group of plain points under a single rule: first all panes' addresses, so that their cache misses overlap, then all
 * additions. @return false: something in the group is not plain, and nothing has been done.
 */
TS_INLINE bool add_plain_group(struct ts_worker *wk, const struct ts_source *src, const struct ts_point *points)
{
    struct ts_window *win = wk->rules[0].arrival;
    struct ts_stats *panes[GROUP];
    uint32_t special = 0;
    if (!win)
        return false;
    const uint32_t *slots = src->slots, nslots = src->nslots, nchunks = win->nchunks;
    const uint8_t *event_chunks = wk->event_chunks;
    struct ts_pane_chunk **chunks = win->chunks;
    for (unsigned i = 0; i < GROUP; i++) {
        uint32_t id = points[i].id;
        if (TS_UNLIKELY(id >= nslots))
            return false;
        uint32_t slot = slots[id], index = slot / TS_CHUNK_PANES;
        if (TS_UNLIKELY(index >= nchunks)) /* above all when the slot is special */
            return false;
        struct ts_pane_chunk *ch = chunks[index];
        if (TS_UNLIKELY((uintptr_t)ch <= (uintptr_t)TS_CHUNK_GONE))
            return false;
        special |= points[i].flags | event_chunks[index];
        panes[i] = &ch->panes[slot % TS_CHUNK_PANES].stats;
        __builtin_prefetch(panes[i], 1);
    }
    if (special)
        return false;
    for (unsigned i = 0; i < GROUP; i++)
        ts_stats_add(panes[i], points[i].value, 1);
    win->used[TS_DOMAIN_ARRIVAL] = true;
    return true;
}

/* The window that most samples in event time fall into, when they can be added without a look at anything but their panes. */
static struct ts_window *timed_window(const struct ts_worker *wk)
{
    const struct ts_rule *rule = &wk->rules[0];
    struct ts_window *win = rule->recent;
    int64_t wm = ts_worker_watermark(wk, rule);
    bool open = win && win->state[TS_DOMAIN_EVENT] == TS_WINDOW_OPEN && (wm == TS_TIME_NONE || win->end_ns > wm);
    return open && !rule->tracks_last ? win : NULL;
}

/* The same for points with a time (or a weight) and an extension each, all of which fall into one open window. */
TS_INLINE bool add_timed_group(struct ts_worker *wk, const struct ts_source *src, const struct ts_point *points)
{
    struct ts_window *win = timed_window(wk);
    struct ts_stats *panes[GROUP / 2];
    struct ts_point_ext ext[GROUP / 2];
    if (!win)
        return false;
    for (unsigned i = 0; i < GROUP / 2; i++) {
        const struct ts_point *pt = &points[2 * i];
        uint32_t slot = pt->id < src->nslots ? src->slots[pt->id] : 0;
        memcpy(&ext[i], pt + 1, sizeof ext[i]);
        if (TS_UNLIKELY(pt->flags != TS_POINT_EXT || !(slot & TS_SLOT_TIMED) || slot & TS_SLOT_SPECIAL ||
                        ext[i].time_ns < win->start_ns || ext[i].time_ns >= win->end_ns))
            return false;
        slot &= ~TS_SLOT_TIMED;
        uint32_t index = slot / TS_CHUNK_PANES;
        struct ts_pane_chunk *ch = index < win->nchunks ? win->chunks[index] : NULL;
        if (TS_UNLIKELY((uintptr_t)ch <= (uintptr_t)TS_CHUNK_GONE || !ch->event))
            return false;
        panes[i] = &ch->panes[slot % TS_CHUNK_PANES].stats;
        __builtin_prefetch(panes[i], 1);
    }
    for (unsigned i = 0; i < GROUP / 2; i++)
        ts_stats_add(panes[i], points[2 * i].value, ext[i].weight);
    win->used[TS_DOMAIN_EVENT] = true;
    return true;
}

/* A group of GROUP entries. @return the samples that it was, or 0: it is not of one kind, and nothing has been done. */
TS_INLINE unsigned add_group(struct ts_worker *wk, const struct ts_source *src, const struct ts_point *points)
{
    uint32_t wants = wk->rules[0].wants;
    if (TS_UNLIKELY(wants))
        return wants == TS_WANTS_SKETCH && ts_window_add_sketched_group(wk, src, points) ? GROUP : 0;
    if (TS_LIKELY(!(points->flags & TS_POINT_EXT)))
        return add_plain_group(wk, src, points) ? GROUP : 0;
    return add_timed_group(wk, src, points) ? GROUP / 2 : 0;
}

/* Any point. @return the entries that it took: 1, or 2 with its extension. */
static uint32_t add_point(struct ts_worker *wk, struct ts_source *src, const struct ts_slab *slab,
                          const struct ts_point *pt, uint64_t *aggregated)
{
    struct ts_point_ext ext = {TS_TIME_NONE, 1};
    uint32_t used = 1;
    if (pt->flags & TS_POINT_EXT) {
        memcpy(&ext, pt + 1, sizeof ext);
        used = 2;
    }
    if (TS_UNLIKELY(pt->flags & TS_POINT_SERIES)) {
        learn(wk, src, pt, slab->arrival_ns);
        return used;
    }
    if (TS_UNLIKELY(pt->flags & TS_POINT_RETIRED)) {
        ts_worker_retire(wk, src, pt->id);
        return used;
    }
    uint32_t slot = TS_LIKELY(pt->id < src->nslots) ? src->slots[pt->id] : TS_SLOT_REFUSED;
    if (TS_UNLIKELY(slot == TS_SLOT_REFUSED)) {
        refuse(wk, pt);
    } else if (slot < TS_SLOT_TIMED && ext.time_ns == TS_TIME_NONE &&
               !wk->event_chunks[slot / TS_CHUNK_PANES]) {
        if (TS_LIKELY(add_plain(wk, slab, slot, pt->value, ext.weight)))
            ++*aggregated;
        else
            count_verdict(wk, why_untaken(wk, slot, slab->arrival_ns));
    } else {
        *aggregated += add_special(wk, src, slab, pt, ext, slot & ~TS_SLOT_MARKS);
    }
    return used;
}

void ts_worker_add_slab(struct ts_worker *wk, struct ts_source *src, const struct ts_slab *slab)
{
    uint64_t aggregated = 0;
    wk->adds = 0;
    for (unsigned r = 0; r < wk->nadding; r++) {
        struct ts_window *win = wk->rules[r].arrival;
        if (win && (slab->arrival_ns < win->start_ns || slab->arrival_ns >= win->end_ns))
            wk->rules[r].arrival = NULL;
    }
    for (uint32_t i = 0; i < slab->n;) {
        unsigned added = wk->nadding == 1 && i + GROUP <= slab->n ? add_group(wk, src, &slab->points[i]) : 0;
        if (TS_LIKELY(added)) {
            aggregated += added;
            wk->adds += added;
            i += GROUP;
            continue;
        }
        for (uint32_t end = TS_MIN(i + GROUP, slab->n); i < end;)
            i += add_point(wk, src, slab, &slab->points[i], &aggregated);
    }
    ts_count(wk->cnt, TS_C_SAMPLES_AGGREGATED, aggregated);
    ts_count(wk->cnt, TS_C_PANE_ADDS, wk->adds);
}
