#ifndef TS_WINDOW_RULE_H
#define TS_WINDOW_RULE_H
/* Rules as they come with configurations: of the one in force, and of former ones until their last window has gone. */
#include "window/window_priv.h"

/* What the sets of all workers have in common. */
struct ts_rule_plan {
    struct ts_conf *conf;
    bool owns;           /* it goes with the plan */
    struct ts_matcher *matcher;
    uint64_t wanted;     /* rollups, as bits, that there are rules for */
    unsigned first_fold; /* in the gatherer */
    _Atomic unsigned refs;
};

/* The rules that came with one configuration, as far as they are still there. */
struct ts_rule_set {
    struct ts_rule_plan *plan;
    struct ts_rule *rules; /* first those that samples are added to, then derived ones, then sides */
    unsigned nrules, nadding;
    uint64_t bits;         /* of the rules that are left */
    unsigned base_of[TS_ROLLUPS_MAX]; /* by rollup: which rule its family has as its base */
    uint64_t *masks;       /* by slot: the rollups that match; NULL: all of them match everything */
    uint32_t nmatched;     /* slots, while it is being made */
    bool attached;         /* the worker has its rules */
    uint64_t epoch;        /* without rules: when this many batches are back, nobody reads its texts */
    struct ts_rule_set *next;
};

/** Makes the rules of the plan, which gets one reference more. Ends the process without memory. @thread main */
struct ts_rule_set *ts_rule_set_new(struct ts_worker *wk, struct ts_rule_plan *plan);
void ts_rule_set_free(struct ts_rule_set **set);
void ts_rule_sets_free(struct ts_rule_set **list);

/** The first reference is the caller's. The configuration is borrowed until `owns` is set. Ends the process without memory. */
struct ts_rule_plan *ts_rule_plan_new(const struct ts_conf *conf, uint64_t wanted, unsigned first_fold);

/** The rollups that match a series, bits of ts_rule.bit. */
uint64_t ts_rule_set_match(const struct ts_rule_set *set, struct ts_str series);

/** Makes place for so many slots in the set's masks. @return false without memory. */
bool ts_rule_set_grow(struct ts_rule_set *set, uint32_t nslots) TS_MUST_CHECK;

/** Whether no rule matches the slot's series. */
bool ts_worker_matches_none(const struct ts_worker *wk, uint32_t slot);

/* ---- rules that come and go: window_rule_change.c, window_rule_end.c ---- */

/** Puts the set's rules behind those of others; rules: room for all of them, which is the worker's from then on. */
void ts_worker_attach(struct ts_worker *wk, struct ts_rule_set *set, struct ts_rule **rules);

/** Works out anew which windows the rules of a family take, from what each of them sends. */
void ts_rule_span_family(struct ts_rule *head);

/** Samples of a plain kind find their way anew. */
void ts_worker_reset_marks(struct ts_worker *wk);

/** Forgets families of rules that end and have nothing left; others take over from them. */
void ts_worker_end_rules(struct ts_worker *wk);

#endif
