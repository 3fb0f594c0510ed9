#ifndef TS_WINDOW_GROUP_H
#define TS_WINDOW_GROUP_H
/*
 * Rollups with group_by or without. A fold hangs on a rule whose windows it shares: when panes of the rule are sealed, each is
 * added to the partial of its series' group, and when the worker is through with the window, its partials go to the gatherer,
 * which all workers have in common. When all of them have passed the window, one of them combines what they gave and sends it.
 */
#include "core/conf.h"
#include "core/dd.h"
#include "core/hll.h"
#include "core/lane.h"
#include "core/rollup.h"
#include "core/sketch.h"
#include "window/window.h"

/* Which windows, by their start. All of them, but for those of a rule that a reload has begun or ended. */
struct ts_span {
    int64_t from_ns, until_ns;
};
#define TS_SPAN_ALL ((struct ts_span){INT64_MIN, INT64_MAX})

TS_INLINE bool ts_span_has(const struct ts_span *span, int64_t t_ns)
{
    return t_ns >= span->from_ns && t_ns < span->until_ns;
}

/* A group's series, shared by all who point to it: slots and partials. */
struct ts_group {
    _Atomic uint32_t refs; /* who has one may give another away; only under the gatherer's lock it becomes 0 */
    uint32_t len;
    unsigned fold; /* of which fold, by ts_fold.index */
    uint64_t hash;
    int64_t arrival_from_ns, arrival_to_ns; /* windows that series in arrival time had a part in; under the lock */
    struct ts_group *next;                  /* in its bucket; under the lock */
    char key[];                             /* encoded (core/series.h) */
};

/* ---- partials: window_partial.c ---- */

/* What is known of a group in a window. Sums are kept with so many digits that their order does not show. */
struct ts_partial {
    struct ts_group *group;
    bool fresh; /* not sent as it is now */
    bool sent;  /* before */
    bool has_first, has_increase;
    double shift, min, max, first, last;
    int64_t first_ns, last_ns;
    struct ts_dd count, sum, sd, sd2, increase; /* sd and sd2 as in core/stats.h; count.hi is 0: nothing yet */
    struct ts_hll *hll;
    struct ts_text *text;
    struct ts_sketch *sketch;
    struct ts_dd *histogram;
};

/* Partials of one window under one fold by their groups. */
struct ts_partials {
    struct ts_partial *v;
    uint32_t n, cap;
    uint32_t *places; /* number in v + 1, 0 free; a power of two, at most half full */
    uint32_t mask;
};

struct ts_partials *ts_partials_new(void);
/** Frees what the partials own, but not their groups. */
void ts_partials_free(struct ts_partials **set);
struct ts_partial *ts_partials_find(const struct ts_partials *set, const struct ts_group *group);
/** The group's partial; a new, empty one has *added. @return NULL without memory. */
struct ts_partial *ts_partials_get(struct ts_partials *set, struct ts_group *group, bool *added);

/** Frees what a partial owns. */
void ts_partial_fini(struct ts_partial *part);

/**
 * Adds b to a. plain: a histogram that is no partial's, or NULL; nbuckets: of either.
 * @return false: something beside the moments misses, for want of memory.
 */
bool ts_partial_merge(struct ts_partial *a, const struct ts_partial *b, const double *plain, unsigned nbuckets) TS_MUST_CHECK;

/** Its moments as a rollup point has them. */
struct ts_stats ts_partial_stats(const struct ts_partial *part);

/* ---- folds: window_group.c ---- */

struct ts_fold {
    const struct ts_conf_rollup *conf;
    struct ts_conf_rollup *own; /* what conf points to when its points have another name */
    unsigned index;            /* the rollup's number, and from conf->nrollups on those of sides */
    unsigned wants;            /* enum ts_wants */
    bool told;                 /* that a series is called like its group */
    struct ts_span sent;       /* windows whose groups are this one's */
    struct ts_group **groups;  /* by slot; NULL: not looked up yet */
    bool retired;              /* the worker gives nothing for it any more */
    uint32_t ngroups;
};

struct ts_worker;
struct ts_rule;
struct ts_window;
struct ts_pane_chunk;
union ts_pane;

/** Lets the rollup share the rule's windows. is_side: they have what is too late for it. Ends the process without memory. */
void ts_rule_add_fold(const struct ts_worker *wk, struct ts_rule *rule, const struct ts_conf_rollup *rollup, bool is_side);
void ts_rule_free_folds(struct ts_rule *rule);

/**
 * Makes place for the slot in the window's partials, and adds its pane to them. ch: the pane's chunk, NULL for a gauge that is sent
 * again. @return false: no memory now, and nothing has been made or added.
 */
bool ts_window_make_folds(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win, unsigned domain, uint32_t slot);
void ts_window_fold(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win, unsigned domain, uint32_t slot,
                    const union ts_pane *pane, struct ts_pane_chunk *ch);

/** Hands the window's partials to the gatherer. @return false: not now. */
bool ts_window_give_folds(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win, unsigned domain);

/** Works out anew the partials of groups whose series have dirty panes, and hands them over. @return false: not now. */
bool ts_window_refold(struct ts_worker *wk, const struct ts_rule *rule, struct ts_window *win);

/** Frees what a window has that goes away. */
void ts_window_free_folds(const struct ts_rule *rule, struct ts_window *win);

/** Leaves some of the groups that the fold knows. @return whether it knows none any more. */
bool ts_fold_leave_groups(struct ts_worker *wk, struct ts_fold *fold);

/** The slot's series leaves the worker: so do its groups. */
void ts_worker_leave_groups(struct ts_worker *wk, uint32_t slot);

/* ---- the gatherer: window_gather.c ---- */

/**
 * The group of this key, with a reference that is the caller's from then on.
 * @return 0; -TS_ENOMEM; -TS_ELIMIT: there are limits.series groups.
 */
int ts_gather_group(struct ts_gather *gat, unsigned fold, struct ts_str key, struct ts_group **out) TS_MUST_CHECK;
void ts_gather_leave(struct ts_gather *gat, struct ts_group *group);
static inline struct ts_group *ts_group_ref(struct ts_group *group)
{
    atomic_fetch_add_explicit(&group->refs, 1, memory_order_relaxed); /* the caller's own keeps it */
    return group;
}

/** Frees partials with their references. */
void ts_gather_drop(struct ts_gather *gat, struct ts_partials **set);

/** A worker's partials of a window; of groups that it has given before they take the place. @return false without memory. */
bool ts_gather_give(struct ts_worker *wk, const struct ts_fold *fold, const struct ts_window *win, unsigned domain,
                    struct ts_partials **set);

/** Tells that the worker has given all that it has of windows of the rule that are due. */
void ts_gather_pass(struct ts_worker *wk, const struct ts_rule *rule);

/** Makes place for groups of the rollups whose bits are set. @return the number of the first. Ends the process without memory. @thread main */
unsigned ts_gather_add_folds(struct ts_gather *gat, const struct ts_conf *conf, uint64_t wanted);
void ts_gather_drop_folds(struct ts_gather *gat, const struct ts_conf *conf, uint64_t wanted, unsigned first);

/** The worker gives nothing for the fold any more. @return false: it is the one that sends, which others or their windows still need; ask again. */
bool ts_gather_retire(struct ts_worker *wk, const struct ts_fold *fold) TS_MUST_CHECK;

/** Whether some workers have retired from a fold that is still there. */
bool ts_gather_is_retiring(struct ts_gather *gat);

/** A worker that has been made; before its thread runs. @thread main */
void ts_gather_join(struct ts_gather *gat, const struct ts_worker *wk);

/** Sends a bounded number of what all workers have passed, if the worker is the one that does. @return whether there is more to do now. */
bool ts_gather_send(struct ts_worker *wk);

/** Whether the groups of a window that the worker has sealed have gone out. Notes it there, too, as the following does for all windows. */
bool ts_gather_has_sent(struct ts_gather *gat, const struct ts_rule *rule, struct ts_window *win);
void ts_gather_look(struct ts_worker *wk);

/** Whether no window has gone out in part, and, when nothing comes any more, none is about to go. @thread any */
bool ts_gather_is_whole(struct ts_gather *gat, bool ending);

/** Whether a worker that drains may end: another one sends groups, or all the others have ended and there is nothing. */
bool ts_gather_may_end(struct ts_worker *wk);

#endif
