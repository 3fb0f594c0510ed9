/*
 * Partials of all workers to points of groups. When all workers have passed a window, one of them combines what they
 * gave, group by group, and sends it as it sends its own windows; partials given again for late samples make their groups go out again,
 * whole. Windows are kept until no worker can give anything for them any more. Thread: the worker GATHER_SENDER, under the gatherer's
 * lock. When the journal's ring is full, or without memory, sending pauses and goes on with the next look.
 */
#include "config.h"
#include "window/window_gather_priv.h"

#include "core/mem.h"

#include <math.h>

#define STEP_GROUPS 2048 /* looked at in one call */

/* What all workers have come to. *events: one of them knows of event time. */
static struct progress least(const struct ts_gather *gat, const struct gather_fold *fold, bool *events)
{
    struct progress all = {INT64_MAX, INT64_MAX, INT64_MAX};
    *events = false;
    for (unsigned w = 0; w < gat->nworkers; w++) {
        all.clock_ns = TS_MIN(all.clock_ns, fold->workers[w].clock_ns);
        all.event_ns = TS_MIN(all.event_ns, fold->workers[w].event_ns);
        all.stream_ns = TS_MIN(all.stream_ns, fold->workers[w].stream_ns);
        *events |= fold->workers[w].stream_ns != TS_TIME_NONE;
    }
    return all;
}

static bool is_due(const struct gathered *win, const struct progress *all)
{
    bool fresh = win->nfresh[TS_DOMAIN_ARRIVAL] || win->nfresh[TS_DOMAIN_EVENT];
    return fresh && (!win->nfresh[TS_DOMAIN_ARRIVAL] || win->end_ns <= all->clock_ns) &&
           (!win->nfresh[TS_DOMAIN_EVENT] || win->end_ns <= all->event_ns);
}

bool ts_gather_is_due(const struct ts_gather *gat, const struct gather_fold *fold)
{
    bool due = false, events;
    struct progress all = least(gat, fold, &events);
    for (const struct gathered *win = fold->windows; win && !due; win = win->next)
        due = is_due(win, &all);
    return due;
}

/* Whether no worker can give anything for it any more. Series in event time may be behind the clock, but not for ever. */
static bool is_done(const struct gathered *win, const struct progress *all, int64_t keep_ns)
{
    if (win->nfresh[TS_DOMAIN_ARRIVAL] || win->nfresh[TS_DOMAIN_EVENT] || (win->used[TS_DOMAIN_ARRIVAL] && win->end_ns > all->clock_ns))
        return false;
    if (all->stream_ns != TS_TIME_NONE && win->end_ns <= all->stream_ns - keep_ns)
        return true;
    return !win->used[TS_DOMAIN_EVENT] && win->end_ns <= all->clock_ns - keep_ns;
}

/* All that is known of the group; *sent: some of it has been sent before. */
static bool combine(const struct ts_gather *gat, const struct gathered *win, const struct ts_group *group, unsigned nbuckets,
                    struct ts_partial *sum, bool *sent)
{
    bool good = true;
    *sum = (struct ts_partial){0};
    *sent = false;
    for (unsigned t = 0; t < gat->nworkers * TS_DOMAINS; t++) {
        const struct ts_partial *part = win->tables[t] ? ts_partials_find(win->tables[t], group) : NULL;
        if (!part)
            continue;
        good &= ts_partial_merge(sum, part, NULL, nbuckets);
        *sent |= part->sent;
    }
    return good;
}

static void mark_sent(const struct ts_gather *gat, struct gathered *win, const struct ts_group *group)
{
    win->sent_some = true;
    for (unsigned t = 0; t < gat->nworkers * TS_DOMAINS; t++) {
        struct ts_partial *part = win->tables[t] ? ts_partials_find(win->tables[t], group) : NULL;
        if (!part)
            continue;
        win->nfresh[t % TS_DOMAINS] -= part->fresh;
        part->fresh = false;
        part->sent = true;
    }
}

static void put_histogram(struct ts_rollup *point, const struct ts_partial *sum, unsigned nbuckets, struct ts_buf *texts)
{
    size_t from = texts->len;
    for (unsigned i = 0; i <= nbuckets; i++) {
        uint64_t bits;
        memcpy(&bits, &sum->histogram[i].hi, sizeof bits);
        for (unsigned k = 0; k < 8; k++)
            ts_buf_putc(texts, (char)(bits >> 8 * k & 0xff));
    }
    point->histogram.len = texts->len - from;
}

/* The group's point behind the batch's. @return false without memory, and nothing is there. */
static bool put_point(struct ts_rollup_batch *batch, const struct ts_group *group, const struct ts_partial *sum, unsigned nbuckets)
{
    struct ts_rollup *point = &batch->points[batch->n];
    struct ts_buf *texts = &batch->texts;
    size_t from = texts->len;
    bool good = true;
    *point = (struct ts_rollup){.first = sum->has_first ? sum->first : NAN,
                                .increase = sum->has_increase ? sum->increase.hi : NAN,
                                .distinct = sum->hll ? round(ts_hll_estimate(sum->hll)) : NAN};
    point->series.len = group->len; /* lies in the texts, as all that follows: see push_batch */
    ts_buf_put(texts, group->key, group->len);
    if (group->key[0] == TS_KIND_SET || group->key[0] == TS_KIND_STRING)
        point->stats.count = sum->count.hi;
    else
        point->stats = ts_partial_stats(sum);
    if (sum->text) {
        ts_buf_put(texts, sum->text->p, sum->text->len);
        point->last_text.len = sum->text->len;
    }
    if (sum->histogram)
        put_histogram(point, sum, nbuckets, texts);
    size_t sketch = texts->len;
    if (group->key[0] == TS_KIND_SET && sum->hll && batch->aggregates & TS_AGG_BIT(sketch))
        good = ts_hll_encode(sum->hll, texts) == 0;
    else if (sum->sketch)
        good = ts_sketch_encode(sum->sketch, texts) == 0;
    point->sketch.len = texts->len - sketch;
    if (good && !ts_buf_failed(texts)) {
        batch->n++;
        return true;
    }
    texts->len = from;
    texts->failed = false;
    return false;
}

/* @return false: not now. */
static bool send_group(struct ts_worker *wk, const struct ts_fold *fold, struct gathered *win, const struct ts_group *group)
{
    unsigned nbuckets = fold->conf->histogram.n;
    struct ts_partial sum;
    bool sent, whole = combine(wk->conf.gather, win, group, nbuckets, &sum, &sent), good = sum.count.hi == 0;
    if (!good) {
        struct ts_rollup_batch *batch = ts_worker_open_batch(wk, fold->conf, win->start_ns, win->end_ns, sent || win->again);
        enum ts_domain domain = win->used[TS_DOMAIN_EVENT] ? TS_DOMAIN_EVENT : TS_DOMAIN_ARRIVAL;
        if (batch && batch->n == 0)
            batch->completeness = ts_window_completeness(wk, fold->conf, domain, win->start_ns, win->end_ns, win->made_ns);
        good = batch && put_point(batch, group, &sum, nbuckets);
    }
    ts_partial_fini(&sum);
    if (good)
        mark_sent(wk->conf.gather, win, group);
    if (good && !whole)
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
    return good;
}

/* @return false: the budget is used up, or there is no room. */
static bool send_window(struct ts_worker *wk, const struct ts_fold *fold, struct gathered *win, uint32_t *budget)
{
    for (; win->table < wk->conf.gather->nworkers * TS_DOMAINS; win->table++, win->at = 0) {
        struct ts_partials *set = win->tables[win->table];
        for (; set && win->at < set->n; win->at++) {
            if (*budget == 0)
                return false;
            --*budget;
            if (set->v[win->at].fresh && !send_group(wk, fold, win, set->v[win->at].group))
                return false;
        }
    }
    TS_ASSERT(win->nfresh[TS_DOMAIN_ARRIVAL] == 0 && win->nfresh[TS_DOMAIN_EVENT] == 0);
    return true;
}

/* @return false: paused. */
static bool send_fold(struct ts_worker *wk, const struct ts_rule *rule, const struct ts_fold *fold, uint32_t *budget)
{
    struct ts_gather *gat = wk->conf.gather;
    struct gather_fold *own = gat->folds[fold->index];
    bool events;
    struct progress all = least(gat, own, &events);
    int64_t keep_ns = events && fold->conf->late == TS_LATE_CORRECT ? rule->set->plan->conf->correct_for_ns : 0;
    for (struct gathered **at = &own->windows; *at;) {
        if (is_due(*at, &all) && !send_window(wk, fold, *at, budget))
            return false;
        if (is_done(*at, &all, keep_ns))
            ts_gather_forget(gat, at);
        else
            at = &(*at)->next;
    }
    return true;
}

bool ts_gather_send(struct ts_worker *wk)
{
    uint32_t budget = STEP_GROUPS;
    bool paused = false;
    if (!wk->conf.gather || wk->conf.number != GATHER_SENDER)
        return false;
    pthread_mutex_lock(&wk->conf.gather->lock);
    for (unsigned r = 0; r < wk->nrules && !paused; r++)
        for (unsigned f = 0; f < wk->rules[r]->nfolds && !paused; f++)
            paused = !wk->rules[r]->folds[f].retired && !send_fold(wk, wk->rules[r], &wk->rules[r]->folds[f], &budget);
    pthread_mutex_unlock(&wk->conf.gather->lock);
    wk->gathering = paused;
    return budget == 0;
}

bool ts_gather_is_whole(struct ts_gather *gat, bool ending)
{
    bool whole = true, events;
    pthread_mutex_lock(&gat->lock);
    for (unsigned f = 0; f < gat->nfolds; f++) {
        if (!gat->folds[f])
            continue;
        struct progress all = least(gat, gat->folds[f], &events);
        for (const struct gathered *win = gat->folds[f]->windows; win; win = win->next) {
            bool fresh = win->nfresh[TS_DOMAIN_ARRIVAL] || win->nfresh[TS_DOMAIN_EVENT];
            whole &= !(fresh && win->sent_some) && !(ending && is_due(win, &all));
        }
    }
    pthread_mutex_unlock(&gat->lock);
    return whole;
}

bool ts_gather_may_end(struct ts_worker *wk)
{
    struct ts_gather *gat = wk->conf.gather;
    bool empty = true, sends = wk->conf.number == GATHER_SENDER;
    if (!gat)
        return true;
    pthread_mutex_lock(&gat->lock);
    gat->nended += !gat->ended[wk->conf.number];
    gat->ended[wk->conf.number] = true;
    for (unsigned f = 0; f < gat->nfolds; f++)
        empty &= !gat->folds[f] || !gat->folds[f]->windows;
    bool last = gat->nended == gat->nworkers;
    pthread_mutex_unlock(&gat->lock);
    if (!sends)
        ts_bell_ring(gat->sender_bell);
    return !sends || (last && empty);
}
