#ifndef TS_JOURNAL_JOURNAL_H
#define TS_JOURNAL_JOURNAL_H
/*
 * Sealed rollups on disk: one log of segments in <state_dir>/journal, read by every sink from a place of its
 * own (core/feed.h).
 *
 *   0000000000000001.seg   header, then records; layouts in journal_priv.h
 *   0000000000000001.idx   what a sealed segment holds, so that a start need not read it
 *   influx.cursor          "segment offset\n": everything before it is done for the sink influx
 *   lock                   held by the daemon that uses the folder
 *
 * Order of calls: open, start, (workers and ingest threads push, sinks read), stop once all of these have
 * ended, then stop the sinks, close.
 */
#include "core/base.h"
#include "core/conf.h"
#include "core/err.h"
#include "core/feed.h"
#include "core/journal_status.h"
#include "core/ring.h"
#include "core/rollup.h"
#include "core/thread.h"

#define TS_JOURNAL_RING 256 /* slots of the ring between a thread that pushes and the journal */

struct ts_journal;

/**
 * Makes the folder when it is missing, locks it, repairs the end of the log, places a reader for every
 * configured sink and counts what each has yet to deliver (which reads the log from the oldest cursor on).
 * @param conf borrowed; must live as long as the journal. ninputs: rings to make, one for
 * each worker and each ingest thread.
 * @return 0; -TS_EIO; -TS_EBUSY another daemon uses the folder; -TS_EINVAL written by a newer version; err
 * says what. @thread main
 */
int ts_journal_open(const struct ts_conf *conf, unsigned ninputs, struct ts_journal **out,
                    struct ts_err *err) TS_MUST_CHECK;

/** One feed for each of conf->sinks, in that order; they live until close. @thread main */
struct ts_feed *const *ts_journal_feeds(struct ts_journal *jr);

/** A ring for one thread to push its batches into (struct ts_rollup_batch *); a refused batch is still that
 * thread's. @thread main */
struct ts_ring *ts_journal_input(struct ts_journal *jr, unsigned i);

/** To be rung after pushing. @thread main */
struct ts_bell *ts_journal_bell(struct ts_journal *jr);

/** Starts the journal's thread. @return 0, -TS_ENOMEM. @thread main */
int ts_journal_start(struct ts_journal *jr, struct ts_err *err) TS_MUST_CHECK;

/** Where what is durable ends. @thread any */
struct ts_feed_pos ts_journal_end(struct ts_journal *jr);

/** How many of the batches pushed into ring i are durable, or lost for good. @thread any */
uint64_t ts_journal_durable(struct ts_journal *jr, unsigned i);

/** Who relies on what is held. */
struct ts_journal_holder {
    struct ts_bell *bell;     /* rung when another segment begins */
    void (*spoil)(void *arg); /* a full journal is about to merge or drop a part of what is held. @thread journal; it may hold its lock */
    void *arg;
};
/** Before ts_journal_start; copied. @thread main */
void ts_journal_set_holder(struct ts_journal *jr, const struct ts_journal_holder *holder);

/** Keeps what is at `from` and behind it, also when every sink has it, as far as the journal's limits allow. @thread any */
void ts_journal_hold(struct ts_journal *jr, struct ts_feed_pos from);

/** Given each record of ts_journal_scan, an encoded batch that is valid during the call. */
typedef void ts_journal_scan_fn(void *arg, struct ts_str bytes);

/**
 * Gives fn every intact record at `from` and behind it.
 * @return 0; -TS_ENOTFOUND a part of that has been deleted (fn may have been given the rest); -TS_EIO; -TS_ENOMEM.
 * @thread main, before ts_journal_start
 */
int ts_journal_scan(struct ts_journal *jr, struct ts_feed_pos from, ts_journal_scan_fn *fn, void *arg) TS_MUST_CHECK;

/**
 * All workers have ended: writes what is left in the rings and ends the thread. Without a start it does
 * nothing.
 * @return 0; -TS_EIO what was left could not be written and is counted as lost. @thread main
 */
int ts_journal_stop(struct ts_journal *jr);

/** A ts_journal_status_fn; journal is a struct ts_journal. @thread any, until ts_journal_close */
void ts_journal_status(void *journal, struct ts_journal_status *out);

/** After the sinks have ended. @thread main */
void ts_journal_close(struct ts_journal **jr);

#endif
