/*
 * Windows to batches of rollup points: what is due is sent piece by piece, so that a window of a million series does not keep
 * the lanes waiting. Thread: worker. When the journal's ring is full, or there is no memory for a batch, sealing pauses where it
 * is, and the panes stay.
 */
#include "config.h"
#include "window/window_priv.h"

#include "core/losses.h"
#include "core/matcher.h"

#include <math.h>

#define STEP_SLOTS       8192 /* looked at in one call */
#define BATCH_TEXT_MAX   (1u << 20) /* strings and sketches of a batch */
#define CORRECT_EVERY_NS TS_SEC /* late samples of a sealed window are collected for this long */

/* Hands the batch over. @return false: no room; it stays. */
static bool push_batch(struct ts_worker *wk)
{
    struct ts_rollup_batch *batch = wk->batch;
    if (!batch || batch->n == 0)
        return true;
    const char *text = batch->texts.len ? batch->texts.p : ""; /* only now do the texts lie where they stay */
    for (unsigned i = 0; i < batch->n; i++) {
        if (!batch->points[i].series.p) {
            batch->points[i].series.p = text;
            text += batch->points[i].series.len;
        }
        batch->points[i].last_text.p = text;
        text += batch->points[i].last_text.len;
        batch->points[i].histogram.p = text;
        text += batch->points[i].histogram.len;
        batch->points[i].sketch.p = text;
        text += batch->points[i].sketch.len;
    }
    uint64_t n = batch->n;
    bool correction = batch->correction;
    if (!ts_ring_push(wk->conf.rollups, batch))
        return false;
    wk->batch = NULL;
    ts_bell_ring(wk->conf.rollups_bell);
    ts_count(wk->cnt, TS_C_ROLLUPS_SEALED, n);
    if (correction)
        ts_count(wk->cnt, TS_C_ROLLUPS_CORRECTED, n);
    return true;
}

struct ts_rollup_batch *ts_worker_open_batch(struct ts_worker *wk, const struct ts_conf_rollup *conf, int64_t start_ns, int64_t end_ns,
                                             bool correction)
{
    struct ts_rollup_batch *batch = wk->batch;
    if (batch && batch->n > 0 &&
        (batch->n == TS_ROLLUP_BATCH_MAX || batch->texts.len >= BATCH_TEXT_MAX ||
         wk->batch_of != conf || batch->start_ns != start_ns ||
         batch->correction != correction)) {
        if (!push_batch(wk))
            return NULL;
        batch = NULL;
    }
    if (!batch) {
        batch = wk->batch = ts_rollup_batch_new();
        if (!batch)
            return NULL;
        batch->returned = &wk->returned;
        atomic_store_explicit(&wk->made, ++wk->nbatches, memory_order_relaxed); /* the gatherer's lock makes it visible */
    }
    if (batch->n == 0) {
        wk->batch_of = conf;
        batch->rule = conf->name;
        batch->to = ts_conf_sinks_now(conf);
        batch->start_ns = start_ns;
        batch->end_ns = end_ns;
        batch->aggregates = conf->aggregates;
        batch->quantiles = conf->quantiles;
        batch->buckets = conf->histogram;
        batch->stddev_sample = conf->stddev_sample;
        batch->correction = correction;
        batch->sessions = conf->session_ns != 0;
        batch->partial = wk->partial;
    }
    return batch;
}

/* What the rule keeps beside panes, into the point and behind the batch's texts. @return false: no memory
 * now, and nothing is there. */
static bool put_more(struct ts_rollup_batch *batch, struct ts_rollup *point, const struct ts_rule *rule,
                     const struct ts_pane_chunk *ch, uint32_t slot)
{
    struct ts_sketch *sk = ts_chunk_sketch(ch, slot);
    struct ts_buf *texts = &batch->texts;
    size_t from = texts->len;
    ts_window_tell_more(ch, slot, point);
    if (rule->sends & TS_WANTS_HISTOGRAM)
        point->histogram.len = ts_window_put_histogram(rule, ch, slot, texts);
    if (rule->sends & TS_WANTS_SKETCH && sk && sk->state >= TS_SKETCH_LIST)
        (void)!ts_sketch_encode(sk, texts);
    if (ts_buf_failed(texts)) {
        texts->len = from;
        texts->failed = false;
        return false;
    }
    point->sketch.len = texts->len - from - point->histogram.len;
    return true;
}

static bool put_set(struct ts_rollup_batch *batch, struct ts_rollup *point, const struct ts_hll *hll)
{
    size_t from = batch->texts.len;
    point->distinct = round(ts_hll_estimate(hll));
    if (batch->aggregates & TS_AGG_BIT(sketch) && ts_hll_encode(hll, &batch->texts)) {
        batch->texts.failed = false;
        return false;
    }
    point->sketch.len = batch->texts.len - from;
    return true;
}

/* What is said of the pane. @return false: not now. */
static bool put_pane(struct ts_rollup_batch *batch, struct ts_rollup *point, const struct ts_rule *rule, enum ts_kind kind,
                     uint32_t slot, const union ts_pane *pane, const struct ts_pane_chunk *ch)
{
    switch (kind) {
    case TS_KIND_SET: point->stats.count = pane->set.count; return put_set(batch, point, pane->set.hll);
    case TS_KIND_STRING:
        point->stats.count = pane->string.count;
        ts_buf_put(&batch->texts, pane->string.text->p, pane->string.text->len);
        point->last_text.len = pane->string.text->len;
        return !ts_buf_failed(&batch->texts);
    default:
        point->stats = pane->stats;
        if (ch)
            return put_more(batch, point, rule, ch, slot);
        point->first = pane->stats.last;
        return true;
    }
}

/* The series under the rule's names; its bytes lie in the texts then, see push_batch. */
static int put_series(struct ts_rollup_batch *batch, struct ts_rollup *point, const struct ts_rule *rule, struct ts_str series)
{
    point->series = series;
    if (!rule->conf->measurement && !rule->conf->tags)
        return 0;
    size_t from = batch->texts.len;
    int rc = ts_rollup_rename(rule->conf, series, &batch->texts);
    point->series = (struct ts_str){NULL, batch->texts.len - from};
    return rc;
}

bool ts_window_send_pane(struct ts_worker *wk, const struct ts_rule *rule, const struct ts_window *win, uint32_t slot,
                         const union ts_pane *pane, const struct ts_pane_chunk *ch, bool correction)
{
    const struct ts_slot *sl = &wk->series.slots[slot];
    if (rule->hidden || (!rule->sessions && !ts_span_has(&rule->sent, win->start_ns)))
        return true;
    struct ts_rollup_batch *batch = ts_worker_open_batch(wk, rule->conf, win->start_ns, win->end_ns, correction || win->again);
    if (!batch)
        return false;
    if (batch->n == 0)
        batch->completeness =
            ts_window_completeness(wk, rule->conf, sl->flags & TS_SLOT_EVENT ? TS_DOMAIN_EVENT : TS_DOMAIN_ARRIVAL, win->start_ns, win->end_ns, win->made_ns);
    struct ts_rollup *point = &batch->points[batch->n];
    *point = (struct ts_rollup){0};
    if (rule->sessions)
        ts_session_tell(ch, slot, point);
    size_t from = batch->texts.len;
    int rc = put_series(batch, point, rule, (struct ts_str){sl->series, sl->len});
    if (rc == 0 && put_pane(batch, point, rule, (enum ts_kind)sl->kind, slot, pane, ch)) {
        batch->n++;
        return true;
    }
    batch->texts.len = from;
    batch->texts.failed = false;
    if (rc != -TS_ELIMIT)
        return false;
    ts_count(wk->cnt, TS_C_ROLLUPS_LOST, 1); /* too long with the rule's tags */
    return true;
}

/* The pane as it is sealed: its series' own point, and its part in those of groups. @return false: not now. */
static bool send_sealed(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win, enum ts_domain domain, uint32_t slot,
                        const union ts_pane *pane, struct ts_pane_chunk *ch)
{
    if (rule->nfolds && !ts_window_make_folds(wk, rule, win, domain, slot))
        return false;
    if (!ts_window_send_pane(wk, rule, win, slot, pane, ch, false))
        return false;
    if (rule->nfolds)
        ts_window_fold(wk, rule, win, domain, slot, pane, ch);
    return true;
}

/* A gauge that no sample came for is sent again. @return false: not now. */
static bool send_kept(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win, uint32_t slot)
{
    union ts_pane pane = {0};
    ts_stats_add(&pane.stats, wk->series.slots[slot].kept, 1);
    return send_sealed(wk, rule, win, TS_DOMAIN_ARRIVAL, slot, &pane, NULL);
}

/* The slot's part of a window; the chunk may be NULL. @return false: not now. */
static bool send_slot(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win, enum ts_domain domain, uint32_t slot,
                      struct ts_pane_chunk *ch)
{
    struct ts_slot *sl = &wk->series.slots[slot];
    const union ts_pane *pane = ch ? ts_chunk_pane(ch, slot) : NULL;
    if (!ts_slot_is_of(wk, slot, domain))
        return true;
    if (!pane || pane->stats.count == 0) {
        bool again = sl->flags & TS_SLOT_KEPT && !rule->is_side && ts_rule_matches(rule, slot) && !(ch && ts_chunk_is_done(ch, slot));
        return !again || send_kept(wk, rule, win, slot);
    }
    if (!send_sealed(wk, rule, win, domain, slot, pane, ch))
        return false;
    ts_slot_saw(sl, wk->clock_ns);
    if (sl->kind == TS_KIND_GAUGE && domain == TS_DOMAIN_ARRIVAL && wk->conf.conf->keep_gauges) {
        sl->kept = pane->stats.last;
        sl->flags |= TS_SLOT_KEPT;
    }
    return true;
}

/*
 * Whether panes are needed until the groups that they are in have gone out: until then a snapshot has them as if they had not been sealed,
 * so that after a crash whatever the journal has not got is made anew.
 */
static bool waits_for_groups(const struct ts_worker *wk, const struct ts_rule *rule, const struct ts_window *win)
{
    return rule->nfolds && wk->snap && !wk->draining && !win->no_folds;
}

/* Panes of series in arrival time, whose groups have gone out. */
static void free_held(struct ts_worker *wk, struct ts_window *win)
{
    for (uint32_t c = 0; c < win->nchunks; c++)
        if (win->chunks[c] && win->chunks[c] != TS_CHUNK_GONE && !win->chunks[c]->event)
            ts_window_free_chunk(win, c, &wk->series);
    win->held = false;
}

/* Sends on from the cursor. @return false: paused (budget used up, or no room). */
static bool send_window(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win,
                        enum ts_domain domain, uint32_t *budget)
{
    bool keeps = wk->conf.conf->keep_gauges && domain == TS_DOMAIN_ARRIVAL;
    bool holds = waits_for_groups(wk, rule, win);
    uint32_t end = keeps ? wk->series.count : TS_MIN(win->nchunks * TS_CHUNK_PANES, wk->series.count);
    while (win->cursor[domain] < end) {
        uint32_t index = win->cursor[domain] / TS_CHUNK_PANES;
        uint32_t chunk_end = TS_MIN((index + 1) * TS_CHUNK_PANES, end);
        struct ts_pane_chunk *ch = index < win->nchunks ? win->chunks[index] : NULL;
        if ((ch || keeps) && ch != TS_CHUNK_GONE) {
            if (*budget < TS_CHUNK_PANES)
                return false;
            if (ch && rule->nderived && !ts_window_merge_chunk(wk, rule, win, index, domain))
                return false;
            for (uint32_t slot = win->cursor[domain]; slot < chunk_end; slot++) {
                if (!send_slot(wk, rule, win, domain, slot, ch))
                    return false;
                win->cursor[domain] = slot + 1;
            }
            *budget -= TS_MIN(*budget, TS_CHUNK_PANES * (1 + (ch ? rule->nmerges : 0)));
            if (ch && domain == TS_DOMAIN_ARRIVAL && !ch->event && !holds)
                ts_window_free_chunk(win, index, &wk->series);
        }
        win->cursor[domain] = chunk_end;
    }
    win->held |= holds && domain == TS_DOMAIN_ARRIVAL;
    return ts_window_give_folds(wk, rule, win, domain) && push_batch(wk);
}

static bool correct_chunk(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win, uint32_t index)
{
    struct ts_pane_chunk *ch = win->chunks[index];
    for (uint32_t w = 0; w < TS_CHUNK_PANES / 64; w++) {
        while (ch->dirty[w]) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(ch->dirty[w]);
            if (!ts_window_send_pane(wk, rule, win, index * TS_CHUNK_PANES + i, ts_chunk_pane(ch, i), ch, true))
                return false;
            ch->dirty[w] &= ch->dirty[w] - 1;
            win->dirty--;
        }
    }
    return true;
}

/* Sends panes again that changed after they were sent. @return false: paused. */
static bool send_corrections(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win)
{
    if (rule->nfolds && !ts_window_refold(wk, rule, win))
        return false;
    for (uint32_t c = 0; c < win->nchunks && win->dirty; c++)
        if (win->chunks[c] && win->chunks[c] != TS_CHUNK_GONE && !correct_chunk(wk, rule, win, c))
            return false;
    return push_batch(wk);
}

static bool is_due(const struct ts_worker *wk, const struct ts_rule *rule, const struct ts_window *win,
                   enum ts_domain domain)
{
    if (!win->used[domain])
        return false;
    if (wk->draining)
        return true;
    if (domain == TS_DOMAIN_ARRIVAL)
        return win->end_ns <= wk->clock_ns;
    int64_t wm = ts_worker_watermark(wk, rule);
    return wk->idle || (wm != TS_TIME_NONE && win->end_ns <= wm);
}

static bool corrections_due(const struct ts_worker *wk, const struct ts_window *win)
{
    return win->dirty && win->state[TS_DOMAIN_EVENT] == TS_WINDOW_SEALED &&
           (wk->draining || wk->idle || wk->clock_ns >= win->dirty_since_ns + CORRECT_EVERY_NS);
}

/* Nothing can come any more that belongs into this window, or it would be too late. */
static bool is_done(const struct ts_worker *wk, const struct ts_rule *rule, const struct ts_window *win)
{
    for (unsigned d = 0; d < TS_DOMAINS; d++)
        if (win->used[d] && win->state[d] != TS_WINDOW_SEALED)
            return false;
    if (win->dirty)
        return false;
    if (wk->draining)
        return true;
    if (!win->used[TS_DOMAIN_EVENT])
        return win->end_ns <= wk->clock_ns;
    int64_t wm = ts_worker_watermark(wk, rule);
    return wm != TS_TIME_NONE && win->end_ns <= wm - rule->keep_ns;
}

/* Forgets what is not needed any more of a window, or all of it. */
static void clean_up(struct ts_worker *wk, struct ts_rule *rule, struct ts_window *win)
{
    bool done = is_done(wk, rule, win);
    if (!done && !win->held)
        return;
    if (waits_for_groups(wk, rule, win) && !ts_gather_has_sent(wk->conf.gather, rule, win))
        return;
    if (done)
        ts_rule_forget(rule, win, &wk->series);
    else
        free_held(wk, win);
}

/* @return false: paused. */
static bool seal_window(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win, uint32_t *budget)
{
    for (unsigned d = 0; d < TS_DOMAINS; d++) {
        if (win->state[d] == TS_WINDOW_OPEN && is_due(wk, rule, win, d))
            win->state[d] = TS_WINDOW_SEALING;
        if (win->state[d] != TS_WINDOW_SEALING)
            continue;
        if (!send_window(wk, rule, win, d, budget))
            return false;
        win->state[d] = TS_WINDOW_SEALED;
        ts_count(wk->cnt, TS_C_WINDOWS_SEALED, 1);
        if (d == TS_DOMAIN_ARRIVAL && !wk->draining)
            atomic_store_explicit(&wk->gauges.seal_delay_ns, ts_clock_now_ns() - win->end_ns, memory_order_relaxed);
    }
    return !corrections_due(wk, win) || send_corrections(wk, rule, win);
}

/* A window for gauges to be sent again in, although no sample may come. */
static void make_windows(struct ts_worker *wk)
{
    if (!wk->conf.conf->keep_gauges || !wk->series.live || wk->clock_ns == TS_TIME_NONE || wk->draining)
        return;
    for (unsigned r = 0; r < wk->nrules; r++) {
        const struct ts_rule *rule = wk->rules[r];
        if ((rule->hidden && !rule->nfolds) || rule->is_side || rule->sessions)
            continue;
        struct ts_window *win = ts_rule_window(wk->rules[r], wk->clock_ns);
        if (win)
            win->used[TS_DOMAIN_ARRIVAL] = true;
    }
}

bool ts_worker_seal(struct ts_worker *wk)
{
    uint32_t budget = STEP_SLOTS;
    if (wk->held)
        return false;
    make_windows(wk);
    wk->behind = true;
    for (unsigned r = 0; r < wk->nrules; r++) {
        struct ts_rule *rule = wk->rules[r];
        if (rule->sessions) {
            if (!ts_session_seal(wk, rule, &budget))
                return budget < TS_CHUNK_PANES;
            continue;
        }
        for (struct ts_window *win = rule->windows, *next; win; win = next) {
            next = win->next;
            if (!seal_window(wk, rule, win, &budget))
                return budget < TS_CHUNK_PANES;
            clean_up(wk, rule, win);
        }
        if (rule->nfolds)
            ts_gather_pass(wk, rule);
    }
    wk->behind = false;
    bool more = ts_gather_send(wk);
    (void)push_batch(wk); /* one that found no room before */
    return more;
}

bool ts_worker_is_sealing(const struct ts_worker *wk)
{
    for (unsigned r = 0; r < wk->nrules; r++)
        for (const struct ts_window *win = wk->rules[r]->windows; win; win = win->next)
            for (unsigned d = 0; d < TS_DOMAINS; d++)
                if (win->state[d] == TS_WINDOW_SEALING)
                    return true;
    return false;
}

bool ts_worker_is_empty(const struct ts_worker *wk)
{
    for (unsigned r = 0; r < wk->nrules; r++)
        if (wk->rules[r]->windows)
            return false;
    return !wk->batch || wk->batch->n == 0;
}
