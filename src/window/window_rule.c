/*
 * The worker's rules from the configuration's: which of them share panes, which need panes of their own, what
 * they match and what their points are called. Thread: worker; made on main, before it runs.
 */
#include "config.h"
#include "window/window_priv.h"

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
static struct ts_rule *find_same(struct ts_worker *wk, const struct ts_conf_rollup *conf)
{
    for (unsigned r = 0; r < wk->nrules; r++) {
        struct ts_rule *rule = &wk->rules[r];
        if (rule->every_ns == conf->every_ns && rule->period_ns == period_of(conf) && rule->conf->calendar == conf->calendar &&
            same_samples(wk->conf.conf, rule->conf, conf))
            return rule;
    }
    return NULL;
}

static void init_rule(struct ts_worker *wk, struct ts_rule *rule, const struct ts_conf_rollup *conf, uint64_t bit)
{
    *rule = (struct ts_rule){.conf = conf,
                             .chunks = &wk->chunks,
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
static struct ts_rule *find_base(struct ts_worker *wk, const struct ts_conf_rollup *conf, uint64_t bit)
{
    if (conf->aggregates & TS_AGG_BIT(completeness))
        ts_losses_watch();
    for (unsigned r = 0; r < wk->nadding; r++)
        if (divides(wk->conf.conf, &wk->rules[r], conf))
            return &wk->rules[r];
    struct ts_rule *rule = &wk->rules[wk->nadding++];
    init_rule(wk, rule, conf, bit);
    rule->hidden = rule->period_ns != rule->every_ns || ts_conf_is_grouped(conf);
    rule->period_ns = rule->every_ns;
    return rule;
}

static void derive(struct ts_rule *base, struct ts_rule *rule)
{
    rule->base = base;
    base->derived = ts_xresize(base->derived, (base->nderived + 1) * sizeof(struct ts_rule *));
    base->derived[base->nderived++] = rule;
    base->nmerges += (uint32_t)(rule->period_ns / rule->every_ns);
    base->wants |= rule->wants;
    base->tracks_last |= rule->tracks_last;
}

void ts_rule_make_side(const struct ts_worker *wk, struct ts_conf_rollup *rollup)
{
    struct ts_buf name = TS_BUF_INIT;
    ts_buf_printf(&name, "%s_late", rollup->measurement ? rollup->measurement : "{name}");
    rollup->lateness_ns += wk->conf.conf->correct_for_ns;
    rollup->late = TS_LATE_DROP;
    rollup->measurement = ts_xstrdup(ts_buf_cstr(&name));
    ts_buf_fini(&name);
}

/* What is too late for the rule, collected as long as anything would be corrected, and sent once. */
static void make_side(struct ts_worker *wk, struct ts_rule *rule)
{
    struct ts_rule *side = &wk->rules[wk->nrules++];
    init_rule(wk, side, rule->conf, rule->bit);
    side->own = *rule->conf;
    ts_rule_make_side(wk, &side->own);
    side->conf = &side->own;
    side->is_side = true;
    side->hidden = rule->hidden;
    rule->side = side;
    for (unsigned f = 0; f < rule->nfolds; f++)
        ts_rule_add_fold(wk, side, rule->folds[f].conf, true);
}

/* Windows for a rollup that the base, or another rule, does not have already. */
static void make_rule(struct ts_worker *wk, struct ts_rule *base, const struct ts_conf_rollup *rollup, uint64_t bit)
{
    bool grouped = ts_conf_is_grouped(rollup);
    struct ts_rule *rule = grouped ? find_same(wk, rollup) : NULL;
    if (!grouped && base->conf == rollup && !base->hidden)
        return;
    if (!rule) {
        rule = &wk->rules[wk->nrules++];
        init_rule(wk, rule, rollup, bit);
        rule->hidden = grouped;
        derive(base, rule);
    }
    if (grouped)
        ts_rule_add_fold(wk, rule, rollup, false);
}

void ts_worker_make_rules(struct ts_worker *wk)
{
    const struct ts_conf *conf = wk->conf.conf;
    unsigned order[TS_ROLLUPS_MAX], base_of[TS_ROLLUPS_MAX];
    bool matching = false;
    TS_ASSERT(conf->nrollups <= TS_ROLLUPS_MAX);
    wk->rules =
        ts_xalloc((size_t)3 * conf->nrollups * sizeof *wk->rules); /* each with hidden panes and a side */
    sort_rules(conf, order);
    for (unsigned i = 0; i < conf->nrollups; i++) {
        const struct ts_conf_rollup *rollup = &conf->rollups[order[i]];
        base_of[i] = (unsigned)(find_base(wk, rollup, UINT64_C(1) << order[i]) - wk->rules);
        matching |= rollup->match || rollup->match_tags || rollup->drop_original;
    }
    wk->nrules = wk->nadding;
    for (unsigned i = 0; i < conf->nrollups; i++)
        make_rule(wk, &wk->rules[base_of[i]], &conf->rollups[order[i]], UINT64_C(1) << order[i]);
    for (unsigned r = 0, n = wk->nrules; r < n; r++)
        if (wk->rules[r].conf->late == TS_LATE_SIDE && (!wk->rules[r].hidden || wk->rules[r].nfolds))
            make_side(wk, &wk->rules[r]);
    wk->matcher = ts_matcher_new(conf);
    if (matching)
        wk->masks = ts_xalloc(TS_CHUNK_PANES * sizeof *wk->masks);
}

void ts_worker_free_rules(struct ts_worker *wk)
{
    for (unsigned r = 0; r < wk->nrules; r++) {
        ts_sessions_free(&wk->rules[r].sessions);
        ts_free(wk->rules[r].derived);
        ts_rule_free_folds(&wk->rules[r]);
        ts_free(wk->rules[r].own.measurement); /* the rest is the configuration's */
    }
    TS_FREE(wk->rules);
}

uint64_t ts_worker_match(const struct ts_worker *wk, struct ts_str series)
{
    struct ts_series_view view;
    bool gave_up = false;
    if (ts_series_decode(series, &view) != 0)
        return 0;
    uint64_t mask = ts_matcher_find(wk->matcher, &view, &gave_up);
    if (gave_up)
        ts_log(TS_LOG_WARN, "match_gave_up", "stage=window measurement=%s what=\"a regular expression took too long and counts as not matching\"",
               ts_log_quote(view.name).z);
    return mask;
}
