#ifndef TS_WINDOW_SNAPSHOT_H
#define TS_WINDOW_SNAPSHOT_H
/*
 * Snapshots of the workers' open windows: a thread that asks for them and writes them to <state_dir>/snapshot, and reading that
 * file at a start.
 *
 * The journal is the truth about what is sealed. A snapshot is put in place only when every batch that was made before it is
 * durable there, and it names a place in the journal behind which all is found that was sealed since. What has been found is given to
 * ts_snapshot_restore, which never opens such a window again.
 */
#include "core/err.h"
#include "core/feed.h"
#include "core/map64.h"
#include "core/snapshot_status.h"
#include "window/window.h"

/** What the journal knows. Called by the snapshots' thread. */
struct ts_snapshot_journal {
    struct ts_feed_pos (*end)(void *arg);
    uint64_t (*durable)(void *arg, unsigned worker); /* batches of a worker's */
    void (*hold)(void *arg, struct ts_feed_pos from);
    void *arg;
};

struct ts_snapshots_conf {
    const struct ts_conf *conf;
    struct ts_worker *const *workers; /* [nworkers] */
    unsigned nworkers;
    const uint64_t *source_keys; /* [sources of a worker]: what tells a source from others in the next run, too; borrowed */
    struct ts_snapshot_journal journal;
};

struct ts_snapshots;

/** Before the workers run, which are told of it. Ends the process without memory. @thread main */
struct ts_snapshots *ts_snapshots_new(const struct ts_snapshots_conf *conf);

/** @return 0, -TS_ENOMEM. @thread main */
int ts_snapshots_start(struct ts_snapshots *snaps) TS_MUST_CHECK;

/**
 * Every source of the workers has ended: takes the last snapshot and ends the thread. Only then the workers send what is
 * open. @thread main
 */
void ts_snapshots_stop(struct ts_snapshots *snaps);

/** What the workers sent is durable: puts the last snapshot in its place. @thread main */
void ts_snapshots_commit(struct ts_snapshots *snaps);

/** A ts_snapshot_status_fn; snapshots is a struct ts_snapshots. @thread any */
void ts_snapshots_status(void *snapshots, struct ts_snapshot_status *out);

/** To be rung when the journal has grown by some. */
struct ts_bell *ts_snapshots_bell(struct ts_snapshots *snaps);

/**
 * What is held is no longer all there: the snapshot in place is removed, and one that is being taken is given up. @thread any
 */
void ts_snapshots_spoil(struct ts_snapshots *snaps);

/** What a start has restored, for the status. @thread main, before it starts */
void ts_snapshots_set_restored(struct ts_snapshots *snaps, const struct ts_restored *restored);

/** Before the workers are freed. @thread main */
void ts_snapshots_free(struct ts_snapshots **snaps);

/* ---- reading: window_snapshot_load.c ---- */

/** A snapshot's bytes, checked. */
struct ts_snapshot {
    struct ts_str bytes;
    int64_t taken_ns;
    struct ts_feed_pos at; /* in the journal */
    bool final;
};

/**
 * Checks header and checksums. out borrows the bytes.
 * @return 0; -TS_EINVAL another version; -TS_ECORRUPT damaged, or not whole.
 */
int ts_snapshot_check(struct ts_str bytes, struct ts_snapshot *out) TS_MUST_CHECK;

/** What the journal has behind the snapshot: points by rule, window and series. */
struct ts_sealed;

/** Ends the process without memory. */
struct ts_sealed *ts_sealed_new(void);
void ts_sealed_free(struct ts_sealed **sealed);

/** Notes an encoded batch (core/rollup.h). arg is a struct ts_sealed; a ts_journal_scan_fn. */
void ts_sealed_note(void *arg, struct ts_str bytes);

/**
 * Puts what the snapshot holds into the workers, which do not run yet: series by their hash, panes into the rules that still
 * mean the same. What was sealed since is closed.
 * @return 0; -TS_ECORRUPT: something could not be read, and what came before it has been restored. @thread main
 */
int ts_snapshot_restore(const struct ts_snapshot *snap, const struct ts_sealed *sealed, const struct ts_snapshots_conf *to,
                        int64_t now_ns, struct ts_restored *out) TS_MUST_CHECK;

#endif
