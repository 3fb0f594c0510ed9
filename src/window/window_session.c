/*
 * Samples into the sessions of their series. Thread: worker. Owns the layers of a rule, which grow with the sessions that a series has
 * at the same time. When there are TS_LAYERS_MAX, the series' oldest that has been sent gives way and can be corrected no more; without
 * one, as without memory, the sample is refused, and the caller counts it.
 *
 * Which samples make a session must not depend on their order, as long as none is late. Without a longest length that is so by itself. With
 * one it would not be: a sample that comes later, but is earlier, moves every cut behind it, and what has been added up cannot be taken
 * apart. So samples are added to parts that end at fixed times, and parts are put together when no sample can come between them.
 */
#include "config.h"
#include "window/window_session.h"

#include "core/mem.h"

#include <stdlib.h>

struct ts_sessions *ts_sessions_new(const struct ts_conf_rollup *conf)
{
    struct ts_sessions *set = ts_xalloc(sizeof *set);
    set->part_ns = conf->session_max_ns ? TS_MAX(conf->session_max_ns / 8, 1) : 0;
    return set;
}

void ts_sessions_free(struct ts_sessions **sessions)
{
    struct ts_sessions *set = *sessions;
    if (!set)
        return;
    for (uint32_t i = 0; i < set->nrows; i++)
        ts_free(set->rows[i]);
    ts_free(set->rows);
    ts_free(set->layers); /* they are windows of the rule */
    ts_free(set->order);
    ts_free(set->ended);
    TS_FREE(*sessions);
}

/* ---- layers and rows ---- */

static struct ts_session_row *make_row(struct ts_sessions *set, uint32_t index)
{
    if (index >= set->nrows) {
        uint32_t n = TS_MAX(index + 1, set->nrows * 2);
        struct ts_session_row **rows = ts_resize(set->rows, n * sizeof(struct ts_session_row *));
        if (!rows)
            return NULL;
        memset(rows + set->nrows, 0, (n - set->nrows) * sizeof(struct ts_session_row *));
        set->rows = rows;
        set->nrows = n;
    }
    struct ts_session_row *row = set->rows[index];
    if (!row && (row = set->rows[index] = ts_alloc(sizeof *row))) {
        row->due_ns[TS_DOMAIN_ARRIVAL] = row->due_ns[TS_DOMAIN_EVENT] = row->correct_ns = INT64_MAX;
        row->looked_ns = row->looked_event_ns = TS_TIME_NONE;
    }
    return row;
}

static bool make_layer(struct ts_rule *rule, unsigned layer)
{
    struct ts_sessions *set = rule->sessions;
    if (layer >= set->room) {
        unsigned room = TS_MAX(8, set->room * 2);
        struct ts_window **layers = ts_resize(set->layers, room * sizeof(struct ts_window *));
        if (layers)
            set->layers = layers;
        struct ts_session_place *order = layers ? ts_resize(set->order, room * sizeof *order) : NULL;
        if (!order)
            return false;
        set->order = order;
        set->room = room;
    }
    struct ts_window *win = ts_alloc(sizeof *win);
    if (!win)
        return false;
    ts_window_use_pool(win, rule);
    win->next = rule->windows;
    rule->windows = win;
    rule->nwindows++;
    set->layers[layer] = win;
    set->nlayers = TS_MAX(set->nlayers, layer + 1);
    return true;
}

static void free_layer(struct ts_worker *wk, struct ts_rule *rule, unsigned layer)
{
    struct ts_sessions *set = rule->sessions;
    for (uint32_t i = 0; i < set->layers[layer]->nchunks; i++)
        if (set->layers[layer]->chunks[i])
            return;
    ts_rule_forget(rule, set->layers[layer], &wk->series);
    set->layers[layer] = NULL;
    while (set->nlayers && !set->layers[set->nlayers - 1])
        set->nlayers--;
}

static void free_chunk(struct ts_worker *wk, struct ts_rule *rule, unsigned layer, uint32_t index)
{
    struct ts_window *win = rule->sessions->layers[layer];
    if (index < win->nchunks) {
        ts_window_free_chunk(win, index, &wk->series);
        win->chunks[index] = NULL;
    }
    free_layer(wk, rule, layer);
}

void ts_session_clear(struct ts_worker *wk, struct ts_rule *rule, unsigned layer, uint32_t slot)
{
    struct ts_window *win = rule->sessions->layers[layer];
    struct ts_pane_chunk *ch = win->chunks[slot / TS_CHUNK_PANES];
    struct ts_session *ssn = &ch->sessions->at[slot % TS_CHUNK_PANES];
    if (!(ssn->flags & TS_SESSION_SENT) || ssn->flags & TS_SESSION_CHANGED)
        ts_session_row(rule->sessions, slot)->unsent--;
    ts_window_clear_pane(ch, slot, (enum ts_kind)wk->series.slots[slot].kind);
    *ssn = (struct ts_session){0};
    if (--ch->sessions->used == 0)
        free_chunk(wk, rule, layer, slot / TS_CHUNK_PANES);
}

/* A layer in which the slot has no session. @return nlayers or more: there is none. */
static unsigned find_room(struct ts_worker *wk, struct ts_rule *rule, uint32_t slot)
{
    struct ts_sessions *set = rule->sessions;
    unsigned layer = 0;
    while (layer < set->nlayers && (!set->layers[layer] || ts_session_at(set, layer, slot)))
        layer++;
    if (layer < set->nlayers)
        return layer;
    for (layer = 0; layer < set->nlayers && set->layers[layer]; layer++)
        ;
    if (layer < TS_LAYERS_MAX)
        return make_layer(rule, layer) ? layer : TS_LAYERS_MAX;
    for (unsigned i = 0, n = ts_session_list(set, slot); i < n; i++) {
        layer = set->order[i].layer;
        if ((ts_session_at(set, layer, slot)->flags & (TS_SESSION_SENT | TS_SESSION_CHANGED)) == TS_SESSION_SENT) {
            ts_session_clear(wk, rule, layer, slot);
            return set->layers[layer] || make_layer(rule, layer) ? layer : TS_LAYERS_MAX;
        }
    }
    return TS_LAYERS_MAX;
}

struct ts_session *ts_session_begin(struct ts_worker *wk, struct ts_rule *rule, uint32_t slot, int64_t time_ns, unsigned *layer)
{
    struct ts_sessions *set = rule->sessions;
    *layer = make_row(set, slot / TS_CHUNK_PANES) ? find_room(wk, rule, slot) : TS_LAYERS_MAX;
    if (*layer >= set->nlayers)
        return NULL;
    struct ts_pane_chunk *ch = ts_window_chunk(set->layers[*layer], slot);
    if (!ch || (!ch->sessions && !(ch->sessions = ts_alloc(sizeof *ch->sessions)))) {
        free_chunk(wk, rule, *layer, slot / TS_CHUNK_PANES);
        return NULL;
    }
    struct ts_session *ssn = &ch->sessions->at[slot % TS_CHUNK_PANES];
    *ssn = (struct ts_session){.first_ns = time_ns, .last_ns = time_ns, .flags = TS_SESSION_USED};
    ch->sessions->used++;
    ts_session_row(set, slot)->unsent++;
    return ssn;
}

static int by_first(const void *a, const void *b)
{
    const struct ts_session_place *x = a, *y = b;
    return (x->first_ns > y->first_ns) - (x->first_ns < y->first_ns);
}

unsigned ts_session_list(struct ts_sessions *set, uint32_t slot)
{
    unsigned n = 0;
    bool sorted = true;
    for (unsigned layer = 0; layer < set->nlayers; layer++) {
        const struct ts_session *ssn = ts_session_at(set, layer, slot);
        if (!ssn)
            continue;
        sorted &= n == 0 || set->order[n - 1].first_ns <= ssn->first_ns;
        set->order[n++] = (struct ts_session_place){ssn->first_ns, layer};
    }
    if (!sorted)
        qsort(set->order, n, sizeof *set->order, by_first);
    return n;
}

/* ---- what belongs together ---- */

static bool same_part(const struct ts_sessions *set, int64_t a_ns, int64_t b_ns)
{
    return !set->part_ns || ts_clock_floor(a_ns, set->part_ns) == ts_clock_floor(b_ns, set->part_ns);
}

static bool fits(const struct ts_rule *rule, int64_t first_ns, int64_t last_ns)
{
    return !rule->sessions->part_ns || last_ns <= ts_time_after(first_ns, rule->conf->session_max_ns);
}

/* Whether b, which does not begin before a, goes on where a was. Two that have been sent stay two points. */
static bool are_chained(const struct ts_rule *rule, const struct ts_session *a, const struct ts_session *b)
{
    bool closed = (a->flags | b->flags) & TS_SESSION_CLOSED && rule->conf->late != TS_LATE_CORRECT;
    return b->first_ns <= ts_time_after(a->last_ns, rule->conf->session_ns) && !closed && !(a->flags & b->flags & TS_SESSION_SENT);
}

bool ts_session_goes_on(const struct ts_rule *rule, const struct ts_session *a, const struct ts_session *b)
{
    return are_chained(rule, a, b) && fits(rule, a->first_ns, b->last_ns);
}

static void join(struct ts_worker *wk, struct ts_rule *rule, unsigned to, unsigned from, uint32_t slot)
{
    struct ts_sessions *set = rule->sessions;
    struct ts_session *a = ts_session_at(set, to, slot), *b = ts_session_at(set, from, slot);
    uint32_t index = slot / TS_CHUNK_PANES;
    ts_window_merge_pane(wk, rule, set->layers[to]->chunks[index], set->layers[from]->chunks[index], slot);
    bool had_sent = (a->flags & (TS_SESSION_SENT | TS_SESSION_CHANGED)) == TS_SESSION_SENT;
    if (b->flags & TS_SESSION_SENT)
        a->time_ns = b->time_ns;
    a->flags = TS_SESSION_USED | ((a->flags | b->flags) & TS_SESSION_SENT) | (b->flags & TS_SESSION_CUT);
    if (a->flags & TS_SESSION_SENT) {
        a->flags |= TS_SESSION_CHANGED;
        a->changed_ns = TS_TIME_NONE; /* it does not wait for more */
    }
    if (had_sent)
        set->rows[index]->unsent++;
    a->first_ns = TS_MIN(a->first_ns, b->first_ns);
    a->last_ns = TS_MAX(a->last_ns, b->last_ns);
    ts_session_clear(wk, rule, from, slot);
}

/* Joins the i-th of the list with the next. @return how many there are then. */
static unsigned join_next(struct ts_worker *wk, struct ts_rule *rule, unsigned i, unsigned n, uint32_t slot)
{
    struct ts_session_place *order = rule->sessions->order;
    join(wk, rule, order[i].layer, order[i + 1].layer, slot);
    memmove(order + i + 1, order + i + 2, (n - i - 2) * sizeof *order);
    return n - 1;
}

static unsigned join_parts(struct ts_worker *wk, struct ts_rule *rule, uint32_t slot, unsigned n)
{
    struct ts_sessions *set = rule->sessions;
    for (unsigned i = 0; i + 1 < n;) {
        const struct ts_session *a = ts_session_at(set, set->order[i].layer, slot), *b = ts_session_at(set, set->order[i + 1].layer, slot);
        if (same_part(set, a->last_ns, b->first_ns) && ts_session_goes_on(rule, a, b))
            n = join_next(wk, rule, i, n, slot);
        else
            i++;
    }
    return n;
}

/* The i-th with the parts behind it, as many as fit. @return when more can be said of it; TS_TIME_NONE: it is complete. */
static int64_t join_rest(struct ts_worker *wk, struct ts_rule *rule, uint32_t slot, unsigned i, unsigned *n, int64_t settled_ns)
{
    struct ts_sessions *set = rule->sessions;
    struct ts_session *a = ts_session_at(set, set->order[i].layer, slot);
    while (set->part_ns && i + 1 < *n) {
        const struct ts_session *b = ts_session_at(set, set->order[i + 1].layer, slot);
        if (!are_chained(rule, a, b))
            break;
        bool fit = fits(rule, a->first_ns, b->last_ns);
        int64_t part_end_ns = ts_time_after(ts_clock_floor(b->last_ns, set->part_ns), set->part_ns);
        int64_t when_ns = fit ? TS_MIN(part_end_ns, ts_session_end(rule, b)) : b->first_ns;
        if (settled_ns < when_ns)
            return when_ns;
        if (!fit) {
            a->flags |= TS_SESSION_CUT;
            return TS_TIME_NONE;
        }
        *n = join_next(wk, rule, i, *n, slot);
    }
    return a->flags & TS_SESSION_CUT || ts_session_end(rule, a) <= settled_ns ? TS_TIME_NONE : ts_session_end(rule, a);
}

unsigned ts_session_settle(struct ts_worker *wk, struct ts_rule *rule, uint32_t slot, int64_t watermark_ns, bool everything)
{
    struct ts_sessions *set = rule->sessions;
    enum ts_domain domain = ts_slot_is_of(wk, slot, TS_DOMAIN_EVENT) ? TS_DOMAIN_EVENT : TS_DOMAIN_ARRIVAL;
    struct ts_session_row *row = ts_session_row(set, slot);
    unsigned n = join_parts(wk, rule, slot, ts_session_list(set, slot));
    for (unsigned i = 0; i < n; i++) {
        int64_t when_ns = join_rest(wk, rule, slot, i, &n, everything ? INT64_MAX : watermark_ns);
        struct ts_session *ssn = ts_session_at(set, set->order[i].layer, slot);
        if (ssn->flags & TS_SESSION_CUT || (when_ns == TS_TIME_NONE && ts_session_end(rule, ssn) <= watermark_ns))
            ssn->flags |= TS_SESSION_CLOSED;
        else if (when_ns != TS_TIME_NONE)
            row->due_ns[domain] = TS_MIN(row->due_ns[domain], when_ns);
    }
    return n;
}

/* ---- samples ---- */

static bool takes(const struct ts_rule *rule, const struct ts_session *ssn, int64_t t_ns)
{
    int64_t gap_ns = rule->conf->session_ns;
    return t_ns >= ssn->first_ns - gap_ns && t_ns <= ts_time_after(ssn->last_ns, gap_ns) &&
           fits(rule, TS_MIN(ssn->first_ns, t_ns), TS_MAX(ssn->last_ns, t_ns)) &&
           (ssn->flags & TS_SESSION_CLOSED || same_part(rule->sessions, ssn->last_ns, t_ns));
}

/* The session that takes a sample; a closed one only when the sample is behind the watermark, and no other does. @return NULL: none. */
static struct ts_session *choose(struct ts_rule *rule, uint32_t slot, int64_t t_ns, bool behind, unsigned *layer)
{
    struct ts_sessions *set = rule->sessions;
    struct ts_session *closed = NULL;
    for (unsigned i = 0; i < set->nlayers; i++) {
        struct ts_session *ssn = ts_session_at(set, i, slot);
        if (!ssn || !takes(rule, ssn, t_ns))
            continue;
        if (!(ssn->flags & TS_SESSION_CLOSED)) {
            *layer = i;
            return ssn;
        }
        if (behind && (!closed || ssn->first_ns < closed->first_ns)) {
            *layer = i;
            closed = ssn;
        }
    }
    return closed;
}

/* What the watermark says of a sample that this session takes, or that would begin one. */
static enum ts_verdict judge(const struct ts_worker *wk, const struct ts_rule *rule, const struct ts_slot *sl, const struct ts_session *ssn,
                             int64_t t_ns, int64_t watermark_ns)
{
    bool event = sl->flags & TS_SLOT_EVENT;
    int64_t end_ns = ssn ? ts_session_end(rule, ssn) : ts_time_after(t_ns, rule->conf->session_ns + 1);
    if (event && !ssn && end_ns <= sl->closed_ns)
        return TS_TOO_LATE;
    if (watermark_ns == TS_TIME_NONE || !(ssn ? ssn->flags & TS_SESSION_CLOSED : end_ns <= watermark_ns))
        return TS_TAKEN;
    bool kept = rule->conf->late == TS_LATE_CORRECT && end_ns > watermark_ns - ts_session_keep(wk, rule);
    return kept ? TS_TAKEN_LATE : TS_TOO_LATE;
}

static void note(struct ts_rule *rule, struct ts_session_row *row, struct ts_session *ssn, const struct ts_placed *smp, bool event,
                 int64_t now_ns)
{
    int64_t due_ns = rule->sessions->part_ns ? smp->time_ns : ts_session_end(rule, ssn);
    enum ts_domain domain = event ? TS_DOMAIN_EVENT : TS_DOMAIN_ARRIVAL;
    ssn->first_ns = TS_MIN(ssn->first_ns, smp->time_ns);
    ssn->last_ns = TS_MAX(ssn->last_ns, smp->time_ns);
    if ((ssn->flags & (TS_SESSION_SENT | TS_SESSION_CHANGED)) == TS_SESSION_SENT) {
        ssn->flags |= TS_SESSION_CHANGED;
        ssn->changed_ns = now_ns;
        row->unsent++;
    }
    row->due_ns[domain] = TS_MIN(row->due_ns[domain], due_ns);
}

static enum ts_verdict add(struct ts_worker *wk, struct ts_rule *rule, const struct ts_placed *smp, int64_t now_ns)
{
    struct ts_sessions *set = rule->sessions;
    uint32_t slot = smp->slot, index = slot / TS_CHUNK_PANES;
    const struct ts_slot *sl = &wk->series.slots[slot];
    int64_t wm = sl->flags & TS_SLOT_EVENT ? ts_worker_watermark(wk, rule) : TS_TIME_NONE;
    struct ts_session_row *row = make_row(set, index);
    bool behind = wm != TS_TIME_NONE && smp->time_ns < wm;
    if (!row)
        return TS_NO_MEMORY;
    unsigned layer = row->newest[slot % TS_CHUNK_PANES];
    struct ts_session *ssn = ts_session_at(set, layer, slot);
    if (behind)
        (void)ts_session_settle(wk, rule, slot, wm, false); /* so that it does not depend on when the worker last looked */
    if (behind || !ssn || ssn->flags & TS_SESSION_CLOSED || !takes(rule, ssn, smp->time_ns))
        ssn = choose(rule, slot, smp->time_ns, behind, &layer);
    enum ts_verdict verdict = judge(wk, rule, sl, ssn, smp->time_ns, wm);
    if (verdict == TS_TOO_LATE)
        return verdict;
    bool fresh = !ssn;
    if (TS_UNLIKELY(set->ended) && (fresh || smp->time_ns < ssn->first_ns) && ts_session_is_ended(wk, rule, slot, smp->time_ns))
        return TS_TOO_LATE;
    if (fresh)
        ssn = ts_session_begin(wk, rule, slot, smp->time_ns, &layer);
    if (!ssn)
        return TS_NO_MEMORY;
    struct ts_placed timed = *smp;
    timed.timed = true; /* `last` by time always: parts are put together in any order */
    if (!ts_window_put(wk, rule, set->layers[layer]->chunks[index], &timed)) {
        if (fresh)
            ts_session_clear(wk, rule, layer, slot);
        return TS_NO_MEMORY;
    }
    wk->adds++;
    row->newest[slot % TS_CHUNK_PANES] = (uint16_t)layer;
    note(rule, row, ssn, &timed, sl->flags & TS_SLOT_EVENT, now_ns);
    if (!(ssn->flags & TS_SESSION_CUT) && (wm == TS_TIME_NONE || ts_session_end(rule, ssn) > wm))
        ssn->flags &= ~(uint32_t)TS_SESSION_CLOSED;
    return verdict;
}

enum ts_verdict ts_session_add(struct ts_worker *wk, struct ts_rule *rule, const struct ts_placed *smp, int64_t now_ns)
{
    if (TS_UNLIKELY(!ts_span_has(&rule->taken, smp->time_ns)))
        return TS_NOT_TAKEN;
    enum ts_verdict verdict = add(wk, rule, smp, now_ns);
    if (verdict == TS_TOO_LATE && rule->side && add(wk, rule->side, smp, now_ns) <= TS_TAKEN_LATE)
        return TS_TAKEN_ASIDE;
    return verdict;
}
