#ifndef TS_CORE_FEED_H
#define TS_CORE_FEED_H
/*
 * A feed: what one sink has yet to deliver. The journal implements it, a sink's thread reads it, tsaggd.c
 * hands it over.
 *
 * The reader takes records in order, as far ahead as it likes, and acknowledges a position when everything
 * before it needs no keeping; after a restart the feed goes on at the last position acknowledged. When there
 * is nothing to read it sleeps on the bell, which is rung whenever more became durable (and by whoever else
 * wants the reader's attention).
 *
 * Ledger: SINK_ROLLED_UP of this sink = points given by next + points lost (damaged later, or beyond the journal's
 * limits, counted as SINK_DROPPED by the feed itself) + points merged into others (SINK_COARSENED) + points not read yet.
 */
#include "core/base.h"
#include "core/counters.h"
#include "core/thread.h"

struct ts_feed_pos {
    uint64_t segment, offset;
};

struct ts_feed;

struct ts_feed_ops {
    int (*next)(struct ts_feed *feed, struct ts_str *bytes, struct ts_feed_pos *end) TS_MUST_CHECK;
    int (*ack)(struct ts_feed *feed, struct ts_feed_pos pos) TS_MUST_CHECK;
    uint64_t (*count)(const struct ts_feed *feed, enum ts_counter id);
};

struct ts_feed {
    const struct ts_feed_ops *ops;
    const char *name; /* the sink's */
    struct ts_bell bell;
    struct ts_counters *cnt; /* sink="name"; @thread sink: all of the sink's counters but SINK_ROLLED_UP,
                                which has a set of its own */
};

/**
 * The next record addressed to this sink: an encoded batch (core/rollup.h), valid until the following call.
 * *end is the position behind it; with -TS_EAGAIN it is the position up to which nothing is left to give.
 * @return 0; -TS_EAGAIN nothing more yet; -TS_EIO, -TS_ENOMEM: try again later. @thread sink
 */
static inline int ts_feed_next(struct ts_feed *feed, struct ts_str *bytes, struct ts_feed_pos *end)
{
    return feed->ops->next(feed, bytes, end);
}

/** Everything before pos, as given by ts_feed_next, is done: saves that durably. @return 0, -TS_EIO: it holds
 * for this run only. @thread sink */
static inline int ts_feed_ack(struct ts_feed *feed, struct ts_feed_pos pos)
{
    return feed->ops->ack(feed, pos);
}

/** One of the sink's counters, whichever thread counts it. @thread any */
static inline uint64_t ts_feed_count(const struct ts_feed *feed, enum ts_counter id)
{
    return feed->ops->count(feed, id);
}

/** Points addressed to this sink: those found undelivered at start and those made durable since. @thread any
 */
static inline uint64_t ts_feed_rolled_up(const struct ts_feed *feed)
{
    return ts_feed_count(feed, TS_C_SINK_ROLLED_UP);
}

/** Points that are still to be delivered; while others count, a value of a moment ago. @thread any */
static inline uint64_t ts_feed_pending(const struct ts_feed *feed)
{
    uint64_t rolled_up = ts_feed_rolled_up(feed);
    uint64_t done = ts_feed_count(feed, TS_C_SINK_DELIVERED) + ts_feed_count(feed, TS_C_SINK_DROPPED) +
                    ts_feed_count(feed, TS_C_SINK_COARSENED);
    return rolled_up > done ? rolled_up - done : 0;
}

#endif
