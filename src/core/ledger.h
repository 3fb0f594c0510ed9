#ifndef TS_CORE_LEDGER_H
#define TS_CORE_LEDGER_H
/*
 * The equations that the counters must obey, in one place:
 *   lines received   = accepted + rejected by reason
 *   samples received + created = aggregated + passed + rejected by reason + dropped by reason + in flight,
 *   where created are those that flatmap stages made beyond what came, passed are events and service checks,
 *   and a rejected line counts as one sample: how many it meant to bring cannot be known
 *   of each sink: rolled up = delivered + pending + dropped + coarsened (merged into others)
 */
#include "core/base.h"
#include "core/counters.h"

struct ts_ledger {
    uint64_t v[TS_C_COUNT]; /* every counter, added up */
    uint64_t lines_rejected, samples_dropped;
    int64_t in_flight; /* samples */
    bool balanced;     /* lines exactly, samples with in_flight >= 0 */
};

/**
 * One look at the counters while everything runs. Those of consumers are read before those of producers, so a
 * sum of parts is never ahead of its whole; lines that are being parsed at that moment make the lines not
 * balance: look again.
 * @thread any
 */
void ts_ledger_read(struct ts_ledger *led);

static inline bool ts_ledger_sink_balances(uint64_t rolled_up, uint64_t delivered, uint64_t pending,
                                           uint64_t dropped, uint64_t coarsened)
{
    return rolled_up == delivered + pending + dropped + coarsened;
}

#endif
