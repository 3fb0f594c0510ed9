/*
 * Panes of a sealed window into the windows of the rules derived from it, chunk by chunk. Thread: worker.
 * Without memory for windows and their panes nothing is merged, and sealing pauses; what is kept beside panes
 * then misses in them, counted.
 */
#include "config.h"
#include "window/window_priv.h"

#include "core/mem.h"

static bool is_set(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

static bool merge_set(union ts_pane *to, const union ts_pane *from)
{
    if (!to->set.hll)
        to->set.hll = ts_hll_new();
    if (!to->set.hll || ts_hll_merge(to->set.hll, from->set.hll) != 0)
        return false;
    to->set.count += from->set.count;
    return true;
}

static bool merge_string(union ts_pane *to, const union ts_pane *from)
{
    if (to->string.count == 0 || from->string.time_ns >= to->string.time_ns) {
        const struct ts_text *text = from->string.text;
        struct ts_text *copy = ts_alloc(sizeof *copy + text->len);
        if (!copy)
            return false;
        copy->len = text->len;
        memcpy(copy->p, text->p, text->len);
        ts_free(to->string.text);
        to->string.text = copy;
        to->string.time_ns = from->string.time_ns;
    }
    to->string.count += from->string.count;
    return true;
}

/* In arrival time, panes are merged in the order of their times. */
static void merge_stats(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *to,
                        const struct ts_pane_chunk *from, uint32_t slot)
{
    uint32_t i = slot % TS_CHUNK_PANES;
    struct ts_stats *stats = &ts_chunk_pane(to, i)->stats;
    bool later = true;
    if (from->last_ns && from->last_ns[i] != TS_TIME_NONE)
        later = ts_window_is_latest(to, slot, stats->count == 0, from->last_ns[i]);
    ts_stats_merge(stats, &ts_chunk_pane(from, i)->stats, later);
    if (rule->wants & TS_WANTS_MORE)
        ts_window_merge_more(wk, rule, to, from, slot);
    if (rule->wants & TS_WANTS_SKETCH)
        ts_window_merge_sketch(wk, rule, to, from, slot);
}

void ts_window_merge_pane(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *to, const struct ts_pane_chunk *from,
                          uint32_t slot)
{
    const union ts_pane *pane = ts_chunk_pane(from, slot);
    bool good = true;
    switch (wk->series.slots[slot].kind) {
    case TS_KIND_SET:
        to->owns = true;
        good = merge_set(ts_chunk_pane(to, slot), pane);
        break;
    case TS_KIND_STRING:
        to->owns = true;
        good = merge_string(ts_chunk_pane(to, slot), pane);
        break;
    default: merge_stats(wk, rule, to, from, slot); break;
    }
    ts_count(wk->cnt, TS_C_PANES_MERGED, 1);
    if (!good)
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
}

/* Of the chunk's panes those that are to be merged, as bits. @return how many. */
static unsigned choose(const struct ts_worker *wk, const struct ts_pane_chunk *ch, uint32_t index,
                       enum ts_domain domain, uint64_t bits[TS_CHUNK_PANES / 64])
{
    unsigned n = 0;
    uint32_t first = index * TS_CHUNK_PANES;
    memset(bits, 0, TS_CHUNK_PANES / 8);
    for (uint32_t i = 0; i < TS_CHUNK_PANES && first + i < wk->series.count; i++) {
        if (ts_chunk_pane(ch, i)->stats.count != 0 && !is_set(ch->merged, i) && ts_slot_is_of(wk, first + i, domain)) {
            bits[i / 64] |= UINT64_C(1) << (i % 64);
            n++;
        }
    }
    return n;
}

/* Of the derived rule's windows that the base's lies in, the ones that start first and last. */
struct targets {
    int64_t first_ns, last_ns;
};

static struct targets targets_of(const struct ts_rule *to, const struct ts_window *win)
{
    int64_t last_ns = ts_rule_floor(to, win->start_ns);
    int64_t more = to->conf->calendar ? 0 : (last_ns + to->period_ns - win->end_ns) / to->every_ns;
    return (struct targets){last_ns - more * to->every_ns, last_ns};
}

static bool make_targets(const struct ts_rule *rule, const struct ts_window *win, uint32_t index)
{
    for (unsigned d = 0; d < rule->nderived; d++) {
        struct ts_rule *to = rule->derived[d];
        struct targets range = targets_of(to, win);
        for (int64_t start_ns = range.first_ns; start_ns <= range.last_ns; start_ns += to->every_ns) {
            if (!ts_span_has(&to->taken, start_ns))
                continue;
            struct ts_window *target = ts_rule_window_at(to, start_ns);
            if (!target || !ts_window_chunk(target, index * TS_CHUNK_PANES))
                return false;
            target->made_ns = TS_MIN(target->made_ns, win->made_ns);
        }
    }
    return true;
}

static void merge_into(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *target,
                       const struct ts_pane_chunk *from, uint32_t index, enum ts_domain domain,
                       const uint64_t *bits)
{
    struct ts_pane_chunk *to = target->chunks[index];
    if (to == TS_CHUNK_GONE)
        return;
    target->used[domain] = true;
    to->event |= domain == TS_DOMAIN_EVENT;
    for (uint32_t w = 0; w < TS_CHUNK_PANES / 64; w++) {
        for (uint64_t rest = bits[w]; rest; rest &= rest - 1) {
            uint32_t slot = index * TS_CHUNK_PANES + w * 64 + (uint32_t)__builtin_ctzll(rest);
            if (ts_chunk_is_done(to, slot))
                continue;
            ts_window_merge_pane(wk, rule, to, from, slot);
            if (target->state[domain] != TS_WINDOW_OPEN)
                ts_window_mark_dirty(target, to, slot, wk->clock_ns);
        }
    }
}

bool ts_window_merge_chunk(struct ts_worker *wk, const struct ts_rule *rule, const struct ts_window *win,
                           uint32_t index, enum ts_domain domain)
{
    struct ts_pane_chunk *ch = win->chunks[index];
    uint64_t bits[TS_CHUNK_PANES / 64];
    if (choose(wk, ch, index, domain, bits) == 0)
        return true;
    if (!make_targets(rule, win, index))
        return false;
    for (unsigned d = 0; d < rule->nderived; d++) {
        struct ts_rule *to = rule->derived[d];
        struct targets range = targets_of(to, win);
        for (int64_t start_ns = range.first_ns; start_ns <= range.last_ns; start_ns += to->every_ns)
            if (ts_span_has(&to->taken, start_ns))
                merge_into(wk, to, ts_rule_window_at(to, start_ns), ch, index, domain, bits);
    }
    for (uint32_t w = 0; w < TS_CHUNK_PANES / 64; w++)
        ch->merged[w] |= bits[w];
    return true;
}
