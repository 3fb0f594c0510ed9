/*
 * Rules that a reload has ended: which windows are still theirs, and when they go. Thread: worker. A family goes when none of its windows is
 * left; the rules that came in their place then have what it had not, so that a window that nothing has come for yet is not lost. Without
 * such rules, and with groups, since workers agree on these, it waits until nothing can come for its windows any more. The texts of a set whose last rule has
 * gone may be in batches, so it is freed when these are back.
 */
#include "config.h"
#include "window/window_rule.h"
#include "window/window_session.h"

#include "core/mem.h"

static void add_span(struct ts_span *to, struct ts_span span)
{
    if (span.from_ns >= span.until_ns)
        return;
    if (to->from_ns >= to->until_ns)
        *to = span;
    to->from_ns = TS_MIN(to->from_ns, span.from_ns);
    to->until_ns = TS_MAX(to->until_ns, span.until_ns);
}

/* What it sends and folds. */
static struct ts_span own_span(const struct ts_rule *rule)
{
    struct ts_span span = {0, 0};
    if (!rule->hidden)
        span = rule->sent;
    for (unsigned f = 0; f < rule->nfolds; f++)
        add_span(&span, rule->folds[f].sent);
    return span;
}

/* From the beginning of its first window to the end of its last. */
static struct ts_span panes_of(const struct ts_rule *rule)
{
    struct ts_span span = rule->taken;
    if (span.until_ns != INT64_MAX && span.from_ns < span.until_ns) {
        int64_t last_ns = ts_rule_floor(rule, span.until_ns - 1);
        span.until_ns = rule->conf->calendar ? ts_zone_next(last_ns, rule->conf->calendar) : last_ns + rule->period_ns;
    }
    return span;
}

void ts_rule_span_family(struct ts_rule *head)
{
    struct ts_rule_set *set = head->set;
    for (unsigned r = 0; r < set->nrules; r++)
        if (set->rules[r].head == head)
            set->rules[r].taken = own_span(&set->rules[r]);
    for (unsigned d = 0; d < head->nderived; d++)
        add_span(&head->taken, panes_of(head->derived[d]));
}

/* Or sessions that a former process has ended, which nobody else knows of. */
static bool has_windows(const struct ts_rule *head)
{
    for (unsigned r = 0; r < head->set->nrules; r++) {
        const struct ts_rule *rule = &head->set->rules[r];
        if (rule->head == head && (rule->windows || (rule->sessions && rule->sessions->ended)))
            return true;
    }
    return false;
}

/* Nothing can come any more that belongs into one of its windows. */
static bool is_past(const struct ts_worker *wk, const struct ts_rule *head)
{
    int64_t wm = ts_worker_watermark(wk, head);
    return wk->clock_ns >= head->taken.until_ns && (wm == TS_TIME_NONE || wm - head->set->plan->conf->correct_for_ns >= head->taken.until_ns);
}

/* The rule that came in its place at once, or NULL. */
static struct ts_rule *heir_of(const struct ts_rule *rule)
{
    for (struct ts_rule_set *set = rule->set->next; set; set = set->next) {
        for (unsigned r = 0; r < set->nrules; r++) {
            struct ts_rule *heir = &set->rules[r];
            if (heir->set && heir->is_side == rule->is_side && heir->hidden == rule->hidden && heir->sent.from_ns == rule->sent.until_ns &&
                strcmp(heir->conf->name, rule->conf->name) == 0)
                return heir;
        }
    }
    return NULL;
}

/* Whether all that its points go on with has come at once. */
static bool has_heirs(const struct ts_rule *head)
{
    for (unsigned r = 0; r < head->set->nrules; r++) {
        const struct ts_rule *rule = &head->set->rules[r];
        if (rule->head == head && !rule->hidden && !heir_of(rule))
            return false;
    }
    return true;
}

static void bequeath(const struct ts_rule *head)
{
    for (unsigned r = 0; r < head->set->nrules; r++) {
        const struct ts_rule *rule = &head->set->rules[r];
        struct ts_rule *heir = rule->head == head && !rule->hidden ? heir_of(rule) : NULL;
        if (!heir)
            continue;
        heir->sent.from_ns = TS_MIN(heir->sent.from_ns, rule->sent.from_ns);
        ts_rule_span_family(heir->head);
    }
}

static bool leave_folds(struct ts_worker *wk, const struct ts_rule *head)
{
    bool left = true;
    for (unsigned r = 0; r < head->set->nrules; r++) {
        struct ts_rule *rule = &head->set->rules[r];
        for (unsigned f = 0; rule->head == head && f < rule->nfolds; f++) {
            struct ts_fold *fold = &rule->folds[f];
            fold->retired = fold->retired || (ts_fold_leave_groups(wk, fold) && ts_gather_retire(wk, fold));
            left &= fold->retired;
        }
    }
    return left;
}

/* @return whether the family has gone. */
static bool end_family(struct ts_worker *wk, struct ts_rule *head)
{
    if (has_windows(head) || ((head->folded || !has_heirs(head)) && !is_past(wk, head)) || !leave_folds(wk, head))
        return false;
    if (!head->folded)
        bequeath(head);
    for (unsigned r = 0; r < head->set->nrules; r++) {
        struct ts_rule *rule = &head->set->rules[r];
        if (rule->head == head && rule != head) {
            ts_sessions_free(&rule->sessions);
            rule->set = NULL;
        }
    }
    ts_sessions_free(&head->sessions);
    return true;
}

/* Takes rules without a set off the worker's list. */
static void compact(struct ts_worker *wk)
{
    unsigned n = 0, nadding = 0;
    for (unsigned r = 0; r < wk->nrules; r++) {
        struct ts_rule *rule = wk->rules[r];
        if (!rule->set) {
            wk->nending--;
            continue;
        }
        nadding += r < wk->nadding;
        wk->rules[n++] = rule;
    }
    wk->nrules = n;
    wk->nadding = nadding;
    wk->renumbered = true;
}

static uint64_t bits_of(const struct ts_rule_set *set)
{
    uint64_t bits = 0;
    for (unsigned r = 0; r < set->nrules; r++)
        bits |= set->rules[r].set ? set->rules[r].bit : 0;
    return bits;
}

/* What a set's masks say of rules that are gone would be taken for a match. */
static void forget_matches(const struct ts_worker *wk, struct ts_rule_set *set)
{
    uint64_t bits = bits_of(set);
    uint32_t n = TS_MIN(wk->series.count, wk->nevent_chunks * TS_CHUNK_PANES);
    for (uint32_t slot = 0; slot < n && set->masks && bits != set->bits; slot++)
        set->masks[slot] &= bits;
    set->bits = bits;
}

static void clean_sets(struct ts_worker *wk)
{
    for (struct ts_rule_set **at = &wk->sets; *at;) {
        struct ts_rule_set *set = *at;
        forget_matches(wk, set);
        if (set->bits == 0) {
            *at = set->next;
            set->epoch = wk->nbatches;
            set->next = wk->gone;
            wk->gone = set;
            continue;
        }
        wk->last = set->attached ? set : wk->last;
        at = &set->next;
    }
    wk->masks = wk->last->masks;
}

static void free_gone(struct ts_worker *wk)
{
    /* Acquire: what the readers of these batches did with their texts is over. */
    uint64_t returned = atomic_load_explicit(&wk->returned, memory_order_acquire);
    for (struct ts_rule_set **at = &wk->gone; *at;) {
        struct ts_rule_set *set = *at;
        if (set->epoch > returned) {
            at = &set->next;
            continue;
        }
        *at = set->next;
        ts_rule_set_free(&set);
    }
}

/* When nothing ends any more, all windows are those of the rules that there are. */
static void take_all(struct ts_worker *wk)
{
    if (wk->nending || (wk->conf.gather && ts_gather_is_retiring(wk->conf.gather)))
        return;
    for (unsigned r = 0; r < wk->nrules; r++) {
        struct ts_rule *rule = wk->rules[r];
        rule->sent.from_ns = rule->taken.from_ns = INT64_MIN;
        for (unsigned f = 0; f < rule->nfolds; f++)
            rule->folds[f].sent.from_ns = INT64_MIN;
    }
    wk->bounded = wk->gone != NULL;
}

void ts_worker_end_rules(struct ts_worker *wk)
{
    bool ended = false;
    for (unsigned r = 0; r < wk->nadding && wk->nending; r++) {
        struct ts_rule *head = wk->rules[r];
        if (head->ending && end_family(wk, head)) {
            head->set = NULL;
            ended = true;
        }
    }
    if (ended) {
        compact(wk);
        clean_sets(wk);
        ts_worker_reset_marks(wk);
    }
    free_gone(wk);
    take_all(wk);
}

bool ts_worker_matches_none(const struct ts_worker *wk, uint32_t slot)
{
    for (const struct ts_rule_set *set = wk->sets; set; set = set->next)
        if (set->attached && (!set->masks || set->masks[slot]))
            return false;
    return true;
}
