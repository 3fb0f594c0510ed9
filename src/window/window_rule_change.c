/*
 * Rules of another configuration in the place of those that run. Thread: main; the worker does its part between two slabs (ts_desk).
 *
 * Families, rules that share panes, are kept or exchanged as a whole: one whose rollups are all as before is not touched. Of the others, each
 * rule has the windows from some time on, and the one that it takes the place of has those before: until its last one is sealed, sent and
 * kept no more for corrections, both are there. The time is the same for all workers, because of groups. It is found in two steps. First
 * the new rules take every sample, beside the former ones, and nothing is sealed; each worker says what times have come before that. Then
 * windows that begin later than all of these are the new rules', who have every sample of them, and the others are the former rules'.
 * Sessions, which begin anywhere, are a worker's own affair: what comes after the second step is the new rule's.
 */
#include "config.h"
#include "window/window_rule.h"
#include "window/window_session.h"

#include "core/mem.h"

#define SETS_MAX   256  /* of rules of former configurations */
#define MATCH_STEP 8192 /* series in one call */

struct ts_rules_change {
    struct ts_worker *const *workers;
    unsigned nworkers;
    const struct ts_conf *was;
    struct ts_rule_plan *plan;  /* of the rollups that begin */
    uint64_t kept;              /* rollups of `was`, as bits, that go on */
    struct ts_rule_set **sets;  /* [nworkers]; NULL: nothing begins */
    struct ts_rule ***rules;    /* [nworkers]: room for all of them */
    int64_t horizon_ns;         /* the latest time that a sample had before the new rules took all */
    int64_t latest_ns[TS_DOMAINS];
    bool used[TS_DOMAINS];      /* whether somebody has samples of the kind */
    struct ts_rules_changed told;
};

/* ---- what is changed ---- */

static uint64_t all_of(const struct ts_conf *conf)
{
    return conf->nrollups ? UINT64_MAX >> (64 - conf->nrollups) : 0;
}

/* Whether the same rollups keep what they match to themselves before these two. */
static bool same_exclusives(const struct ts_conf *a, unsigned i, const struct ts_conf *b, unsigned j)
{
    unsigned k = 0, l = 0;
    for (;;) {
        while (k < i && !a->rollups[k].drop_original)
            k++;
        while (l < j && !b->rollups[l].drop_original)
            l++;
        if (k == i || l == j)
            return k == i && l == j;
        if (!ts_conf_rollup_same(&a->rollups[k++], &b->rollups[l++]))
            return false;
    }
}

/* Whether the families of the i-th rollup of a and the j-th of b are the same. */
static bool same_family(const struct ts_rule_set *a, unsigned i, const struct ts_rule_set *b, unsigned j)
{
    const struct ts_conf *x = a->plan->conf, *y = b->plan->conf;
    unsigned k = 0, l = 0;
    for (;; k++, l++) {
        while (k < x->nrollups && a->base_of[k] != a->base_of[i])
            k++;
        while (l < y->nrollups && b->base_of[l] != b->base_of[j])
            l++;
        if (k == x->nrollups || l == y->nrollups)
            return k == x->nrollups && l == y->nrollups;
        if (strcmp(x->rollups[k].name, y->rollups[l].name) != 0 || !ts_conf_rollup_same(&x->rollups[k], &y->rollups[l]) ||
            !same_exclusives(x, k, y, l))
            return false;
    }
}

static unsigned find_rollup(const struct ts_conf *conf, const char *name)
{
    unsigned i = 0;
    while (i < conf->nrollups && strcmp(conf->rollups[i].name, name) != 0)
        i++;
    return i;
}

/* Sets chg->kept. @return the rollups of `next` that rules are to be made for. */
static uint64_t compare(struct ts_rules_change *chg, const struct ts_conf *next)
{
    struct ts_rule_plan *plans[2] = {ts_rule_plan_new(chg->was, all_of(chg->was), 0), ts_rule_plan_new(next, all_of(next), 0)};
    struct ts_rule_set *was = ts_rule_set_new(chg->workers[0], plans[0]), *now = ts_rule_set_new(chg->workers[0], plans[1]);
    uint64_t wanted = all_of(next);
    bool same = chg->was->correct_for_ns == next->correct_for_ns;
    for (unsigned i = 0; i < next->nrollups && same; i++) {
        unsigned j = find_rollup(chg->was, next->rollups[i].name);
        if (j == chg->was->nrollups || !same_family(now, i, was, j))
            continue;
        wanted &= ~(UINT64_C(1) << i);
        chg->kept |= UINT64_C(1) << j;
    }
    ts_rule_set_free(&was);
    ts_rule_set_free(&now);
    for (unsigned i = 0; i < 2; i++)
        ts_rule_plan_unref(&plans[i]);
    return wanted;
}

static unsigned count_sets(const struct ts_worker *wk)
{
    unsigned n = 0;
    for (const struct ts_rule_set *set = wk->sets; set; set = set->next)
        n++;
    return n;
}

struct count {
    struct ts_worker *wk;
    unsigned nsets, nrules;
};

struct order {
    struct ts_rules_change *chg;
    unsigned worker;
    bool done;
    int rc;
};

static void count_rules(void *arg)
{
    struct count *count = arg;
    count->nsets = count_sets(count->wk);
    count->nrules = count->wk->nrules;
}

static void ask(struct ts_worker *wk, void (*fn)(void *arg), void *arg)
{
    ts_desk_ask(&wk->desk, wk->conf.bell, fn, arg);
}

static void make_sets(struct ts_rules_change *chg)
{
    chg->sets = ts_xalloc(chg->nworkers * sizeof(struct ts_rule_set *));
    chg->rules = ts_xalloc(chg->nworkers * sizeof(struct ts_rule **));
    for (unsigned w = 0; w < chg->nworkers; w++) {
        struct count count = {.wk = chg->workers[w]};
        ask(count.wk, count_rules, &count);
        chg->sets[w] = ts_rule_set_new(count.wk, chg->plan);
        chg->rules[w] = ts_xalloc((count.nrules + chg->sets[w]->nrules) * sizeof(struct ts_rule *)); /* there may be fewer by then */
    }
}

/* Series that are there already, some at a time; from the first time on new ones are matched when they come. */
static void match_some(void *arg)
{
    struct order *order = arg;
    struct ts_worker *wk = order->chg->workers[order->worker];
    struct ts_rule_set *set = order->chg->sets[order->worker], **at = &wk->sets;
    while (*at && *at != set)
        at = &(*at)->next;
    if (!*at && set->masks && wk->nevent_chunks && !ts_rule_set_grow(set, wk->nevent_chunks * TS_CHUNK_PANES)) {
        order->rc = -TS_ENOMEM;
        return;
    }
    *at = set;
    uint32_t n = TS_MIN(wk->series.count, wk->nevent_chunks * TS_CHUNK_PANES), end = TS_MIN(n, set->nmatched + MATCH_STEP);
    for (; set->nmatched < end && set->masks; set->nmatched++) {
        const struct ts_slot *sl = &wk->series.slots[set->nmatched];
        bool there = sl->series && !(sl->flags & TS_SLOT_GONE);
        set->masks[set->nmatched] = there ? ts_rule_set_match(set, (struct ts_str){sl->series, sl->len}) : 0;
    }
    order->done = set->nmatched >= n || !set->masks;
}

static void detach(void *arg)
{
    struct order *order = arg;
    struct ts_rule_set *set = order->chg->sets[order->worker], **at = &order->chg->workers[order->worker]->sets;
    while (*at && *at != set)
        at = &(*at)->next;
    if (*at)
        *at = set->next;
}

static int match_all(struct ts_rules_change *chg)
{
    struct order order = {.chg = chg};
    for (; order.worker < chg->nworkers; order.worker++)
        for (order.done = false; !order.done && order.rc == 0;)
            ask(chg->workers[order.worker], match_some, &order);
    return order.rc;
}

int ts_rules_prepare(struct ts_worker *const *workers, unsigned nworkers, const struct ts_rule_plan *former, const struct ts_conf *was,
                     const struct ts_conf *next, struct ts_rules_change **out, struct ts_err *err)
{
    for (unsigned w = 0; w < nworkers; w++) {
        struct count count = {.wk = workers[w]};
        ask(count.wk, count_rules, &count);
        if (count.nsets >= SETS_MAX)
            return ts_fail(err, TS_ELIMIT, "rollups: windows of %u former configurations are still open; reload again when they have been sealed",
                           count.nsets);
    }
    struct ts_rules_change *chg = *out = ts_xalloc(sizeof *chg);
    *chg = (struct ts_rules_change){.workers = workers, .nworkers = nworkers, .was = former ? former->conf : was};
    uint64_t wanted = compare(chg, next);
    chg->told = (struct ts_rules_changed){.begun = (unsigned)__builtin_popcountll(wanted),
                                          .ended = (unsigned)__builtin_popcountll(all_of(chg->was) & ~chg->kept),
                                          .from_ns = TS_TIME_NONE};
    chg->plan = ts_rule_plan_new(next, wanted, ts_gather_add_folds(workers[0]->conf.gather, next, wanted));
    if (wanted)
        make_sets(chg);
    if (wanted && match_all(chg) != 0) {
        ts_rules_cancel(out);
        return ts_fail(err, TS_ENOMEM, "rollups: no memory for what series match");
    }
    return 0;
}

/* ---- the first step: new rules take everything ---- */

static void note_arrival(struct ts_rules_change *chg, const struct ts_rule *rule)
{
    const struct ts_sessions *set = rule->sessions;
    for (const struct ts_window *win = rule->windows; win && !set; win = win->next)
        chg->used[TS_DOMAIN_ARRIVAL] |= win->used[TS_DOMAIN_ARRIVAL];
    for (uint32_t i = 0; set && i < set->nrows; i++)
        chg->used[TS_DOMAIN_ARRIVAL] |= set->rows[i] && set->rows[i]->due_ns[TS_DOMAIN_ARRIVAL] != INT64_MAX;
}

/* The latest times that samples of the worker have had. */
static void note_times(struct ts_rules_change *chg, const struct ts_worker *wk)
{
    int64_t latest_ns[TS_DOMAINS] = {TS_MAX(wk->clock_ns, wk->horizon_ns[TS_DOMAIN_ARRIVAL]),
                                     TS_MAX(wk->watermark_ns, wk->horizon_ns[TS_DOMAIN_EVENT])};
    for (unsigned s = 0; s < wk->conf.nsources; s++) {
        latest_ns[TS_DOMAIN_ARRIVAL] = TS_MAX(latest_ns[TS_DOMAIN_ARRIVAL], wk->sources[s].arrival_ns);
        latest_ns[TS_DOMAIN_EVENT] = TS_MAX(latest_ns[TS_DOMAIN_EVENT], wk->sources[s].max_event_ns);
    }
    for (unsigned d = 0; d < TS_DOMAINS; d++)
        chg->latest_ns[d] = TS_MAX(chg->latest_ns[d], latest_ns[d]);
    chg->used[TS_DOMAIN_EVENT] |= latest_ns[TS_DOMAIN_EVENT] != TS_TIME_NONE;
    for (unsigned r = 0; r < wk->nrules; r++)
        note_arrival(chg, wk->rules[r]);
}

/* Where nothing lives in arrival time, its clock says nothing of the samples that come. TS_TIME_NONE: there is nothing open at all. */
static int64_t horizon_of(const struct ts_rules_change *chg)
{
    return chg->used[TS_DOMAIN_ARRIVAL] ? TS_MAX(chg->latest_ns[TS_DOMAIN_ARRIVAL], chg->latest_ns[TS_DOMAIN_EVENT])
                                        : chg->latest_ns[TS_DOMAIN_EVENT];
}

void ts_worker_attach(struct ts_worker *wk, struct ts_rule_set *set, struct ts_rule **rules)
{
    unsigned n = 0, nadding = wk->nadding + set->nadding;
    struct ts_rule_set **at = &wk->sets;
    for (unsigned r = 0; r < wk->nadding; r++)
        rules[n++] = wk->rules[r];
    for (unsigned r = 0; r < set->nadding; r++)
        rules[n++] = &set->rules[r];
    for (unsigned r = wk->nadding; r < wk->nrules; r++)
        rules[n++] = wk->rules[r];
    for (unsigned r = set->nadding; r < set->nrules; r++)
        rules[n++] = &set->rules[r];
    while (*at && *at != set)
        at = &(*at)->next;
    *at = wk->last = set;
    set->attached = true;
    ts_free(wk->rules);
    wk->rules = rules;
    wk->nrules = n;
    wk->nadding = nadding;
    wk->masks = set->masks;
    wk->renumbered = true;
}

void ts_worker_reset_marks(struct ts_worker *wk)
{
    for (unsigned s = 0; s <= wk->conf.nsources; s++) {
        struct ts_source *src = s < wk->conf.nsources ? &wk->sources[s] : &wk->restored;
        for (uint32_t id = 0; id < src->nslots; id++)
            if (src->slots[id] != TS_SLOT_REFUSED)
                src->slots[id] = (src->slots[id] & ~TS_SLOT_MARKS) | TS_SLOT_SPECIAL;
    }
}

static void begin(void *arg)
{
    struct order *order = arg;
    struct ts_rules_change *chg = order->chg;
    struct ts_worker *wk = chg->workers[order->worker];
    struct ts_rule_set *set = chg->sets ? chg->sets[order->worker] : NULL;
    note_times(chg, wk);
    wk->held = true;
    if (!set)
        return;
    for (unsigned r = 0; r < set->nrules; r++)
        if (set->rules[r].sessions)
            set->rules[r].taken = (struct ts_span){0, 0};
    ts_worker_attach(wk, set, chg->rules[order->worker]);
    ts_worker_reset_marks(wk);
}

/* ---- the second step: each has its windows ---- */

/* The first beginning of a window behind t_ns. */
static int64_t next_begin(const struct ts_conf_rollup *rollup, int64_t t_ns)
{
    if (t_ns == TS_TIME_NONE)
        return INT64_MIN;
    return rollup->calendar ? ts_zone_next(ts_zone_floor(t_ns, rollup->calendar), rollup->calendar)
                            : ts_clock_floor(t_ns, rollup->every_ns) + rollup->every_ns;
}

static int64_t after(int64_t t_ns)
{
    return t_ns == TS_TIME_NONE ? INT64_MIN : t_ns + 1;
}

/* latest_ns: of this worker. Where windows of the former rule are made of whole ones of the new, it begins with one of these. */
static int64_t begin_of(const struct ts_rules_change *chg, const struct ts_conf_rollup *rollup, int64_t latest_ns)
{
    unsigned i = find_rollup(chg->was, rollup->name);
    const struct ts_conf_rollup *was = i < chg->was->nrollups && !chg->was->rollups[i].session_ns ? &chg->was->rollups[i] : NULL;
    if (rollup->session_ns)
        return TS_MAX(after(latest_ns), was ? next_begin(was, chg->horizon_ns) : INT64_MIN);
    if (was && !was->calendar && !rollup->calendar && was->every_ns > rollup->every_ns && was->every_ns % rollup->every_ns == 0)
        return next_begin(was, chg->horizon_ns);
    return next_begin(rollup, chg->horizon_ns);
}

static int64_t end_of(const struct ts_rules_change *chg, const struct ts_conf_rollup *was, int64_t latest_ns)
{
    const struct ts_conf *next = chg->plan->conf;
    unsigned i = find_rollup(next, was->name);
    const struct ts_conf_rollup *rollup = i < next->nrollups ? &next->rollups[i] : NULL;
    if (was->session_ns)
        return TS_MAX(after(latest_ns), rollup && !rollup->session_ns ? begin_of(chg, rollup, latest_ns) : INT64_MIN);
    return rollup && !rollup->session_ns ? begin_of(chg, rollup, latest_ns) : next_begin(was, chg->horizon_ns);
}

static void begin_rule(const struct ts_rules_change *chg, struct ts_rule *rule, int64_t latest_ns)
{
    rule->sent.from_ns = begin_of(chg, rule->conf, latest_ns);
    for (unsigned f = 0; f < rule->nfolds; f++)
        rule->folds[f].sent.from_ns = begin_of(chg, rule->folds[f].conf, latest_ns);
}

/* One that ends already may do so sooner: when it began to, there was arrival time, which was further. */
static void end_rule(const struct ts_rules_change *chg, struct ts_worker *wk, struct ts_rule *rule, int64_t latest_ns)
{
    wk->nending += !rule->ending;
    rule->ending = true;
    rule->sent.until_ns = TS_MIN(rule->sent.until_ns, end_of(chg, rule->conf, latest_ns));
    for (unsigned f = 0; f < rule->nfolds; f++)
        rule->folds[f].sent.until_ns = TS_MIN(rule->folds[f].sent.until_ns, end_of(chg, rule->folds[f].conf, latest_ns));
}

static bool is_kept(const struct ts_rules_change *chg, const struct ts_rule *rule)
{
    unsigned i = find_rollup(chg->was, rule->conf->name);
    return i < chg->was->nrollups && chg->kept >> i & 1;
}

static void drop_windows(struct ts_worker *wk, struct ts_rule *rule)
{
    for (struct ts_window *win = rule->windows, *next; win && !rule->sessions; win = next) {
        next = win->next;
        if (!ts_span_has(&rule->taken, win->start_ns))
            ts_rule_forget(rule, win, &wk->series);
    }
}

static void move_rollups(struct ts_rules_change *chg, const struct ts_worker *wk)
{
    for (const struct ts_rule_set *set = wk->sets; set; set = set->next)
        if (set->plan != chg->plan)
            chg->told.moved += ts_conf_move_rollups(set->plan->conf, set->plan->wanted, chg->plan->conf);
}

static void settle(void *arg)
{
    struct order *order = arg;
    struct ts_rules_change *chg = order->chg;
    struct ts_worker *wk = chg->workers[order->worker];
    struct ts_rules_change own = {.used = {chg->used[0], chg->used[1]}, .latest_ns = {TS_TIME_NONE, TS_TIME_NONE}};
    note_times(&own, wk);
    int64_t latest_ns = horizon_of(&own);
    for (unsigned r = 0; r < wk->nrules; r++) {
        struct ts_rule *rule = wk->rules[r];
        if (rule->set->plan == chg->plan)
            begin_rule(chg, rule, latest_ns);
        else if (!is_kept(chg, rule))
            end_rule(chg, wk, rule, latest_ns);
    }
    for (unsigned r = 0; r < wk->nadding; r++)
        ts_rule_span_family(wk->rules[r]);
    for (unsigned r = 0; r < wk->nrules; r++)
        drop_windows(wk, wk->rules[r]);
    if (order->worker == 0)
        move_rollups(chg, wk); /* main waits: it is as if it did it */
    wk->held = false;
    wk->bounded = true;
}

struct ts_rule_plan *ts_rules_commit(struct ts_rules_change **change, struct ts_rules_changed *out)
{
    struct ts_rules_change *chg = *change;
    struct order order = {.chg = chg};
    bool changes = chg->told.begun || chg->told.ended;
    chg->latest_ns[TS_DOMAIN_ARRIVAL] = chg->latest_ns[TS_DOMAIN_EVENT] = TS_TIME_NONE;
    for (order.worker = 0; order.worker < chg->nworkers && changes; order.worker++)
        ask(chg->workers[order.worker], begin, &order);
    chg->horizon_ns = horizon_of(chg);
    for (order.worker = 0; order.worker < (changes ? chg->nworkers : 1); order.worker++)
        ask(chg->workers[order.worker], settle, &order);
    chg->told.from_ns = changes ? chg->horizon_ns : TS_TIME_NONE;
    *out = chg->told;
    struct ts_rule_plan *plan = chg->plan;
    plan->owns = true;
    ts_free(chg->sets);
    ts_free(chg->rules);
    TS_FREE(*change);
    return plan;
}

void ts_rules_cancel(struct ts_rules_change **change)
{
    struct ts_rules_change *chg = *change;
    if (!chg)
        return;
    struct order order = {.chg = chg};
    for (; order.worker < chg->nworkers && chg->sets; order.worker++) {
        ask(chg->workers[order.worker], detach, &order);
        ts_rule_set_free(&chg->sets[order.worker]);
        ts_free(chg->rules[order.worker]);
    }
    ts_free(chg->sets);
    ts_free(chg->rules);
    ts_gather_drop_folds(chg->workers[0]->conf.gather, chg->plan->conf, chg->plan->wanted, chg->plan->first_fold);
    ts_rule_plan_unref(&chg->plan);
    TS_FREE(*change);
}
