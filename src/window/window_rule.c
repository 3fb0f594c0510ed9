/*
 * The worker's rules from the configuration's: which of them share panes, which need panes of their own, what
 * they match and what their points are called. Thread: worker; made on main, before it runs.
 */
#include "config.h"
#include "window/window_priv.h"

#include "core/glob.h"
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

/* Whether every window of the rule is made of the base's windows, seen by the same series and watermark. */
bool ts_rule_divides(const struct ts_rule *base, const struct ts_conf_rollup *conf)
{
    const struct ts_conf_rollup *a = base->conf;
    if (a->calendar)
        return false;
    return same(a->match, conf->match) && same(a->match_tags, conf->match_tags) && a->late == conf->late &&
           a->lateness_ns == conf->lateness_ns && a->sketch_buckets == conf->sketch_buckets &&
           same_buckets(&a->histogram, &conf->histogram) &&
           (conf->calendar ? OFFSET_STEP_NS : conf->every_ns) % base->every_ns == 0;
}

void ts_rule_init(struct ts_worker *wk, struct ts_rule *rule, const struct ts_conf_rollup *conf, uint64_t bit)
{
    *rule = (struct ts_rule){.conf = conf,
                             .chunks = &wk->chunks,
                             .every_ns = conf->every_ns,
                             .period_ns = period_of(conf),
                             .tracks_last = conf->aggregates & TS_AGG_BIT(last),
                             .bit = bit,
                             .name = conf->name,
                             .to = conf->to,
                             .wants = ts_rule_wants(conf)};
    rule->sends = rule->wants;
    for (unsigned d = 0; d < TS_DOMAINS; d++) {
        rule->from_ns[d] = INT64_MIN;
        rule->until_ns[d] = INT64_MAX;
    }
}

/* The finest come first, and of equal ones those without overlap. */
static bool comes_before(const struct ts_conf_rollup *a, const struct ts_conf_rollup *b)
{
    return a->every_ns != b->every_ns ? a->every_ns < b->every_ns : period_of(a) < period_of(b);
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
    for (unsigned r = 0; r < wk->nadding; r++)
        if (ts_rule_divides(&wk->rules[r], conf))
            return &wk->rules[r];
    struct ts_rule *rule = &wk->rules[wk->nadding++];
    ts_rule_init(wk, rule, conf, bit);
    rule->hidden = rule->period_ns != rule->every_ns;
    rule->period_ns = rule->every_ns;
    return rule;
}

void ts_rule_derive(struct ts_rule *base, struct ts_rule *rule)
{
    rule->base = base;
    base->derived = ts_xresize(base->derived, (base->nderived + 1) * sizeof(struct ts_rule *));
    base->derived[base->nderived++] = rule;
    base->nmerges += (uint32_t)(rule->period_ns / rule->every_ns);
    base->wants |= rule->wants;
    base->tracks_last |= rule->tracks_last;
}

/* What is too late for the rule, collected as long as anything would be corrected, and sent once. */
void ts_rule_make_side(struct ts_worker *wk, struct ts_rule *rule)
{
    struct ts_rule *side = &wk->rules[wk->nrules++];
    struct ts_buf name = TS_BUF_INIT;
    ts_rule_init(wk, side, rule->conf, rule->bit);
    ts_buf_printf(&name, "%s_late", rule->conf->measurement ? rule->conf->measurement : "{name}");
    side->own = *rule->conf;
    side->own.lateness_ns += wk->conf.conf->correct_for_ns;
    side->own.late = TS_LATE_DROP;
    side->own.measurement = ts_xstrdup(ts_buf_cstr(&name));
    side->conf = &side->own;
    side->is_side = true;
    rule->side = side;
    ts_buf_fini(&name);
}

void ts_worker_make_rules(struct ts_worker *wk)
{
    const struct ts_conf *conf = wk->conf.conf;
    unsigned order[TS_ROLLUPS_MAX], base_of[TS_ROLLUPS_MAX];
    bool matching = false;
    TS_ASSERT(conf->nrollups <= TS_ROLLUPS_MAX);
    wk->rules = ts_xalloc(TS_RULES_MAX * sizeof *wk->rules);
    sort_rules(conf, order);
    for (unsigned i = 0; i < conf->nrollups; i++) {
        const struct ts_conf_rollup *rollup = &conf->rollups[order[i]];
        base_of[i] = (unsigned)(find_base(wk, rollup, UINT64_C(1) << order[i]) - wk->rules);
        matching |= rollup->match || rollup->match_tags;
    }
    wk->nrules = wk->nadding;
    for (unsigned i = 0; i < conf->nrollups; i++) {
        const struct ts_conf_rollup *rollup = &conf->rollups[order[i]];
        struct ts_rule *base = &wk->rules[base_of[i]];
        if (base->conf == rollup && !base->hidden)
            continue;
        struct ts_rule *rule = &wk->rules[wk->nrules++];
        ts_rule_init(wk, rule, rollup, UINT64_C(1) << order[i]);
        ts_rule_derive(base, rule);
    }
    for (unsigned r = 0, n = wk->nrules; r < n; r++)
        if (wk->rules[r].conf->late == TS_LATE_SIDE && !wk->rules[r].hidden)
            ts_rule_make_side(wk, &wk->rules[r]);
    if (matching)
        wk->masks = ts_xalloc(TS_CHUNK_PANES * sizeof *wk->masks);
}

void ts_worker_free_rules(struct ts_worker *wk)
{
    for (unsigned r = 0; r < wk->nrules; r++) {
        ts_free(wk->rules[r].derived);
        ts_free(wk->rules[r].own.measurement); /* the rest is the configuration's */
        if (wk->rules[r].copy)
            ts_conf_rollup_fini(wk->rules[r].copy);
        ts_free(wk->rules[r].copy);
    }
    TS_FREE(wk->rules);
}

static bool tags_match(const char *conditions, const struct ts_series_view *view)
{
    struct ts_str lines = ts_str_of(conditions), key, glob;
    while (ts_conf_next_pair(&lines, &key, &glob)) {
        bool found = false;
        for (unsigned i = 0; i < view->ntags && !found; i++)
            found = ts_str_eq(view->tags[i].key, key) && ts_glob_match(glob, view->tags[i].value);
        if (!found)
            return false;
    }
    return true;
}

bool ts_rule_match_series(const struct ts_rule *rule, const struct ts_series_view *view)
{
    const struct ts_conf_rollup *conf = rule->conf;
    return (!conf->match || ts_glob_match(ts_str_of(conf->match), view->name)) &&
           (!conf->match_tags || tags_match(conf->match_tags, view));
}

uint64_t ts_worker_match(const struct ts_worker *wk, struct ts_str series)
{
    struct ts_series_view view;
    uint64_t mask = 0;
    if (ts_series_decode(series, &view) != 0)
        return 0;
    for (unsigned r = 0; r < wk->nrules; r++)
        if (!(mask & wk->rules[r].bit) && ts_rule_match_series(&wk->rules[r], &view))
            mask |= wk->rules[r].bit;
    return mask;
}

static void put_name(struct ts_buf *out, const char *measurement, struct ts_str name)
{
    for (const char *at = measurement, *brace; *at;) {
        brace = strchr(at, '{'); /* nothing but {name} begins with one */
        ts_buf_put(out, at, brace ? (size_t)(brace - at) : strlen(at));
        if (!brace)
            break;
        ts_buf_put_str(out, name);
        at = brace + strlen("{name}");
    }
}

int ts_rule_rename(const struct ts_rule *rule, struct ts_str series, struct ts_buf *out)
{
    const struct ts_conf_rollup *conf = rule->conf;
    struct ts_series_view view;
    struct ts_buf name = TS_BUF_INIT;
    struct ts_str lines = ts_str_of(conf->tags ? conf->tags : ""), key, value;
    int rc = ts_series_decode(series, &view);
    TS_ASSERT(rc == 0);
    while (ts_conf_next_pair(&lines, &key, &value)) {
        if (view.ntags == TS_TAGS_MAX)
            return -TS_ELIMIT;
        view.tags[view.ntags++] = (struct ts_tag){key, value};
    }
    if (conf->measurement) {
        put_name(&name, conf->measurement, view.name);
        view.name = ts_buf_str(&name);
    }
    rc = ts_buf_failed(&name) ? -TS_ENOMEM : ts_series_encode(&view, out);
    ts_buf_fini(&name);
    return rc;
}
