#ifndef TS_WINDOW_WINDOW_H
#define TS_WINDOW_WINDOW_H
/*
 * Samples to rollups: worker threads, each the owner of a shard of the series, of their open windows, and of what
 * the watermarks say. Batches of sealed rollup points go out through a ring.
 */
#include "core/base.h"
#include "core/census.h"
#include "core/conf.h"
#include "core/counters.h"
#include "core/lane.h"
#include "core/rollup.h"

struct ts_worker;
struct ts_gather; /* what workers have in common for rollups of groups */

struct ts_worker_conf {
    const struct ts_conf *conf;
    unsigned nsources;           /* ingest threads */
    struct ts_lane **lanes;      /* [nsources]: this worker's lane from each */
    struct ts_bell *bell;        /* rung when a lane gets a slab */
    struct ts_ring *rollups;     /* out: struct ts_rollup_batch *; the reader frees them */
    struct ts_bell *rollups_bell;
    bool seal_first;             /* lanes wait while windows are being sealed: data comes faster than its time goes by */
    struct ts_census *census;    /* of all series; a released id is one holder less */
    unsigned number;             /* of this worker, from 0 */
    struct ts_gather *gather;    /* NULL: no rollup has group_by or without */
};

/** What a running worker tells about itself; read by any thread. */
struct ts_worker_gauges {
    _Atomic uint64_t series;
    _Atomic uint64_t windows;         /* open or kept for corrections */
    _Atomic uint64_t waiting;         /* slabs in its lanes */
    _Atomic int64_t clock_ns;         /* what came until then is in the windows; TS_TIME_NONE before anything came */
    _Atomic int64_t watermark_ns;     /* of event time, TS_TIME_NONE without */
    _Atomic int64_t seal_delay_ns;    /* of the last window in arrival time: from its end until it was handed over; TS_TIME_NONE: none yet */
};

/** For so many workers. Ends the process without memory; lives longer than the workers. @thread main */
struct ts_gather *ts_gather_new(const struct ts_conf *conf, unsigned nworkers);
void ts_gather_free(struct ts_gather **gather);


/** The groups that there are, of all rollups. @thread any */
uint64_t ts_gather_count(struct ts_gather *gather);

/** Ends the process without memory. @thread main */
struct ts_worker *ts_worker_new(const struct ts_worker_conf *conf);

/** The thread's function; ends when every source has ended, all is sealed and handed over. arg is the worker. */
void *ts_worker_run(void *arg);

/* ---- a reload, while the thread runs: window_reload.c. All of it @thread main ---- */

struct ts_rule_plan; /* a configuration whose rules workers have */
void ts_rule_plan_unref(struct ts_rule_plan **plan);

struct ts_rules_change;

/**
 * Rules of another configuration, beside those that run. former: what the last change gave, or NULL at the first; was: the configuration of the
 * start then. @return 0; -TS_ELIMIT: too many former rules are still at their last windows; nothing has changed.
 */
int ts_rules_prepare(struct ts_worker *const *workers, unsigned nworkers, const struct ts_rule_plan *former, const struct ts_conf *was,
                     const struct ts_conf *next, struct ts_rules_change **out, struct ts_err *err) TS_MUST_CHECK;

struct ts_rules_changed {
    unsigned begun, ended; /* rollups; one that is changed is both */
    unsigned moved;        /* go to other sinks */
    int64_t from_ns;       /* what begins has windows from after this on; TS_TIME_NONE: all */
};

/**
 * Puts them in the place of those that are not the same any more, each from the beginning of a window on. The workers go on meanwhile, but for
 * sealing. @return what is in force now, with a reference that is the caller's; the configuration is its own from now on.
 */
struct ts_rule_plan *ts_rules_commit(struct ts_rules_change **change, struct ts_rules_changed *out);
void ts_rules_cancel(struct ts_rules_change **change);

/** Another source, whose thread does not run yet. @return 0, -TS_ENOMEM. */
int ts_worker_add_source(struct ts_worker *worker, struct ts_lane *lane) TS_MUST_CHECK;

/** Forgets a source whose thread has ended, with its ids. @return false: the worker has yet to read what it sent. */
bool ts_worker_drop_source(struct ts_worker *worker, struct ts_lane *lane);

const struct ts_worker_gauges *ts_worker_gauges(const struct ts_worker *worker);

/** After the thread has ended and the reader has freed every batch. @thread main */
void ts_worker_free(struct ts_worker **worker);

#endif
