/*
 * A sample that needs more than the plain way into the windows of a rule: kinds that own memory, `last` by
 * time, what is late, and rules that share panes. Thread: worker. What no window takes is the caller's to
 * count.
 */
#include "config.h"
#include "window/window_priv.h"

#include "core/mem.h"

void ts_window_mark_dirty(struct ts_window *win, struct ts_pane_chunk *ch, uint32_t slot, int64_t now_ns)
{
    uint32_t i = slot % TS_CHUNK_PANES;
    uint64_t bit = UINT64_C(1) << (i % 64);
    if (ch->dirty[i / 64] & bit)
        return;
    ch->dirty[i / 64] |= bit;
    if (win->dirty++ == 0)
        win->dirty_since_ns = now_ns;
}

/* `last` is the value with the latest time, whatever the order of arrival. */
bool ts_window_is_latest(struct ts_pane_chunk *ch, uint32_t slot, bool first, int64_t time_ns)
{
    if (!ch->last_ns) {
        ch->last_ns = ts_alloc(TS_CHUNK_PANES * sizeof *ch->last_ns);
        if (!ch->last_ns)
            return true;
        for (uint32_t i = 0; i < TS_CHUNK_PANES; i++)
            ch->last_ns[i] = TS_TIME_NONE;
    }
    int64_t *last_ns = &ch->last_ns[slot % TS_CHUNK_PANES];
    if (!first && time_ns < *last_ns)
        return false;
    *last_ns = time_ns;
    return true;
}

static bool put_string(union ts_pane *pane, const struct ts_placed *smp)
{
    if (pane->string.count == 0 || smp->time_ns >= pane->string.time_ns) {
        struct ts_text *copy = ts_alloc(sizeof *copy + smp->text->len);
        if (!copy)
            return false;
        copy->len = smp->text->len;
        memcpy(copy->p, smp->text->p, smp->text->len);
        ts_free(pane->string.text);
        pane->string.text = copy;
        pane->string.time_ns = smp->time_ns;
    }
    pane->string.count++;
    return true;
}

static bool put_set(union ts_pane *pane, const struct ts_placed *smp)
{
    if (!pane->set.hll)
        pane->set.hll = ts_hll_new();
    if (!pane->set.hll || !ts_hll_add(pane->set.hll, smp->bits))
        return false;
    pane->set.count++;
    return true;
}

bool ts_window_put(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *ch, const struct ts_placed *smp)
{
    union ts_pane *pane = ts_chunk_pane(ch, smp->slot);
    switch (wk->series.slots[smp->slot].kind) {
    case TS_KIND_SET: ch->owns = true; return put_set(pane, smp);
    case TS_KIND_STRING: ch->owns = true; return put_string(pane, smp);
    default: break;
    }
    double last = pane->stats.last;
    bool first = pane->stats.count == 0;
    ts_stats_add(&pane->stats, smp->value, smp->weight);
    if (smp->timed && !ts_window_is_latest(ch, smp->slot, first, smp->time_ns))
        pane->stats.last = last;
    if (!smp->timed && rule->folded)
        (void)ts_window_is_latest(ch, smp->slot, first, smp->time_ns);
    if (rule->wants)
        ts_window_add_wanted(wk, rule, ch, smp->slot, smp->value, smp->weight, smp->time_ns);
    return true;
}

/* Whether rules derived from this one have the slot's pane, and so miss what comes now. */
static bool is_merged(const struct ts_pane_chunk *ch, uint32_t slot)
{
    uint32_t i = slot % TS_CHUNK_PANES;
    return ch->merged[i / 64] >> (i % 64) & 1;
}

static void mark_merged(struct ts_pane_chunk *ch, uint32_t slot)
{
    uint32_t i = slot % TS_CHUNK_PANES;
    ch->merged[i / 64] |= UINT64_C(1) << (i % 64);
}

/* *merged says whether the sample is to be added to derived rules, too. */
static enum ts_verdict add_to_window(struct ts_worker *wk, struct ts_rule *rule, int64_t start_ns,
                                     const struct ts_placed *smp, int64_t now_ns, bool *merged)
{
    const struct ts_slot *sl = &wk->series.slots[smp->slot];
    bool event = sl->flags & TS_SLOT_EVENT, late = false;
    *merged = true;
    if (event) {
        int64_t wm = ts_worker_watermark(wk, rule);
        int64_t end_ns = ts_rule_end(rule, start_ns);
        late = wm != TS_TIME_NONE && end_ns <= wm;
        if (end_ns <= sl->closed_ns || (late && end_ns <= wm - rule->keep_ns))
            return TS_TOO_LATE;
    }
    if (TS_UNLIKELY(!ts_span_has(&rule->taken, start_ns)))
        return TS_NOT_TAKEN;
    struct ts_window *win = ts_rule_window_at(rule, start_ns);
    if (!win)
        return TS_NO_MEMORY;
    struct ts_pane_chunk *ch = ts_window_chunk(win, smp->slot);
    if (!ch || ch == TS_CHUNK_GONE)
        return ch ? TS_TOO_LATE : TS_NO_MEMORY;
    bool fresh = ts_chunk_pane(ch, smp->slot)->stats.count == 0;
    if (fresh && (win->closed || is_merged(ch, smp->slot)))
        return TS_TOO_LATE;
    if (!ts_window_put(wk, rule, ch, smp))
        return TS_NO_MEMORY;
    wk->adds++;
    if (fresh && win->state[event ? TS_DOMAIN_EVENT : TS_DOMAIN_ARRIVAL] != TS_WINDOW_OPEN)
        mark_merged(ch, smp->slot); /* its chunk has been merged without it */
    *merged = is_merged(ch, smp->slot);
    win->used[event ? TS_DOMAIN_EVENT : TS_DOMAIN_ARRIVAL] = true;
    if (event) {
        ch->event = true;
        if (win->state[TS_DOMAIN_EVENT] != TS_WINDOW_OPEN)
            ts_window_mark_dirty(win, ch, smp->slot, now_ns);
    }
    return late ? TS_TAKEN_LATE : TS_TAKEN;
}

/* What is too late for the window goes to that of the side rule. */
static enum ts_verdict add_or_put_aside(struct ts_worker *wk, struct ts_rule *rule, int64_t start_ns,
                                        const struct ts_placed *smp, int64_t now_ns, bool *merged)
{
    enum ts_verdict verdict = add_to_window(wk, rule, start_ns, smp, now_ns, merged);
    bool ignored;
    if (verdict == TS_TOO_LATE && rule->side &&
        add_to_window(wk, rule->side, start_ns, smp, now_ns, &ignored) <= TS_TAKEN_LATE)
        return TS_TAKEN_ASIDE;
    return verdict;
}

/* Adds the sample to a derived rule: to every window that it is in. */
static enum ts_verdict add_past_base(struct ts_worker *wk, struct ts_rule *rule, const struct ts_placed *smp,
                                     int64_t now_ns)
{
    enum ts_verdict best = TS_NOT_TAKEN;
    int64_t last_ns = ts_rule_floor(rule, smp->time_ns);
    int64_t more = rule->conf->calendar ? 0 : (last_ns + rule->period_ns - 1 - smp->time_ns) / rule->every_ns;
    for (int64_t start_ns = last_ns - more * rule->every_ns; start_ns <= last_ns;
         start_ns += rule->every_ns) {
        bool ignored;
        enum ts_verdict verdict = add_or_put_aside(wk, rule, start_ns, smp, now_ns, &ignored);
        best = TS_MIN(best, verdict);
    }
    return best;
}

enum ts_verdict ts_rule_add(struct ts_worker *wk, struct ts_rule *rule, const struct ts_placed *smp,
                            int64_t now_ns)
{
    bool merged;
    if (rule->sessions)
        return ts_session_add(wk, rule, smp, now_ns);
    enum ts_verdict best =
        add_or_put_aside(wk, rule, ts_rule_floor(rule, smp->time_ns), smp, now_ns, &merged);
    for (unsigned d = 0; merged && d < rule->nderived; d++) {
        enum ts_verdict verdict = add_past_base(wk, rule->derived[d], smp, now_ns);
        best = TS_MIN(best, verdict);
    }
    return best;
}
