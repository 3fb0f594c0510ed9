#ifndef TS_ROUTE_ROUTE_BACKLOG_H
#define TS_ROUTE_ROUTE_BACKLOG_H
/*
 * when_full: drop_old. What a ring holds is the worker's; so only a few slabs are put there, and those that
 * follow wait on this side, where the oldest can be emptied for new samples. @thread ingest, all of it
 */
#include "core/base.h"
#include "core/counters.h"
#include "core/lane.h"

struct ts_backlog;

/** cnt is borrowed: samples dropped are counted there, as ring_full. Ends the process without memory. */
struct ts_backlog *ts_backlog_new(unsigned nworkers, struct ts_counters *cnt);

/** Nothing waits any more. */
void ts_backlog_free(struct ts_backlog **backlog);

/** Takes a full slab, and gives the worker as many as it may have. */
void ts_backlog_push(struct ts_backlog *backlog, unsigned worker, struct ts_lane *lane, struct ts_slab *slab);

/** Gives the worker what it may have by now. @return whether some slabs still wait. */
bool ts_backlog_advance(struct ts_backlog *backlog, unsigned worker, struct ts_lane *lane);

/** Gives the worker all that waits: the ring has room for every slab. */
void ts_backlog_flush(struct ts_backlog *backlog, unsigned worker, struct ts_lane *lane);

/**
 * Drops the oldest samples that wait, one slab of them. What they announced is kept and keeps its place
 * before every sample that needs it. @return an empty slab; NULL: nothing but announcements waits.
 */
struct ts_slab *ts_backlog_reclaim(struct ts_backlog *backlog, unsigned worker);

#endif
