/*
 * The worker's rules from the configuration's: which of them share panes, which need panes of their own, what
 * they match and what their points are called. Thread: worker; made on main, before it runs or before they are the worker's.
 */
#include "config.h"
#include "window/window_rule.h"

#include "core/log.h"
#include "core/losses.h"
#include "core/matcher.h"
#include "core/mem.h"

#define OFFSET_STEP_NS (900 * TS_SEC) /* days begin at multiples of it everywhere since 1972 */

static bool same(const char *a, const char *b)
{
    return !a || !b ? a == b : strcmp(a, b) == 0;
}

static bool same_buckets(const struct ts_buckets *a, const struct ts_buckets *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->bounds, b->bounds, a->n * sizeof a->bounds[0]) == 0);
}

static int64_t period_of(const struct ts_conf_rollup *conf)
{
    return TS_MAX(conf->period_ns, conf->every_ns);
}

/* Of the rollups before this one, those that keep what they match to themselves. */
static unsigned exclusive_before(const struct ts_conf *conf, const struct ts_conf_rollup *rollup)
{
    unsigned n = 0;
    for (const struct ts_conf_rollup *at = conf->rollups; at < rollup; at++)
        n += at->drop_original;
    return n;
}

/* Whether both see the same series and watermark, and keep the same of them in windows that all series share. */
static bool same_samples(const struct ts_conf *conf, const struct ts_conf_rollup *a, const struct ts_conf_rollup *b)
{
    return !a->session_ns && !b->session_ns && same(a->match, b->match) && same(a->match_tags, b->match_tags) && a->late == b->late &&
           a->lateness_ns == b->lateness_ns && a->sketch_buckets == b->sketch_buckets &&
           same_buckets(&a->histogram, &b->histogram) && exclusive_before(conf, a) == exclusive_before(conf, b);
}

/* Whether every window of the rule is made of the base's windows. */
static bool divides(const struct ts_conf *all, const struct ts_rule *base, const struct ts_conf_rollup *conf)
{
    return !base->conf->calendar && same_samples(all, base->conf, conf) &&
           (conf->calendar ? OFFSET_STEP_NS : conf->every_ns) % base->every_ns == 0;
}

/* The rule whose windows those of the rollup are, or NULL. */
static struct ts_rule *find_same(const struct ts_rule_set *set, const struct ts_conf_rollup *conf)
{
    for (unsigned r = 0; r < set->nrules; r++) {
        struct ts_rule *rule = &set->rules[r];
        if (rule->every_ns == conf->every_ns && rule->period_ns == period_of(conf) && rule->conf->calendar == conf->calendar &&
            same_samples(set->plan->conf, rule->conf, conf))
            return rule;
    }
    return NULL;
}

static void init_rule(struct ts_worker *wk, struct ts_rule_set *set, struct ts_rule *rule, const struct ts_conf_rollup *conf, uint64_t bit)
{
    *rule = (struct ts_rule){.conf = conf,
                             .set = set,
                             .head = rule,
                             .sent = TS_SPAN_ALL,
                             .taken = TS_SPAN_ALL,
                             .keep_ns = conf->late == TS_LATE_CORRECT ? set->plan->conf->correct_for_ns : 0,
                             .chunks = wk->chunks,
                             .every_ns = conf->every_ns,
                             .period_ns = period_of(conf),
                             .tracks_last = conf->aggregates & TS_AGG_BIT(last),
                             .bit = bit,
                             .wants = ts_rule_wants(conf)};
    rule->sends = rule->wants;
    rule->sessions = conf->session_ns ? ts_sessions_new(conf) : NULL;
}

/* The finest come first, of equal ones those without overlap, and of these those of series. */
static bool comes_before(const struct ts_conf_rollup *a, const struct ts_conf_rollup *b)
{
    if (a->every_ns != b->every_ns)
        return a->every_ns < b->every_ns;
    return period_of(a) != period_of(b) ? period_of(a) < period_of(b) : ts_conf_is_grouped(a) < ts_conf_is_grouped(b);
}

static void sort_rules(const struct ts_conf *conf, unsigned order[])
{
    for (unsigned i = 0; i < conf->nrollups; i++) {
        unsigned at = i;
        for (; at && comes_before(&conf->rollups[i], &conf->rollups[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* The rule to add to for a configured one; hidden panes for overlapping windows that have no other. */
static struct ts_rule *find_base(struct ts_worker *wk, struct ts_rule_set *set, const struct ts_conf_rollup *conf, uint64_t bit)
{
    if (conf->aggregates & TS_AGG_BIT(completeness))
        ts_losses_watch();
    for (unsigned r = 0; r < set->nadding; r++)
        if (divides(set->plan->conf, &set->rules[r], conf))
            return &set->rules[r];
    struct ts_rule *rule = &set->rules[set->nadding++];
    init_rule(wk, set, rule, conf, bit);
    rule->hidden = rule->period_ns != rule->every_ns || ts_conf_is_grouped(conf);
    rule->period_ns = rule->every_ns;
    return rule;
}

static void derive(struct ts_rule *base, struct ts_rule *rule)
{
    rule->base = rule->head = base;
    base->derived = ts_xresize(base->derived, (base->nderived + 1) * sizeof(struct ts_rule *));
    base->derived[base->nderived++] = rule;
    base->nmerges += (uint32_t)(rule->period_ns / rule->every_ns);
    base->wants |= rule->wants;
    base->tracks_last |= rule->tracks_last;
}

void ts_rule_make_side(int64_t correct_for_ns, const struct ts_conf_rollup *of, struct ts_conf_rollup *rollup)
{
    struct ts_buf name = TS_BUF_INIT;
    *rollup = *of;
    rollup->origin = of;
    ts_buf_printf(&name, "%s_late", rollup->measurement ? rollup->measurement : "{name}");
    rollup->lateness_ns += correct_for_ns;
    rollup->late = TS_LATE_DROP;
    rollup->measurement = ts_xstrdup(ts_buf_cstr(&name));
    ts_buf_fini(&name);
}

/* What is too late for the rule, collected as long as anything would be corrected, and sent once. */
static void make_side(struct ts_worker *wk, struct ts_rule_set *set, struct ts_rule *rule)
{
    struct ts_rule *side = &set->rules[set->nrules++];
    init_rule(wk, set, side, rule->conf, rule->bit);
    ts_rule_make_side(set->plan->conf->correct_for_ns, rule->conf, &side->own);
    side->conf = &side->own;
    side->keep_ns = 0;
    side->head = rule->head;
    side->is_side = true;
    side->hidden = rule->hidden;
    rule->side = side;
    for (unsigned f = 0; f < rule->nfolds; f++)
        ts_rule_add_fold(wk, side, rule->folds[f].conf, true);
}

/* Windows for a rollup that the base, or another rule, does not have already. */
static void make_rule(struct ts_worker *wk, struct ts_rule_set *set, struct ts_rule *base, const struct ts_conf_rollup *rollup, uint64_t bit)
{
    bool grouped = ts_conf_is_grouped(rollup);
    struct ts_rule *rule = grouped ? find_same(set, rollup) : NULL;
    if (!grouped && base->conf == rollup && !base->hidden)
        return;
    if (!rule) {
        rule = &set->rules[set->nrules++];
        init_rule(wk, set, rule, rollup, bit);
        rule->hidden = grouped;
        derive(base, rule);
    }
    if (grouped)
        ts_rule_add_fold(wk, rule, rollup, false);
}

/* Of the rules that there are for the plan's rollups. */
static void make_rules(struct ts_worker *wk, struct ts_rule_set *set)
{
    const struct ts_conf *conf = set->plan->conf;
    unsigned order[TS_ROLLUPS_MAX];
    sort_rules(conf, order);
    for (unsigned i = 0; i < conf->nrollups; i++)
        if (set->plan->wanted >> order[i] & 1)
            set->base_of[order[i]] =
                (unsigned)(find_base(wk, set, &conf->rollups[order[i]], UINT64_C(1) << order[i]) - set->rules);
    set->nrules = set->nadding;
    for (unsigned i = 0; i < conf->nrollups; i++)
        if (set->plan->wanted >> order[i] & 1)
            make_rule(wk, set, &set->rules[set->base_of[order[i]]], &conf->rollups[order[i]], UINT64_C(1) << order[i]);
    for (unsigned r = 0, n = set->nrules; r < n; r++)
        if (set->rules[r].conf->late == TS_LATE_SIDE && (!set->rules[r].hidden || set->rules[r].nfolds))
            make_side(wk, set, &set->rules[r]);
    for (unsigned r = 0; r < set->nrules; r++)
        set->bits |= set->rules[r].bit;
}

static void set_masks(struct ts_rule_set *set, uint64_t *masks)
{
    set->masks = masks;
    for (unsigned r = 0; r < set->nrules; r++)
        set->rules[r].masks = masks;
}

struct ts_rule_set *ts_rule_set_new(struct ts_worker *wk, struct ts_rule_plan *plan)
{
    const struct ts_conf *conf = plan->conf;
    struct ts_rule_set *set = ts_xalloc(sizeof *set);
    bool matching = false;
    TS_ASSERT(conf->nrollups <= TS_ROLLUPS_MAX);
    set->plan = plan;
    atomic_fetch_add_explicit(&plan->refs, 1, memory_order_relaxed); /* the caller's own keeps it */
    set->rules = ts_xalloc((size_t)3 * conf->nrollups * sizeof *set->rules); /* each with hidden panes and a side */
    make_rules(wk, set);
    for (unsigned i = 0; i < conf->nrollups; i++)
        matching |= (plan->wanted >> i & 1 && (conf->rollups[i].match || conf->rollups[i].match_tags)) || conf->rollups[i].drop_original;
    if (matching)
        set_masks(set, ts_xalloc(TS_CHUNK_PANES * sizeof *set->masks));
    return set;
}

void ts_rule_set_free(struct ts_rule_set **set_at)
{
    struct ts_rule_set *set = *set_at;
    if (!set)
        return;
    for (unsigned r = 0; r < set->nrules; r++) {
        ts_sessions_free(&set->rules[r].sessions);
        ts_free(set->rules[r].derived);
        ts_rule_free_folds(&set->rules[r]);
        ts_free(set->rules[r].own.measurement); /* the rest is the configuration's */
    }
    ts_free(set->rules);
    ts_free(set->masks);
    ts_rule_plan_unref(&set->plan);
    TS_FREE(*set_at);
}

void ts_rule_sets_free(struct ts_rule_set **list)
{
    while (*list) {
        struct ts_rule_set *set = *list;
        *list = set->next;
        ts_rule_set_free(&set);
    }
}

bool ts_rule_set_grow(struct ts_rule_set *set, uint32_t nslots)
{
    uint64_t *masks = ts_resize(set->masks, nslots * sizeof *masks);
    if (!masks)
        return false;
    set_masks(set, masks);
    return true;
}

struct ts_rule_plan *ts_rule_plan_new(const struct ts_conf *conf, uint64_t wanted, unsigned first_fold)
{
    struct ts_rule_plan *plan = ts_xalloc(sizeof *plan);
    *plan = (struct ts_rule_plan){.conf = (struct ts_conf *)(uintptr_t)conf,
                                  .matcher = ts_matcher_new(conf),
                                  .wanted = wanted,
                                  .first_fold = first_fold};
    atomic_store_explicit(&plan->refs, 1, memory_order_relaxed);
    return plan;
}

void ts_rule_plan_unref(struct ts_rule_plan **plan_at)
{
    struct ts_rule_plan *plan = *plan_at;
    *plan_at = NULL;
    /* Acquire and release: whoever frees it comes after all who used it. */
    if (!plan || atomic_fetch_sub_explicit(&plan->refs, 1, memory_order_acq_rel) > 1)
        return;
    ts_matcher_free(&plan->matcher);
    if (plan->owns)
        ts_conf_free(&plan->conf);
    ts_free(plan);
}

uint64_t ts_rule_set_match(const struct ts_rule_set *set, struct ts_str series)
{
    struct ts_series_view view;
    bool gave_up = false;
    if (ts_series_decode(series, &view) != 0)
        return 0;
    uint64_t mask = ts_matcher_find(set->plan->matcher, &view, &gave_up);
    if (gave_up)
        ts_log(TS_LOG_WARN, "match_gave_up", "stage=window measurement=%s what=\"a regular expression took too long and counts as not matching\"",
               ts_log_quote(view.name).z);
    return mask & set->bits;
}
