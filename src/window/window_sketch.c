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
    return wants;
}

TS_COLD bool ts_window_make_sketches(struct ts_pane_chunk *ch)
{
    ch->sketches = ts_alloc_aligned(TS_CHUNK_PANES * sizeof *ch->sketches, TS_CACHELINE);
    return ch->sketches;
}

void ts_window_free_sketches(struct ts_pane_chunk *ch)
{
    for (uint32_t i = 0; ch->sketches && i < TS_CHUNK_PANES; i++)
        ts_sketch_fini(&ch->sketches[i]);
    TS_FREE(ch->sketches);
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

TS_COLD void ts_window_sketch_rare(struct ts_worker *wk, const struct ts_rule *rule, struct ts_sketch *sk,
                                   uint32_t slot, int32_t key)
{
    if (begin(wk, rule, sk, slot) && !ts_sketch_add_key(sk, key))
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
}

void ts_window_add_wanted(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *ch,
                          uint32_t slot, double value, double weight, int64_t time_ns)
{
    if (rule->wants & TS_WANTS_MORE)
        ts_window_add_more(wk, rule, ch, slot, value, weight, time_ns);
    if (!(rule->wants & TS_WANTS_SKETCH) || (!ch->sketches && !has_quantiles(wk, slot)))
        return;
    if (!ch->sketches && !ts_window_make_sketches(ch)) {
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
        return;
    }
    struct ts_sketch *sk = &ch->sketches[slot % TS_CHUNK_PANES];
    if (begin(wk, rule, sk, slot) && !ts_sketch_add(sk, value, weight))
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
}
