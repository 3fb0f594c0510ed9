#ifndef TSAGGD_SELF_H
#define TSAGGD_SELF_H
/*
 * `self`: the daemon's own readings as points of measurement tsagg, on the way of rollups through the journal
 * to the sinks. They are no samples, so the ledger of samples does not know them; of each sink they count as
 * rolled up like any point. All of it @thread main.
 */
#include "tsaggd_daemon.h"

struct self;

/** After the journal is open; its last ring is for this. */
void self_init(struct daemon *dmn);

/** A reload: as this configuration says, from now on. */
void self_set(struct daemon *dmn, const struct ts_conf *conf);

/** Sends what is due. @return nanoseconds until something is due next, at most one second. */
int64_t self_look(struct daemon *dmn);

/** All windows have been sent: the last points, of the interval as far as it has come. */
void self_end(struct daemon *dmn);

void self_free(struct daemon *dmn);

#endif
