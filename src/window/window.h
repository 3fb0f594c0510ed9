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

struct ts_worker_conf {
    const struct ts_conf *conf;
    unsigned nsources;           /* ingest threads */
    struct ts_lane **lanes;      /* [nsources]: this worker's lane from each */
    struct ts_bell *bell;        /* rung when a lane gets a slab */
    struct ts_ring *rollups;     /* out: struct ts_rollup_batch *; the reader frees them */
    struct ts_bell *rollups_bell;
    bool seal_first;             /* lanes wait while windows are being sealed: data comes faster than its time goes by */
    struct ts_census *census;    /* of all series; a released id is one holder less */
};

/** What a running worker tells about itself; read by any thread. */
struct ts_worker_gauges {
    _Atomic uint64_t series;
    _Atomic uint64_t windows;         /* open or kept for corrections */
    _Atomic int64_t watermark_ns;     /* of event time, TS_TIME_NONE without */
};

/** Ends the process without memory. @thread main */
struct ts_worker *ts_worker_new(const struct ts_worker_conf *conf);

/** The thread's function; ends when every source has ended, all is sealed and handed over. arg is the worker. */
void *ts_worker_run(void *arg);

/* ---- a reload, while the thread runs: window_reload.c. All of it @thread main ---- */

/** Another source, whose thread does not run yet. @return 0, -TS_ENOMEM. */
int ts_worker_add_source(struct ts_worker *worker, struct ts_lane *lane) TS_MUST_CHECK;

/** Forgets a source whose thread has ended, with its ids. @return false: the worker has yet to read what it sent. */
bool ts_worker_drop_source(struct ts_worker *worker, struct ts_lane *lane);

/**
 * Sees to it that ts_worker_set_rules can do its work. @return 0; -TS_ELIMIT too many rules, with former ones that have open windows;
 * -TS_ENOMEM.
 */
int ts_worker_prepare_rules(struct ts_worker *worker, const struct ts_conf *next) TS_MUST_CHECK;

/**
 * The configuration's rollups in place of the present ones, which are known by their names. One that stays the same goes on; `to` may change at
 * once. Windows of one that changed or is gone, which began before now_ns (in event time: that a sample has come for), are filled,
 * sealed and sent as before; those that begin later are the new one's. @return how many rules were added, changed or removed.
 */
unsigned ts_worker_set_rules(struct ts_worker *worker, const struct ts_conf *next, int64_t now_ns);

const struct ts_worker_gauges *ts_worker_gauges(const struct ts_worker *worker);

/** After the thread has ended and the reader has freed every batch. @thread main */
void ts_worker_free(struct ts_worker **worker);

#endif
