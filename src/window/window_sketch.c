/*
 * Sketches beside the panes of a chunk, only under rules that ask for quantiles. Thread: worker. Without
 * memory a sample is not in its sketch, counted; the pane has it.
 */
#include "config.h"
#include "window/window_priv.h"

#include "core/mem.h"

unsigned ts_rule_wants(const struct ts_conf_rollup *conf)
{
    unsigned wants =
        ts_rollup_has_sketch(TS_KIND_TIMING, conf->aggregates, conf->quantiles.n) ? TS_WANTS_SKETCH : 0;
    wants |= conf->aggregates & TS_AGG_BIT(first) ? TS_WANTS_FIRST : 0;
    wants |= conf->aggregates & TS_AGG_BIT(increase) ? TS_WANTS_INCREASE : 0;
    wants |= conf->aggregates & TS_AGG_BIT(distinct) ? TS_WANTS_DISTINCT : 0;
    wants |= conf->aggregates & TS_AGG_BIT(histogram) ? TS_WANTS_HISTOGRAM : 0;
    wants |= ts_conf_is_grouped(conf) && conf->aggregates & TS_AGG_BIT(last) ? TS_WANTS_LAST : 0;
    return wants;
}

void ts_window_free_sketches(struct ts_pane_chunk *ch)
{
    if (!ch->sketches)
        return;
    for (uint32_t i = 0; i < TS_CHUNK_PANES; i++)
        ts_sketch_fini(&ch->sketches[i]);
    ts_pool_give(ch->sketches);
    ch->sketches = NULL;
}

static bool has_quantiles(const struct ts_worker *wk, uint32_t slot)
{
    uint8_t kind = wk->series.slots[slot].kind;
    return kind == TS_KIND_TIMING || kind == TS_KIND_FIELD;
}

/* @return whether the sketch is in use. */
static bool begin(const struct ts_worker *wk, const struct ts_rule *rule, struct ts_sketch *sk, uint32_t slot)
{
    if (sk->state == TS_SKETCH_NONE) {
        if (has_quantiles(wk, slot))
            ts_sketch_init(sk, rule->conf->sketch_buckets);
        else
            sk->state = TS_SKETCH_OFF;
    }
    return sk->state != TS_SKETCH_OFF;
}

/* The first sample, or no memory. */
static TS_COLD void add_rare(struct ts_worker *wk, const struct ts_rule *rule, struct ts_sketch *sk,
                             uint32_t slot, int32_t key)
{
    if (begin(wk, rule, sk, slot) && !ts_sketch_add_key(sk, key))
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
}

/* Adds a sample of weight 1. The sketch of a series that gives no quantiles is off, and stays as it is. */
TS_INLINE void add_key(struct ts_worker *wk, const struct ts_rule *rule, struct ts_sketch *sk, uint32_t slot,
                       int32_t key)
{
    if (TS_UNLIKELY(sk->state != TS_SKETCH_OFF &&
                    (sk->state == TS_SKETCH_NONE || !ts_sketch_add_key(sk, key))))
        add_rare(wk, rule, sk, slot, key);
}

static struct ts_sketch no_sketch = {.state = TS_SKETCH_OFF}; /* of chunks that have none; never written to */

/* A group of samples on its way. */
struct group {
    struct ts_stats *panes[TS_WINDOW_GROUP];
    struct ts_sketch *sketches[TS_WINDOW_GROUP];
    uint32_t slots[TS_WINDOW_GROUP];
    int32_t keys[TS_WINDOW_GROUP];
};

/* Panes and sketches, on their way into the cache then. @return false: something in the group is not plain. */
TS_INLINE bool find(const struct ts_worker *wk, const struct ts_window *win, const struct ts_source *src, const struct ts_point *points,
                    struct group *grp)
{
    uint32_t flags = 0;
    for (unsigned i = 0; i < TS_WINDOW_GROUP; i++) {
        flags |= points[i].flags;
        uint32_t slot = TS_LIKELY(points[i].id < src->nslots) ? src->slots[points[i].id] : TS_SLOT_REFUSED;
        uint32_t index = slot / TS_CHUNK_PANES;
        if (slot >= TS_SLOT_TIMED || index >= win->nchunks || wk->event_chunks[index])
            return false;
        struct ts_pane_chunk *ch = win->chunks[index];
        if (!ch || ch == TS_CHUNK_GONE || (!ch->sketches && has_quantiles(wk, slot)))
            return false;
        grp->slots[i] = slot;
        grp->panes[i] = &ch->panes[slot % TS_CHUNK_PANES].stats;
        grp->sketches[i] = ch->sketches ? &ch->sketches[slot % TS_CHUNK_PANES] : &no_sketch;
        __builtin_prefetch(grp->panes[i], 1);
        __builtin_prefetch(grp->sketches[i], 1);
    }
    return flags == 0;
}

/* Where the key goes; a list's end is in its second cache line when there are more than fifteen. */
TS_INLINE const void *place(const struct ts_sketch *sk, int32_t key)
{
    return sk->state == TS_SKETCH_LIST ? (const void *)&sk->list[sk->listed] : ts_sketch_place(sk, key);
}

/* Samples into panes; the places of their counts are on their way then. */
TS_INLINE void add_to_panes(const struct ts_point *points, struct group *grp)
{
    for (unsigned i = 0; i < TS_WINDOW_GROUP; i++) {
        ts_stats_add(grp->panes[i], points[i].value, 1);
        grp->keys[i] = ts_sketch_key(points[i].value);
        __builtin_prefetch(place(grp->sketches[i], grp->keys[i]), 1);
    }
}

/*
 * Groups of plain points, up to the first group that is something else. Three are under way: while the counts of one go up, the places of
 * the next one's counts and the panes and sketches of the one after that come into the cache.
 */
uint32_t ts_window_add_sketched_groups(struct ts_worker *wk, const struct ts_source *src, const struct ts_point *points, uint32_t n)
{
    const struct ts_rule *rule = wk->rules[0];
    struct ts_window *win = rule->arrival;
    struct group groups[3], *now = &groups[0], *next = &groups[1], *after = &groups[2];
    uint32_t done = 0, found = 0; /* points */
    if (win && find(wk, win, src, points, now))
        found = TS_WINDOW_GROUP;
    if (found && n >= 2 * TS_WINDOW_GROUP && find(wk, win, src, points + found, next))
        found += TS_WINDOW_GROUP;
    if (found)
        add_to_panes(points, now);
    while (done < found) {
        uint32_t ahead = found - done;
        if (ahead == 2 * TS_WINDOW_GROUP && found + TS_WINDOW_GROUP <= n && find(wk, win, src, points + found, after))
            found += TS_WINDOW_GROUP;
        if (ahead >= 2 * TS_WINDOW_GROUP)
            add_to_panes(points + done + TS_WINDOW_GROUP, next);
        for (unsigned i = 0; i < TS_WINDOW_GROUP; i++)
            add_key(wk, rule, now->sketches[i], now->slots[i], now->keys[i]);
        struct group *free_one = now;
        now = next;
        next = after;
        after = free_one;
        done += TS_WINDOW_GROUP;
    }
    if (done)
        win->used[TS_DOMAIN_ARRIVAL] = true;
    return done;
}

void ts_window_add_wanted(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *ch,
                          uint32_t slot, double value, double weight, int64_t time_ns)
{
    if (rule->wants & TS_WANTS_LAST)
        (void)ts_window_is_latest(ch, slot, false, time_ns);
    if (rule->wants & TS_WANTS_MORE)
        ts_window_add_more(wk, rule, ch, slot, value, weight, time_ns);
    if (!(rule->wants & TS_WANTS_SKETCH) || (!ch->sketches && !has_quantiles(wk, slot)))
        return;
    if (TS_UNLIKELY(!ch->sketches) && !(ch->sketches = ts_pool_take(&wk->sketches))) {
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
        return;
    }
    struct ts_sketch *sk = &ch->sketches[slot % TS_CHUNK_PANES];
    if (begin(wk, rule, sk, slot) && !ts_sketch_add(sk, value, weight))
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
}

void ts_window_merge_sketch(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *to,
                            const struct ts_pane_chunk *from, uint32_t slot)
{
    const struct ts_sketch *sk = from->sketches ? &from->sketches[slot % TS_CHUNK_PANES] : NULL;
    if (!sk || sk->state < TS_SKETCH_LIST)
        return;
    bool good = to->sketches || (to->sketches = ts_pool_take(&wk->sketches));
    if (good && begin(wk, rule, &to->sketches[slot % TS_CHUNK_PANES], slot))
        good = ts_sketch_merge(&to->sketches[slot % TS_CHUNK_PANES], sk) == 0;
    if (!good)
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
}
