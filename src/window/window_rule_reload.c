/*
 * Rules of a configuration in place of others, while windows are open. Thread: worker, while main waits.
 *
 * Each rule has the windows that start in [from, until), of each domain its own: from the beginning and for ever, unless a reload says
 * otherwise. What a reload ends keeps the windows that began before it and is gone when they are over; what it brings begins with
 * its first window that starts afterwards. In arrival time "before" is main's clock, in event time the latest time that any source has had. So every window
 * is whole, and is told of by one version of a rule. Panes that a former base still has to give go on as they were.
 */
#include "config.h"
#include "window/window_priv.h"

#include "core/mem.h"

struct rules_order {
    struct ts_worker *wk;
    const struct ts_conf *next;
    int64_t edge_ns[TS_DOMAINS]; /* windows that start earlier have begun */
    unsigned changed;
    int rc;
};

static bool is_visible(const struct ts_rule *rule)
{
    return !rule->hidden && !rule->is_side;
}

static bool is_ended(const struct ts_rule *rule)
{
    return rule->until_ns[TS_DOMAIN_ARRIVAL] != INT64_MAX;
}

static uint64_t bits_in_use(const struct ts_worker *wk)
{
    uint64_t bits = 0;
    for (unsigned r = 0; r < wk->nrules; r++)
        bits |= wk->rules[r].bit;
    return bits;
}

/* ---- places in the array: rules point to each other ---- */

static void move_pointers(struct ts_worker *wk, const struct ts_rule *from, ptrdiff_t by)
{
    for (unsigned r = 0; r < wk->nrules; r++) {
        struct ts_rule *rule = &wk->rules[r];
        if (rule->base && rule->base >= from)
            rule->base += by;
        if (rule->side && rule->side >= from)
            rule->side += by;
        for (unsigned d = 0; d < rule->nderived; d++)
            if (rule->derived[d] >= from)
                rule->derived[d] += by;
    }
}

/* A side's options lie in itself. */
static void settle_sides(struct ts_worker *wk)
{
    for (unsigned r = 0; r < wk->nrules; r++)
        if (wk->rules[r].is_side)
            wk->rules[r].conf = &wk->rules[r].own;
}

/* Room for one more that samples are added to: those stand in front. */
static struct ts_rule *insert_base(struct ts_worker *wk)
{
    struct ts_rule *at = &wk->rules[wk->nadding];
    move_pointers(wk, at, 1);
    memmove(at + 1, at, (wk->nrules - wk->nadding) * sizeof *at);
    *at = (struct ts_rule){0};
    wk->nadding++;
    wk->nrules++;
    settle_sides(wk);
    return at;
}

/* Nothing points to it any more. */
static void remove_rule(struct ts_worker *wk, struct ts_rule *rule)
{
    unsigned r = (unsigned)(rule - wk->rules);
    ts_free(rule->derived);
    ts_free(rule->own.measurement);
    if (rule->copy)
        ts_conf_rollup_fini(rule->copy);
    ts_free(rule->copy);
    memmove(rule, rule + 1, (wk->nrules - r - 1) * sizeof *rule);
    wk->nrules--;
    wk->nadding -= r < wk->nadding;
    move_pointers(wk, rule, -1);
    settle_sides(wk);
}

/* ---- ends ---- */

static void end_rule(struct ts_rule *rule, const int64_t until_ns[TS_DOMAINS])
{
    for (unsigned d = 0; d < TS_DOMAINS; d++) {
        rule->until_ns[d] = TS_MIN(rule->until_ns[d], until_ns[d]);
        if (rule->side)
            rule->side->until_ns[d] = rule->until_ns[d];
    }
}

/* When the last window of it is over; none may have begun. */
static int64_t over_ns(const struct ts_rule *rule, enum ts_domain domain)
{
    if (rule->from_ns[domain] >= rule->until_ns[domain])
        return INT64_MIN;
    return rule->conf->calendar ? ts_zone_next(rule->until_ns[domain], rule->conf->calendar) : rule->until_ns[domain] + rule->period_ns;
}

/* Whether panes of the base may have to be merged into a window of it. */
static bool base_has_more(const struct ts_rule *rule)
{
    for (const struct ts_window *win = rule->base ? rule->base->windows : NULL; win; win = win->next)
        for (unsigned d = 0; d < TS_DOMAINS; d++)
            if (win->start_ns < over_ns(rule, (enum ts_domain)d) && win->used[d] && win->state[d] != TS_WINDOW_SEALED)
                return true;
    return false;
}

/* Whether no window of it can begin any more. */
static bool is_past(const struct ts_worker *wk, const struct ts_rule *rule)
{
    bool no_events = wk->watermark_ns == TS_TIME_NONE || wk->idle;
    return (no_events || ts_worker_watermark(wk, rule) >= over_ns(rule, TS_DOMAIN_EVENT)) &&
           wk->clock_ns >= over_ns(rule, TS_DOMAIN_ARRIVAL) && !base_has_more(rule);
}

static void leave_base(struct ts_rule *rule)
{
    struct ts_rule *base = rule->base;
    unsigned d = 0;
    while (base && base->derived[d] != rule)
        d++;
    if (!base)
        return;
    base->derived[d] = base->derived[--base->nderived];
    base->nmerges -= (uint32_t)(rule->period_ns / rule->every_ns);
}

static bool is_removable(const struct ts_worker *wk, const struct ts_rule *rule)
{
    if (rule->nderived || rule->windows || rule->is_side)
        return false;
    return rule->hidden || (is_ended(rule) && is_past(wk, rule) && !(rule->side && rule->side->windows));
}

void ts_worker_prune_rules(struct ts_worker *wk)
{
    for (unsigned r = wk->nrules; r-- > 0;) {
        struct ts_rule *rule = &wk->rules[r];
        if (r >= wk->nrules || !is_removable(wk, rule))
            continue;
        leave_base(rule);
        wk->nended -= !rule->hidden;
        struct ts_rule *side = rule->side;
        if (side && side > rule) {
            remove_rule(wk, side);
            remove_rule(wk, rule);
        } else {
            remove_rule(wk, rule);
            if (side)
                remove_rule(wk, side);
        }
    }
}

/* ---- beginnings ---- */

/* The rule's first window that starts at edge_ns or later. */
static int64_t begin_at(const struct ts_rule *rule, int64_t edge_ns)
{
    if (edge_ns == INT64_MIN)
        return edge_ns;
    int64_t start_ns = ts_rule_floor(rule, edge_ns);
    if (start_ns >= edge_ns)
        return start_ns;
    return rule->conf->calendar ? ts_zone_next(start_ns, rule->conf->calendar) : start_ns + rule->every_ns;
}

/* One that has panes already: with all that the new one wants beside them, from the pane's beginning on. */
static struct ts_rule *find_base(struct ts_worker *wk, const struct ts_conf_rollup *conf)
{
    for (unsigned r = 0; r < wk->nadding; r++) {
        struct ts_rule *rule = &wk->rules[r];
        if ((!is_ended(rule) || rule->nderived) && ts_rule_divides(rule, conf) && !(ts_rule_wants(conf) & ~rule->wants) &&
            (rule->tracks_last || !(conf->aggregates & TS_AGG_BIT(last))))
            return rule;
    }
    return NULL;
}

/* Which series match, for those that are there. What a former rule has left of the bit goes away. */
static void fill_masks(struct ts_worker *wk, const struct ts_rule *rule)
{
    for (uint32_t s = 0; wk->masks && s < wk->series.count; s++) {
        const struct ts_slot *sl = &wk->series.slots[s];
        struct ts_series_view view;
        bool matches = sl->series && ts_series_decode((struct ts_str){sl->series, sl->len}, &view) == 0 && ts_rule_match_series(rule, &view);
        wk->masks[s] = matches ? wk->masks[s] | rule->bit : wk->masks[s] & ~rule->bit;
    }
}

static struct ts_rule *add_rule(struct ts_worker *wk, const struct ts_conf_rollup *conf, const int64_t edge_ns[TS_DOMAINS])
{
    struct ts_conf_rollup *copy = ts_xalloc(sizeof *copy);
    uint64_t free_bits = ~bits_in_use(wk), bit = free_bits & -free_bits;
    ts_conf_rollup_copy(copy, conf);
    struct ts_rule *base = find_base(wk, copy), *rule = base;
    bool overlaps = TS_MAX(copy->period_ns, copy->every_ns) != copy->every_ns;
    if (!base) {
        base = insert_base(wk);
        ts_rule_init(wk, base, copy, bit);
        base->hidden = overlaps;
        base->period_ns = base->every_ns;
        rule = base;
    }
    if (base->conf != copy || overlaps) {
        rule = &wk->rules[wk->nrules++];
        ts_rule_init(wk, rule, copy, bit);
        ts_rule_derive(base, rule);
    }
    if (rule != base && base->conf == copy) { /* its hidden panes may outlive it */
        base->copy = ts_xalloc(sizeof *base->copy);
        ts_conf_rollup_copy(base->copy, conf);
        base->conf = base->copy;
    }
    rule->copy = copy;
    rule->name = ts_conf_keep(conf->name);
    rule->to = ts_conf_keep(conf->to);
    for (unsigned d = 0; d < TS_DOMAINS; d++)
        rule->from_ns[d] = begin_at(rule, edge_ns[d]);
    if (conf->late == TS_LATE_SIDE) {
        ts_rule_make_side(wk, rule);
        rule->side->name = rule->name;
        rule->side->to = rule->to;
        memcpy(rule->side->from_ns, rule->from_ns, sizeof rule->from_ns);
    }
    fill_masks(wk, rule);
    return rule;
}

/* A rule with these options that goes on, or that a former reload has ended and that can go on without a gap. */
static struct ts_rule *find_live(struct ts_worker *wk, const struct ts_conf_rollup *conf, const int64_t edge_ns[TS_DOMAINS])
{
    for (unsigned r = 0; r < wk->nrules; r++) {
        struct ts_rule *rule = &wk->rules[r];
        bool live = !is_ended(rule) || rule->until_ns[TS_DOMAIN_ARRIVAL] > rule->from_ns[TS_DOMAIN_ARRIVAL];
        for (unsigned d = 0; d < TS_DOMAINS; d++)
            live &= rule->until_ns[d] >= edge_ns[d];
        if (live && is_visible(rule) && ts_conf_rollup_same(rule->conf, conf))
            return rule;
    }
    return NULL;
}

/* @return whether anything changes. */
static bool go_on(struct ts_worker *wk, struct ts_rule *rule, const char *to)
{
    bool was_ended = is_ended(rule), other_to = strcmp(rule->to, to) != 0;
    if (other_to)
        rule->to = ts_conf_keep(to);
    wk->nended -= was_ended;
    for (unsigned d = 0; d < TS_DOMAINS; d++) {
        rule->until_ns[d] = INT64_MAX;
        if (rule->side)
            rule->side->until_ns[d] = INT64_MAX;
    }
    if (rule->side)
        rule->side->to = rule->to;
    return was_ended || other_to;
}

static bool is_configured(const struct ts_conf *conf, const struct ts_rule *rule)
{
    for (unsigned i = 0; i < conf->nrollups; i++)
        if (ts_conf_rollup_same(&conf->rollups[i], rule->conf))
            return true;
    return false;
}

/* Where the window of the rule's name begins that follows: of the new version, if there is one. */
static void find_end(const struct ts_worker *wk, const struct ts_rule *rule, const uint64_t fresh, int64_t until_ns[TS_DOMAINS])
{
    for (unsigned r = 0; r < wk->nrules; r++)
        if (is_visible(&wk->rules[r]) && fresh & wk->rules[r].bit && strcmp(wk->rules[r].name, rule->name) == 0)
            memcpy(until_ns, wk->rules[r].from_ns, sizeof wk->rules[r].from_ns);
}

/* What goes on is marked in live, what is new in fresh: bits of rules. */
static void set_rules(void *arg)
{
    struct rules_order *order = arg;
    struct ts_worker *wk = order->wk;
    const struct ts_conf *next = order->next;
    uint64_t live = 0, fresh = 0;
    for (unsigned i = 0; i < wk->conf.nsources; i++) {
        const struct ts_source *src = &wk->sources[i];
        if (src->arrival_ns != TS_TIME_NONE)
            order->edge_ns[TS_DOMAIN_ARRIVAL] = TS_MAX(order->edge_ns[TS_DOMAIN_ARRIVAL], src->arrival_ns + 1);
        if (src->max_event_ns != TS_TIME_NONE)
            order->edge_ns[TS_DOMAIN_EVENT] = TS_MAX(order->edge_ns[TS_DOMAIN_EVENT], src->max_event_ns + 1);
    }
    for (unsigned i = 0; i < next->nrollups; i++) {
        struct ts_rule *rule = find_live(wk, &next->rollups[i], order->edge_ns);
        if (!rule)
            continue;
        order->changed += go_on(wk, rule, next->rollups[i].to);
        live |= rule->bit;
    }
    for (unsigned i = 0; i < next->nrollups; i++) {
        bool is_live = false;
        for (unsigned r = 0; r < wk->nrules; r++)
            is_live |= is_visible(&wk->rules[r]) && live & wk->rules[r].bit && ts_conf_rollup_same(wk->rules[r].conf, &next->rollups[i]);
        if (is_live)
            continue;
        fresh |= add_rule(wk, &next->rollups[i], order->edge_ns)->bit;
        order->changed++;
    }
    for (unsigned r = 0; r < wk->nrules; r++) {
        struct ts_rule *rule = &wk->rules[r];
        if (!is_visible(rule) || (live | fresh) & rule->bit)
            continue;
        int64_t until_ns[TS_DOMAINS] = {order->edge_ns[TS_DOMAIN_ARRIVAL], order->edge_ns[TS_DOMAIN_EVENT]};
        find_end(wk, rule, fresh, until_ns);
        order->changed += !is_ended(rule) && !is_configured(next, rule);
        wk->nended += !is_ended(rule);
        end_rule(rule, until_ns);
    }
}

static void prepare_rules(void *arg)
{
    struct rules_order *order = arg;
    struct ts_worker *wk = order->wk;
    bool matching = false;
    unsigned more = 0;
    ts_worker_prune_rules(wk);
    for (unsigned i = 0; i < order->next->nrollups; i++) {
        const struct ts_conf_rollup *conf = &order->next->rollups[i];
        bool there = false;
        for (unsigned r = 0; r < wk->nrules; r++)
            there |= is_visible(&wk->rules[r]) && !is_ended(&wk->rules[r]) && ts_conf_rollup_same(wk->rules[r].conf, conf);
        more += !there;
        matching |= conf->match || conf->match_tags;
    }
    if ((unsigned)__builtin_popcountll(bits_in_use(wk)) + more > TS_ROLLUPS_MAX || wk->nrules + 3 * more > TS_RULES_MAX) {
        order->rc = -TS_ELIMIT;
        return;
    }
    if (!matching || wk->masks)
        return;
    size_t n = (size_t)TS_MAX(wk->nevent_chunks, 1u) * TS_CHUNK_PANES;
    wk->masks = ts_alloc(n * sizeof *wk->masks);
    order->rc = wk->masks ? 0 : -TS_ENOMEM;
    for (size_t s = 0; wk->masks && s < n; s++)
        wk->masks[s] = bits_in_use(wk);
}

int ts_worker_prepare_rules(struct ts_worker *wk, const struct ts_conf *next)
{
    struct rules_order order = {.wk = wk, .next = next};
    ts_desk_ask(&wk->desk, wk->conf.bell, prepare_rules, &order);
    return order.rc;
}

unsigned ts_worker_set_rules(struct ts_worker *wk, const struct ts_conf *next, int64_t now_ns)
{
    struct rules_order order = {.wk = wk, .next = next, .edge_ns = {[TS_DOMAIN_ARRIVAL] = now_ns, [TS_DOMAIN_EVENT] = INT64_MIN}};
    ts_desk_ask(&wk->desk, wk->conf.bell, set_rules, &order);
    return order.changed;
}
