#ifndef TS_SINK_FLOW_H
#define TS_SINK_FLOW_H
/*
 * How much a sink asks of its other side: requests at the same time, waits after failures, and a circuit that
 * opens when failures do not end. Numbers in, numbers out; knows no request and no clock. @thread sink
 */
#include "core/base.h"

#define TS_FLOW_BREAK 5 /* failures in a row that open the circuit */

enum ts_circuit {
    TS_CIRCUIT_CLOSED,    /* all is well, or not yet bad enough */
    TS_CIRCUIT_OPEN,      /* nothing is sent before the wait is over */
    TS_CIRCUIT_HALF_OPEN, /* a single request finds out */
};

struct ts_flow {
    double limit; /* requests at the same time; 1 … max */
    unsigned max;
    unsigned failures; /* in a row; those of requests that were under way together count once */
    enum ts_circuit circuit;
    int64_t pause_until_ns; /* monotonic; 0: none */
    int64_t failed_at_ns;   /* when the last failure was counted */
    int64_t retry_min_ns, retry_max_ns;
    uint64_t random;
};

struct ts_flow_failure {
    bool held;              /* not until somebody changes something */
    int64_t retry_after_ns; /* the other side's wish; 0 none */
    int64_t began_ns;       /* the request */
};

void ts_flow_init(struct ts_flow *flow, unsigned max, int64_t retry_min_ns, int64_t retry_max_ns,
                  uint64_t seed);

/** How many requests may run now; those under way count. After a wait the circuit becomes half-open. */
unsigned ts_flow_allowed(struct ts_flow *flow, int64_t now_ns);

/** A request was answered well while `running` ran, itself included. */
void ts_flow_succeeded(struct ts_flow *flow, unsigned running);

/** @return how long to wait before the next one, from now. */
int64_t ts_flow_failed(struct ts_flow *flow, const struct ts_flow_failure *failure, int64_t now_ns);

const char *ts_circuit_name(enum ts_circuit circuit);

#endif
