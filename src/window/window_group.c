/*
 * Sealed panes to partials of groups. Thread: worker. Which group a slot is in is looked up once, when its first pane is sealed.
 * A series in arrival time and one in event time may be in the same group: each domain of a window has partials of its own, since
 * they are sealed at different times. A pane that was folded in arrival time (ts_pane_chunk.folded) is not folded again when its
 * series has moved to event time. Late samples: the groups of dirty panes are worked out anew from all their panes.
 */
#include "config.h"
#include "window/window_rule.h"

#include "core/matcher.h"
#include "core/log.h"
#include "core/mem.h"

#define LEAVE_STEP 16384 /* slots in one call */

/* What is too late: sent once, when no more can come. */
static struct ts_conf_rollup *make_side(const struct ts_conf *conf, const struct ts_conf_rollup *rollup)
{
    struct ts_conf_rollup *own = ts_xalloc(sizeof *own);
    ts_rule_make_side(conf->correct_for_ns, rollup, own);
    return own;
}

void ts_rule_add_fold(const struct ts_worker *wk, struct ts_rule *rule, const struct ts_conf_rollup *rollup, bool is_side)
{
    const struct ts_rule_plan *plan = rule->set->plan;
    TS_ASSERT(wk->conf.gather);
    rule->folds = ts_xresize(rule->folds, (rule->nfolds + 1) * sizeof *rule->folds);
    struct ts_fold *fold = &rule->folds[rule->nfolds++];
    *fold = (struct ts_fold){.conf = rollup, .wants = ts_rule_wants(rollup), .sent = TS_SPAN_ALL};
    fold->index = plan->first_fold + (unsigned)(rollup - plan->conf->rollups) + (is_side ? plan->conf->nrollups : 0);
    if (is_side)
        fold->conf = fold->own = make_side(plan->conf, rollup);
    rule->gather = wk->conf.gather;
    for (struct ts_rule *at = rule; at; at = at->base) {
        at->folded = true;
        at->wants |= fold->wants;
        at->tracks_last |= (rollup->aggregates & TS_AGG_BIT(last)) != 0;
    }
}

void ts_rule_free_folds(struct ts_rule *rule)
{
    for (unsigned f = 0; f < rule->nfolds; f++) {
        ts_free(rule->folds[f].groups); /* the gatherer frees all groups at the end */
        if (rule->folds[f].own)
            ts_free(rule->folds[f].own->measurement); /* the rest is the configuration's */
        ts_free(rule->folds[f].own);
    }
    TS_FREE(rule->folds);
}

/* ---- which group a slot is in ---- */

/* A series that has no tag to lose is called like its group, and another rollup sends it to the same sink. Said once a fold. */
static TS_COLD void warn_of_same_name(struct ts_fold *fold, struct ts_str series, struct ts_str key)
{
    struct ts_conf_rollup whole = *fold->conf;
    struct ts_series_view view;
    struct ts_buf name = TS_BUF_INIT, text = TS_BUF_INIT;
    whole.group_by = whole.without = NULL;
    if (ts_rollup_rename(&whole, series, &name) == 0 && ts_str_eq(ts_buf_str(&name), key) && ts_series_decode(series, &view) == 0) {
        ts_series_print(&view, &text);
        ts_log(TS_LOG_WARN, "points_replaced", "rollup=%s series=%s what=\"it has the name and tags of its group, and both go to one sink\" "
               "remedy=\"give the rollup a measurement, tags, a bucket or a sink of its own\"", fold->conf->name,
               ts_log_quote(ts_buf_str(&text)).z);
        fold->told = true;
    }
    ts_buf_fini(&name);
    ts_buf_fini(&text);
}

/* @return 0, -TS_ENOMEM, -TS_ELIMIT: in none. */
static int look_up(struct ts_worker *wk, struct ts_fold *fold, uint32_t slot)
{
    if (slot >= fold->ngroups) {
        uint32_t n = wk->nevent_chunks * TS_CHUNK_PANES;
        struct ts_group **groups = ts_resize(fold->groups, n * sizeof(struct ts_group *));
        if (!groups)
            return -TS_ENOMEM;
        memset(groups + fold->ngroups, 0, (n - fold->ngroups) * sizeof(struct ts_group *));
        fold->groups = groups;
        fold->ngroups = n;
    }
    if (fold->groups[slot])
        return 0;
    const struct ts_slot *sl = &wk->series.slots[slot];
    struct ts_buf key = TS_BUF_INIT;
    int rc = ts_rollup_rename(fold->conf, (struct ts_str){sl->series, sl->len}, &key);
    if (rc == 0)
        rc = ts_gather_group(wk->conf.gather, fold->index, ts_buf_str(&key), &fold->groups[slot]);
    if (rc == 0 && fold->conf->meets_series && !fold->told)
        warn_of_same_name(fold, (struct ts_str){sl->series, sl->len}, ts_buf_str(&key));
    ts_buf_fini(&key);
    return rc;
}

void ts_worker_leave_groups(struct ts_worker *wk, uint32_t slot)
{
    for (unsigned r = 0; r < wk->nrules; r++) {
        for (unsigned f = 0; f < wk->rules[r]->nfolds; f++) {
            struct ts_fold *fold = &wk->rules[r]->folds[f];
            if (slot >= fold->ngroups || !fold->groups[slot])
                continue;
            ts_gather_leave(wk->conf.gather, fold->groups[slot]);
            fold->groups[slot] = NULL;
        }
    }
}

bool ts_fold_leave_groups(struct ts_worker *wk, struct ts_fold *fold)
{
    for (unsigned n = 0; n < LEAVE_STEP && fold->ngroups; n++)
        if (fold->groups[--fold->ngroups])
            ts_gather_leave(wk->conf.gather, fold->groups[fold->ngroups]);
    return fold->ngroups == 0;
}

/* ---- panes into partials ---- */

static bool was_folded(const struct ts_pane_chunk *ch, uint32_t slot)
{
    uint32_t i = slot % TS_CHUNK_PANES;
    return ch && ch->folded[i / 64] >> (i % 64) & 1;
}

/* What one pane says, borrowed from it; *plain: its histogram. */
static struct ts_partial view_of(const struct ts_fold *fold, enum ts_kind kind, const union ts_pane *pane,
                                 const struct ts_pane_chunk *ch, uint32_t slot, const double **plain)
{
    const struct ts_stats *st = &pane->stats;
    const int64_t *last_ns = ch ? ch->last_ns : NULL;
    struct ts_partial view = {.count = {pane->stats.count, 0}};
    struct ts_more_view more;
    switch (kind) {
    case TS_KIND_SET: view.hll = pane->set.hll; return view;
    case TS_KIND_STRING:
        view.text = pane->string.text;
        view.last_ns = pane->string.time_ns;
        return view;
    default: break;
    }
    view.shift = st->shift;
    view.min = st->min;
    view.max = st->max;
    view.last = st->last;
    view.sum.hi = st->sum;
    view.sd.hi = st->sd;
    view.sd2.hi = st->sd2;
    view.last_ns = last_ns ? last_ns[slot % TS_CHUNK_PANES] : TS_TIME_NONE;
    ts_window_peek_more(ch, slot, &more);
    if (!ch && fold->wants & TS_WANTS_FIRST) /* a gauge that is sent again has had its value since before the window */
        more = (struct ts_more_view){.has_first = true, .first = st->last, .first_ns = TS_TIME_NONE};
    view.has_first = fold->wants & TS_WANTS_FIRST && more.has_first;
    view.first = more.first;
    view.first_ns = more.first_ns;
    view.has_increase = fold->wants & TS_WANTS_INCREASE && more.has_increase;
    view.increase.hi = more.increase;
    view.hll = fold->wants & TS_WANTS_DISTINCT ? more.hll : NULL;
    *plain = fold->wants & TS_WANTS_HISTOGRAM ? more.histogram : NULL;
    struct ts_sketch *sk = fold->wants & TS_WANTS_SKETCH && ch ? ts_chunk_sketch(ch, slot) : NULL;
    if (sk && sk->state >= TS_SKETCH_LIST)
        view.sketch = sk;
    return view;
}

static void add_pane(struct ts_worker *wk, const struct ts_fold *fold, const struct ts_partials *set, uint32_t slot,
                     const union ts_pane *pane, const struct ts_pane_chunk *ch)
{
    const double *plain = NULL;
    struct ts_group *group = slot < fold->ngroups ? fold->groups[slot] : NULL;
    struct ts_partial *part = group ? ts_partials_find(set, group) : NULL;
    if (!part)
        return;
    struct ts_partial view = view_of(fold, (enum ts_kind)wk->series.slots[slot].kind, pane, ch, slot, &plain);
    if (!ts_partial_merge(part, &view, plain, fold->conf->histogram.n))
        ts_count(wk->cnt, TS_C_EXTRAS_NO_MEMORY, 1);
}

/* The slot's place in a set, made when there is none. @return false without memory. */
static bool make_place(struct ts_worker *wk, struct ts_fold *fold, struct ts_partials *set, uint32_t slot)
{
    bool added;
    int rc = look_up(wk, fold, slot);
    if (rc == -TS_ELIMIT)
        ts_count(wk->cnt, TS_C_ROLLUPS_LOST, 1); /* too many groups, or too long with the rule's tags */
    if (rc)
        return rc == -TS_ELIMIT;
    struct ts_partial *part = ts_partials_get(set, fold->groups[slot], &added);
    if (part && added)
        ts_group_ref(part->group);
    return part;
}

static struct ts_partials **set_of(const struct ts_window *win, unsigned fold, unsigned domain)
{
    return &win->folds[fold * TS_DOMAINS + domain];
}

bool ts_window_make_folds(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win, unsigned domain, uint32_t slot)
{
    if (win->no_folds)
        return true;
    if (!win->folds)
        win->folds = ts_alloc((size_t)rule->nfolds * TS_DOMAINS * sizeof(struct ts_partials *));
    for (unsigned f = 0; win->folds && f < rule->nfolds; f++) {
        struct ts_partials **set = set_of(win, f, domain);
        if (!ts_span_has(&rule->folds[f].sent, win->start_ns))
            continue;
        if (!*set)
            *set = ts_partials_new();
        if (!*set || !make_place(wk, &rule->folds[f], *set, slot))
            return false;
    }
    return win->folds;
}

void ts_window_fold(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win, unsigned domain, uint32_t slot,
                    const union ts_pane *pane, struct ts_pane_chunk *ch)
{
    uint32_t i = slot % TS_CHUNK_PANES;
    if (win->no_folds || was_folded(ch, slot))
        return;
    for (unsigned f = 0; f < rule->nfolds; f++)
        if (ts_span_has(&rule->folds[f].sent, win->start_ns))
            add_pane(wk, &rule->folds[f], *set_of(win, f, domain), slot, pane, ch);
    if (ch && domain == TS_DOMAIN_ARRIVAL)
        ch->folded[i / 64] |= UINT64_C(1) << (i % 64);
    ts_count(wk->cnt, TS_C_PANES_MERGED, rule->nfolds);
}

bool ts_window_give_folds(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win, unsigned domain)
{
    for (unsigned f = 0; win->folds && f < rule->nfolds; f++) {
        struct ts_partials **set = set_of(win, f, domain);
        if (*set && !ts_gather_give(wk, &rule->folds[f], win, domain, set))
            return false;
    }
    return true;
}

/* ---- corrections ---- */

static bool make_dirty_places(struct ts_worker *wk, struct ts_fold *fold, struct ts_partials *set, const struct ts_window *win)
{
    for (uint32_t c = 0; c < win->nchunks; c++) {
        const struct ts_pane_chunk *ch = win->chunks[c];
        for (uint32_t w = 0; ch && ch != TS_CHUNK_GONE && w < TS_CHUNK_PANES / 64; w++)
            for (uint64_t rest = ch->dirty[w]; rest; rest &= rest - 1)
                if (!make_place(wk, fold, set, c * TS_CHUNK_PANES + w * 64 + (uint32_t)__builtin_ctzll(rest)))
                    return false;
    }
    return true;
}

static void add_event_panes(struct ts_worker *wk, const struct ts_fold *fold, const struct ts_partials *set, const struct ts_window *win)
{
    for (uint32_t c = 0; c < win->nchunks; c++) {
        const struct ts_pane_chunk *ch = win->chunks[c];
        if (!ch || ch == TS_CHUNK_GONE || !ch->event)
            continue;
        for (uint32_t i = 0, slot = c * TS_CHUNK_PANES; i < TS_CHUNK_PANES && slot < wk->series.count; i++, slot++)
            if (ts_chunk_pane(ch, i)->stats.count != 0 && !was_folded(ch, slot) && ts_slot_is_of(wk, slot, TS_DOMAIN_EVENT))
                add_pane(wk, fold, set, slot, ts_chunk_pane(ch, i), ch);
    }
}

static bool refold(struct ts_worker *wk, struct ts_fold *fold, const struct ts_window *win)
{
    struct ts_partials *set = ts_partials_new();
    bool good = set && make_dirty_places(wk, fold, set, win);
    if (good) {
        add_event_panes(wk, fold, set, win);
        good = ts_gather_give(wk, fold, win, TS_DOMAIN_EVENT, &set);
    }
    ts_gather_drop(wk->conf.gather, &set);
    return good;
}

bool ts_window_refold(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win)
{
    for (unsigned f = 0; f < rule->nfolds && !win->no_folds; f++)
        if (ts_span_has(&rule->folds[f].sent, win->start_ns) && !refold(wk, &rule->folds[f], win))
            return false;
    return true;
}

void ts_window_free_folds(const struct ts_rule *rule, struct ts_window *win)
{
    for (unsigned i = 0; win->folds && i < rule->nfolds * TS_DOMAINS; i++)
        ts_gather_drop(rule->gather, &win->folds[i]);
    TS_FREE(win->folds);
}
