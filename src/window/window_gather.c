/*
 * The gatherer takes what all workers know of groups: their names, and partials of windows. It has, for each fold, how far each worker
 * has come, and the windows that somebody has given partials of; window_gather_send.c makes points of these. Thread: workers, one at a
 * time, under its lock; never for a sample. Full: a group beyond limits.series is refused; without memory a worker keeps its partials
 * and tries again.
 */
#include "config.h"
#include "window/window_gather_priv.h"

#include "core/hash.h"
#include "core/mem.h"

#define FIRST_BUCKETS 1024

/* ---- groups ---- */

static void grow(struct ts_gather *gat)
{
    size_t n = 2 * (gat->mask + 1);
    struct ts_group **buckets = ts_alloc(n * sizeof(struct ts_group *));
    if (!buckets)
        return; /* longer chains */
    for (size_t b = 0; b <= gat->mask; b++) {
        for (struct ts_group *group = gat->buckets[b], *next; group; group = next) {
            next = group->next;
            group->next = buckets[group->hash & (n - 1)];
            buckets[group->hash & (n - 1)] = group;
        }
    }
    ts_free(gat->buckets);
    gat->buckets = buckets;
    gat->mask = n - 1;
}

static struct ts_group *find_group(const struct ts_gather *gat, unsigned fold, uint64_t hash, struct ts_str key)
{
    struct ts_group *group = gat->buckets[hash & gat->mask];
    while (group && (group->hash != hash || group->fold != fold || !ts_str_eq((struct ts_str){group->key, group->len}, key)))
        group = group->next;
    return group;
}

static int make_group(struct ts_gather *gat, unsigned fold, uint64_t hash, struct ts_str key, struct ts_group **out)
{
    if (gat->ngroups >= gat->limit)
        return -TS_ELIMIT;
    if (gat->ngroups > gat->mask)
        grow(gat);
    struct ts_group *group = ts_alloc(sizeof *group + key.len);
    if (!group)
        return -TS_ENOMEM;
    group->len = (uint32_t)key.len;
    group->fold = fold;
    group->hash = hash;
    group->arrival_from_ns = INT64_MAX;
    group->arrival_to_ns = INT64_MIN;
    memcpy(group->key, key.p, key.len);
    group->next = gat->buckets[hash & gat->mask];
    gat->buckets[hash & gat->mask] = group;
    gat->ngroups++;
    *out = group;
    return 0;
}

int ts_gather_group(struct ts_gather *gat, unsigned fold, struct ts_str key, struct ts_group **out)
{
    uint64_t hash = ts_hash_seeded(key.p, key.len, fold);
    pthread_mutex_lock(&gat->lock);
    struct ts_group *group = find_group(gat, fold, hash, key);
    int rc = group ? 0 : make_group(gat, fold, hash, key, &group);
    if (rc == 0)
        *out = ts_group_ref(group);
    pthread_mutex_unlock(&gat->lock);
    return rc;
}

/* Acquire and release: whoever frees it comes after all who used it. */
static void leave(struct ts_gather *gat, struct ts_group *group)
{
    if (atomic_fetch_sub_explicit(&group->refs, 1, memory_order_acq_rel) > 1)
        return;
    struct ts_group **at = &gat->buckets[group->hash & gat->mask];
    while (*at != group)
        at = &(*at)->next;
    *at = group->next;
    gat->ngroups--;
    ts_free(group);
}

uint64_t ts_gather_count(struct ts_gather *gat)
{
    pthread_mutex_lock(&gat->lock);
    uint64_t n = gat->ngroups;
    pthread_mutex_unlock(&gat->lock);
    return n;
}

void ts_gather_leave(struct ts_gather *gat, struct ts_group *group)
{
    pthread_mutex_lock(&gat->lock);
    leave(gat, group);
    pthread_mutex_unlock(&gat->lock);
}

static void drop(struct ts_gather *gat, struct ts_partials **set)
{
    for (uint32_t i = 0; *set && i < (*set)->n; i++)
        leave(gat, (*set)->v[i].group);
    ts_partials_free(set);
}

void ts_gather_drop(struct ts_gather *gat, struct ts_partials **set)
{
    if (!*set)
        return;
    pthread_mutex_lock(&gat->lock);
    drop(gat, set);
    pthread_mutex_unlock(&gat->lock);
}

/* ---- making, freeing ---- */

static struct gather_fold *make_fold(unsigned nworkers)
{
    struct gather_fold *fold = ts_xalloc(sizeof *fold);
    fold->workers = ts_xalloc(nworkers * sizeof(struct progress));
    fold->retired = ts_xalloc(nworkers * sizeof *fold->retired);
    for (unsigned w = 0; w < nworkers; w++)
        fold->workers[w] = (struct progress){TS_TIME_NONE, TS_TIME_NONE, TS_TIME_NONE};
    return fold;
}

/* So many places one behind the other that are free; there are so many then. */
static unsigned find_places(struct ts_gather *gat, unsigned n)
{
    unsigned first = 0, nfree = 0;
    while (nfree < n && first + nfree < gat->nfolds) {
        if (gat->folds[first + nfree]) {
            first += nfree + 1;
            nfree = 0;
        } else {
            nfree++;
        }
    }
    if (first + n > gat->nfolds) {
        gat->folds = ts_xresize(gat->folds, (first + n) * sizeof(struct gather_fold *));
        for (; gat->nfolds < first + n; gat->nfolds++)
            gat->folds[gat->nfolds] = NULL;
    }
    return first;
}

unsigned ts_gather_add_folds(struct ts_gather *gat, const struct ts_conf *conf, uint64_t wanted)
{
    pthread_mutex_lock(&gat->lock);
    unsigned n = conf->nrollups, first = find_places(gat, 2 * n); /* each with a side */
    for (unsigned i = 0; i < n; i++) {
        if (!(wanted >> i & 1) || !ts_conf_is_grouped(&conf->rollups[i]))
            continue;
        gat->folds[first + i] = make_fold(gat->nworkers);
        if (conf->rollups[i].late == TS_LATE_SIDE)
            gat->folds[first + n + i] = make_fold(gat->nworkers);
    }
    pthread_mutex_unlock(&gat->lock);
    return first;
}

struct ts_gather *ts_gather_new(const struct ts_conf *conf, unsigned nworkers)
{
    struct ts_gather *gat = ts_xalloc(sizeof *gat);
    pthread_mutex_init(&gat->lock, NULL);
    gat->nworkers = nworkers;
    gat->limit = conf->limits.series;
    gat->mask = FIRST_BUCKETS - 1;
    gat->buckets = ts_xalloc(FIRST_BUCKETS * sizeof(struct ts_group *));
    gat->ended = ts_xalloc(nworkers * sizeof *gat->ended);
    (void)ts_gather_add_folds(gat, conf, UINT64_MAX);
    return gat;
}

void ts_gather_forget(struct ts_gather *gat, struct gathered **at)
{
    struct gathered *win = *at;
    *at = win->next;
    for (unsigned t = 0; t < gat->nworkers * TS_DOMAINS; t++)
        drop(gat, &win->tables[t]);
    ts_free(win);
}

static void free_fold(struct ts_gather *gat, struct gather_fold **fold)
{
    if (!*fold)
        return;
    while ((*fold)->windows)
        ts_gather_forget(gat, &(*fold)->windows);
    ts_free((*fold)->workers);
    ts_free((*fold)->retired);
    TS_FREE(*fold);
}

void ts_gather_drop_folds(struct ts_gather *gat, const struct ts_conf *conf, uint64_t wanted, unsigned first)
{
    pthread_mutex_lock(&gat->lock);
    for (unsigned i = 0; i < 2 * conf->nrollups; i++)
        if (wanted >> i % conf->nrollups & 1 && ts_conf_is_grouped(&conf->rollups[i % conf->nrollups]))
            free_fold(gat, &gat->folds[first + i]);
    pthread_mutex_unlock(&gat->lock);
}

void ts_gather_free(struct ts_gather **gather)
{
    struct ts_gather *gat = *gather;
    if (!gat)
        return;
    for (unsigned f = 0; f < gat->nfolds; f++)
        free_fold(gat, &gat->folds[f]);
    ts_free(gat->folds);
    for (size_t b = 0; b <= gat->mask; b++) {
        for (struct ts_group *group = gat->buckets[b], *next; group; group = next) {
            next = group->next;
            ts_free(group);
        }
    }
    pthread_mutex_destroy(&gat->lock);
    ts_free(gat->buckets);
    ts_free(gat->ended);
    TS_FREE(*gather);
}

/* ---- taking ---- */

/*
 * Groups that series in arrival time had a part in, in a window that has been forgotten: what comes of series in event time now would
 * stand for the whole, so it is lost.
 */
static void pass_over_late(struct ts_worker *wk, struct ts_partials *set, int64_t start_ns)
{
    for (uint32_t i = 0; i < set->n; i++) {
        struct ts_partial *part = &set->v[i];
        if (start_ns < part->group->arrival_from_ns || start_ns > part->group->arrival_to_ns || !part->fresh)
            continue;
        part->fresh = false;
        ts_count(wk->cnt, TS_C_ROLLUPS_LOST, 1);
    }
}

static void note_arrival(const struct ts_partials *set, int64_t start_ns)
{
    for (uint32_t i = 0; i < set->n; i++) {
        struct ts_group *group = set->v[i].group;
        group->arrival_from_ns = TS_MIN(group->arrival_from_ns, start_ns);
        group->arrival_to_ns = TS_MAX(group->arrival_to_ns, start_ns);
    }
}

/* Partials take the place of those that the worker has given before. @return false without memory, and nothing has moved. */
static bool replace(struct ts_gather *gat, struct ts_partials *to, struct ts_partials **set)
{
    bool added;
    for (uint32_t i = 0; i < (*set)->n; i++) {
        struct ts_partial *part = ts_partials_get(to, (*set)->v[i].group, &added);
        if (!part)
            return false;
        if (added)
            ts_group_ref(part->group);
    }
    for (uint32_t i = 0; i < (*set)->n; i++) {
        struct ts_partial *from = &(*set)->v[i], *part = ts_partials_find(to, from->group), former = *part;
        *part = *from;
        part->sent = former.sent;
        *from = former; /* freed with the set, which keeps its own reference to the group */
    }
    drop(gat, set);
    return true;
}

static bool take(struct ts_worker *wk, struct gather_fold *fold, const struct ts_window *win, unsigned domain,
                 struct ts_partials **set)
{
    struct ts_gather *gat = wk->conf.gather;
    struct gathered **at = ts_gather_find(fold, win->start_ns), *own = *at;
    unsigned ntables = gat->nworkers * TS_DOMAINS, table = wk->conf.number * TS_DOMAINS + domain;
    if (!own || own->start_ns != win->start_ns) {
        own = ts_alloc(sizeof *own + ntables * sizeof own->tables[0]);
        if (!own)
            return false;
        own->start_ns = win->start_ns;
        own->end_ns = win->end_ns;
        own->made_ns = win->made_ns;
        own->next = *at;
        *at = own;
    }
    if (domain == TS_DOMAIN_ARRIVAL)
        note_arrival(*set, win->start_ns);
    else if (!own->used[TS_DOMAIN_ARRIVAL])
        pass_over_late(wk, *set, win->start_ns);
    if (!own->tables[table]) {
        own->tables[table] = *set;
        *set = NULL;
    } else if (!replace(gat, own->tables[table], set)) {
        return false;
    }
    own->used[domain] = true;
    own->made_ns = TS_MIN(own->made_ns, win->made_ns);
    own->again |= win->again;
    own->nfresh[domain] = 0;
    for (unsigned t = domain; t < ntables; t += TS_DOMAINS)
        for (uint32_t i = 0; own->tables[t] && i < own->tables[t]->n; i++)
            own->nfresh[domain] += own->tables[t]->v[i].fresh;
    own->table = own->at = 0;
    return true;
}

bool ts_gather_give(struct ts_worker *wk, const struct ts_fold *fold, const struct ts_window *win, unsigned domain,
                    struct ts_partials **set)
{
    if (fold->retired) {
        ts_gather_drop(wk->conf.gather, set);
        return true;
    }
    pthread_mutex_lock(&wk->conf.gather->lock);
    bool good = take(wk, wk->conf.gather->folds[fold->index], win, domain, set);
    pthread_mutex_unlock(&wk->conf.gather->lock);
    return good;
}

/* What the worker has given of it is in points, as far as is known here. Under the lock. */
static void look_at(const struct ts_gather *gat, const struct ts_rule *rule, struct ts_window *win)
{
    win->gone = true;
    win->beside = false;
    for (unsigned f = 0; f < rule->nfolds; f++) {
        const struct gathered *own = rule->folds[f].retired ? NULL : gat->folds[rule->folds[f].index]->windows;
        while (own && own->start_ns < win->start_ns)
            own = own->next;
        if (!own || own->start_ns != win->start_ns)
            continue;
        win->gone &= !own->nfresh[TS_DOMAIN_ARRIVAL] && !own->nfresh[TS_DOMAIN_EVENT];
        win->beside |= own->used[TS_DOMAIN_ARRIVAL] && !own->nfresh[TS_DOMAIN_ARRIVAL];
    }
}

bool ts_gather_has_sent(struct ts_gather *gat, const struct ts_rule *rule, struct ts_window *win)
{
    pthread_mutex_lock(&gat->lock);
    look_at(gat, rule, win);
    pthread_mutex_unlock(&gat->lock);
    return win->gone;
}

void ts_gather_look(struct ts_worker *wk)
{
    if (!wk->conf.gather)
        return;
    pthread_mutex_lock(&wk->conf.gather->lock);
    for (unsigned r = 0; r < wk->nrules; r++)
        for (struct ts_window *win = wk->rules[r]->nfolds ? wk->rules[r]->windows : NULL; win; win = win->next)
            look_at(wk->conf.gather, wk->rules[r], win);
    pthread_mutex_unlock(&wk->conf.gather->lock);
}

void ts_gather_join(struct ts_gather *gat, const struct ts_worker *wk)
{
    if (wk->conf.number == GATHER_SENDER)
        gat->sender_bell = wk->conf.bell;
}

void ts_gather_pass(struct ts_worker *wk, const struct ts_rule *rule)
{
    struct ts_gather *gat = wk->conf.gather;
    bool due = false;
    struct progress now = {wk->clock_ns, ts_worker_watermark(wk, rule), ts_worker_watermark(wk, rule)};
    if (wk->idle)
        now.event_ns = INT64_MAX;
    if (wk->draining)
        now = (struct progress){INT64_MAX, INT64_MAX, INT64_MAX};
    pthread_mutex_lock(&gat->lock);
    for (unsigned f = 0; f < rule->nfolds; f++) {
        struct gather_fold *fold = rule->folds[f].retired ? NULL : gat->folds[rule->folds[f].index];
        if (!fold)
            continue;
        if (!fold->retired[wk->conf.number])
            fold->workers[wk->conf.number] = now;
        due |= ts_gather_is_due(gat, fold);
    }
    pthread_mutex_unlock(&gat->lock);
    if (due && wk->conf.number != GATHER_SENDER)
        ts_bell_ring(gat->sender_bell);
}

bool ts_gather_retire(struct ts_worker *wk, const struct ts_fold *fold)
{
    struct ts_gather *gat = wk->conf.gather;
    bool sends = wk->conf.number == GATHER_SENDER;
    pthread_mutex_lock(&gat->lock);
    struct gather_fold *own = gat->folds[fold->index];
    own->nretired += !own->retired[wk->conf.number];
    own->retired[wk->conf.number] = true;
    own->workers[wk->conf.number] = (struct progress){INT64_MAX, INT64_MAX, INT64_MAX};
    bool over = own->nretired == gat->nworkers && !own->windows;
    if (sends && over)
        free_fold(gat, &gat->folds[fold->index]);
    pthread_mutex_unlock(&gat->lock);
    if (!sends)
        ts_bell_ring(gat->sender_bell);
    return !sends || over;
}

bool ts_gather_is_retiring(struct ts_gather *gat)
{
    bool retiring = false;
    pthread_mutex_lock(&gat->lock);
    for (unsigned f = 0; f < gat->nfolds; f++)
        retiring |= gat->folds[f] && gat->folds[f]->nretired;
    pthread_mutex_unlock(&gat->lock);
    return retiring;
}
