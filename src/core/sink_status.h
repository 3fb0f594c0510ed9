#ifndef TS_CORE_SINK_STATUS_H
#define TS_CORE_SINK_STATUS_H
/* What the status page says about a sink; the sinks make it, the server shows it, tsaggd.c introduces them. */
#include "core/base.h"

struct ts_sink_status {
    const char *name, *type; /* live as long as the configuration */
    const char *url;         /* or the file's path; never with secrets */
    char state[256];         /* "ok", "retrying: connection refused, next in 3 s", "held: HTTP 401 …, next in 30 s" */
    uint64_t rolled_up, delivered, dropped, pending; /* points; pending is what remains of the others */
    uint64_t coarsened;                              /* points that were merged into others: n into m count n - m */
    uint64_t retries;                                /* batches sent again */
    unsigned in_flight, limit;                       /* requests that run; that may run at the same time, for now */
    const char *circuit;                             /* "closed", "open", "half-open" */
    int64_t retry_in_ns;                             /* until something is sent again; 0: nothing is waited for */
    uint64_t dead_letters, dead_delivered;           /* points in dead-letter/ now; of former ones, delivered by a retry */
};

/** Fills *out with sink i of the configuration; false when there is none. @thread any */
typedef bool ts_sink_status_fn(void *sinks, unsigned i, struct ts_sink_status *out);

#endif
