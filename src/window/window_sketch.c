/*
 * Sketches behind the panes of a chunk, only under rules that ask for quantiles. Thread: worker. Without
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
    for (uint32_t i = 0; ch->sketched && i < TS_CHUNK_PANES; i++)
        ts_sketch_fini(ts_chunk_sketch(ch, i));
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

/* The first sample, a full list, a value that lists do not take. */
static __attribute__((noinline)) void add_rare(struct ts_worker *wk, const struct ts_rule *rule, struct ts_sketch *sk, uint32_t slot, double value)
{
    if (begin(wk, rule, sk, slot) && !ts_sketch_add(sk, value, 1))
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
}

#define GROUP 8 /* of two cache lines each: a core has some ten under way at a time */

/* Panes, each with its sketch behind it, on their way into the cache then. @return false: something in the group is not plain. */
TS_INLINE bool find(const struct ts_worker *wk, const struct ts_window *win, const struct ts_source *src, const struct ts_point *points,
                    union ts_cell *pairs[GROUP])
{
    uint32_t special = 0;
    for (unsigned i = 0; i < GROUP; i++) {
        uint64_t id = points[i].id | (uint64_t)points[i].flags << 32;
        if (TS_UNLIKELY(id >= src->nslots)) /* or it has flags */
            return false;
        uint32_t slot = src->slots[id], index = slot / TS_CHUNK_PANES;
        if (TS_UNLIKELY(index >= win->nchunks)) /* above all when the slot is special */
            return false;
        struct ts_pane_chunk *ch = win->chunks[index];
        if (TS_UNLIKELY((uintptr_t)ch <= (uintptr_t)TS_CHUNK_GONE))
            return false;
        special |= wk->event_chunks[index];
        pairs[i] = ts_chunk_pair(ch, slot);
        __builtin_prefetch(&pairs[i][0], 1);
        __builtin_prefetch(&pairs[i][1], 1);
    }
    return special == 0;
}

/* Sketches whose lists are full and may be counted: some of those of one group. */
struct full {
    struct ts_sketch *sketches[4];
    unsigned n;
};

/* The sketch of a series that gives no quantiles is off, and stays as it is. */
TS_INLINE void add_group(struct ts_worker *wk, const struct ts_source *src, const struct ts_point *points, union ts_cell *pairs[GROUP],
                         struct full *full)
{
    full->n = 0;
    for (unsigned i = 0; i < GROUP; i++) {
        double value = points[i].value;
        struct ts_sketch *sk = &pairs[i][1].sketch;
        ts_stats_add(&pairs[i][0].pane.stats, value, 1);
        if (TS_UNLIKELY(!ts_sketch_list(sk, ts_sketch_code(value)) && sk->state != TS_SKETCH_OFF))
            add_rare(wk, wk->rules[0], sk, src->slots[points[i].id], value);
        if (TS_UNLIKELY(sk->left == 0) && sk->state >= TS_SKETCH_BINS && full->n < TS_ARRAY_SIZE(full->sketches)) {
            __builtin_prefetch(sk->counts, 1);
            full->sketches[full->n++] = sk;
        }
    }
}

/* Counts on their way into the cache. */
TS_INLINE void fetch_counts(const struct full *full)
{
    for (unsigned i = 0; i < full->n; i++) {
        const struct ts_sketch_bins *bins = &full->sketches[i]->counts->positive;
        unsigned bytes = TS_MIN((unsigned)bins->room * bins->width, 8 * TS_CACHELINE);
        for (unsigned at = 0; at < bytes; at += TS_CACHELINE)
            __builtin_prefetch((const char *)bins->counts + at, 1);
    }
}

/*
 * While one group is added, the panes and lists of the next one come into the cache, and the counts of lists that the group before has filled
 * up; those of the one before that are counted. What has not been counted at the end stays in its list, where the next sample finds it.
 */
uint32_t ts_window_add_sketched(struct ts_worker *wk, const struct ts_source *src, const struct ts_point *points, uint32_t n)
{
    struct ts_window *win = wk->rules[0]->arrival;
    union ts_cell *pairs[2][GROUP];
    struct full fulls[3] = {0}, *fresh = &fulls[0], *coming = &fulls[1], *there = &fulls[2];
    uint32_t done = 0;
    bool many = src->nslots > TS_MANY_IDS;
    if (!win || !find(wk, win, src, points, pairs[0]))
        return 0;
    for (unsigned now = 0;; now ^= 1) {
        const struct ts_point *group = points + done;
        if (many && done + 3 * GROUP <= n)
            for (unsigned i = 0; i < GROUP; i++)
                __builtin_prefetch(&src->slots[group[2 * GROUP + i].id]);
        bool more = done + 2 * GROUP <= n && find(wk, win, src, group + GROUP, pairs[now ^ 1]);
        for (unsigned i = 0; i < there->n; i++)
            (void)!ts_sketch_settle(there->sketches[i]); /* without memory the next sample says so */
        fetch_counts(coming);
        struct full *free_one = there;
        there = coming;
        coming = fresh;
        fresh = free_one;
        add_group(wk, src, group, pairs[now], fresh);
        done += GROUP;
        if (!more)
            break;
    }
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
    struct ts_sketch *sk = ts_chunk_sketch(ch, slot);
    if (sk && begin(wk, rule, sk, slot) && !ts_sketch_add(sk, value, weight))
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
}

void ts_window_merge_sketch(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *to,
                            const struct ts_pane_chunk *from, uint32_t slot)
{
    struct ts_sketch *sk = ts_chunk_sketch(from, slot), *into = ts_chunk_sketch(to, slot);
    if (!sk || !into || sk->state < TS_SKETCH_LIST)
        return;
    if (begin(wk, rule, into, slot) && ts_sketch_merge(into, sk) != 0)
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
}
