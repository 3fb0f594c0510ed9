/*
 * Points of a slab into panes. Thread: worker. The plain case (a timing, counter or field, placed by arrival) touches the id
 * table, the pane, and nothing else, and is done in groups. Late samples follow the rule's policy; what no
 * rule takes is dropped by reason.
 */
#include "config.h"
#include "window/window_rule.h"

#include "core/mem.h"

#define GROUP 8  /* plain points that are added together: a core has some ten cache lines under way at a time */
#define STEP  16 /* entries after which a group is tried again when the last one was not of one kind; of points with a time a group */

static bool know_chunk(struct ts_worker *wk, uint32_t slot)
{
    uint32_t index = slot / TS_CHUNK_PANES;
    if (index < wk->nevent_chunks)
        return true;
    uint32_t n = TS_MAX(index + 1, wk->nevent_chunks * 2);
    for (struct ts_rule_set *set = wk->sets; set; set = set->next)
        if (set->masks && !ts_rule_set_grow(set, n * TS_CHUNK_PANES))
            return false;
    wk->masks = wk->last->masks;
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
    for (struct ts_rule_set *set = added ? wk->sets : NULL; set; set = set->next)
        if (set->masks)
            set->masks[slot] = ts_rule_set_match(set, (struct ts_str){sl->series, sl->len});
    if (sl->ids == 0)
        ts_slot_saw(sl, TS_MAX(wk->clock_ns, arrival_ns));
    sl->ids++;
    if (added)
        ts_count(wk->cnt, TS_C_SERIES_CREATED, 1);
    return slot | TS_SLOT_SPECIAL;
}

/* "id stands for this series". Without memory for the id its samples are refused like those of a refused series. */
uint32_t ts_worker_learn(struct ts_worker *wk, struct ts_source *src, uint32_t id, struct ts_announce *announce, int64_t arrival_ns)
{
    if (id >= src->nslots) {
        uint32_t n = TS_MAX(id + 1, TS_MAX(src->nslots * 2, 1024));
        uint32_t *slots = ts_pages_grow(src->slots, src->nslots * sizeof *slots, n * sizeof *slots);
        if (slots) {
            for (uint32_t i = src->nslots; i < n; i++)
                slots[i] = TS_SLOT_REFUSED;
            src->slots = slots;
            src->nslots = n;
        }
    }
    ts_worker_retire(wk, src, id);
    uint32_t slot = id < src->nslots ? find_slot(wk, announce, arrival_ns) : TS_SLOT_REFUSED;
    if (id < src->nslots)
        src->slots[id] = slot;
    if (slot == TS_SLOT_REFUSED)
        ts_census_release(wk->conf.census, (struct ts_str){announce->series, announce->len}, announce->hash);
    ts_free(announce);
    return slot == TS_SLOT_REFUSED ? slot : slot & ~TS_SLOT_MARKS;
}

/* The series has its first sample with a time of its own: from now on the watermark seals it. */
static void move_to_event_time(struct ts_worker *wk, uint32_t slot)
{
    struct ts_slot *sl = &wk->series.slots[slot];
    uint32_t index = slot / TS_CHUNK_PANES;
    sl->flags |= TS_SLOT_EVENT;
    wk->event_chunks[index] = 1;
    for (unsigned r = 0; r < wk->nrules; r++) {
        for (struct ts_window *win = wk->rules[r]->windows; win; win = win->next) {
            struct ts_pane_chunk *ch = index < win->nchunks ? win->chunks[index] : NULL;
            if (ch && ch != TS_CHUNK_GONE && ts_chunk_pane(ch, slot)->stats.count != 0) {
                ch->event = true;
                win->used[TS_DOMAIN_EVENT] = true;
            }
        }
    }
}

static TS_COLD void count_verdict(struct ts_worker *wk, const struct ts_source *src, enum ts_verdict verdict)
{
    if (verdict < TS_NO_MEMORY && src->lane->skew)
        ts_skew_count(&src->lane->skew->late);
    switch (verdict) {
    case TS_TAKEN: break;
    case TS_TAKEN_LATE: ts_count(wk->cnt, TS_C_LATE_CORRECTED, 1); break;
    case TS_TAKEN_ASIDE: ts_count(wk->cnt, TS_C_LATE_SIDE, 1); break;
    case TS_TOO_LATE:
        ts_count(wk->cnt, TS_C_LATE_DROPPED, 1);
        ts_count(wk->cnt, TS_C_DROPPED_LATE, 1);
        break;
    case TS_NO_MEMORY: ts_count(wk->cnt, TS_C_DROPPED_NO_MEMORY, 1); break;
    case TS_NOT_TAKEN: ts_count(wk->cnt, TS_C_DROPPED_NO_ROLLUP, 1); break;
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
    if (wk->masks && !wk->masks[slot] && ts_worker_matches_none(wk, slot))
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
    enum ts_verdict best = TS_NOT_TAKEN;
    for (unsigned r = 0; r < wk->nadding; r++) {
        if (!ts_rule_matches(wk->rules[r], slot))
            continue;
        enum ts_verdict verdict = ts_rule_add(wk, wk->rules[r], &smp, slab->arrival_ns);
        best = TS_MIN(best, verdict);
    }
    if (sl->kind == TS_KIND_STRING)
        ts_free(pt->text);
    if (TS_UNLIKELY(best != TS_TAKEN))
        count_verdict(wk, src, best);
    return best <= TS_TAKEN_ASIDE;
}

/* The plain way. @return false without memory. */
TS_INLINE bool add_plain(struct ts_worker *wk, const struct ts_slab *slab, uint32_t slot, double value, double weight)
{
    bool taken = false;
    for (unsigned r = 0; r < wk->nadding; r++) {
        struct ts_rule *rule = wk->rules[r];
        if (!ts_rule_matches(rule, slot))
            continue;
        if (TS_UNLIKELY(rule->sessions)) {
            struct ts_placed smp = {.slot = slot, .time_ns = slab->arrival_ns, .weight = weight, .value = value};
            taken |= ts_session_add(wk, rule, &smp, slab->arrival_ns) == TS_TAKEN;
            continue;
        }
        struct ts_window *win = rule->arrival;
        if (TS_UNLIKELY(!win)) {
            win = rule->arrival = ts_rule_window(rule, slab->arrival_ns);
            if (!win)
                continue;
        }
        struct ts_pane_chunk *ch = ts_window_chunk(win, slot);
        if (TS_LIKELY(ch && ch != TS_CHUNK_GONE)) {
            ts_stats_add(&ts_chunk_pane(ch, slot)->stats, value, weight);
            if (rule->wants)
                ts_window_add_wanted(wk, rule, ch, slot, value, weight, slab->arrival_ns);
            win->used[TS_DOMAIN_ARRIVAL] = true;
            wk->adds++;
            taken = true;
        }
    }
    return taken;
}

/* No rule has taken it. */
static TS_COLD void refuse_plain(struct ts_worker *wk, const struct ts_source *src, const struct ts_slab *slab, uint32_t slot)
{
    bool taken = false;
    for (unsigned r = 0; r < wk->nadding; r++) {
        const struct ts_rule *rule = wk->rules[r];
        int64_t at_ns = rule->sessions ? slab->arrival_ns : ts_rule_floor(rule, slab->arrival_ns);
        taken |= ts_rule_matches(rule, slot) && ts_span_has(&rule->taken, at_ns);
    }
    count_verdict(wk, src, taken ? TS_NO_MEMORY : TS_NOT_TAKEN);
}

static TS_COLD void refuse(struct ts_worker *wk, const struct ts_point *pt)
{
    if (pt->flags & TS_POINT_TEXT)
        ts_free(pt->text);
    ts_count(wk->cnt, TS_C_DROPPED_SERIES_LIMIT, 1);
}

/* Panes of a group of plain points. @return false: something in the group is not plain. */
TS_INLINE bool find_plain_group(const struct ts_worker *wk, const struct ts_window *win, const struct ts_source *src,
                                const struct ts_point *points, struct ts_stats *panes[GROUP])
{
    uint32_t special = 0;
    const uint32_t *slots = src->slots, nslots = src->nslots, nchunks = win->nchunks;
    const uint8_t *event_chunks = wk->event_chunks;
    struct ts_pane_chunk **chunks = win->chunks;
    for (unsigned i = 0; i < GROUP; i++) {
        uint64_t id = points[i].id | (uint64_t)points[i].flags << 32;
        if (TS_UNLIKELY(id >= nslots)) /* or it has flags */
            return false;
        uint32_t slot = slots[id], index = slot / TS_CHUNK_PANES;
        if (TS_UNLIKELY(index >= nchunks)) /* above all when the slot is special */
            return false;
        struct ts_pane_chunk *ch = chunks[index];
        if (TS_UNLIKELY((uintptr_t)ch <= (uintptr_t)TS_CHUNK_GONE))
            return false;
        special |= event_chunks[index];
        panes[i] = &ts_chunk_pane_alone(ch, slot)->stats;
        __builtin_prefetch(panes[i], 1);
    }
    return special == 0;
}

TS_INLINE void fetch_slots(const struct ts_source *src, const struct ts_point *points)
{
    for (unsigned i = 0; i < GROUP; i++)
        __builtin_prefetch(&src->slots[points[i].id]);
}

/*
 * Groups of plain points under a single rule, up to the first group that is something else: while one is added, the panes of the next
 * are on their way into the cache, and the slots of the one after that. @return the points added.
 */
static uint32_t add_plain_groups(struct ts_worker *wk, const struct ts_source *src, const struct ts_point *points, uint32_t n)
{
    struct ts_window *win = wk->rules[0]->arrival;
    struct ts_stats *panes[2][GROUP];
    bool many = src->nslots > TS_MANY_IDS;
    uint32_t done = 0;
    if (!win || !find_plain_group(wk, win, src, points, panes[0]))
        return 0;
    for (unsigned now = 0;; now ^= 1) {
        const struct ts_point *group = points + done;
        if (many && done + 3 * GROUP <= n)
            fetch_slots(src, group + 2 * GROUP);
        bool more = done + 2 * GROUP <= n && find_plain_group(wk, win, src, group + GROUP, panes[now ^ 1]);
        for (unsigned i = 0; i < GROUP; i++)
            ts_stats_add(panes[now][i], group[i].value, 1);
        done += GROUP;
        if (!more)
            break;
    }
    win->used[TS_DOMAIN_ARRIVAL] = true;
    return done;
}

/* The window that most samples in event time fall into, when they can be added without a look at anything but their panes. */
static struct ts_window *timed_window(const struct ts_worker *wk)
{
    const struct ts_rule *rule = wk->rules[0];
    struct ts_window *win = rule->recent;
    int64_t wm = ts_worker_watermark(wk, rule);
    bool open = win && win->state[TS_DOMAIN_EVENT] == TS_WINDOW_OPEN && !win->mixed && (wm == TS_TIME_NONE || win->end_ns > wm);
    return open && !rule->tracks_last ? win : NULL;
}

/* The same for points with a time (or a weight) and an extension each, all of which fall into one open window. */
TS_INLINE bool add_timed_group(struct ts_worker *wk, const struct ts_source *src, const struct ts_point *points)
{
    struct ts_window *win = timed_window(wk);
    struct ts_stats *panes[STEP / 2];
    struct ts_point_ext ext[STEP / 2];
    if (!win)
        return false;
    for (unsigned i = 0; i < STEP / 2; i++) {
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
        panes[i] = &ts_chunk_pane_alone(ch, slot)->stats;
        __builtin_prefetch(panes[i], 1);
    }
    for (unsigned i = 0; i < STEP / 2; i++)
        ts_stats_add(panes[i], points[2 * i].value, ext[i].weight);
    win->used[TS_DOMAIN_EVENT] = true;
    return true;
}

/* Panes and sketches of the next group, whatever it is, into the cache: worth its price when there are many. */
static void fetch_group(const struct ts_source *src, const struct ts_window *win, const struct ts_point *points)
{
    for (unsigned i = 0; win && i < STEP; i++) {
        uint32_t id = points[i].id, slot = id < src->nslots ? src->slots[id] & ~TS_SLOT_MARKS : 0, index = slot / TS_CHUNK_PANES;
        struct ts_pane_chunk *ch = index < win->nchunks ? win->chunks[index] : NULL;
        if ((uintptr_t)ch <= (uintptr_t)TS_CHUNK_GONE)
            continue;
        __builtin_prefetch(ts_chunk_pane(ch, slot), 1);
        if (ch->sketched)
            __builtin_prefetch(ts_chunk_sketch(ch, slot), 1);
    }
}

/*
 * Groups under a single rule, of n entries, GROUP or more.
 * @return the entries that it took, 0: the first group is not of one kind, and nothing has been done; *samples: what they held.
 */
TS_INLINE uint32_t add_groups(struct ts_worker *wk, const struct ts_source *src, const struct ts_point *points, uint32_t n,
                              uint32_t *samples)
{
    const struct ts_rule *rule = wk->rules[0];
    if (TS_UNLIKELY(points->flags & TS_POINT_EXT)) {
        if (src->nslots > TS_MANY_IDS / 8 && n >= 2 * STEP)
            fetch_group(src, rule->recent, points + STEP);
        *samples = STEP / 2;
        return !rule->wants && n >= STEP && add_timed_group(wk, src, points) ? STEP : 0;
    }
    *samples = TS_LIKELY(!rule->wants)          ? add_plain_groups(wk, src, points, n)
               : rule->wants == TS_WANTS_SKETCH ? ts_window_add_sketched(wk, src, points, n)
                                                : 0;
    return *samples;
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
        (void)ts_worker_learn(wk, src, pt->id, pt->announce, slab->arrival_ns);
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
            refuse_plain(wk, src, slab, slot);
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
        struct ts_window *win = wk->rules[r]->arrival;
        if (win && (slab->arrival_ns < win->start_ns || slab->arrival_ns >= win->end_ns))
            wk->rules[r]->arrival = NULL;
    }
    for (uint32_t i = 0; i < slab->n;) {
        uint32_t samples, left = slab->n - i;
        uint32_t used = wk->nadding == 1 && left >= GROUP ? add_groups(wk, src, &slab->points[i], left, &samples) : 0;
        if (TS_LIKELY(used)) {
            aggregated += samples;
            wk->adds += samples;
            i += used;
            continue;
        }
        for (uint32_t end = TS_MIN(i + STEP, slab->n); i < end;)
            i += add_point(wk, src, slab, &slab->points[i], &aggregated);
    }
    ts_count(wk->cnt, TS_C_SAMPLES_AGGREGATED, aggregated);
    ts_count(wk->cnt, TS_C_PANE_ADDS, wk->adds);
}
