#ifndef TS_ROUTE_ROUTE_PASS_H
#define TS_ROUTE_ROUTE_PASS_H
/*
 * Events and service checks to the journal, past the windows: gathers the points of one ingest thread in
 * batches for the journal's ring. Their times are made distinct, since points of one series that share a time
 * would replace each other.
 */
#include "core/base.h"
#include "core/conf.h"
#include "core/counters.h"
#include "core/passed.h"
#include "core/ring.h"
#include "core/thread.h"

struct ts_passer;

struct ts_passer_conf {
    struct ts_ring *out; /* of struct ts_rollup_batch *: this thread's own to the journal */
    struct ts_bell *out_bell;
    struct ts_counters *cnt;
    const char *to;          /* names of sinks, comma-separated; borrowed, also by the batches */
    _Atomic uint64_t *count; /* numbers the points of all ingest threads */
    enum ts_when_full when_full;
    int64_t block_ns;
};

/** Ends the process without memory. @thread main */
struct ts_passer *ts_passer_new(const struct ts_passer_conf *conf);
void ts_passer_free(struct ts_passer **passer);

/** From now on its batches go to these sinks; borrowed like the conf's `to`. @thread main */
void ts_passer_set_to(struct ts_passer *passer, const char *to);

/** A batch of data begins, received at arrival_ns. @thread ingest */
void ts_passer_begin(struct ts_passer *passer, int64_t arrival_ns);

/** A ts_passed_fn. @thread ingest */
void ts_passer_take(const struct ts_passed *psd, void *passer);

/** The batch is over: the journal gets what is there. @thread ingest */
void ts_passer_flush(struct ts_passer *passer);

#endif
