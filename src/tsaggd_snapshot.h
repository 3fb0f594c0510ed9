#ifndef TSAGGD_SNAPSHOT_H
#define TSAGGD_SNAPSHOT_H
/* tsaggd's snapshots of open windows: how the window stage and the journal agree on them. All of it @thread main. */
#include "journal/journal.h"
#include "tsaggd_source.h"
#include "window/window_snapshot.h"

struct snapshots {
    struct ts_snapshots *writer; /* NULL: none are taken */
    struct ts_snapshots_conf conf;
    uint64_t *source_keys;
    char *path; /* of the one in place */
};

/**
 * Before the workers and the journal run: restores what a former run has left, and makes ready for new ones, unless input says
 * that a file is replayed: what it gives stands in the file. Says what it did; a snapshot that cannot be read is set aside.
 */
void snapshots_open(struct snapshots *snaps, const struct ts_conf *conf, struct ts_journal *jr, struct ts_worker *const *workers,
                    unsigned nworkers, const struct source *sources, unsigned nsources, bool input);

int snapshots_start(struct snapshots *snaps) TS_MUST_CHECK;

/** Sources have ended; the workers send what is open when this is over. */
void snapshots_stop(struct snapshots *snaps);

/** The journal has ended, good says how. */
void snapshots_commit(struct snapshots *snaps, bool good);
void snapshots_close(struct snapshots *snaps);

#endif
