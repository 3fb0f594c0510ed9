/*
 * What the journal has sealed since a snapshot: noted from its batches, and taken out of workers again that the snapshot was put into.
 * Thread: main, at a start, where nothing goes on without memory.
 */
#include "config.h"
#include "window/window_snapshot_priv.h"

#include "core/hash.h"
#include "core/matcher.h"
#include "core/mem.h"

#define LATE "_late" /* what names of points aside end with */

/* ---- what the journal has ---- */

struct sealed_window {
    uint64_t rule; /* hash of its name */
    int64_t start_ns, end_ns;
    bool aside;
};

struct sealed_session {
    uint64_t rule;
    bool aside;
    struct ts_session_ended ended;
};

struct ts_sealed {
    struct ts_map64 points;     /* of rule, window and series */
    struct ts_buf windows;      /* of struct sealed_window, each once */
    struct ts_map64 known;      /* of these */
    struct ts_buf sessions;     /* of struct sealed_session, each as often as it was sent */
    struct ts_rollup_batch *batch;
};

struct ts_sealed *ts_sealed_new(void)
{
    struct ts_sealed *sealed = ts_xalloc(sizeof *sealed);
    ts_map64_init(&sealed->points);
    ts_map64_init(&sealed->known);
    sealed->batch = ts_mem_had(ts_rollup_batch_new(), sizeof *sealed->batch);
    return sealed;
}

void ts_sealed_free(struct ts_sealed **sealed)
{
    if (!*sealed)
        return;
    ts_map64_fini(&(*sealed)->points);
    ts_map64_fini(&(*sealed)->known);
    ts_buf_fini(&(*sealed)->windows);
    ts_buf_fini(&(*sealed)->sessions);
    ts_rollup_batch_free(&(*sealed)->batch);
    TS_FREE(*sealed);
}

static uint64_t point_key(uint64_t rule, int64_t start_ns, struct ts_str series)
{
    uint64_t key = ts_hash_seeded(series.p, series.len, ts_hash_seeded(&start_ns, sizeof start_ns, rule));
    return key ? key : 1;
}

static void add_key(struct ts_map64 *map, uint64_t key)
{
    if (!ts_map64_find(map, key)) /* a start, where nothing goes on without memory */
        ts_mem_had(ts_map64_add(map, key), sizeof key);
}

static bool is_aside(struct ts_str series)
{
    struct ts_series_view view;
    size_t n = strlen(LATE);
    return ts_series_decode(series, &view) == 0 && view.name.len >= n &&
           memcmp(view.name.p + view.name.len - n, LATE, n) == 0;
}

/* The first time that a session is sent its point's time is its beginning; afterwards samples may have come before it. */
static void note_sessions(struct ts_sealed *sealed, const struct ts_rollup_batch *batch)
{
    struct sealed_session one = {.rule = ts_hash(batch->rule, strlen(batch->rule)), .aside = is_aside(batch->points[0].series)};
    for (unsigned i = 0; i < batch->n; i++) {
        const struct ts_rollup *pt = &batch->points[i];
        one.ended = (struct ts_session_ended){.series = ts_hash(pt->series.p, pt->series.len),
                                              .time_ns = pt->time_ns,
                                              .last_ns = batch->correction ? pt->time_ns : ts_time_after(pt->time_ns, pt->duration_ns),
                                              .duration_ns = pt->duration_ns};
        ts_buf_put(&sealed->sessions, &one, sizeof one);
    }
}

void ts_sealed_note(void *arg, struct ts_str bytes)
{
    struct ts_sealed *sealed = arg;
    struct ts_rollup_batch *batch = sealed->batch;
    if (ts_rollup_batch_decode(bytes, batch) != 0 || batch->passed || batch->coarse || batch->partial || batch->n == 0)
        return;
    if (batch->sessions) {
        note_sessions(sealed, batch);
        return;
    }
    struct sealed_window win = {.rule = ts_hash(batch->rule, strlen(batch->rule)),
                                .start_ns = batch->start_ns,
                                .end_ns = batch->end_ns,
                                .aside = is_aside(batch->points[0].series)};
    for (unsigned i = 0; i < batch->n; i++)
        add_key(&sealed->points, point_key(win.rule, win.start_ns, batch->points[i].series));
    uint64_t key = point_key(win.rule + win.aside, win.start_ns, TS_STR(""));
    if (!ts_map64_find(&sealed->known, key)) {
        add_key(&sealed->known, key);
        ts_buf_put(&sealed->windows, &win, sizeof win);
    }
}

/* ---- what has been sealed since ---- */

bool ts_rule_name(const struct ts_rule *rule, const struct ts_slot *sl, struct ts_buf *room, struct ts_str *name)
{
    *name = (struct ts_str){sl->series, sl->len};
    if (!rule->conf->measurement && !rule->conf->tags)
        return true;
    ts_buf_clear(room);
    int rc = ts_rollup_rename(rule->conf, *name, room);
    *name = ts_buf_str(room);
    return rc == 0 && !ts_buf_failed(room);
}

static bool is_sealed(const struct ts_sealed *sealed, const struct ts_worker *wk, const struct ts_rule *rule, uint64_t name,
                      const struct ts_window *win, uint32_t slot, struct ts_buf *series)
{
    struct ts_str bytes;
    if (!ts_rule_matches(rule, slot) || !ts_rule_name(rule, &wk->series.slots[slot], series, &bytes))
        return false;
    return ts_map64_find(&sealed->points, point_key(name, win->start_ns, bytes));
}

/* Nothing of the slot is sent for the window any more. */
static void close_pane(const struct ts_worker *wk, struct ts_window *win, struct ts_pane_chunk *ch, uint32_t slot)
{
    uint64_t bit = UINT64_C(1) << (slot % 64), *dirty = &ch->dirty[slot % TS_CHUNK_PANES / 64];
    ts_window_clear_pane(ch, slot, (enum ts_kind)wk->series.slots[slot].kind);
    ts_snap_set_bit(ch->merged, slot);
    win->dirty -= *dirty & bit ? 1 : 0;
    *dirty &= ~bit;
}

/* Takes out what the journal has of the window, for good. */
static void close_window(const struct ts_sealed *sealed, struct ts_worker *wk, struct ts_rule *rule, struct ts_window *win,
                         struct ts_restored *out)
{
    uint64_t name = ts_hash(rule->conf->name, strlen(rule->conf->name));
    struct ts_buf series = TS_BUF_INIT;
    for (unsigned d = 0; d < TS_DOMAINS; d++)
        for (uint32_t c = 0; c < win->nchunks && rule->nderived; c++)
            if (win->chunks[c])
                (void)ts_window_merge_chunk(wk, rule, win, c, d); /* without memory a derived window misses it, at a start */
    for (uint32_t slot = 0; slot < wk->series.count; slot++) {
        if (!is_sealed(sealed, wk, rule, name, win, slot, &series))
            continue;
        struct ts_pane_chunk *ch = ts_window_chunk(win, slot);
        if (!ch)
            continue;
        out->sealed += ts_chunk_pane(ch, slot)->stats.count != 0;
        close_pane(wk, win, ch, slot);
    }
    ts_buf_fini(&series);
}

/* ---- groups ---- */

/* Whether the journal has the window under this name. */
static bool is_known(const struct ts_sealed *sealed, const char *name, const struct ts_rule *rule, int64_t start_ns)
{
    uint64_t key = ts_hash(name, strlen(name));
    return (!rule->is_side && ts_map64_find(&sealed->known, point_key(key, start_ns, TS_STR("")))) ||
           ts_map64_find(&sealed->known, point_key(key + 1, start_ns, TS_STR("")));
}

/* Whether groups of the window have gone out, so that all workers were through with it. */
static bool has_groups(const struct ts_sealed *sealed, const struct ts_rule *rule, const struct ts_window *win)
{
    for (unsigned f = 0; f < rule->nfolds; f++)
        if (is_known(sealed, rule->folds[f].conf->name, rule, win->start_ns))
            return true;
    return false;
}

/* The panes of a base that lie in a window which the journal has are part of that. */
static void merge_into_known(const struct ts_sealed *sealed, struct ts_worker *wk, struct ts_rule *rule)
{
    for (struct ts_window *win = rule->windows; win; win = win->next) {
        bool known = false;
        for (unsigned d = 0; d < rule->nderived && !known; d++)
            for (const struct ts_window *at = rule->derived[d]->windows; at && !known; at = at->next)
                known = at->start_ns <= win->start_ns && win->end_ns <= at->end_ns && has_groups(sealed, rule->derived[d], at);
        for (unsigned d = 0; d < TS_DOMAINS && known; d++)
            for (uint32_t c = 0; c < win->nchunks; c++)
                if (win->chunks[c])
                    (void)ts_window_merge_chunk(wk, rule, win, c, d);
    }
}

/* Hands over what was folded of a window of which nothing more can come. sent: it had gone out; else the journal says which of it has. */
static void give_folds(const struct ts_sealed *sealed, struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win, unsigned domain,
                       bool sent)
{
    for (unsigned f = 0; win->folds && f < rule->nfolds; f++) {
        const char *name = rule->folds[f].conf->name;
        struct ts_partials *set = win->folds[f * TS_DOMAINS + domain];
        for (uint32_t i = 0; set && i < set->n; i++) {
            const struct ts_group *group = set->v[i].group;
            uint64_t key = point_key(ts_hash(name, strlen(name)), win->start_ns, (struct ts_str){group->key, group->len});
            set->v[i].sent = sent || ts_map64_find(&sealed->points, key);
            set->v[i].fresh = !set->v[i].sent;
        }
    }
    TS_ASSERT(ts_window_give_folds(wk, rule, win, domain));
}

/*
 * Before anything is taken out of a window: what groups are to have of it. Either all that there is, when all workers were through
 * with it; or the panes whose series' points are in the journal, and the rest when it is sealed.
 */
static void fold_window(const struct ts_sealed *sealed, struct ts_worker *wk, struct ts_rule *rule, struct ts_window *win)
{
    bool complete = has_groups(sealed, rule, win);
    uint64_t name = ts_hash(rule->conf->name, strlen(rule->conf->name));
    struct ts_buf series = TS_BUF_INIT;
    bool whole[TS_DOMAINS];
    for (unsigned d = 0; d < TS_DOMAINS; d++)
        whole[d] = complete || (win->used[d] && win->state[d] == TS_WINDOW_SEALED);
    for (uint32_t slot = 0; slot < wk->series.count && !win->no_folds; slot++) {
        uint32_t index = slot / TS_CHUNK_PANES;
        struct ts_pane_chunk *ch = index < win->nchunks ? win->chunks[index] : NULL;
        const union ts_pane *pane = ch ? ts_chunk_pane(ch, slot) : NULL;
        enum ts_domain domain = ts_slot_is_of(wk, slot, TS_DOMAIN_EVENT) ? TS_DOMAIN_EVENT : TS_DOMAIN_ARRIVAL;
        if (!pane || pane->stats.count == 0 ||
            !(whole[domain] || (!rule->hidden && is_sealed(sealed, wk, rule, name, win, slot, &series))))
            continue;
        TS_ASSERT(ts_window_make_folds(wk, rule, win, domain, slot));
        ts_window_fold(wk, rule, win, domain, slot, pane, ch);
        if (complete && rule->hidden) {
            close_pane(wk, win, ch, slot);
        }
    }
    ts_buf_fini(&series);
    for (unsigned d = 0; d < TS_DOMAINS; d++)
        if (whole[d])
            give_folds(sealed, wk, rule, win, d, !complete);
    win->closed |= complete && rule->hidden;
    win->no_folds |= complete;
}

/* Of windows that the journal has groups of, and of which nothing was restored: nothing that comes makes them anew. */
static void close_folds(const struct ts_sealed *sealed, struct ts_rule *rule)
{
    const struct sealed_window *all = (const void *)sealed->windows.p;
    size_t n = sealed->windows.len / sizeof *all;
    for (unsigned f = 0; f < rule->nfolds; f++) {
        uint64_t name = ts_hash(rule->folds[f].conf->name, strlen(rule->folds[f].conf->name));
        for (size_t i = 0; i < n; i++) {
            if (all[i].rule != name || (rule->is_side && !all[i].aside) || !ts_snap_fits(rule, all[i].start_ns))
                continue;
            struct ts_window *win = ts_rule_window_at(rule, all[i].start_ns);
            if (win)
                win->no_folds = true;
            if (win && rule->hidden)
                win->closed = true;
        }
    }
}

/* ---- all of it ---- */

/* With `derived` those of rules that others are merged into, which must not be opened again by that: these are first. */
static void close_windows(const struct ts_sealed *sealed, struct ts_worker *wk, bool derived, struct ts_restored *out)
{
    const struct sealed_window *all = (const void *)sealed->windows.p;
    size_t n = sealed->windows.len / sizeof *all;
    for (unsigned r = 0; r < wk->nrules; r++) {
        struct ts_rule *rule = wk->rules[r];
        uint64_t name = ts_hash(rule->conf->name, strlen(rule->conf->name));
        for (size_t i = 0; i < n && !rule->hidden && !rule->sessions && (rule->base != NULL) == derived; i++) {
            const struct sealed_window *one = &all[i];
            if (one->rule != name || (rule->is_side && !one->aside) || !ts_snap_fits(rule, one->start_ns) ||
                ts_rule_end(rule, one->start_ns) != one->end_ns)
                continue;
            struct ts_window *win = ts_rule_window_at(rule, one->start_ns);
            if (!win || win->closed)
                continue;
            win->closed = true;
            close_window(sealed, wk, rule, win, out);
            if (wk->watermark_ns != TS_TIME_NONE) { /* it was going on */
                win->used[TS_DOMAIN_EVENT] = true;
                win->state[TS_DOMAIN_EVENT] = TS_WINDOW_SEALING;
            }
        }
    }
}

static void close_sessions(const struct ts_sealed *sealed, struct ts_worker *wk, struct ts_rule *rule, struct ts_restored *out)
{
    uint64_t name = ts_hash(rule->conf->name, strlen(rule->conf->name));
    const struct sealed_session *all = (const void *)sealed->sessions.p;
    for (size_t i = 0; i < sealed->sessions.len / sizeof *all; i++)
        if (all[i].rule == name && (all[i].aside || !rule->is_side))
            ts_session_add_ended(rule, &all[i].ended);
    out->sealed += ts_session_close_ended(wk, rule);
}

void ts_sealed_close(const struct ts_sealed *sealed, struct ts_worker *wk, bool final, struct ts_restored *out)
{
    for (unsigned r = 0; r < wk->nrules; r++)
        merge_into_known(sealed, wk, wk->rules[r]);
    for (unsigned r = 0; r < wk->nrules; r++) {
        for (struct ts_window *win = wk->rules[r]->nfolds ? wk->rules[r]->windows : NULL; win; win = win->next)
            fold_window(sealed, wk, wk->rules[r], win);
        close_folds(sealed, wk->rules[r]);
    }
    close_windows(sealed, wk, true, out);
    close_windows(sealed, wk, false, out);
    for (unsigned r = 0; r < wk->nrules; r++) {
        struct ts_rule *rule = wk->rules[r];
        if (rule->sessions && final)
            ts_session_note_parts(wk, rule);
        if (rule->sessions)
            close_sessions(sealed, wk, rule, out);
    }
}
