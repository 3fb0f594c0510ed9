#ifndef TS_ROUTE_ROUTE_H
#define TS_ROUTE_ROUTE_H
/*
 * Sample to shard: looks up what a sample's key is called, and puts 16 bytes into the lane of the worker that owns
 * the series. One router per ingest thread; it shares nothing with other routers but the workers' lanes, of which it has its own.
 */
#include "core/base.h"
#include "core/census.h"
#include "core/conf.h"
#include "core/counters.h"
#include "core/lane.h"
#include "core/tile.h"

struct ts_router;

struct ts_router_conf {
    struct ts_lane *lanes; /* one per worker, initialised */
    unsigned nworkers;
    struct ts_bell *bell;  /* of this ingest thread: rung when a worker gives slabs back */
    struct ts_counters *cnt;
    uint64_t series_limit;
    struct ts_census *census; /* of all series */
    int64_t future_ns;
    struct ts_skew *skew; /* told of times; NULL: nobody asks */
    enum ts_when_full when_full;
    int64_t block_ns;
};

/** Ends the process without memory. @thread main */
struct ts_router *ts_router_new(const struct ts_router_conf *conf);
void ts_router_free(struct ts_router **router);

/** A batch of datagrams begins, received at arrival_ns; a clock that went back counts as standing still. @thread ingest */
void ts_router_begin(struct ts_router *router, int64_t arrival_ns);

/** A ts_tile_fn. @thread ingest */
void ts_router_tile(struct ts_tile *tile, void *router);

/** The batch is over: workers get what is there. more: another one follows at once, and they hear of both together. @thread ingest */
void ts_router_flush(struct ts_router *router, bool more);

/** Tells every worker the time, also those that got no sample for a while. @thread ingest */
void ts_router_tick(struct ts_router *router, int64_t now_ns);

/** The last word to every worker; waits for room as long as it takes. @thread ingest */
void ts_router_end(struct ts_router *router);

#endif
