#ifndef TS_CORE_LOSSES_H
#define TS_CORE_LOSSES_H
/*
 * How many samples were kept and lost, by time: the ledger's counters (core/ledger.h) as they stood at whole seconds, and, further back, at
 * whole minutes, quarters of an hour and quarters of a day. What a rollup's `completeness` is computed from. It costs a sample nothing: workers look at the
 * counters 20 times a second, and only when a rollup asks for it.
 *
 * Kept is what was received and neither rejected nor dropped. Lost is what was dropped though somebody wanted it, and an estimate of what
 * was in the datagrams that the kernel dropped. Neither: what a configuration leaves out on purpose (no_rollup, filtered, sampled_out,
 * duplicate), events and service checks, lines that cannot be read, and what was refused to its sender.
 */
#include "core/base.h"

struct ts_losses {
    double kept, lost; /* samples */
};

/** From now on there is a history. @thread main */
void ts_losses_watch(void);

/** Forgets everything, as before ts_losses_watch. @thread main, when no other uses it */
void ts_losses_forget(void);

/** What arrived before clock_ns has been counted, and nothing but what arrives now may be missing. @thread any */
void ts_losses_look(int64_t clock_ns);

/** What was counted from from_ns to to_ns, both by the clock, in whole seconds outwards, or as finely as it is still known. INT64_MAX: now. Nothing when nobody asks. @thread any */
struct ts_losses ts_losses_between(int64_t from_ns, int64_t to_ns);

/** The share that was kept, from 0 to 1; 1 when there was nothing. */
double ts_losses_share(struct ts_losses sums);

/* ---- across a restart ---- */

#define TS_LOSSES_LEVELS 4
#define TS_LOSSES_SAVED  (2 + TS_LOSSES_LEVELS * 64) /* marks at most */

struct ts_losses_mark {
    unsigned level; /* below TS_LOSSES_LEVELS: one of its units; TS_LOSSES_LEVELS: the beginning of all; and one more: the latest */
    int64_t at_ns;
    struct ts_losses sums;
};

/** What is to be known after a restart: the latest 64 marks of each level. @return how many, 0 when nobody asks. @thread any */
unsigned ts_losses_save(struct ts_losses_mark marks[TS_LOSSES_SAVED]);

/** Takes one back, in the order of ts_losses_save, before the first look; passed over when nobody asks. @return false: it is none. @thread main */
bool ts_losses_load(const struct ts_losses_mark *mark);

#endif
