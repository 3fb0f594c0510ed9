/*
 * Concurrency by additive increase and multiplicative decrease (Chiu, Jain: "Analysis of the increase and
 * decrease algorithms for congestion avoidance", 1989), as TCP does it: one more request after as many good
 * answers as run at once, half as many after a failure. Waits grow exponentially with full jitter (Brooker,
 * "Exponential backoff and jitter", AWS 2015). The circuit breaker is Nygard's ("Release It!", 2007). Thread:
 * the sink's. Owns nothing.
 */
#include "config.h"
#include "sink/sink_flow.h"

#include "core/clock.h"

#define HELD_TRY_NS (10 * TS_SEC) /* whoever puts it right should not have to wait long */

void ts_flow_init(struct ts_flow *flow, unsigned max, int64_t retry_min_ns, int64_t retry_max_ns,
                  uint64_t seed)
{
    *flow = (struct ts_flow){.limit = 1,
                             .max = TS_MAX(max, 1u),
                             .retry_min_ns = retry_min_ns,
                             .retry_max_ns = retry_max_ns,
                             .failed_at_ns = INT64_MIN,
                             .random = seed};
}

/* splitmix64 (Steele, Lea, Flood 2014); a value in [0, 1). */
static double draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* Anywhere between retry_min and what the number of failures allows. */
static int64_t delay_of(struct ts_flow *flow, const struct ts_flow_failure *failure)
{
    int64_t min = flow->retry_min_ns, max = flow->retry_max_ns;
    if (failure->held)
        return TS_MIN(max, HELD_TRY_NS);
    int64_t bound = min;
    for (unsigned i = 1; i < flow->failures && bound < max; i++)
        bound = TS_MIN(2 * bound, max);
    int64_t delay = min + (int64_t)((double)(bound - min) * draw(&flow->random));
    return TS_MAX(delay, failure->retry_after_ns);
}

unsigned ts_flow_allowed(struct ts_flow *flow, int64_t now_ns)
{
    if (now_ns < flow->pause_until_ns)
        return 0;
    flow->pause_until_ns = 0;
    if (flow->circuit == TS_CIRCUIT_OPEN)
        flow->circuit = TS_CIRCUIT_HALF_OPEN;
    return flow->circuit == TS_CIRCUIT_HALF_OPEN ? 1 : (unsigned)flow->limit;
}

void ts_flow_succeeded(struct ts_flow *flow, unsigned running)
{
    flow->failures = 0;
    flow->circuit = TS_CIRCUIT_CLOSED;
    /* A limit that is not used says nothing about what the other side can bear. */
    if (running >= (unsigned)flow->limit)
        flow->limit = TS_MIN(flow->limit + 1 / flow->limit, (double)flow->max);
}

int64_t ts_flow_failed(struct ts_flow *flow, const struct ts_flow_failure *failure, int64_t now_ns)
{
    if (failure->began_ns > flow->failed_at_ns) { /* else it tells what is known already */
        flow->failures++;
        flow->limit = TS_MAX(flow->limit / 2, 1);
        flow->failed_at_ns = now_ns;
    }
    if (failure->held || flow->failures >= TS_FLOW_BREAK)
        flow->circuit = TS_CIRCUIT_OPEN;
    int64_t delay_ns = delay_of(flow, failure);
    flow->pause_until_ns = TS_MAX(flow->pause_until_ns, now_ns + delay_ns);
    return flow->pause_until_ns - now_ns;
}

const char *ts_circuit_name(enum ts_circuit circuit)
{
    return circuit == TS_CIRCUIT_OPEN ? "open" : circuit == TS_CIRCUIT_HALF_OPEN ? "half-open" : "closed";
}
